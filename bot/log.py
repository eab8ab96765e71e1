"""Logging: one line an entry on standard error, as text or JSON; secrets are struck out of whatever is logged."""

from __future__ import annotations

import json
import logging
import secrets
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from engine.errors import StoreError

log = logging.getLogger(__name__)


class _RedactingFormatter(logging.Formatter):
    """Redacts each text before it is arranged: tracebacks and messages of libraries pass here too."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redact

    def moment(self, record: logging.LogRecord) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def message(self, record: logging.LogRecord) -> str:
        return self._redact(record.getMessage())

    def trace(self, record: logging.LogRecord) -> str | None:
        return self._redact(self.formatException(record.exc_info)) if record.exc_info else None


class _Text(_RedactingFormatter):
    def format(self, record: logging.LogRecord) -> str:
        line = f"{self.moment(record)} {record.levelname.lower()} {record.name}: {_one_line(self.message(record))}"
        trace = self.trace(record)
        return "\n".join([line, *map(_one_line, trace.splitlines())]) if trace else line


def _one_line(text: str) -> str:
    """What a message quotes can neither begin an entry of its own nor move the cursor of whoever reads it."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


class _Json(_RedactingFormatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": self.moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.message(record),
            "run": getattr(record, "run", None),
            "incident": getattr(record, "incident", None),
            "trace": self.trace(record),
        }
        return json.dumps({name: value for name, value in entry.items() if value is not None}, ensure_ascii=False)


def set_up(level: str, form: Literal["text", "json"], redact: Callable[[str], str]) -> None:
    """Send everything from `level` on to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json(redact) if form == "json" else _Text(redact))
    for chatty in ("alembic", "aiohttp.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # It warns whenever a tick is late, and a late tick is what we expect under load.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def log_incident(error: Exception) -> str:
    """Log an error that nobody expected, and return the name under which the log has it."""
    name = secrets.token_hex(4)
    log.error("incident %s", name, exc_info=error, extra={"incident": name})
    return name


def incident(error: Exception, *, recorded: bool = False) -> str:
    """Log an error that nobody expected, and return the sentence that names it."""
    name = log_incident(error)
    if recorded:
        return f"What you did is recorded; it only could not be shown here (incident {name})."
    what = (
        "This could not be written down, so nothing was changed."
        if isinstance(error, StoreError)
        else ("Something broke here.")
    )
    return f"{what} Try again; if it stays like this, tell the operator of Signoff (incident {name})."
