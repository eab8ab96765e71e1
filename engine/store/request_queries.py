"""Requests as people see them: with their approvers, the decision, and what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from operator import attrgetter
from typing import Any, cast

from msgspec import structs
from sqlalchemy import BindParameter, Row, and_, bindparam, exists, func, or_, select

from engine import json_values
from engine.domain import SHARED, DeliveryKind, DeliveryState, Person, RequestState, ReviewPoint, RunStatus, StepStatus
from engine.identifiers import in_words
from engine.read_models import PageQuery, RequestView, RunView, StepEffect
from engine.requests import Request, Vote
from engine.store import (
    ask_facts,
    attention,
    decision_views,
    failure_requests,
    named_people,
    oversight_views,
    people,
    questions,
    ratings,
    request_model,
    run_queries,
    undos,
    votes,
)
from engine.store.connection import Connection
from engine.store.pages import paged
from engine.store.people_tables import PersonRow
from engine.store.statements import Statement
from engine.store.tables import (
    ApproverRow,
    DecisionRow,
    DeliveryRow,
    QuestionRow,
    RequestRow,
    RunRow,
    StepRunRow,
    WorkflowRow,
)

_run = RunRow.__table__  # type: ignore[attr-defined]
_visit = StepRunRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_person = PersonRow.__table__  # type: ignore[attr-defined]
_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]
_question = QuestionRow.__table__  # type: ignore[attr-defined]

_REQUESTS = request_model.LOAD.add_columns(
    _request.c.title,
    _workflow.c.title.label("workflow_title"),
    _run.c.version.label("workflow_version"),
    _run.c.started_at,
    _run.c.status.label("run_status"),
    _workflow.c.owner,
)
_REQUEST = Statement(_REQUESTS.where(_request.c.id == bindparam("id")))
_REVISIONS = Statement(
    select(_request.c.rev, _run.c.rev.label("run_rev"))
    .select_from(_request.join(_run, _run.c.id == _request.c.run))
    .where(_request.c.id == bindparam("id"))
)
_RUN_OF = Statement(select(_request.c.run).where(_request.c.id == bindparam("id")))
_REQUESTS_OF_RUN = Statement(_REQUESTS.where(_request.c.run == bindparam("run")).order_by(_request.c.id))
_WAITING_FOR = Statement(
    select(_approver.c.request)
    .where(_approver.c.person == bindparam("of"), _approver.c.pending, _approver.c.request > bindparam("after"))
    .order_by(_approver.c.request)
    .limit(bindparam("most"))
)
_ASKING = Statement(
    _REQUESTS.where(
        _request.c.state == RequestState.PENDING.value,
        _request.c.id.in_(
            select(_question.c.request).where(
                _question.c.asked_to == bindparam("of"), _question.c.answered_at.is_(None)
            )
        ),
    )
    .order_by(_request.c.id)
    .limit(bindparam("most"))
)
_TELLING = frozenset(
    {StepStatus.FAILED, StepStatus.FAILURE_IN_REVIEW, StepStatus.SLEEPING}
    | {StepStatus.STOPPED, StepStatus.OUTCOME_UNKNOWN}
)
"""Statuses that say something of an approved step that was not called. Of one that only passes values on, the decision
says all."""
_other = _delivery.alias("other")
_LAST_FAILURE = ~exists().where(
    # One delivery is enough to reach a person. If all failed, the last one has the reason.
    _other.c.run == _delivery.c.run,
    _other.c.request == _delivery.c.request,
    _other.c.person == _delivery.c.person,
    _other.c.kind == DeliveryKind.REQUEST.value,
    _other.c.topic.is_(None),
    or_(_other.c.state != DeliveryState.DEAD.value, _other.c.shown_version > 0, _other.c.id > _delivery.c.id),
)


_JOINED_INTO = (
    select(_person.c.joined_into).where(_person.c.id == _approver.c.person).scalar_subquery().label("joined_into")
)


class _RelatedStatements:
    """Statements that load approvers, decisions, failed deliveries and step results of requests."""

    def __init__(self, count: int) -> None:
        ids: list[BindParameter[str]] = [bindparam(f"id{at}") for at in range(count)]
        runs: list[BindParameter[str]] = [bindparam(f"run{at}") for at in range(count)]
        self.approvers = Statement(
            select(_approver.c.request, _approver.c.person, _JOINED_INTO, *request_model.APPROVER_COLUMNS)
            .where(_approver.c.request.in_(ids))
            .order_by(_approver.c.position)
        )
        self.decisions = Statement(select(_decision).where(_decision.c.request.in_(ids)).order_by(_decision.c.id))
        self.unreached = Statement(
            select(
                *(_delivery.c.request, _delivery.c.person, _delivery.c.last_error),
                *(_delivery.c.topic, _delivery.c.address),
            )
            .where(
                _delivery.c.run.in_(runs),
                _delivery.c.request.in_(ids),
                _delivery.c.kind == DeliveryKind.REQUEST.value,
                _delivery.c.state == DeliveryState.DEAD.value,
                # The shared copy is no copy of the person in its row.
                or_(
                    _delivery.c.topic == SHARED,
                    and_(_delivery.c.topic.is_(None), _delivery.c.shown_version == 0, _LAST_FAILURE),
                ),
            )
            .order_by(_delivery.c.id)
        )
        # The visit that was approved, and later tries of the step.
        of_visit = (
            (_visit.c.run == _request.c.run) & (_visit.c.step == _request.c.step) & (_visit.c.visit >= _request.c.visit)
        )
        self.effects = Statement(
            select(
                *(_request.c.id, _request.c.visit.label("approved"), _request.c.at),
                *(_visit.c.visit, _visit.c.status, _visit.c.attempt, _visit.c.error, _visit.c.ended_at),
            )
            .select_from(_request.join(_visit, of_visit))
            .where(
                _request.c.id.in_(ids),
                _request.c.state == RequestState.APPROVED.value,
                _request.c.at != ReviewPoint.AFTER.value,
            )
        )


_around = lru_cache(64)(_RelatedStatements)


def request_view(connection: Connection, request: str) -> RequestView | None:
    views = _request_views(connection, _REQUEST.all(connection, {"id": request}))
    return attention.with_hurried(connection, views[0]) if views else None


def request_views(
    connection: Connection, workspace: str, page: PageQuery, *, person: str | None = None
) -> list[RequestView]:
    """Return requests, the newest first; with `person`, those that wait for that person."""
    pending = _request.c.state == RequestState.PENDING.value
    statement = paged(_REQUESTS, page, workspace, _request.c.id, pending)
    if person is not None:
        inbox = select(_approver.c.request).where(_approver.c.person == person, _approver.c.pending)
        statement = statement.where(_request.c.id.in_(inbox))
    return _request_views(connection, connection.execute(statement).all())


def load_by_ids(connection: Connection, ids: Sequence[str]) -> list[RequestView]:
    """Return the requests with these ids, in this order."""
    rows = connection.execute(_REQUESTS.where(_request.c.id.in_(ids))).all() if ids else []
    views = {view.id: view for view in _request_views(connection, rows)}
    return [views[request] for request in ids]


def load_waiting_for(connection: Connection, person: str, *, after: str, most: int) -> list[str]:
    """Return the ids of some requests that wait for a person, the oldest first, after the id `after`."""
    return list(_WAITING_FOR.scalars(connection, {"of": person, "after": after, "most": most}))


def requests_asking(connection: Connection, person: str, limit: int) -> list[RequestView]:
    """Return the waiting requests about which this person was asked a question that has no answer, the oldest first."""
    return _request_views(connection, _ASKING.all(connection, {"of": person, "most": limit}))


def requests_of_run(connection: Connection, run: str) -> list[RequestView]:
    """Return every request of a run, the oldest first."""
    return _request_views(connection, _REQUESTS_OF_RUN.all(connection, {"run": run}))


def requests_of_runs(connection: Connection, runs: Sequence[str]) -> list[RequestView]:
    """Return every request of these runs, the oldest first."""
    rows = connection.execute(_REQUESTS.where(_request.c.run.in_(runs)).order_by(_request.c.id)).all()
    return _request_views(connection, rows)


def latest_requests(connection: Connection, runs: Sequence[str]) -> dict[str, RequestView]:
    """Return the latest request of each of these runs, by run; runs without a request are left out."""
    latest = select(func.max(_request.c.id)).where(_request.c.run.in_(runs)).group_by(_request.c.run)
    rows = connection.execute(_REQUESTS.where(_request.c.id.in_(latest))).all()
    return {view.run: view for view in _request_views(connection, rows)}


def revisions(connection: Connection, request: str) -> tuple[int, int] | None:
    """Return the `rev` of the request and of its run, in one read by key."""
    row = _REVISIONS.one(connection, {"id": request})
    return None if row is None else (row.rev, row.run_rev)


def request_in_run(connection: Connection, request: str) -> tuple[RequestView, RunView, list[RequestView]] | None:
    """Return a request with its run and every request in it, the oldest first, or None."""
    row = _RUN_OF.one(connection, {"id": request})
    if row is None:
        return None
    run, together = run_queries.run_view(connection, row.run), requests_of_run(connection, row.run)
    assert run is not None
    view = next(view for view in together if view.id == request)
    return attention.with_hurried(connection, view), run, together


def _request_views(connection: Connection, rows: Sequence[Row[Any]]) -> list[RequestView]:
    ids = [row.id for row in rows]
    if not ids:
        return []
    details = {row.id: cast("dict[str, Any]", json_values.loads(row.details)) for row in rows}
    around, params = _around(len(ids)), {f"id{at}": request for at, request in enumerate(ids)}
    rules, joined = _read_approvers(around.approvers.all(connection, params), ids)
    decisions: dict[str, list[Row[Any]]] = {}
    for row_read in around.decisions.all(connection, params):
        decisions.setdefault(row_read.request, []).append(row_read)
    named = [person for by_person in rules.values() for person in by_person]
    named += joined.values()
    named += [person for of_request in details.values() for person in request_model.backups_of(of_request)]
    closers = [row.closed_by for row in rows if row.closed_by]
    persons = people.load_people(connection, [*named, *closers, *(row.requester for row in rows)])
    unreached: dict[str, list[tuple[Person, str]]] = {request: [] for request in ids}
    unposted: dict[str, tuple[str, str]] = {}
    params |= {f"run{at}": row.run for at, row in enumerate(rows)}
    for row_read in around.unreached.all(connection, params):
        why = row_read.last_error or ""
        if row_read.topic == SHARED:
            unposted[row_read.request] = row_read.address, why
        elif row_read.person in persons:
            # A person who turned out to be another one is reached as that one.
            unreached[row_read.request].append((persons[row_read.person], why))
    views = []
    for row in rows:
        asked, known = _joined(row, rules[row.id], persons, joined)
        around_it = decisions.get(row.id, ()), known, unreached[row.id]
        view = _request_view(connection, row, details[row.id], asked, *around_it)
        views.append(_with_undo(connection, view, details[row.id]) if undos.HOLD in details[row.id] else view)
    if unposted:
        views = [replace(view, unposted=unposted.get(view.id)) for view in views]
    if any(row.state == RequestState.APPROVED.value for row in rows):
        effects = _effects(around.effects.all(connection, params), details)
        views = [replace(view, effect=effects.get(view.id)) for view in views]
        grants = ask_facts.load_grants(connection, [view.run for view in views if view.model.ask is not None])
        views = [replace(view, grant=grants.get(view.run)) for view in views] if grants else views
    return named_people.with_names(connection, oversight_views.requests(connection, views))


def _read_approvers(
    rows: Sequence[Any], ids: Sequence[str]
) -> tuple[dict[str, dict[str, request_model.Rule]], dict[str, str]]:
    """Return the rules of the approvers by request, and by approver who these turned out to be."""
    rules: dict[str, dict[str, request_model.Rule]] = {request: {} for request in ids}
    for row in rows:
        rules[row.request][row.person] = row[3:]
    return rules, {row.person: row.joined_into for row in rows if row.joined_into is not None}


def _joined(
    row: Row[Any], rules: dict[str, request_model.Rule], persons: dict[str, Person], joined: Mapping[str, str]
) -> tuple[dict[str, request_model.Rule], dict[str, Person]]:
    """Return the approvers and the people of a request, with those that others turned out to be in their place.

    What waits has moved to them already.
    """
    if not joined or row.state == RequestState.PENDING.value:
        return rules, persons
    asked = {person: rule for person, rule in rules.items() if joined.get(person) not in rules}
    return asked, {**persons, **{person: persons[into] for person, into in joined.items()}}


def _effects(rows: Sequence[Any], details: Mapping[str, Mapping[str, Any]]) -> dict[str, StepEffect]:
    """Return what became of steps that were called, or will not be, by the request that approved them."""
    of_failures = [row for row in rows if row.at == ReviewPoint.FAILED.value]
    approved = [row for row in rows if row.at != ReviewPoint.FAILED.value]
    return {**_approved_effects(approved), **_repeated_effects(of_failures, details)}


def _repeated_effects(rows: Sequence[Any], details: Mapping[str, Mapping[str, Any]]) -> dict[str, StepEffect]:
    """Return what became of steps that people said to try again, once they were."""
    newest = {row.id: row for row in sorted(rows, key=attrgetter("visit"))}
    return {
        row.id: StepEffect(StepStatus(row.status), row.error, row.ended_at, None)
        for row in newest.values()
        if row.visit > row.approved or row.attempt > failure_requests.read_attempt(details[row.id])
    }


def _approved_effects(rows: Sequence[Any]) -> dict[str, StepEffect]:
    later = {
        row.id: row.ended_at for row in rows if row.visit > row.approved and row.status == StepStatus.SUCCEEDED.value
    }
    return {
        row.id: StepEffect(
            StepStatus(row.status),
            row.error,
            row.ended_at,
            later.get(row.id) if row.status == StepStatus.FAILED.value else None,
        )
        for row in rows
        if row.visit == row.approved and (row.attempt > 0 or row.status in _TELLING)
    }


def _request_view(
    connection: Connection,
    row: Row[Any],
    details: Mapping[str, Any],
    rules: Mapping[str, request_model.Rule],
    decisions: Sequence[Row[Any]],
    persons: Mapping[str, Person],
    unreached: Sequence[tuple[Person, str]],
) -> RequestView:
    request = request_model.read_request(
        row, details, rules, persons, workflow=row.workflow_name, hash=row.workflow_hash
    )
    if row.content_version > 1 or request.policy.counts_votes:
        request = _with_votes(connection, request, decisions, persons)
    if questions.HAS_SOME in details:
        request = structs.replace(request, questions=questions.load_questions(connection, request.id, persons))
    if ratings.ASKED in details:
        given = ratings.load_ratings(connection, request.id, persons)
        request = structs.replace(request, ratings=given)
    decision = decision_views.closing(row, decisions)
    return RequestView(
        model=request,
        run=row.run,
        run_status=RunStatus(row.run_status),
        workflow=row.workflow_name,
        workflow_title=row.workflow_title,
        workflow_version=row.workflow_version,
        step_label=details.get("step_label") or in_words(row.step),
        technical=tuple(details.get("technical", ())),
        requester=persons[row.requester],
        owner=row.owner,
        started_at=row.started_at,
        title=row.title,
        reason=details.get("reason"),
        models=tuple((label, model) for label, model in details.get("models", ())),
        show=tuple((label, text) for label, text in details.get("show", ())),
        notes=(*details.get("notes", ()), *_excluded(request)),
        confirm=details.get("confirm"),
        approve_label=details["approve_label"],
        reject_label=details["reject_label"],
        decision=decision_views.decision_view(decision, request, persons) if decision is not None else None,
        signatures=decision_views.signatures(request, decisions) if request.confirm_with is not None else (),
        approved_before=decision_views.approved_before(request, decisions, persons),
        asked_to_change=request_model.load_revision(connection, request),
        unreached=tuple(unreached),
        left_out=details.get("left_out"),
    )


def _with_undo(connection: Connection, view: RequestView, details: Mapping[str, Any]) -> RequestView:
    """Return a request of a gate with `hold`: whether it is held, and who undid it, or the one before."""
    model = view.model
    if model.state is RequestState.UNDONE:
        model = structs.replace(model, undone=undos.load(connection, model.id))
    return replace(
        view,
        model=model,
        is_held=undos.is_held(connection, model),
        asked_again=undos.load(connection, details[undos.AGAIN]) if undos.AGAIN in details else None,
    )


def _with_votes(
    connection: Connection, request: Request, decisions: Sequence[Row[Any]], persons: Mapping[str, Person]
) -> Request:
    """Return the request with the approvals of its newest content, and the changes that led to it."""
    current = (row for row in decisions if row.content_version == request.content_version)
    approvals = [row for row in current if row.verdict == RequestState.APPROVED.value]
    changes = votes.load_changes(connection, request.id, persons) if request.content_version > 1 else ()
    asked = {approver.person.id for approver in request.approvers}
    if all(row.person in asked for row in approvals):
        given = tuple(Vote(persons[row.person], row.decided_at, row.reason) for row in approvals)
    else:
        # A person who approved turned out to be another one.
        given = votes.load_votes(connection, request.id, request.content_version, persons)
    return structs.replace(request, votes=given, changes=changes)


def _excluded(request: Request) -> list[str]:
    """Return the approvers who can no longer decide, while the request is open."""
    if request.state is not RequestState.PENDING:
        return []
    return [
        f"{approver.person.label} can no longer decide: {approver.excluded}."
        for approver in request.approvers
        if approver.excluded
    ]
