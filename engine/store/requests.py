"""Requests, their approvers and decisions. A decision is one conditional update: exactly one of many wins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, cast

from sqlalchemy import Connection, bindparam, false, insert, literal_column, null, or_, select, true, update

from engine import data
from engine.data import Path, Value
from engine.definition.workflow import FALLBACK_AFTER
from engine.fields import Field
from engine.gate import Asked, Edit, Editable, Opening, Ruling, Subject, next_check
from engine.model import (
    Approver,
    Assurance,
    Decide,
    EmailPolicy,
    OnExpiry,
    Params,
    Person,
    ReasonRequired,
    RequestState,
    ReviewPoint,
)
from engine.plan import Answer
from engine.store import people
from engine.store.prepared import Prepared
from engine.store.tx import Tx
from engine.tables import (
    AddressRow,
    ApproverRow,
    DecisionRow,
    PersonRow,
    RequestRow,
    RunRow,
    WorkflowRow,
    WorkflowVersionRow,
)

_request = RequestRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_version = WorkflowVersionRow.__table__  # type: ignore[attr-defined]
_person = PersonRow.__table__  # type: ignore[attr-defined]
_address = AddressRow.__table__  # type: ignore[attr-defined]

LOAD = select(
    # What nobody looks at is left out: each column of a row costs as much as half a look-up.
    *(column for column in _request.c if column.name not in ("title", "policy", "check_at")),
    _workflow.c.name.label("workflow_name"),
    _version.c.hash.label("workflow_hash"),
).select_from(
    _request.join(_run, _run.c.id == _request.c.run)
    .join(_workflow, _workflow.c.id == _run.c.workflow)
    .join(_version, (_version.c.workflow == _run.c.workflow) & (_version.c.version == _run.c.version))
)
_BY_ID = Prepared(LOAD.where(_request.c.id == bindparam("id")))
_APPROVERS = Prepared(
    select(
        _approver.c.position,
        _approver.c.rule,
        _approver.c.person,
        _person.c.name,
        _address.c.kind,
        _address.c.value,
        _address.c.added_at,
    )
    .select_from(
        _approver.join(_person, _person.c.id == _approver.c.person).join(
            _address, _address.c.person == _approver.c.person, isouter=True
        )
    )
    .where(_approver.c.request == bindparam("request"))
)
_ANSWER = Prepared(
    select(
        _request.c.id,
        _request.c.state,
        _request.c.content,
        _request.c.digest,
        _request.c.on_expiry,
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
_ONE: Final[Any] = literal_column("1")
"""Written into the statement: what is the same each time need not be bound each time."""
_NEW = Prepared(
    insert(_request).values(rev=_ONE, content_version=_ONE, policy=literal_column("'any'"), told_unseen=false())
)
_NEW_APPROVER = Prepared(insert(_approver).values(pending=true()))
_NEW_DECISION = Prepared(insert(_decision))
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
_CLOSE = Prepared(_CLOSED)
_DECIDE = Prepared(_CLOSED.where(or_(_request.c.expires_at.is_(None), _request.c.expires_at > bindparam("now"))))
_WITHDRAW = Prepared(
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
_CLOCKS = Prepared(
    update(_request)
    .where(
        _request.c.id == bindparam("held"),
        _request.c.rev == bindparam("seen_rev"),
        _request.c.state == RequestState.PENDING.value,
    )
    .values(
        rev=_request.c.rev + 1,
        first_shown_at=bindparam("new_shown"),
        told_unseen=bindparam("new_told"),
        expires_at=bindparam("new_expiry"),
        fall_back_at=bindparam("new_fall_back"),
        check_at=bindparam("new_check"),
    )
)
_SETTLE = Prepared(update(_approver).where(_approver.c.request == bindparam("held")).values(pending=false()))
_DUE = Prepared(
    select(_request.c.id)
    .where(_request.c.check_at <= bindparam("now"))
    .order_by(_request.c.check_at)
    .limit(bindparam("limit"))
)


# -- opening ------------------------------------------------------------------------------------------------


def insert_request(
    tx: Tx,
    opening: Opening,
    *,
    request: str,
    workspace: str,
    approvers: Sequence[Approver],
    notes: Sequence[str],
    fall_back_at: datetime | None,
) -> None:
    """Write a request that was opened now, with those who may decide it."""
    subject = opening.subject
    tx.write(
        _NEW,
        {
            "id": request,
            "workspace": workspace,
            "run": subject.run,
            "step": subject.step,
            "visit": subject.visit,
            "at": subject.at,
            "state": RequestState.PENDING,
            "title": opening.title,
            "details": data.dumps(_details(opening, notes)),
            "content": data.dumps(opening.content.as_value()),
            "digest": opening.digest,
            "reason_required": opening.reason_required,
            "expires_after": _microseconds(opening.expires_after),
            "on_expiry": opening.on_expiry,
            "opened_at": tx.now,
            "fall_back_at": fall_back_at,
            "check_at": next_check(
                opened_at=tx.now,
                first_shown_at=None,
                told_unseen=False,
                expires_at=None,
                fall_back_at=fall_back_at,
            ),
        },
    )
    _NEW_APPROVER.write_all(
        tx.connection,
        [
            {"request": request, "person": one.person.id, "position": position, "rule": one.rule}
            for position, one in enumerate(approvers)
        ],
    )


def _microseconds(delta: timedelta | None) -> int | None:
    return None if delta is None else delta // timedelta(microseconds=1)


def _delta(microseconds: Any) -> timedelta | None:
    return None if microseconds is None else timedelta(microseconds=int(microseconds))


def _details(opening: Opening, notes: Sequence[str]) -> dict[str, Value]:
    editable: list[Value] = [{"path": list(one.path), "field": one.field.given} for one in opening.editable]
    full: dict[str, Value] = {
        "reason": opening.reason,
        "show": [list[Value](pair) for pair in opening.show],
        "notes": list[Value](notes),
        "confirm": opening.confirm,
        "approve_label": opening.approve_label,
        "reject_label": opening.reject_label,
        "uses": opening.subject.uses,
        "editable": editable,
        # What nearly every request has is not written down.
        "email": None if opening.email is EmailPolicy.FALLBACK else opening.email,
        "fallback_after": None if opening.fallback_after == FALLBACK_AFTER else _microseconds(opening.fallback_after),
        "assurance": None if opening.assurance is Assurance.CODE else opening.assurance,
    }
    return {name: value for name, value in full.items() if value not in (None, [])}


# -- loading ------------------------------------------------------------------------------------------------


def load_asked(connection: Connection, request: str) -> tuple[Asked, tuple[str, str]] | None:
    """The request as its rules look at it, and the words on its Approve and Reject buttons."""
    row = _BY_ID.one(connection, {"id": request})
    if row is None:
        return None
    found = sorted(_APPROVERS.all(connection, {"request": request}), key=itemgetter(0))
    rules = {one.person: one.rule for one in found}
    known = people.read_people(one[2:] for one in found)
    if row.closed_by and row.closed_by not in known:
        known |= people.load_people(connection, [row.closed_by])
    details = cast("dict[str, Any]", data.loads(row.details))
    return read_asked(row, details, rules, known), (details["approve_label"], details["reject_label"])


def read_asked(row: Any, details: Mapping[str, Any], rules: Mapping[str, str], known: Mapping[str, Person]) -> Asked:
    """From a row of `LOAD`, its unfolded details, who may decide by which rule, and the people named."""
    return Asked(
        id=row.id,
        workspace=row.workspace,
        subject=Subject(
            workflow=row.workflow_name,
            hash=row.workflow_hash,
            run=row.run,
            step=row.step,
            visit=row.visit,
            uses=details["uses"],
            at=ReviewPoint(row.at),
        ),
        state=RequestState(row.state),
        rev=row.rev,
        content_version=row.content_version,
        content=Params.from_value(data.loads(row.content)),
        editable=tuple(
            Editable(tuple(one["path"]), _field(data.dumps(one["field"]))) for one in details.get("editable", ())
        ),
        digest=row.digest,
        approvers=tuple(Approver(known[person], rule) for person, rule in rules.items()),
        reason_required=ReasonRequired(row.reason_required),
        opened_at=row.opened_at,
        first_shown_at=row.first_shown_at,
        told_unseen=row.told_unseen,
        expires_after=_delta(row.expires_after),
        expires_at=row.expires_at,
        on_expiry=OnExpiry(row.on_expiry),
        email=EmailPolicy(details.get("email", EmailPolicy.FALLBACK)),
        fallback_after=_delta(details.get("fallback_after")) or FALLBACK_AFTER,
        fall_back_at=row.fall_back_at,
        assurance=Assurance(details.get("assurance", Assurance.CODE)),
        closed_at=row.closed_at,
        closed_by=known.get(row.closed_by) if row.closed_by else None,
    )


@lru_cache(1024)
def _field(text: str) -> Field:
    """The field of this JSON: there are few, and each request has some of them."""
    return Field.model_validate(data.loads(text))


def load_answer(connection: Connection, *, run: str, step: str, visit: int, at: str) -> Answer | None:
    """The latest request of this visit, with the content as it was decided."""
    rows = _ANSWER.all(connection, {"run": run, "step": step, "visit": visit, "at": at})
    if not rows:
        return None
    row = max(rows, key=itemgetter(0))
    content = Params.from_value(data.loads(row.content))
    if row.edits is not None:
        content = Params(_edited(content.value, row.edits), content.secrets)
    return Answer(
        state=RequestState(row.state),
        content=content,
        digest=row.approved_digest or row.digest,
        on_expiry=OnExpiry(row.on_expiry),
    )


def _edited(value: dict[str, Value], edits: str) -> dict[str, Value]:
    whole: Value = value
    for path, after in read_edits(edits).items():
        whole = data.replace(whole, path, after)
    return cast("dict[str, Value]", whole)


def read_edits(text: str) -> dict[Path, Value]:
    """New values by path, as a decision holds them; what stood there before is in the request."""
    return {tuple(one["path"]): one["after"] for one in cast("list[Any]", data.loads(text))}


def _write_edits(edits: Sequence[Edit]) -> str | None:
    return data.dumps([{"path": list(edit.path), "after": edit.after} for edit in edits]) if edits else None


# -- closing ------------------------------------------------------------------------------------------------


def try_decide(tx: Tx, asked: Asked, command: Decide, ruling: Ruling, record: Mapping[str, Value]) -> str | None:
    """Write the decision, if the request is still as loaded, pending and not past due. Returns the decision's id."""
    won = tx.write(
        _DECIDE,
        {
            "held": asked.id,
            "seen_rev": asked.rev,
            "now": tx.now,
            "new_state": ruling.state,
            "by": ruling.approver.person.id,
        },
    )
    if not won:
        return None
    decision = tx.new_id()
    tx.write(
        _NEW_DECISION,
        {
            "id": decision,
            "workspace": asked.workspace,
            "request": asked.id,
            "content_version": asked.content_version,
            "person": ruling.approver.person.id,
            "verdict": ruling.state,
            "reason": ruling.reason,
            "edits": _write_edits(ruling.edits),
            "shown_digest": asked.digest,
            "approved_digest": ruling.approved_digest,
            "assurance": command.assurance,
            "record": data.dumps(dict(record)),
            "decided_at": tx.now,
        },
    )
    tx.write(_SETTLE, {"held": asked.id})
    return decision


