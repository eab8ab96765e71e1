"""When the retention of old contents goes on: every day, or at once while there is more to erase."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, delete, literal_column, select

from engine.store.coordination_tables import RetentionRow
from engine.store.dialect import Upsert
from engine.store.port import Tx
from engine.store.statements import Statement

WORK: Final = "retention:"
"""What the id of the work begins with; the workspace follows."""
EVERY: Final = timedelta(days=1)
"""Time from the end of one search to the next one."""

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
        plan(tx, workspace, tx.now)


def is_due(tx: Tx, workspace: str) -> bool:
    """Return whether old contents have to be looked for now."""
    row: Any = _LOAD.one(tx.connection, {"workspace": workspace})
    return row is not None and row.next_at <= tx.now


def plan(tx: Tx, workspace: str, at: datetime) -> None:
    """Let the retention go on at this time."""
    tx.write(_SAVE, {"workspace": workspace, "next_at": at, "reached": ""})


def end(tx: Tx, workspace: str) -> None:
    """Let the retention end, because the setting is gone."""
    tx.write(_DELETE, {"of_workspace": workspace})
