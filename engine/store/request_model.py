"""Loads requests and their results as values of `engine.requests` and `engine.runs`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias, cast

from msgspec.structs import replace
from sqlalchemy import bindparam, select

from engine import fields, json_values, timestamps
from engine.domain import (
    FIRST_GROUP,
    AloneReason,
    Approver,
    Assurance,
    OnExpiry,
    Params,
    Person,
    ReasonRequired,
    RequestState,
    ReviewPoint,
)
from engine.domain.statuses import by_value
from engine.fields import Field
from engine.json_values import Value
from engine.requests import Editable, Request, Revision, Subject
from engine.runs import ReviewResult, Visit
from engine.store import (
    ask_facts,
    asked_ways,
    deadline_columns,
    edit_columns,
    failure_requests,
    people,
    questions,
    ratings,
    request_risk,
    revisions,
    undos,
    votes,
    workflows,
)
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import ApproverRow, DecisionRow, RequestRow, RunRow, WorkflowRow, WorkflowVersionRow

Rule: TypeAlias = tuple[str, str | None, str | None, str | None, str | None]
"""The columns `rule`, `named_by`, `excluded`, `chain_groups` and `handed_to` of an approver."""

NOT_REQUESTER: Final = "not_requester"
"""Marks a reference in `named_by` that comes from data: it must not name the person who started the run."""

_request = RequestRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_version = WorkflowVersionRow.__table__  # type: ignore[attr-defined]
_POINTS, _STATES = by_value(ReviewPoint), by_value(RequestState)
_REASONS, _ON_EXPIRY = by_value(ReasonRequired), by_value(OnExpiry)
_ASSURANCES = by_value(Assurance)

# Unused columns are left out: each column of a row costs as much as half a look-up.
_COLUMNS = tuple(column for column in _request.c if column.name not in ("title", "check_at"))
LOAD = select(
    *_COLUMNS,
    _run.c.requester,
    _workflow.c.name.label("workflow_name"),
    _version.c.hash.label("workflow_hash"),
).select_from(
    _request.join(_run, _run.c.id == _request.c.run)
    .join(_workflow, _workflow.c.id == _run.c.workflow)
    .join(_version, (_version.c.workflow == _run.c.workflow) & (_version.c.version == _run.c.version))
)
"""Selects requests with all that `read_request` needs but people."""
_BY_ID = Statement(
    select(*_COLUMNS, _run.c.workflow, _run.c.version, _run.c.requester)
    .select_from(_request.join(_run, _run.c.id == _request.c.run))
    .where(_request.c.id == bindparam("id"))
)
_TITLE = Statement(select(_request.c.title).where(_request.c.id == bindparam("id")))
APPROVER_COLUMNS: Final = (
    _approver.c.rule,
    _approver.c.named_by,
    _approver.c.excluded,
    _approver.c.chain_groups,
    _approver.c.handed_to,
)
_APPROVERS = Statement(
    select(_approver.c.position, _approver.c.person, *APPROVER_COLUMNS).where(
        _approver.c.request == bindparam("request")
    )
)
_APPROVAL = Statement(
    select(_request.c.id, _decision.c.person)
    .select_from(_request.join(_decision, _decision.c.request == _request.c.id))
    .where(
        _request.c.run == bindparam("run"),
        _request.c.step == bindparam("step"),
        _request.c.visit == bindparam("visit"),
        _request.c.at == ReviewPoint.BEFORE.value,
        _request.c.state == RequestState.APPROVED.value,
        _decision.c.content_version == _request.c.content_version,
        _decision.c.verdict == _request.c.state,
    )
)
_EARLIER_APPROVALS = Statement(
    select(_request.c.id).where(
        _request.c.run == bindparam("run"),
        _request.c.step == bindparam("step"),
        _request.c.visit < bindparam("visit"),
        _request.c.at == ReviewPoint.BEFORE.value,
        _request.c.state == RequestState.APPROVED.value,
    )
)
_ANSWER = Statement(
    select(
        _request.c.id,
        _request.c.state,
        _request.c.content,
        _request.c.digest,
        _request.c.on_expiry,
        _request.c.closed_at,
        _request.c.content_version,
        _decision.c.edits,
        _decision.c.approved_digest,
    )
    .select_from(
        _request.join(
            _decision,
            (_decision.c.request == _request.c.id)
            & (_decision.c.content_version == _request.c.content_version)
            & (_decision.c.verdict == RequestState.APPROVED.value),
            isouter=True,
        )
    )
    .where(
        _request.c.run == bindparam("run"),
        _request.c.step == bindparam("step"),
        _request.c.visit == bindparam("visit"),
        _request.c.at == bindparam("at"),
    )
)

_DECISIONS = Statement(
    select(_request.c.step, _decision.c.verdict, _decision.c.reason, _decision.c.edits, _decision.c.record)
    .add_columns(_decision.c.decided_at, _request.c.content_version, _request.c.visit)
    .select_from(
        _request.join(
            _decision,
            (_decision.c.request == _request.c.id) & (_decision.c.content_version == _request.c.content_version),
        )
    )
    # Approvals that others did not join are no decision, and an answer to a failure is none about the proposal.
    .where(
        _request.c.run == bindparam("run"),
        _request.c.state == _decision.c.verdict,
        _request.c.at != ReviewPoint.FAILED.value,
    )
    # Of several approvals the one that closed it comes last. Their times do not say which: they may be the same, and
    # a clock may have been set back between them.
    .order_by(_request.c.visit, _decision.c.person == _request.c.closed_by, _decision.c.decided_at, _decision.c.id)
)
_REVISIONS = Statement(
    select(_request.c.id, _request.c.step, _request.c.content, _decision.c.person, _decision.c.reason)
    .add_columns(_decision.c.edits, _decision.c.record, _decision.c.decided_at, _request.c.content_version)
    .select_from(_request.join(_decision, _decision.c.request == _request.c.id))
    .where(
        _request.c.run == bindparam("run"),
        _request.c.state == RequestState.CHANGES_REQUESTED.value,
        _decision.c.verdict == RequestState.CHANGES_REQUESTED.value,
    )
    .order_by(_decision.c.decided_at, _request.c.visit, _request.c.id)
)


def load_request(tx: Tx, request: str) -> tuple[Request, tuple[str, str]] | None:
    """Return the request, and the labels of its Approve and Reject buttons, or None."""
    row = _BY_ID.one(tx.connection, {"id": request})
    if row is None:
        return None
    rows = sorted(_APPROVERS.all(tx.connection, {"request": request}))
    rules: dict[str, Rule] = {row.person: row[2:] for row in rows}
    details = cast("dict[str, Any]", json_values.loads(row.details))
    others = [*backups_of(details), *([row.closed_by] if row.closed_by else [])]
    persons = people.load_people_cached(tx, (*rules, *others))
    pinned = workflows.load_pinned_cached(tx, row.workflow, row.version)
    model = read_request(row, details, rules, persons, workflow=pinned.name, hash=pinned.hash)
    model = with_votes(tx.connection, model, persons)
    if model.state is RequestState.UNDONE:
        model = replace(model, undone=undos.load(tx.connection, request))
    if questions.HAS_SOME in details:
        model = replace(model, questions=questions.load_questions(tx.connection, request, persons))
    return model, (details["approve_label"], details["reject_label"])


def with_votes(connection: Connection, request: Request, persons: Mapping[str, Person]) -> Request:
    """Return the request with the approvals and changes so far, if its policy or rule can have some."""
    if not request.policy.counts_votes and not request.separation.editor:
        return request
    return replace(
        request,
        votes=votes.load_votes(connection, request.id, request.content_version, persons),
        changes=votes.load_changes(connection, request.id, persons) if request.content_version > 1 else (),
    )


def backups_of(details: Mapping[str, Any]) -> list[str]:
    """Return the ids of the people who are asked as well if there is no decision in time."""
    return [person for person, _, _ in details.get("backups", ())]


def read_request(
    row: Any,
    details: Mapping[str, Any],
    rules: Mapping[str, Rule],
    persons: Mapping[str, Person],
    *,
    workflow: str,
    hash: str,
) -> Request:
    """Return a request from its row and details, the approvers with their rules, and the people named."""
    return Request(
        id=row.id,
        workspace=row.workspace,
        requester=row.requester,
        subject=_subject(row, details, workflow, hash),
        state=_STATES[row.state],
        rev=row.rev,
        content_version=row.content_version,
        content=Params.from_value(json_values.loads(row.content)),
        editable=_places(details.get("editable", ())),
        declared=_places(details.get("declared", ())),
        digest=row.digest,
        approvers=tuple(_approver_of(persons[person], rule) for person, rule in rules.items()),
        backups=_backups(details, persons),
        reason_required=_REASONS[row.reason_required.removeprefix(votes.GUARD)],
        deadlines=deadline_columns.read(row, details),
        ways=asked_ways.read(details),
        assurance=_ASSURANCES[details.get("assurance", "code")],
        confirm_with=_ASSURANCES[details["confirm_with"]] if "confirm_with" in details else None,
        alone=_alone(details),
        closed_at=row.closed_at,
        closed_by=persons.get(row.closed_by) if row.closed_by else None,
        policy=votes.read_policy(row.policy),
        separation=votes.read_separation(details),
        question_rule=questions.read_rule(details),
        feedback=details.get(ratings.ASKED, False),
        revision=revisions.read(details),
        edited_before=failure_requests.read_editors(details),
        hold=undos.read_hold(details),
        ask=ask_facts.read(details),
        because=details.get("because", ""),
        risk=request_risk.read_risk(details),
        amount=request_risk.read_amount(details),
        plan=details.get("plan"),
    )


def _subject(row: Any, details: Mapping[str, Any], workflow: str, hash: str) -> Subject:
    return Subject(
        workflow=workflow,
        hash=hash,
        run=row.run,
        step=row.step,
        visit=row.visit,
        uses=details["uses"],
        at=_POINTS[row.at],
    )


def _backups(details: Mapping[str, Any], persons: Mapping[str, Person]) -> tuple[Approver, ...]:
    return tuple(
        _approver_of(persons[person], (rule, named_by, None, None, None))
        for person, rule, named_by in details.get("backups", ())
    )


def _alone(details: Mapping[str, Any]) -> AloneReason | None:
    if "alone" in details:
        return AloneReason(details["alone"])
    # Of a request that an older version opened.
    return AloneReason.QUESTION if "confirm" in details else None


def _places(stored: Any) -> tuple[Editable, ...]:
    return tuple(Editable(tuple(value["path"]), _field(json_values.dumps(value["field"]))) for value in stored)


def _approver_of(person: Person, rule: Rule) -> Approver:
    text, named_by, excluded, groups, handed_to = rule
    references = cast("list[list[str]]", json_values.loads(named_by)) if named_by else []
    return Approver(
        person=person,
        rule=text,
        named_by=tuple((reference[0], reference[1]) for reference in references),
        excluded=excluded,
        not_requester=any(NOT_REQUESTER in reference[2:] for reference in references),
        groups=tuple(cast("list[int]", json_values.loads(groups))) if groups else FIRST_GROUP,
        handed_to=handed_to,
    )


@lru_cache(1024)
def _field(text: str) -> Field:
    """Return the field of this JSON. Cached, because a workflow has few, and every request has some of them."""
    return fields.stored(json_values.loads(text))


def load_title(connection: Connection, request: str) -> str:
    """Return the question of a request in one line."""
    return str(_TITLE.scalars(connection, {"id": request})[0])


_ASKS_AGAIN: Final = frozenset({RequestState.EXPIRED.value, RequestState.UNDONE.value})
"""States of requests whose changes by approvers did not count in the end."""


def load_answer(connection: Connection, *, run: str, step: str, visit: int, at: str) -> ReviewResult | None:
    """Return the result of the latest request of this visit, with the content as it was decided.

    Of several, all but one were undone: their ids do not say which is the latest, because a clock may be set back.
    """
    rows = _ANSWER.all(connection, {"run": run, "step": step, "visit": visit, "at": at})
    if not rows:
        return None
    row = max(rows, key=lambda row: (row.state != RequestState.UNDONE.value, row.closed_at, row.id))
    content, as_asked = Params.from_value(json_values.loads(row.content)), None
    if row.content_version > 1 and row.state in _ASKS_AGAIN:
        before = votes.load_values_before(connection, row.id)
        as_asked = replace(content, value=json_values.replace_all(content.value, before))
    elif row.state == RequestState.UNDONE.value:
        as_asked = content
    if row.edits is not None:
        content = replace(content, value=edit_columns.edited(content.value, row.edits))
    return ReviewResult(
        request=row.id,
        state=_STATES[row.state],
        content=content,
        digest=row.approved_digest or row.digest,
        on_expiry=_ON_EXPIRY[row.on_expiry],
        as_asked=as_asked,
        closed_at=row.closed_at,
        edited_before=undos.load_editors(connection, row.id) if row.state == RequestState.UNDONE.value else (),
    )


def load_approval(connection: Connection, *, run: str, step: str, visit: int) -> tuple[str, list[str]] | None:
    """Return the request by which this visit to a step was approved before it ran, and the people who approved it."""
    rows = _APPROVAL.all(connection, {"run": run, "step": step, "visit": visit})
    return (rows[0].id, [row.person for row in rows]) if rows else None


def load_earlier_approvals(connection: Connection, *, run: str, visit: Visit) -> list[str]:
    """Return the requests by which earlier visits to a step were approved before it ran."""
    return _EARLIER_APPROVALS.scalars(connection, {"run": run, "step": visit.step, "visit": visit.visit})


def load_decisions(connection: Connection, run: str) -> dict[str, tuple[int, Value]]:
    """Return the latest decisions in a run by step, as expressions read them, each with its visit."""
    return {row.step: (row.visit, _decision_value(row)) for row in _DECISIONS.all(connection, {"run": run})}


def load_revisions(connection: Connection, run: str) -> tuple[Revision, ...]:
    """Return the changes that approvers asked for in a run, the oldest first."""
    return tuple(_revision(connection, row) for row in _REVISIONS.all(connection, {"run": run}))


def load_revision(connection: Connection, request: Request) -> Revision | None:
    """Return what was asked for in the request before this one, or None if this is the first version."""
    if request.revision is None or request.revision.previous is None:
        return None
    earlier = load_revisions(connection, request.subject.run)
    return next((revision for revision in earlier if revision.request == request.revision.previous), None)


def _revision(connection: Connection, row: Any) -> Revision:
    record = cast("dict[str, Any]", json_values.loads(row.record))
    edits = votes.load_new_values(connection, row.id) if row.content_version > 1 else {}
    edits |= edit_columns.read(row.edits) if row.edits is not None else {}
    content = Params.from_value(json_values.loads(row.content))
    return Revision(
        step=row.step,
        request=row.id,
        person=row.person,
        name=record["person"]["name"],
        address=_address(record["person"]["addresses"], record["acted_as"]),
        comment=row.reason,
        at=row.decided_at,
        content=Params(cast("dict[str, Value]", json_values.replace_all(content.value, edits)), content.secrets),
        edits=edits,
    )


def _decision_value(row: Any) -> dict[str, Value]:
    record = cast("dict[str, Any]", json_values.loads(row.record))
    return {
        "by": {
            "name": record["person"]["name"],
            "address": _address(record["person"]["addresses"], record["acted_as"]),
        },
        "at": timestamps.iso(row.decided_at),
        "verdict": row.verdict,
        "reason": row.reason,
        "edited": row.edits is not None or row.content_version > 1,
        "rating": record.get("rating"),
        "comment": record.get("comment"),
    }


def _address(addresses: list[str], acted_as: str) -> str:
    """Return the person's email address, or else the account that decided."""
    return next((address for address in addresses if ":" not in address), acted_as.removeprefix("slack:"))
