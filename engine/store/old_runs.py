"""Finds the ended runs whose contents are old enough to be erased, a bounded number of rows at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import ColumnElement, func, or_, select

from engine.store.connection import Connection
from engine.store.tables import RunRow, WorkflowRow

LOOKED_AT: Final = 500
"""Maximum number of runs that one search looks at."""

_run = RunRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_HAS_CONTENTS = or_(_run.c.erased_at.is_(None), _run.c.erased_at < _run.c.ended_at)
"""A failed run that was tried again has contents again."""


class OldRuns(Struct, frozen=True):
    """Runs to erase. `reached`: the last run that was looked at, or None if there is none after it."""

    runs: tuple[str, ...]
    reached: str | None


def find(
    connection: Connection, workspace: str, before: datetime, *, workflow: str | None, after: str, most: int
) -> OldRuns:
    """Return the next runs after `after` that ended before a moment and have contents, at most `most`."""
    is_old = (_run.c.ended_at < before) & _HAS_CONTENTS
    looked_at = (
        select(_run.c.id, func.coalesce(is_old, False).label("is_old"))
        .where(*_in(connection, workspace, workflow), _run.c.id > after, _run.c.started_at < before)
        .order_by(_run.c.id)
        .limit(LOOKED_AT)
    )
    old: list[str] = []
    rows = connection.execute(looked_at).all()
    for row in rows:
        if row.is_old:
            old.append(row.id)
        if len(old) == most:
            return OldRuns(tuple(old), row.id)
    return OldRuns(tuple(old), rows[-1].id if len(rows) == LOOKED_AT else None)


def oldest(connection: Connection, workspace: str, before: datetime, *, most: int) -> list[str]:
    """Return the runs that ended first, before a moment, and have contents. Nothing else is read: see the index."""
    conditions = (_run.c.workspace == workspace, _run.c.ended_at < before, _HAS_CONTENTS)
    found = select(_run.c.id).where(*conditions).order_by(_run.c.ended_at).limit(most)
    return list(connection.execute(found).scalars())


def count(connection: Connection, workspace: str, before: datetime, *, workflow: str | None) -> int:
    """Return how many runs ended before a moment and have contents."""
    conditions = (*_in(connection, workspace, workflow), _run.c.ended_at < before, _HAS_CONTENTS)
    total: int = connection.execute(select(func.count()).select_from(_run).where(*conditions)).scalar_one()
    return total


def _in(connection: Connection, workspace: str, workflow: str | None) -> list[ColumnElement[bool]]:
    if workflow is None:
        return [_run.c.workspace == workspace]
    of_name = select(_workflow.c.id).where(_workflow.c.workspace == workspace, _workflow.c.name == workflow)
    return [_run.c.workflow == connection.execute(of_name).scalar()]
