"""Logging to standard error: one line an entry, as text or JSON, with all secrets redacted."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal

from bot import request_scope, trace_ids
from engine.errors import StoreBusy, StoreError, StoreUnsure

RETRY_SECONDS: Final = 5
"""What a response asks a program to wait before it tries again after `StoreBusy`, in seconds."""
_BUSY: Final = "Signoff is very busy, so nothing was saved. Please try again in a minute."
_UNSURE: Final = (
    "Signoff is very busy, and it is not sure yet whether this was saved. Look again in a minute before you repeat it."
)

log = logging.getLogger(__name__)


_QUIET: Final = ("alembic", "aiohttp.access")
_TALKATIVE: Final = (
    *("aiohttp", "aiosmtplib", "asyncio", "opentelemetry", "pgqueuer"),
    *("slack_bolt", "slack_sdk", "urllib3", "uvicorn"),
    *("httpcore2", "httpx2", "openai"),
)
"""Libraries whose debug entries quote what they send and get, tokens and contents included: never written."""


class _RedactingFormatter(logging.Formatter):
    """Redacts the message and the traceback of an entry, those of libraries too. `traced`: whether traces are sent."""

    def __init__(self, redact: Callable[[str], str], *, traced: bool) -> None:
        super().__init__()
        self.redact, self._traced = redact, traced

    def timestamp(self, record: logging.LogRecord) -> str:
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")

    def message(self, record: logging.LogRecord) -> str:
        return self.redact(record.getMessage())

    def exception(self, record: logging.LogRecord) -> str | None:
        return self.redact(self.formatException(record.exc_info)) if record.exc_info else None

    def ids(self, record: logging.LogRecord) -> dict[str, str]:
        """Return the ids of the entry: those that it came with, or else those of the request under way."""
        scope = request_scope.current()
        known = {
            "request_id": scope.id if scope is not None else None,
            "run": getattr(record, "run", None) or (scope.run if scope is not None else None),
            "request": getattr(record, "request", None) or (scope.request if scope is not None else None),
            "incident": getattr(record, "incident", None),
        }
        if self._traced and known["run"] is not None:
            known["trace_id"] = f"{trace_ids.trace_id(known['run']):032x}"
        return {name: str(value) for name, value in known.items() if value is not None}


class _TextFormatter(_RedactingFormatter):
    def format(self, record: logging.LogRecord) -> str:
        message = _one_line(self.message(record))
        line = f"{self.timestamp(record)} {record.levelname.lower()} {record.name}: {message}"
        others = " ".join(f"{name}={value}" for name, value in self.ids(record).items() if value not in message)
        trace = self.exception(record)
        return "\n".join([f"{line} [{others}]" if others else line, *map(_one_line, (trace or "").splitlines())])


def _one_line(text: str) -> str:
    """Return the text with control characters escaped, so that a quote cannot fake an entry or move the cursor."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


class _JsonFormatter(_RedactingFormatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": self.timestamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.message(record),
            **self.ids(record),
        }
        exception = self.exception(record)
        return json.dumps(entry if exception is None else {**entry, "exception": exception}, ensure_ascii=False)


def redact(text: str) -> str:
    """Return a text without the secrets that the log redacts now: also those that a server has read since its start."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, _RedactingFormatter):
            text = handler.formatter.redact(text)
    return text


def set_up(level: str, form: Literal["text", "json"], redact: Callable[[str], str], *, traced: bool = False) -> None:
    """Log entries of `level` and above to standard error, Python's warnings too. `traced`: with ids of traces."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(level.upper())  # a logger with a level of its own does not ask the root's
    formatter = _JsonFormatter if form == "json" else _TextFormatter
    handler.setFormatter(formatter(redact, traced=traced))
    for library in _TALKATIVE:
        logging.getLogger(library).setLevel(logging.INFO)
    for library in _QUIET:
        logging.getLogger(library).setLevel(logging.WARNING)
    # It warns whenever a tick is late, which is normal under load.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)


def log_incident(error: Exception) -> str:
    """Log an unexpected error, and return the id of its entry: that of the request under way, if any."""
    scope = request_scope.current()
    name = scope.id if scope is not None else request_scope.new_id()
    log.error("incident %s", name, exc_info=error, extra={"incident": name})
    return name


def is_busy(error: Exception) -> bool:
    """Return whether the same may work in a minute, because the database only was too slow."""
    return isinstance(error, StoreBusy | StoreUnsure)


def report_incident(error: Exception, *, recorded: bool = False) -> str:
    """Log an unexpected error, and return a sentence with the id of its entry; a busy database is no incident.

    `recorded`: what the person did was saved before the error.
    """
    if is_busy(error) and not recorded:
        log.warning("a person was asked to try again: %s", error)
        return _UNSURE if isinstance(error, StoreUnsure) else _BUSY
    name = log_incident(error)
    if recorded:
        return f"What you did was saved, but it cannot be shown here (incident {name})."
    what = (
        "This could not be saved, so nothing was changed."
        if isinstance(error, StoreError)
        else ("Something broke here.")
    )
    return f"{what} Try again. If that does not help, tell the operator of Signoff (incident {name})."
