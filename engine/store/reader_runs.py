"""The runs that a person sees in a list, and the mark by which an open page notices that its run has changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Select, bindparam, func, select

from engine.access import Reader
from engine.read_models import PageQuery, RunView
from engine.store import run_queries, workflows
from engine.store.connection import Connection
from engine.store.statements import Statement
from engine.store.tables import (
    ApproverRow,
    AuditRow,
    DecisionRow,
    DeliveryRow,
    QuestionRow,
    RequestRow,
    RunRow,
)

_run = RunRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_question = QuestionRow.__table__  # type: ignore[attr-defined]
_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]
_audit = AuditRow.__table__  # type: ignore[attr-defined]

_MARK: Final = Statement(
    select(
        _run.c.rev,
        select(func.max(_audit.c.seq)).where(_audit.c.run == _run.c.id).scalar_subquery().label("entry"),
    ).where(_run.c.id == bindparam("id"))
)
_COPIES: Final = Statement(
    # A claim raises `rev`, and a result changes one of the others.
    select(
        func.sum(_delivery.c.rev).label("claims"),
        func.sum(_delivery.c.shown_version).label("shown"),
        func.count(_delivery.c.next_at).label("waiting"),
        func.count(_delivery.c.last_error).label("failed"),
    ).where(_delivery.c.run == bindparam("id"))
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
    for statement in (*_own(connection, workspace, reader.person.id), *_involved(reader.person.id)):
        yield run_queries.page_of_runs(statement, page, workspace)


def _own(connection: Connection, workspace: str, person: str) -> Iterator[Select[Any]]:
    """Yield what selects the runs that a person started, and those of each workflow that they own."""
    yield select(_run.c.id).where(_run.c.requester == person)
    for workflow in workflows.load_owned(connection, workspace, person):
        yield select(_run.c.id).where(_run.c.workflow == workflow)


def _involved(person: str) -> Iterator[Select[Any]]:
    """Yield what selects the runs in which a person is asked, decided, or was asked a question that is open."""
    runs = select(_run.c.id).distinct().join(_request, _request.c.run == _run.c.id)
    asked, decided, questioned = (
        runs.join(table, table.c.request == _request.c.id) for table in (_approver, _decision, _question)
    )
    yield asked.where(_approver.c.person == person, _approver.c.pending)
    yield decided.where(_decision.c.person == person)
    yield questioned.where(_question.c.asked_to == person, _question.c.answered_at.is_(None))


def run_mark(connection: Connection, run: str) -> str | None:
    """Return a text that is another one after each change of a run, its requests or its copies, or None."""
    row = _MARK.one(connection, {"id": run})
    if row is None:
        return None
    counts = _COPIES.one(connection, {"id": run})
    assert counts is not None
    return ".".join(str(number or 0) for number in (row.rev, row.entry, *counts))
