"""How far the retention of old contents has come. It begins anew every day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import bindparam, delete, literal_column, select

from engine.store.dialect import Upsert
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import RetentionRow

WORK: Final = "retention:"
"""What the id of the work begins with; the workspace follows."""
EVERY: Final = timedelta(days=1)
"""Time from the end of one search through all runs to the next one."""

_retention = RetentionRow.__table__  # type: ignore[attr-defined]
DUE = select((literal_column(f"'{WORK}'") + _retention.c.workspace).label("id")).where(
    _retention.c.next_at <= bindparam("now")
)
"""Selects the workspaces with old contents to look for; `engine.store.due_work` reads it."""
_LOAD = Statement(select(_retention).where(_retention.c.workspace == bindparam("workspace")))
_SAVE = Statement(Upsert(_retention, key=["workspace"], replaces=["next_at", "reached"]))
_DELETE = Statement(delete(_retention).where(_retention.c.workspace == bindparam("of_workspace")))


def begin(tx: Tx, workspace: str) -> None:
    """Let the retention begin now, unless it has begun before."""
    if _LOAD.one(tx.connection, {"workspace": workspace}) is None:
        save_reached(tx, workspace, "")


def load_reached(tx: Tx, workspace: str) -> str | None:
    """Return the last run that was looked at, or None if nothing is due."""
    row: Any = _LOAD.one(tx.connection, {"workspace": workspace})
    return row.reached if row is not None and row.next_at <= tx.now else None


def save_reached(tx: Tx, workspace: str, reached: str | None) -> None:
    """Record the last run that was looked at; None: that was all, and it begins anew a day later."""
    at = tx.now if reached is not None else tx.now + EVERY
    tx.write(_SAVE, {"workspace": workspace, "next_at": at, "reached": reached or ""})


def end(tx: Tx, workspace: str) -> None:
    """Let the retention end, because the setting is gone."""
    tx.write(_DELETE, {"of_workspace": workspace})
