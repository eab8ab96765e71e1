"""The policy of a request, the approvals that count so far, and the changes that made a new version of its content."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import bindparam, func, insert, null, select, update

from engine import json_values
from engine.domain import Approver, Person, PolicyKind, ReasonRequired, RequesterRule, RequestState
from engine.domain.statuses import by_value
from engine.json_values import Path, Value
from engine.requests import ALL_ALLOWED, ANY_ONE, Circle, ContentChange, Edit, Policy, Request, Ruling, Separation, Vote
from engine.store import people
from engine.store.connection import Connection
from engine.store.people_tables import PersonRow
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import ApproverRow, ContentChangeRow, DecisionRow

_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_change = ContentChangeRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_person = PersonRow.__table__  # type: ignore[attr-defined]
_KINDS, _RULES = by_value(PolicyKind), by_value(RequesterRule)
GUARD: Final = "counted:"
"""Stands before `reason_required` of a request that needs several approvals.

A version of Signoff that knows no policies would close it with the first one. It cannot read this word, so it fails
instead, while processes are replaced one by one.
"""

_VOTES = Statement(
    select(func.coalesce(_person.c.joined_into, _decision.c.person).label("person"), _decision.c.decided_at)
    .add_columns(_decision.c.reason)
    .select_from(_decision.join(_person, _person.c.id == _decision.c.person))
    .where(
        _decision.c.request == bindparam("request"),
        _decision.c.content_version == bindparam("version"),
        _decision.c.verdict == RequestState.APPROVED.value,
    )
    .order_by(_decision.c.id)
)
_CHANGES = Statement(
    select(
        func.coalesce(_person.c.joined_into, _change.c.person).label("person"),
        *(_change.c[name] for name in ("version", "changed_at", "edits")),
    )
    .select_from(_change.join(_person, _person.c.id == _change.c.person))
    .where(_change.c.request == bindparam("request"))
    .order_by(_change.c.version)
)
_EDITS = Statement(select(_change.c.edits).where(_change.c.request == bindparam("request")).order_by(_change.c.version))
_NEW_CHANGE = Statement(insert(_change))
_SET_PENDING = Statement(
    update(_approver)
    .where(_approver.c.request == bindparam("held"), _approver.c.person == bindparam("of"))
    .values(pending=bindparam("is_asked"))
)
_HAND_ON = Statement(
    update(_approver)
    .where(
        _approver.c.request == bindparam("held"),
        _approver.c.person == bindparam("of"),
        _approver.c.handed_to.is_(None),
    )
    .values(pending=False, handed_to=bindparam("to"))
)
_TAKE_BACK = Statement(
    update(_approver)
    .where(_approver.c.request == bindparam("held"), _approver.c.person == bindparam("of"))
    .values(handed_to=null())
)
_SET_GROUPS = Statement(
    update(_approver)
    .where(_approver.c.request == bindparam("held"), _approver.c.person == bindparam("of"))
    .values(chain_groups=bindparam("new_groups"))
)


# -- the policy and the rule of separation, as columns and details -------------------------------------------


def columns(policy: Policy, reason_required: ReasonRequired) -> dict[str, Any]:
    """Return the columns of a request that needs several approvals; none for any other."""
    if not policy.counts_votes:
        return {}
    return {"policy": f"{policy.kind}:{policy.needed}", "reason_required": f"{GUARD}{reason_required}"}


def read_policy(text: str) -> Policy:
    """Return the policy that `columns` wrote."""
    if text == PolicyKind.ANY:
        return ANY_ONE
    kind, _, needed = text.partition(":")
    return Policy(kind=_KINDS[kind], needed=int(needed))


def details(circle: Circle) -> dict[str, Value]:
    """Return the values for `details` about who was left out."""
    return {"left_out": circle.left_out.person.label} if circle.left_out is not None else {}


def separation_details(separation: Separation) -> dict[str, Value]:
    """Return the values for `details`. The rule is always written: a request without one is of an older version."""
    barred: dict[str, Value] = {"barred": list[Value](separation.barred)} if separation.barred else {}
    return {"separation": {"requester": separation.requester, "editor": separation.editor, **barred}}


def read_separation(details: Mapping[str, Any]) -> Separation:
    """Return the rule that `separation_details` wrote.

    A version of Signoff that knew no such rules asked requesters too, so they may decide what it opened.
    """
    stored = details.get("separation")
    if stored is None:
        return ALL_ALLOWED
    barred = tuple(stored.get("barred", ()))
    return Separation(requester=_RULES[stored["requester"]], editor=stored["editor"], barred=barred)


# -- approvals and changes ----------------------------------------------------------------------------------


def load_votes(connection: Connection, request: str, version: int, persons: Mapping[str, Person]) -> tuple[Vote, ...]:
    """Return the approvals of a version of the content, the oldest first."""
    rows = _VOTES.all(connection, {"request": request, "version": version})
    first = {row.person: row for row in reversed(rows)}
    # Two persons who approved may have turned out to be one human.
    by_time = sorted(first.items(), key=lambda vote: vote[1].decided_at)
    return tuple(Vote(persons[person], row.decided_at, row.reason) for person, row in by_time)


def load_changes(connection: Connection, request: str, persons: Mapping[str, Person]) -> tuple[ContentChange, ...]:
    """Return the changes that made new versions of the content, the oldest first."""
    rows = _CHANGES.all(connection, {"request": request})
    missing = [row.person for row in rows if row.person not in persons]
    known = {**persons, **(people.load_people(connection, missing) if missing else {})}
    return tuple(ContentChange(row.version, known[row.person], row.changed_at, _edits(row.edits)) for row in rows)


def load_values_before(connection: Connection, request: str) -> dict[Path, Value]:
    """Return the values that a request opened with, by the paths that people changed since."""
    rows = _EDITS.scalars(connection, {"request": request})
    return {edit.path: edit.before for text in reversed(rows) for edit in _edits(text)}


def load_new_values(connection: Connection, request: str) -> dict[Path, Value]:
    """Return what people changed in a request while approvals were missing, by path."""
    before = load_values_before(connection, request)
    rows = _EDITS.scalars(connection, {"request": request})
    after = {edit.path: edit.after for text in rows for edit in _edits(text)}
    return {path: value for path, value in after.items() if value != before[path]}


def _edits(text: str) -> tuple[Edit, ...]:
    return tuple(Edit.from_value(stored) for stored in cast("list[Any]", json_values.loads(text)))


def change_of(request: Request, ruling: Ruling, at: datetime) -> ContentChange:
    """Return what a ruling changes in the content of a request."""
    return ContentChange(request.content_version + 1, ruling.approver.person, at, ruling.edits)


def insert_change(tx: Tx, request: Request, ruling: Ruling) -> None:
    """Write what a person changed, with the values before and after."""
    tx.write(
        _NEW_CHANGE,
        {
            "request": request.id,
            "version": request.content_version + 1,
            "person": ruling.approver.person.id,
            "edits": json_values.dumps([edit.as_value() for edit in ruling.edits]),
            "digest": ruling.approved_digest,
            "changed_at": tx.now,
        },
    )


# -- whose turn it is ---------------------------------------------------------------------------------------


def set_asked(tx: Tx, request: str, persons: Collection[str], *, is_asked: bool) -> None:
    """Put the request into the inbox of these people, or take it out of it."""
    for person in persons:
        tx.write(_SET_PENDING, {"held": request, "of": person, "is_asked": is_asked})


def try_hand_on(tx: Tx, request: str, approver: Approver, to: Person) -> bool:
    """Write that another person decides in the place of this approver. Return False if it was handed on before."""
    return bool(tx.write(_HAND_ON, {"held": request, "of": approver.person.id, "to": to.label}))


def take_back(tx: Tx, request: str, approver: Approver) -> None:
    """Write that an approver who handed their place on decides again."""
    tx.write(_TAKE_BACK, {"held": request, "of": approver.person.id})


def set_groups(tx: Tx, request: str, approver: Approver) -> None:
    """Write the groups of a chain that an approver belongs to."""
    groups = json_values.dumps(list[Value](approver.groups))
    tx.write(_SET_GROUPS, {"held": request, "of": approver.person.id, "new_groups": groups})
