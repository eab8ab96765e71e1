"""Writing requests, their approvers and decisions. A decision is one conditional update: exactly one of many wins."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import bindparam, false, insert, literal_column, null, or_, select, true, update

from engine import json_values
from engine.domain import FIRST_GROUP, Approver, Assurance, Decide, RequestState
from engine.errors import Conflict
from engine.identifiers import in_words
from engine.json_values import Value
from engine.requests import Circle, Deadlines, Edit, Opening, Request, Ruling
from engine.store import (
    ask_facts,
    asked_ways,
    deadline_columns,
    failure_requests,
    questions,
    ratings,
    request_risk,
    revisions,
    undos,
    votes,
)
from engine.store.port import Tx
from engine.store.request_model import NOT_REQUESTER
from engine.store.statements import Statement
from engine.store.tables import ApproverRow, DecisionRow, RequestRow

_request = RequestRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]

_ONE: Final[Any] = literal_column("1")
"""A constant in the statement need not be bound each time."""
_NEW = Statement(insert(_request).values(rev=_ONE, content_version=_ONE, policy=literal_column("'any'")))
_NEW_COUNTED = Statement(insert(_request).values(rev=_ONE, content_version=_ONE))
_NEW_APPROVER = Statement(insert(_approver).values(pending=true()))
_NEW_IN_CHAIN = Statement(insert(_approver))
_NEW_DECISION = Statement(insert(_decision))
_CLOSED = (
    update(_request)
    .where(
        _request.c.id == bindparam("held"),
        _request.c.rev == bindparam("seen_rev"),
        _request.c.state == RequestState.PENDING.value,
    )
    .values(
        state=bindparam("new_state"),
        rev=_request.c.rev + _ONE,
        check_at=null(),
        closed_at=bindparam("now"),
        closed_by=bindparam("by"),
    )
)
_CLOSE = Statement(_CLOSED)
_DECIDE = Statement(_CLOSED.where(or_(_request.c.expires_at.is_(None), _request.c.expires_at > bindparam("now"))))
_UNCHANGED = (
    update(_request)
    .where(
        _request.c.id == bindparam("held"),
        _request.c.rev == bindparam("seen_rev"),
        _request.c.state == RequestState.PENDING.value,
        or_(_request.c.expires_at.is_(None), _request.c.expires_at > bindparam("now")),
    )
    .values(rev=_request.c.rev + _ONE)
)
_VOTE = Statement(_UNCHANGED)
_CHANGE = Statement(
    _UNCHANGED.values(
        content_version=_request.c.content_version + _ONE,
        content=bindparam("new_content"),
        digest=bindparam("new_digest"),
    )
)
_WITHDRAW = Statement(
    update(_request)
    .where(_request.c.run == bindparam("held"), _request.c.state == RequestState.PENDING.value)
    .values(
        state=RequestState.CANCELLED.value,
        rev=_request.c.rev + 1,
        check_at=None,
        closed_at=bindparam("now"),
        closed_by=bindparam("by"),
    )
    .returning(_request.c.id)
)
_SET_DEADLINES = Statement(
    update(_request)
    .where(
        _request.c.id == bindparam("held"),
        _request.c.rev == bindparam("seen_rev"),
        _request.c.state == RequestState.PENDING.value,
    )
    .values(
        rev=_request.c.rev + 1,
        first_shown_at=bindparam("new_first_shown_at"),
        told_unseen=bindparam("new_told_unseen"),
        expires_at=bindparam("new_expires_at"),
        fall_back_at=bindparam("new_fall_back_at"),
        clocks=bindparam("new_clocks"),
        check_at=bindparam("new_check_at"),
    )
)
_EXCLUDE = Statement(
    update(_approver)
    .where(
        _approver.c.request == bindparam("held"),
        _approver.c.person == bindparam("of"),
        or_(_approver.c.excluded.is_(None), _approver.c.excluded != bindparam("why")),
    )
    .values(pending=false(), excluded=bindparam("why"))
)
_LOCK = Statement(select(_request.c.id).where(_request.c.id == bindparam("request")).with_for_update(key_share=True))
_LOCK_OPEN = Statement(
    select(_request.c.id)
    .where(_request.c.run == bindparam("run"), _request.c.state == RequestState.PENDING.value)
    .with_for_update(key_share=True)
)
_SETTLE = Statement(update(_approver).where(_approver.c.request == bindparam("held")).values(pending=false()))
DUE = (
    select(_request.c.id)
    .where(_request.c.check_at <= bindparam("now"))
    .order_by(_request.c.check_at)
    .limit(bindparam("limit"))
)
"""Selects requests for which a deadline is due; `engine.store.due_work` reads it."""


# -- opening ------------------------------------------------------------------------------------------------


def insert_request(
    tx: Tx,
    opening: Opening,
    *,
    request: str,
    workspace: str,
    circle: Circle,
    notes: Sequence[str],
    deadlines: Deadlines,
    backups: Sequence[Approver] = (),
    models: Sequence[tuple[str, str]] = (),
) -> None:
    """Write a request that was just opened, with its approvers, and its backups for an escalation.

    `models`: the language models that drafted what it is about, each with the label of its step.
    """
    details = _details(opening, notes) | deadline_columns.details(deadlines) | votes.details(circle)
    if backups:
        details["backups"] = [[backup.person.id, backup.rule, _named_by(backup)] for backup in backups]
    if models:
        details["models"] = [list[Value](pair) for pair in models]
    if opening.drawn is not None:
        details["plan"] = opening.drawn.plan
    columns = {
        "id": request,
        "workspace": workspace,
        **_opening_columns(opening),
        **deadline_columns.fixed(deadlines),
        **deadline_columns.moving(deadlines),
        "details": json_values.dumps(details),
    }
    counted = votes.columns(circle.policy, opening.reason_required)
    tx.write(_NEW_COUNTED if counted else _NEW, columns | counted)
    asked = {approver.person.id for approver in circle.first_asked} if circle.policy.is_chain else None
    insert_approvers(tx, request, circle.approvers, asked=asked)


def insert_approvers(
    tx: Tx, request: str, approvers: Sequence[Approver], *, asked: Collection[str] | None = None, position: int = 0
) -> None:
    """Write approvers from `position` on. `asked`: the ids of those who are asked now, or None if all are."""
    rows = [_approver_columns(request, at, approver) for at, approver in enumerate(approvers, position)]
    if asked is None and all(approver.groups == FIRST_GROUP for approver in approvers):
        _NEW_APPROVER.write_all(tx.connection, rows)
        return
    for row, approver in zip(rows, approvers, strict=True):
        row["chain_groups"] = json_values.dumps(list[Value](approver.groups))
        row["pending"] = asked is None or approver.person.id in asked
    _NEW_IN_CHAIN.write_all(tx.connection, rows)


def _opening_columns(opening: Opening) -> dict[str, Any]:
    subject = opening.subject
    return {
        "run": subject.run,
        "step": subject.step,
        "visit": subject.visit,
        "at": subject.at,
        "state": RequestState.PENDING,
        "title": opening.title,
        "content": json_values.dumps(opening.content.as_value()),
        "digest": opening.digest,
        "reason_required": opening.reason_required,
    }


def _approver_columns(request: str, position: int, approver: Approver) -> dict[str, Any]:
    return {
        "request": request,
        "person": approver.person.id,
        "position": position,
        "rule": approver.rule,
        "named_by": _named_by(approver),
    }


def _named_by(approver: Approver) -> str | None:
    if not approver.named_by:
        return None
    only_others = [NOT_REQUESTER] if approver.not_requester else []
    return json_values.dumps([[*pair, *only_others] for pair in approver.named_by])


def _details(opening: Opening, notes: Sequence[str]) -> dict[str, Value]:
    # Absent values, and those of nearly every request, are not written.
    details: dict[str, Value] = {
        "approve_label": opening.approve_label,
        "reject_label": opening.reject_label,
        "uses": opening.subject.uses,
        **dict(_step_details(opening)),
    }
    if opening.reason is not None:
        details["reason"] = opening.reason
    if opening.show:
        details["show"] = [list[Value](pair) for pair in opening.show]
    if notes:
        details["notes"] = list[Value](notes)
    if opening.confirm is not None:
        details["confirm"] = opening.confirm
    if opening.editable:
        details["editable"] = [
            {"path": list(value.path), "field": value.field.declaration} for value in opening.editable
        ]
    if opening.declared:
        details["declared"] = [
            {"path": list(value.path), "field": value.field.declaration} for value in opening.declared
        ]
    if opening.assurance is not Assurance.CODE:
        details["assurance"] = opening.assurance
    if opening.confirm_with is not None:
        details["confirm_with"] = opening.confirm_with
    if opening.alone is not None:
        details["alone"] = opening.alone
    details |= asked_ways.details(opening.ways)
    details |= votes.separation_details(opening.separation) | questions.rule_details(opening.questions)
    more = revisions.details(opening.revision) | failure_requests.details(opening) | undos.details(opening)
    more |= ask_facts.details(opening) | request_risk.details(opening)
    return details | more


def _step_details(opening: Opening) -> Iterator[tuple[str, Value]]:
    if opening.step_label != in_words(opening.subject.step):
        yield "step_label", opening.step_label
    if opening.technical:
        yield "technical", list[Value](opening.technical)
    if opening.feedback:
        yield ratings.ASKED, True
    if opening.because:
        yield "because", opening.because


def _write_edits(edits: Sequence[Edit]) -> str | None:
    return json_values.dumps([{"path": list(edit.path), "after": edit.after} for edit in edits]) if edits else None


# -- closing ------------------------------------------------------------------------------------------------


def try_decide(tx: Tx, request: Request, command: Decide, ruling: Ruling, record: Mapping[str, Value]) -> str | None:
    """Write the decision, if the request is still as loaded, pending and not past due. Returns the decision's id."""
    won = tx.write(
        _DECIDE,
        {
            "held": request.id,
            "seen_rev": request.rev,
            "now": tx.now,
            "new_state": ruling.state,
            "by": ruling.approver.person.id,
        },
    )
    if not won:
        return None
    decision = _insert_decision(tx, request, command, ruling, record, version=request.content_version)
    tx.write(_SETTLE, {"held": request.id})
    return decision


