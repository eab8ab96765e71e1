"""Runs that steps of other runs started: what their parents see of them, and the runs above and below a run."""

from __future__ import annotations

from typing import Any, Final, cast

from sqlalchemy import bindparam, select

from engine import json_values
from engine.child_views import ChildView
from engine.domain import RunStatus
from engine.domain.statuses import by_value
from engine.json_values import Value
from engine.runs import ChildRun
from engine.store.connection import Connection
from engine.store.statements import Statement
from engine.store.tables import RunRow, WorkflowRow

_run = RunRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_STATUSES: Final = by_value(RunStatus)

_SEEN = (
    select(
        *(_run.c[name] for name in ("id", "status", "error", "output", "parent_step", "parent_visit")),
        _workflow.c.title,
    )
    .select_from(_run.join(_workflow, _workflow.c.id == _run.c.workflow))
    .where(_run.c.parent == bindparam("parent"))
    .order_by(_run.c.id)
)
_OF_VISIT = Statement(_SEEN.where(_run.c.parent_step == bindparam("step"), _run.c.parent_visit == bindparam("visit")))
_OF_RUN = Statement(_SEEN.where(_run.c.lane.is_(None)))
_OPEN = Statement(
    select(_run.c.id)
    .where(_run.c.parent == bindparam("parent"), _run.c.ended_at.is_(None), _run.c.cancel.is_(None))
    .order_by(_run.c.id)
)
_PARENT = Statement(select(_run.c.parent).where(_run.c.id == bindparam("run")))


def load_children(connection: Connection, *, run: str, step: str, visit: int) -> tuple[ChildRun, ...]:
    """Return the runs that a visit of a run started, the oldest first."""
    rows = _OF_VISIT.all(connection, {"parent": run, "step": step, "visit": visit})
    return tuple(_read(row) for row in rows)


def child_views(connection: Connection, run: str) -> tuple[ChildView, ...]:
    """Return the runs that the steps of a run started, the oldest first."""
    return tuple(
        ChildView(
            run=row.id, title=row.title, status=_STATUSES[row.status], step=row.parent_step, visit=row.parent_visit
        )
        for row in _OF_RUN.all(connection, {"parent": run})
    )


def load_open(connection: Connection, parent: str) -> list[str]:
    """Return the runs that steps of a run started, that have not ended and were not asked to."""
    return _OPEN.scalars(connection, {"parent": parent})


def load_ancestors(connection: Connection, run: str, most: int) -> list[str]:
    """Return the run whose step started a run, the run above that one and so on, at most so many."""
    found: list[str] = []
    parent: str | None = run
    while len(found) < most:
        row = _PARENT.one(connection, {"run": parent})
        parent = None if row is None else row.parent
        if parent is None:
            break
        found.append(parent)
    return found


def _read(row: Any) -> ChildRun:
    return ChildRun(
        run=row.id,
        title=row.title,
        status=_STATUSES[row.status],
        output=cast("dict[str, Value]", json_values.loads(row.output)) if row.output is not None else None,
        error=row.error,
    )
