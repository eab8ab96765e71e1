"""Reads decided requests for an export, in the order of their decisions, with one page of them in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, cast

from sqlalchemy import or_, select

from engine import json_values
from engine.domain import RequestState
from engine.read_models import DecisionFilter, ExportedDecision
from engine.store import attention, request_queries
from engine.store.connection import Connection
from engine.store.request_search import IdRange
from engine.store.tables import DecisionRow, RequestRow, RunRow, WorkflowRow

PAGE: Final = 200
"""Number of decisions that are read at a time."""

_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_IS_UNDONE = (_request.c.state == RequestState.UNDONE.value) & (_decision.c.verdict == RequestState.APPROVED.value)
# The decision that closed a request; approvals that others had to join come with the request.
_CLOSING = (
    select(_decision.c.id, _decision.c.request, _decision.c.record)
    .select_from(
        _decision.join(_request, _request.c.id == _decision.c.request)
        .join(_run, _run.c.id == _request.c.run)
        .join(_workflow, _workflow.c.id == _run.c.workflow)
    )
    .where(
        or_(_request.c.state == _decision.c.verdict, _IS_UNDONE),
        _request.c.content_version == _decision.c.content_version,
        _request.c.closed_by == _decision.c.person,
    )
    .order_by(_decision.c.id)
    .limit(PAGE)
)


def export(connection: Connection, workspace: str, wanted: DecisionFilter) -> Iterator[ExportedDecision]:
    """Yield the decided requests, the oldest decision first."""
    found = page(connection, workspace, wanted)
    while found:
        yield from found
        found = page(connection, workspace, wanted, found[-1].id)


def page(connection: Connection, workspace: str, wanted: DecisionFilter, after: str = "") -> list[ExportedDecision]:
    """Return the next decided requests, those that follow the decision `after`; none at the end."""
    rows = _rows(connection, workspace, wanted, after)
    ids = [row.request for row in rows]
    views, looks = request_queries.load_by_ids(connection, ids), attention.looks(connection, ids)
    return [
        ExportedDecision(
            id=row.id,
            view=view,
            record=cast("dict[str, Any]", json_values.loads(row.record)),
            looks=looks.get(row.request, ()),
        )
        for row, view in zip(rows, views, strict=True)
    ]


def _rows(connection: Connection, workspace: str, wanted: DecisionFilter, after: str) -> Sequence[Any]:
    # The index is read in the order of ids, which begin with the time; the time itself is exact.
    within = IdRange.of(wanted.since, wanted.until).conditions(_decision.c.id)
    exact = [_decision.c.decided_at >= wanted.since]
    if wanted.until is not None:
        exact.append(_decision.c.decided_at < wanted.until)
    if wanted.workflow is not None:
        exact.append(_workflow.c.name == wanted.workflow)
    if wanted.workflows is not None:
        exact.append(_workflow.c.name.in_(wanted.workflows))
    if wanted.owner is not None:
        exact.append(_workflow.c.owner == wanted.owner)
    conditions = (_decision.c.workspace == workspace, _decision.c.id > after, *within, *exact)
    return connection.execute(_CLOSING.where(*conditions)).all()
