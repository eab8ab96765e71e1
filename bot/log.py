"""Logging to standard error: one line an entry, as text or JSON, with all secrets redacted."""

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
    """Redacts the message and the traceback of an entry, those of libraries too."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redact

    def timestamp(self, record: logging.LogRecord) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def message(self, record: logging.LogRecord) -> str:
        return self._redact(record.getMessage())

    def trace(self, record: logging.LogRecord) -> str | None:
        return self._redact(self.formatException(record.exc_info)) if record.exc_info else None


class _TextFormatter(_RedactingFormatter):
    def format(self, record: logging.LogRecord) -> str:
        line = f"{self.timestamp(record)} {record.levelname.lower()} {record.name}: {_one_line(self.message(record))}"
        trace = self.trace(record)
        return "\n".join([line, *map(_one_line, trace.splitlines())]) if trace else line


def _one_line(text: str) -> str:
    """Return the text with control characters escaped, so that a quote cannot fake an entry or move the cursor."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


class _JsonFormatter(_RedactingFormatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": self.timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.message(record),
            "run": getattr(record, "run", None),
            "incident": getattr(record, "incident", None),
            "trace": self.trace(record),
        }
        return json.dumps({name: value for name, value in entry.items() if value is not None}, ensure_ascii=False)


def set_up(level: str, form: Literal["text", "json"], redact: Callable[[str], str]) -> None:
    """Log entries of `level` and above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter(redact) if form == "json" else _TextFormatter(redact))
    for library in ("alembic", "aiohttp.access"):
        logging.getLogger(library).setLevel(logging.WARNING)
    # It warns whenever a tick is late, which is normal under load.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def log_incident(error: Exception) -> str:
    """Log an unexpected error, and return the id of its entry."""
    name = secrets.token_hex(4)
    log.error("incident %s", name, exc_info=error, extra={"incident": name})
    return name


def report_incident(error: Exception, *, recorded: bool = False) -> str:
    """Log an unexpected error, and return a sentence with the id of its entry.

    `recorded`: what the person did was saved before the error.
    """
    name = log_incident(error)
    if recorded:
        return f"What you did was saved, but it cannot be shown here (incident {name})."
    what = (
        "This could not be saved, so nothing was changed."
        if isinstance(error, StoreError)
        else ("Something broke here.")
    )
    return f"{what} Try again. If that does not help, tell the operator of Signoff (incident {name})."
