"""Notices a restored backup: a database that lacks the latest events.

It does not know the latest decisions and calls, so it may repeat them. Therefore it is not used until the operator
confirms it.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import func, select

from engine.audit_entries import EntryKind, entry
from engine.domain import DEFAULT_WORKSPACE, RequestState
from engine.name_lists import join_names
from engine.store import audit_log, file_marks, log_head
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.sqlite_connection import SqliteConnection, connect
from engine.store.sqlite_errors import translated
from engine.store.tables import RequestRow, RunRow

_request = RequestRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
ASKED: Final = "Start `signoff serve`: it shows what may happen twice, and asks before it uses the database."
_NAMED = 3
_NOTED = "the database here already had entry {}"
"""How many runs are named; the others are only counted."""


class RestoreSuspicion(Struct, frozen=True, kw_only=True):
    """Why a database may be a restored backup. `why`: a sentence."""

    why: str
    noted: str | None
    """What was noted about the database before: the head beside a file, or the marks of one on a server."""


def find_suspicion(path: Path, connection: SqliteConnection | None = None) -> RestoreSuspicion | None:
    """Return why the database may be a restored backup, or None. `connection`: an open connection to it."""
    if connection is None:
        with closing(connect(path, writable=False)) as opened, translated(path):
            return find_suspicion(path, opened)
    noted = log_head.read(path)
    why = _why(path, connection, noted)
    return None if why is None else RestoreSuspicion(why=why, noted=None if noted is None else f"{noted[0]}:{noted[1]}")


def _why(path: Path, connection: SqliteConnection, noted: log_head.Head | None) -> str | None:
    if _is_empty(connection):
        return f"It is new, but {_NOTED.format(noted[0])}." if noted is not None and noted[0] else None
    head = audit_log.head(connection, DEFAULT_WORKSPACE)
    if noted is not None and audit_log.hash_of(connection, DEFAULT_WORKSPACE, noted[0]) != noted[1]:
        if head[0] < noted[0]:
            return f"Its audit log ends with entry {head[0]}, but {_NOTED.format(noted[0])}."
        return f"Entry {noted[0]} of its audit log is not the one that the database here had."
    if file_marks.read(connection.driver) == file_marks.COPY:
        return "It is a copy that `signoff backup` made."
    if noted is None and file_marks.is_noted(connection.driver):
        return f"The file {log_head.head_path(path)}, which has its last entry, is missing or cannot be read."
    return None


def outlook(path: Path) -> str:
    """Return what may happen twice with the file."""
    with closing(connect(path, writable=False)) as connection, translated(path):
        if _is_empty(connection):
            return f"The database is empty. If you want to begin anew, remove {log_head.head_path(path)} too."
        return risks(connection)


def risks(connection: Connection) -> str:
    """Return what the open runs and requests of a database may repeat."""
    last = audit_log.latest(connection, DEFAULT_WORKSPACE)
    when = "" if last is None else f" Its last entry is from {last:%Y-%m-%d %H:%M:%S} UTC."
    waiting = connection.execute(
        select(func.count()).select_from(_request).where(_request.c.state == RequestState.PENDING.value)
    ).scalar()
    open_runs = connection.execute(select(_run.c.id).where(_run.c.ended_at.is_(None)).order_by(_run.c.id)).scalars()
    return _describe_risks(int(waiting or 0), list(open_runs)) + when


def _is_empty(connection: SqliteConnection) -> bool:
    return connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'audit'").first() is None


def _describe_risks(waiting: int, runs: list[str]) -> str:
    if not runs:
        return "It has no open run, so nothing can happen twice."
    named = join_names(runs[:_NAMED], len(runs))
    requests = "1 request is" if waiting == 1 else f"{waiting:,} requests are"
    return (
        f"{requests} open in it. People may be asked again about requests that they have decided since. "
        f"Open runs ({named}) may repeat calls and messages. Links that were emailed since then no longer work."
    )


def record(tx: Tx, suspicion: RestoreSuspicion, *, by: str) -> None:
    """Record that the database is used as it is, and who confirmed that."""
    content: dict[str, Any] = {"why": suspicion.why, "by": by}
    if suspicion.noted is not None:
        content["noted"] = suspicion.noted
    tx.audit(DEFAULT_WORKSPACE, entry(EntryKind.DATABASE_RESTORED, content=content))
