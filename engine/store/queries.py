"""Queries for people: lists and single items, as read models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import BindParameter, Row, Select, bindparam, exists, or_, select

from engine import json_values
from engine.code_derivation import reference
from engine.domain import (
    Decide,
    DeliveryKind,
    DeliveryState,
    Params,
    Person,
    Purpose,
    RequestState,
    Resume,
    ReviewPoint,
    RunStatus,
    StepStatus,
)
from engine.json_values import Value
from engine.read_models import (
    CodeDelivery,
    DecisionView,
    DeliveryView,
    PageQuery,
    RequestView,
    RunView,
    StepAnswer,
    StepView,
    WorkflowView,
)
from engine.requests import Edit, Request, by_name, is_account, mentioned
from engine.store import challenges, people, request_model, step_answers, workflows
from engine.store.connection import Connection
from engine.store.run_rows import read_origin
from engine.store.statements import Statement
from engine.store.tables import ApproverRow, DecisionRow, DeliveryRow, RequestRow, RunRow, StepRunRow, WorkflowRow

_run = RunRow.__table__  # type: ignore[attr-defined]
_visit = StepRunRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]

_RUNS = select(_run, _workflow.c.name.label("workflow_name"), _workflow.c.title, _workflow.c.owner).select_from(
    _run.join(_workflow, _workflow.c.id == _run.c.workflow)
)
_RUN = Statement(_RUNS.where(_run.c.id == bindparam("id")))
_NEEDS_ATTENTION = Statement(
    _RUNS.where(
        _run.c.workspace == bindparam("workspace"),
        _run.c.ended_at.is_(None),
        _run.c.status == RunStatus.NEEDS_ATTENTION.value,
        _workflow.c.owner == bindparam("owner"),
    )
    .order_by(_run.c.id.desc())
    .limit(bindparam("limit"))
)
_VISITS = Statement(select(_visit).where(_visit.c.run == bindparam("run")).order_by(_visit.c.position, _visit.c.visit))
_REQUESTS = request_model.LOAD.add_columns(
    _request.c.title,
    _workflow.c.title.label("workflow_title"),
    _run.c.started_at,
    _run.c.status.label("run_status"),
)
_REQUEST = Statement(_REQUESTS.where(_request.c.id == bindparam("id")))
_REVISIONS = Statement(
    select(_request.c.rev, _run.c.rev.label("run_rev"))
    .select_from(_request.join(_run, _run.c.id == _request.c.run))
    .where(_request.c.id == bindparam("id"))
)
_RUN_OF = Statement(select(_request.c.run).where(_request.c.id == bindparam("id")))
_REQUESTS_OF_RUN = Statement(_REQUESTS.where(_request.c.run == bindparam("run")).order_by(_request.c.id))
_other = _delivery.alias("other")
_NOT_DELIVERED = (_delivery.c.state == DeliveryState.DEAD.value) & (_delivery.c.shown_version == 0)
_LAST_FAILURE = ~exists().where(
    # One delivery is enough to be asked; of several that failed, the last says why.
    _other.c.run == _delivery.c.run,
    _other.c.request == _delivery.c.request,
    _other.c.person == _delivery.c.person,
    _other.c.kind == DeliveryKind.REQUEST.value,
    or_(_other.c.state != DeliveryState.DEAD.value, _other.c.shown_version > 0, _other.c.id > _delivery.c.id),
)


class _RelatedStatements:
    """Statements that load approvers, decisions, failed deliveries and step results of requests."""

    def __init__(self, count: int) -> None:
        ids: list[BindParameter[str]] = [bindparam(f"id{at}") for at in range(count)]
        runs: list[BindParameter[str]] = [bindparam(f"run{at}") for at in range(count)]
        self.approvers = Statement(
            select(
                _approver.c.request, _approver.c.person, _approver.c.rule, _approver.c.named_by, _approver.c.excluded
            )
            .where(_approver.c.request.in_(ids))
            .order_by(_approver.c.position)
        )
        self.decisions = Statement(select(_decision).where(_decision.c.request.in_(ids)).order_by(_decision.c.id))
        self.unreached = Statement(
            select(_delivery.c.request, _delivery.c.person, _delivery.c.last_error)
            .where(
                _delivery.c.run.in_(runs),
                _delivery.c.request.in_(ids),
                _delivery.c.kind == DeliveryKind.REQUEST.value,
                _NOT_DELIVERED,
                _LAST_FAILURE,
            )
            .order_by(_delivery.c.id)
        )
        of_visit = (
            (_visit.c.run == _request.c.run) & (_visit.c.step == _request.c.step) & (_visit.c.visit == _request.c.visit)
        )
        self.effects = Statement(
            select(_request.c.id, _visit.c.status, _visit.c.error)
            .select_from(_request.join(_visit, of_visit))
            .where(
                _request.c.id.in_(ids),
                _request.c.state == RequestState.APPROVED.value,
                _request.c.at == ReviewPoint.BEFORE.value,
            )
        )


_around = lru_cache(64)(_RelatedStatements)
_DELIVERIES = Statement(
    select(_delivery)
    .join(_request, (_request.c.run == _delivery.c.run) & (_request.c.id == _delivery.c.request))
    .where(_request.c.id == bindparam("request"))
    .order_by(_delivery.c.id)
)
"""Selects by run, because an index on the request would slow every opening."""
_RUN_DELIVERIES = Statement(select(_delivery).where(_delivery.c.run == bindparam("run")).order_by(_delivery.c.id))


def _paged(statement: Select[Any], page: PageQuery, workspace: str, column: Any, open_only: Any) -> Select[Any]:
    table = column.table
    statement = statement.where(table.c.workspace == workspace).order_by(column.desc()).limit(page.limit)
    if page.before is not None:
        statement = statement.where(column < page.before)
    return statement.where(open_only) if page.open_only else statement


# -- runs ---------------------------------------------------------------------------------------------------


def run_view(connection: Connection, run: str, *, steps: bool = True) -> RunView | None:
    """Return one run, or None; with `steps`, with every visit to every step."""
    row = _RUN.one(connection, {"id": run})
    if row is None:
        return None
    known = people.load_people(connection, [row.requester, row.owner])
    answers = step_answers.load_answers(connection, run) if steps else {}
    rows = _VISITS.all(connection, {"run": run}) if steps else ()
    visits = tuple(_step_view(found, answers.get((found.step, found.visit), ())) for found in rows)
    return _run_view(row, known, visits)


def runs_waiting_for_owner(connection: Connection, workspace: str, owner: str, limit: int) -> list[RunView]:
    """Return the runs that wait for their owner to say what became of a step, the newest first."""
    rows = _NEEDS_ATTENTION.all(connection, {"workspace": workspace, "owner": owner, "limit": limit})
    known = people.load_people(connection, {one for row in rows for one in (row.requester, row.owner)})
    return [_run_view(row, known, ()) for row in rows]


def run_views(connection: Connection, workspace: str, page: PageQuery) -> list[RunView]:
    """Return runs, the newest first, without their steps."""
    rows = connection.execute(_paged(_RUNS, page, workspace, _run.c.id, _run.c.ended_at.is_(None))).all()
    known = people.load_people(connection, [one for row in rows for one in (row.requester, row.owner)])
    return [_run_view(row, known, ()) for row in rows]


def _run_view(row: Row[Any], known: Mapping[str, Person], steps: tuple[StepView, ...]) -> RunView:
    return RunView(
        id=row.id,
        workspace=row.workspace,
        workflow=row.workflow_name,
        workflow_title=row.title,
        version=row.version,
        status=RunStatus(row.status),
        requester=known[row.requester],
        owner=known[row.owner],
        origin=read_origin(row.origin),
        inputs=cast("dict[str, Value]", json_values.loads(row.inputs)),
        error=row.error,
        ready_at=row.ready_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        cancelled=row.cancel is not None,
        steps=steps,
    )


def _step_view(row: Row[Any], answers: tuple[StepAnswer, ...]) -> StepView:
    return StepView(
        step=row.step,
        visit=row.visit,
        status=StepStatus(row.status),
        attempt=row.attempt,
        params=Params.from_value(json_values.loads(row.params)) if row.params is not None else None,
        output=cast("dict[str, Value]", json_values.loads(row.output)) if row.output is not None else None,
        error=row.error,
        wakes_at=row.wakes_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        answers=answers,
    )


# -- requests -----------------------------------------------------------------------------------------------


def request_view(connection: Connection, request: str) -> RequestView | None:
    found = _request_views(connection, _REQUEST.all(connection, {"id": request}))
    return found[0] if found else None


def request_views(
    connection: Connection, workspace: str, page: PageQuery, *, person: str | None = None
) -> list[RequestView]:
    """Return requests, the newest first; with `person`, those that wait for that person."""
    pending = _request.c.state == RequestState.PENDING.value
    statement = _paged(_REQUESTS, page, workspace, _request.c.id, pending)
    if person is not None:
        inbox = select(_approver.c.request).where(_approver.c.person == person, _approver.c.pending)
        statement = statement.where(_request.c.id.in_(inbox))
    return _request_views(connection, connection.execute(statement).all())


def requests_of_run(connection: Connection, run: str) -> list[RequestView]:
    """Return every request of a run, the oldest first."""
    return _request_views(connection, _REQUESTS_OF_RUN.all(connection, {"run": run}))


def revisions(connection: Connection, request: str) -> tuple[int, int] | None:
    """Return the `rev` of the request and of its run, in one read by key."""
    row = _REVISIONS.one(connection, {"id": request})
    return None if row is None else (row.rev, row.run_rev)


def request_in_run(connection: Connection, request: str) -> tuple[RequestView, RunView, list[RequestView]] | None:
    """Return a request with its run and every request in it, the oldest first, or None."""
    found = _RUN_OF.one(connection, {"id": request})
    if found is None:
        return None
    run, together = run_view(connection, found.run), requests_of_run(connection, found.run)
    assert run is not None
    return next(one for one in together if one.id == request), run, together


def _request_views(connection: Connection, rows: Sequence[Row[Any]]) -> list[RequestView]:
    ids = [row.id for row in rows]
    if not ids:
        return []
    around, given = _around(len(ids)), {f"id{at}": one for at, one in enumerate(ids)}
    rules: dict[str, dict[str, request_model.Rule]] = {one: {} for one in ids}
    for found in around.approvers.all(connection, given):
        rules[found.request][found.person] = (found.rule, found.named_by, found.excluded)
    decisions = {found.request: found for found in around.decisions.all(connection, given)}
    named = [person for by_person in rules.values() for person in by_person]
    closers = [row.closed_by for row in rows if row.closed_by]
    known = people.load_people(connection, [*named, *closers, *(row.requester for row in rows)])
    unreached: dict[str, list[tuple[Person, str]]] = {one: [] for one in ids}
    given |= {f"run{at}": row.run for at, row in enumerate(rows)}
    for found in around.unreached.all(connection, given):
        unreached[found.request].append((known[found.person], found.last_error or ""))
    views = [_request_view(row, rules[row.id], decisions.get(row.id), known, unreached[row.id]) for row in rows]
    if any(row.state == RequestState.APPROVED.value for row in rows):
        became = {one.id: (StepStatus(one.status), one.error) for one in around.effects.all(connection, given)}
        views = [replace(view, effect=became.get(view.id)) for view in views]
    return _by_name(connection, views)


def _by_name(connection: Connection, views: Sequence[RequestView]) -> list[RequestView]:
    """Return the views with the people that they name by their account."""
    named = {view.id: found for view in views if (found := _mentioned(view))}
    if not named:
        return [*views]
    accounts = sorted({one for found in named.values() for one in found})
    known = people.load_by_accounts(connection, views[0].model.workspace, accounts)
    return [_with_people(view, {one: known[one] for one in named.get(view.id, ()) if one in known}) for view in views]


def _mentioned(view: RequestView) -> tuple[str, ...]:
    asked = view.model
    texts = (view.title, view.reason or "", *(told for _, told in view.show))
    found = mentioned(asked.content.value, (*asked.declared, *asked.editable), texts)
    edited = [edit.after for edit in view.decision.edits] if view.decision else []
    return (*found, *(one for one in edited if isinstance(one, str) and is_account(one)))


def _with_people(view: RequestView, known: Mapping[str, Person]) -> RequestView:
    return replace(
        view,
        people=known,
        title=by_name(view.title, known),
        reason=by_name(view.reason, known) if view.reason else view.reason,
        show=tuple((label, by_name(told, known)) for label, told in view.show),
    )


def _request_view(
    row: Row[Any],
    rules: Mapping[str, request_model.Rule],
    decision: Row[Any] | None,
    known: Mapping[str, Person],
    unreached: Sequence[tuple[Person, str]],
) -> RequestView:
    details = cast("dict[str, Any]", json_values.loads(row.details))
    asked = request_model.read_request(row, details, rules, known, workflow=row.workflow_name, hash=row.workflow_hash)
    return RequestView(
        model=asked,
        run=row.run,
        run_status=RunStatus(row.run_status),
        workflow=row.workflow_name,
        workflow_title=row.workflow_title,
        requester=known[row.requester],
        started_at=row.started_at,
        title=row.title,
        reason=details.get("reason"),
        show=tuple((label, text) for label, text in details.get("show", ())),
        notes=(*details.get("notes", ()), *_excluded(asked)),
        confirm=details.get("confirm"),
        approve_label=details["approve_label"],
        reject_label=details["reject_label"],
        decision=_decision_view(decision, asked, known) if decision is not None else None,
        unreached=tuple(unreached),
    )


def _excluded(asked: Request) -> list[str]:
    """Return the approvers who can no longer decide, while the request is open."""
    if asked.state is not RequestState.PENDING:
        return []
    return [f"{one.person.label} can no longer decide: {one.excluded}." for one in asked.approvers if one.excluded]


def _decision_view(row: Row[Any], asked: Request, known: Mapping[str, Person]) -> DecisionView:
    record = cast("dict[str, Any]", json_values.loads(row.record))
    return DecisionView(
        id=row.id,
        person=known[row.person],
        verdict=record.get("verdict", row.verdict),
        reason=row.reason,
        edits=tuple(_edits(row.edits, asked)) if row.edits else (),
        assurance=row.assurance,
        decided_at=row.decided_at,
    )


def _edits(text: str, asked: Request) -> list[Edit]:
    labels = {one.path: one.field.label for one in asked.editable}
    return [
        Edit(path, labels.get(path) or json_values.show_path(path), json_values.look(asked.content.value, path), after)
        for path, after in request_model.read_edits(text).items()
    ]


# -- deliveries, workflows ----------------------------------------------------------------------------------


def delivery_views(connection: Connection, *, run: str | None = None, request: str | None = None) -> list[DeliveryView]:
    """Return the deliveries of a request, or all of a run."""
    if request is not None:
        rows = _DELIVERIES.all(connection, {"request": request})
    else:
        rows = _RUN_DELIVERIES.all(connection, {"run": run})
    known = people.load_people(connection, [row.person for row in rows])
    return [
        DeliveryView(
            id=row.id,
            kind=DeliveryKind(row.kind),
            topic=row.topic,
            state=DeliveryState(row.state),
            person=known[row.person],
            channel=row.channel,
            address=row.address,
            attempts=row.attempts,
            wanted_version=row.wanted_version,
            shown_version=row.shown_version,
            last_error=row.last_error,
            next_at=row.next_at,
            shown_at=row.shown_at,
        )
        for row in rows
    ]


def code_delivery(connection: Connection, delivery: str, person: Person, challenge: str, now: datetime) -> CodeDelivery:
    """Return the content of the email with the code of this challenge. A deleted challenge expired long ago."""
    held = challenges.load_challenge(connection, challenge)
    if held is None:
        return CodeDelivery(delivery=delivery, person=person, challenge=challenge, until=now, wanted=False, digits=0)
    return CodeDelivery(
        delivery=delivery,
        person=person,
        challenge=challenge,
        until=held.expires_at,
        wanted=held.live(now) and (held.command is None) is (held.purpose is Purpose.SIGN_IN),
        digits=challenges.digits(held.purpose),
        reference=reference(held.subject),
        label=held.label,
        request=request_view(connection, held.request) if held.request else None,
        decision=held.command if isinstance(held.command, Decide) else None,
        run=run_view(connection, held.run) if held.run else None,
        answer=held.command if isinstance(held.command, Resume) else None,
        said=held.said,
    )


def workflow_views(connection: Connection, workspace: str) -> list[WorkflowView]:
    """Return all workflows of the workspace, by name."""
    found = workflows.load_workflows(connection, workspace)
    known = people.load_people(connection, [one.owner for one in found])
    return [
        WorkflowView(
            name=one.name,
            title=one.title,
            version=one.version,
            owner=known[one.owner],
            source=bytes(one.source),
            hash=one.hash,
            updated_at=one.updated_at,
        )
        for one in found
    ]