def _insert_decision(
    tx: Tx, request: Request, command: Decide, ruling: Ruling, record: Mapping[str, Value], *, version: int
) -> str:
    decision = tx.new_id()
    is_vote = ruling.state is RequestState.PENDING
    tx.write(
        _NEW_DECISION,
        {
            "id": decision,
            "workspace": request.workspace,
            "request": request.id,
            "content_version": version,
            "person": ruling.approver.person.id,
            "verdict": RequestState.APPROVED if is_vote else ruling.state,
            "reason": ruling.reason,
            # The edits of a new version are in `content_change`; this is an approval of that version.
            "edits": None if is_vote else _write_edits(ruling.edits),
            "shown_digest": request.digest,
            "approved_digest": ruling.approved_digest,
            "assurance": command.assurance,
            "record": json_values.dumps(dict(record)),
            "decided_at": tx.now,
        },
    )
    return decision


def try_vote(tx: Tx, request: Request, command: Decide, ruling: Ruling, record: Mapping[str, Value]) -> str | None:
    """Write an approval while others are missing, or a change of the content, if the request is still as loaded.

    Return the id of the decision, or of the request if the change is no approval; None if the request has changed.
    """
    if ruling.is_new_version:
        assert ruling.approved is not None
        won = tx.write(
            _CHANGE,
            {
                **_as_loaded(tx, request),
                "new_content": json_values.dumps(ruling.approved.as_value()),
                "new_digest": ruling.approved_digest,
            },
        )
    else:
        won = tx.write(_VOTE, _as_loaded(tx, request))
    if not won:
        return None
    if ruling.is_new_version:
        votes.insert_change(tx, request, ruling)
    version = request.content_version + ruling.is_new_version
    return _insert_decision(tx, request, command, ruling, record, version=version) if ruling.counts else request.id