def try_lapse(tx: Tx, asked: Asked, state: RequestState) -> bool:
    """Close a request by the clock. False: somebody was faster."""
    won = tx.write(_CLOSE, {"held": asked.id, "seen_rev": asked.rev, "now": tx.now, "new_state": state, "by": None})
    if won:
        tx.write(_SETTLE, {"held": asked.id})
    return bool(won)


def withdraw(tx: Tx, run: str, *, by: str) -> list[str]:
    """Close every open request of a run that was cancelled; their ids."""
    closed = _WITHDRAW.scalars(tx.connection, {"held": run, "now": tx.now, "by": by})
    for request in closed:
        tx.write(_SETTLE, {"held": request})
    return closed


def try_set_clocks(
    tx: Tx,
    asked: Asked,
    *,
    first_shown_at: datetime | None,
    told_unseen: bool,
    expires_at: datetime | None,
    fall_back_at: datetime | None,
) -> bool:
    """Write when the request was shown, and when what will happen. False: it changed meanwhile."""
    check = next_check(
        opened_at=asked.opened_at,
        first_shown_at=first_shown_at,
        told_unseen=told_unseen,
        expires_at=expires_at,
        fall_back_at=fall_back_at,
    )
    return bool(
        tx.write(
            _CLOCKS,
            {
                "held": asked.id,
                "seen_rev": asked.rev,
                "new_shown": first_shown_at,
                "new_told": told_unseen,
                "new_expiry": expires_at,
                "new_fall_back": fall_back_at,
                "new_check": check,
            },
        )
    )


def due_requests(connection: Connection, now: datetime, limit: int) -> list[str]:
    """Requests whose clock wants to be looked at."""
    return _DUE.scalars(connection, {"now": now, "limit": limit})
