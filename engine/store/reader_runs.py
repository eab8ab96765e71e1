"""The runs that a person sees in a list, and the mark by which an open page notices that its run has changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Select, bindparam, func, select

from engine.access import Reader
from engine.read_models import PageQuery, RunView
from engine.store import run_queries
from engine.store.connection import Connection
from engine.store.pages import paged
from engine.store.statements import Statement
from engine.store.tables import (
    ApproverRow,
    AuditRow,
    DecisionRow,
    DeliveryRow,
    QuestionRow,
    RequestRow,
    RunRow,
    WorkflowRow,
)

_run = RunRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_question = QuestionRow.__table__  # type: ignore[attr-defined]
_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]
_audit = AuditRow.__table__  # type: ignore[attr-defined]

_OWNED: Final = Statement(
    select(_workflow.c.id).where(
        _workflow.c.workspace == bindparam("workspace"), _workflow.c.owner == bindparam("person")
    )
)
_MARK: Final = Statement(
    select(
        _run.c.rev,
        select(func.max(_audit.c.seq)).where(_audit.c.run == _run.c.id).scalar_subquery().label("entry"),
        select(func.sum(_delivery.c.rev)).where(_delivery.c.run == _run.c.id).scalar_subquery().label("copies"),
    ).where(_run.c.id == bindparam("id"))
)


def reader_runs(connection: Connection, workspace: str, reader: Reader, page: PageQuery) -> list[RunView]:
    """Return a page of the runs that a person sees, the newest first, without their steps.

    They are those that the person started, of workflows that they own, and those in which they are asked, were asked a
    question that is open, or decided. Admins and auditors see all.
    """
    if reader.reads_everything:
        return run_queries.run_views(connection, workspace, page)
    found = {run for statement in _sources(connection, workspace, reader, page) for run in _ids(connection, statement)}
    return run_queries.runs_by_ids(connection, sorted(found, reverse=True)[: page.limit])


def _ids(connection: Connection, statement: Select[Any]) -> list[str]:
    return list(connection.execute(statement).scalars())


def _sources(connection: Connection, workspace: str, reader: Reader, page: PageQuery) -> Iterator[Select[Any]]:
    """Yield a statement for each reason to see a run. Each is read along an index, and no further than a page."""

    def one(statement: Select[Any]) -> Select[Any]:
        return paged(statement, page, workspace, _run.c.id, _run.c.ended_at.is_(None))

    person = reader.person.id
    yield one(select(_run.c.id).where(_run.c.requester == person))
    for workflow in _OWNED.scalars(connection, {"workspace": workspace, "person": person}):
        yield one(select(_run.c.id).where(_run.c.workflow == workflow))
    involved = select(_run.c.id).distinct().join(_request, _request.c.run == _run.c.id)
    yield one(
        involved.join(_approver, _approver.c.request == _request.c.id).where(
            _approver.c.person == person, _approver.c.pending
        )
    )
    yield one(involved.join(_decision, _decision.c.request == _request.c.id).where(_decision.c.person == person))
    yield one(
        involved.join(_question, _question.c.request == _request.c.id).where(
            _question.c.asked_to == person, _question.c.answered_at.is_(None)
        )
    )


def run_mark(connection: Connection, run: str) -> str | None:
    """Return a text that is another one after each change of a run, its requests or its copies, or None."""
    row = _MARK.one(connection, {"id": run})
    return None if row is None else f"{row.rev}.{row.entry or 0}.{row.copies or 0}"