def try_touch(tx: Tx, request: Request) -> bool:
    """Raise the `rev` of a request whose approvers change. Return False if it has changed since it was loaded."""
    return bool(tx.write(_VOTE, _as_loaded(tx, request)))


def _as_loaded(tx: Tx, request: Request) -> dict[str, Any]:
    return {"held": request.id, "seen_rev": request.rev, "now": tx.now}


def try_exclude(tx: Tx, request: Request, person: str, why: str) -> bool:
    """Write that an approver can no longer decide, and why. Return False if it was written before.

    Raises `Conflict` if the request has changed since it was loaded.
    """
    if not tx.write(_EXCLUDE, {"held": request.id, "of": person, "why": why}):
        return False
    if not try_touch(tx, request):
        raise Conflict(f"request {request.id} changed meanwhile")
    return True


def try_expire(tx: Tx, request: Request, state: RequestState) -> bool:
    """Close a request that is past due. Return False if it was decided or has changed since it was loaded."""
    won = tx.write(_CLOSE, {"held": request.id, "seen_rev": request.rev, "now": tx.now, "new_state": state, "by": None})
    if won:
        tx.write(_SETTLE, {"held": request.id})
    return bool(won)


def cancel_requests(tx: Tx, run: str, *, by: str) -> list[str]:
    """Close every open request of a cancelled run, and return their ids."""
    closed = _WITHDRAW.scalars(tx.connection, {"held": run, "now": tx.now, "by": by})
    for request in closed:
        tx.write(_SETTLE, {"held": request})
    return closed


def try_set_deadlines(tx: Tx, request: Request, deadlines: Deadlines) -> bool:
    """Write the clocks of a pending request. Return False if it has changed since it was loaded."""
    columns = {f"new_{name}": value for name, value in deadline_columns.moving(deadlines).items()}
    return bool(tx.write(_SET_DEADLINES, {"held": request.id, "seen_rev": request.rev, **columns}))


def lock(tx: Tx, request: str) -> None:
    """Keep the request as it is until this unit is committed."""
    tx.lock(_LOCK, {"request": request})


def lock_open(tx: Tx, run: str) -> None:
    """Keep the open requests of a run as they are until this unit is committed."""
    tx.lock(_LOCK_OPEN, {"run": run})
