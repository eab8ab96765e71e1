"""The owner of an address: the account that the directory names for it now. Every change is in the audit log.

Two persons who each have an account are never joined. An address that moves takes nothing with it but itself.
A change is rare and concerns all that names a person, so it is made while no other unit runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from sqlalchemy import (
    bindparam,
    delete,
    exists,
    false,
    func,
    insert,
    literal,
    literal_column,
    null,
    or_,
    select,
    update,
)

from engine import json_values
from engine.audit_entries import EntryKind, entry
from engine.domain import Address, Person, PolicyKind, RequestState, Work
from engine.domain.people import ACCOUNT
from engine.domain.statuses import DeliveryKind
from engine.json_values import Value
from engine.ports import DirectoryPerson
from engine.store import absences, deliveries, people, questions
from engine.store.people_tables import AddressPeriodRow, AddressRow, BrowserRow, ChallengeRow, LinkRow, PersonRow
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import ApproverRow, DecisionRow, DeliveryRow, RequestRow, RunRow, WorkflowRow

_person = PersonRow.__table__  # type: ignore[attr-defined]
_address = AddressRow.__table__  # type: ignore[attr-defined]
_period = AddressPeriodRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_link = LinkRow.__table__  # type: ignore[attr-defined]
_browser = BrowserRow.__table__  # type: ignore[attr-defined]
_challenge = ChallengeRow.__table__  # type: ignore[attr-defined]
_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]
_workflow = WorkflowRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]

_BY_UPGRADE: Final = "An older version took two accounts for one person, and they were separated."

# -- statements ---------------------------------------------------------------------------------------------


def _is(table: Any) -> Any:
    """Return the condition that a row is about one address."""
    return (
        (table.c.workspace == bindparam("in_workspace"))
        & (table.c.kind == bindparam("of_kind"))
        & (table.c.value == bindparam("held"))
    )


_UPDATE = Statement(
    update(_person)
    .where(_person.c.id == bindparam("held"))
    .values(name=bindparam("new_name"), zone=bindparam("new_zone"))
)
_DROP = Statement(delete(_address).where(_is(_address)))
_END = Statement(
    update(_period)
    .where(_is(_period), _period.c.until.is_(None))
    .values(until=bindparam("now"), ended=bindparam("why"))
)
_BY: Final[dict[str, Any]] = {"of": bindparam("of"), "at": bindparam("at_address"), "now": bindparam("now")}
_OF_WAITING = _link.c.request.in_(
    select(_approver.c.request).where(_approver.c.person == _BY["of"], _approver.c.pending)
)
"""Links to requests that still wait, found by index. Those to closed ones show nothing once the address is gone."""
_REVOKE_LINKS = Statement(
    update(_link)
    .where(_OF_WAITING, _link.c.person == _BY["of"], _link.c.address == _BY["at"], _link.c.revoked_at.is_(None))
    .values(revoked_at=_BY["now"])
)
_REVOKE_BROWSERS = Statement(
    update(_browser)
    .where(_browser.c.person == _BY["of"], _browser.c.address == _BY["at"], _browser.c.revoked_at.is_(None))
    .values(revoked_at=_BY["now"])
)
_LAPSE_CODES = Statement(
    update(_challenge)
    .where(
        _challenge.c.person == _BY["of"],
        _challenge.c.workspace == bindparam("in_workspace"),
        _challenge.c.address == _BY["at"],
        _challenge.c.used_at.is_(None),
        _challenge.c.expires_at > _BY["now"],
    )
    .values(expires_at=_BY["now"])
)
_MOVE_LINKS = Statement(update(_link).where(_OF_WAITING, _link.c.person == _BY["of"]).values(person=bindparam("into")))
_WAITING = Statement(select(_approver.c.request).where(_approver.c.person == _BY["of"], _approver.c.pending))
_asked = _approver.alias("asked")
_MOVE_APPROVAL = Statement(
    update(_approver)
    .where(
        _approver.c.request == bindparam("held"),
        _approver.c.person == _BY["of"],
        _approver.c.pending,
        ~exists().where(_asked.c.request == _approver.c.request, _asked.c.person == bindparam("into")),
    )
    .values(person=bindparam("into"))
)
_DROP_APPROVAL = Statement(
    delete(_approver).where(
        _approver.c.request == bindparam("held"), _approver.c.person == _BY["of"], _approver.c.pending
    )
)
_COUNTED = Statement(
    select(_request.c.id, _request.c.run)
    .select_from(_request.join(_approver, _approver.c.request == _request.c.id))
    .where(
        _approver.c.person == _BY["of"],
        _request.c.state == RequestState.PENDING.value,
        _request.c.policy != PolicyKind.ANY.value,
    )
)
"""Open requests that need several approvals, where a person is an approver, whether they have approved or not."""
_HAS_APPROVED = exists().where(
    _decision.c.request == bindparam("held"),
    _decision.c.person == _BY["of"],
    _decision.c.content_version == _request.c.content_version,
    _request.c.id == bindparam("held"),
)
_SETTLE_APPROVED = Statement(
    update(_approver)
    .where(_approver.c.request == bindparam("held"), _approver.c.person == bindparam("into"), _HAS_APPROVED)
    .values(pending=false())
)
_MOVE_COUNTED = Statement(
    update(_approver)
    .where(
        _approver.c.request == bindparam("held"),
        _approver.c.person == _BY["of"],
        ~exists().where(_asked.c.request == _approver.c.request, _asked.c.person == bindparam("into")),
    )
    .values(person=bindparam("into"))
)
_DROP_COUNTED = Statement(
    delete(_approver).where(_approver.c.request == bindparam("held"), _approver.c.person == _BY["of"])
)
_RECOUNT = Statement(
    update(_request)
    .where(_request.c.id == bindparam("held"))
    .values(rev=_request.c.rev + literal_column("1"), check_at=_BY["now"])
)
_JOIN_INTO = Statement(
    update(_person)
    .where(or_(_person.c.id == _BY["of"], _person.c.joined_into == _BY["of"]))
    .values(joined_into=bindparam("into"))
)
_PART = Statement(update(_person).where(_person.c.id == _BY["of"]).values(joined_into=None))
_OWNED = Statement(select(_workflow.c.id).where(_workflow.c.owner == _BY["of"]))
_MOVE_WORKFLOW = Statement(
    update(_workflow)
    .where(_workflow.c.id == bindparam("held"), _workflow.c.owner == _BY["of"])
    .values(owner=bindparam("into"))
)
_STARTED = Statement(
    select(_run.c.id).where(
        _run.c.workspace == bindparam("in_workspace"), _run.c.requester == _BY["of"], _run.c.ended_at.is_(None)
    )
)
_MOVE_RUN = Statement(
    update(_run)
    .where(_run.c.id == bindparam("held"), _run.c.requester == _BY["of"], _run.c.ended_at.is_(None))
    .values(requester=bindparam("into"))
)
_MOVES: Final = {"requests": _MOVE_APPROVAL, "workflows": _MOVE_WORKFLOW, "runs": _MOVE_RUN, **questions.MOVES}
_PERIODS = Statement(select(_period).where(_is(_period)).order_by(_period.c.since.desc(), _period.c.id.desc()))
_JOINED = Statement(
    select(_address.c.person)
    .where(_address.c.workspace == bindparam("workspace"), _address.c.kind == ACCOUNT)
    .group_by(_address.c.person)
    .having(func.count() > literal_column("1"))
)
_ALSO_ASKED = Statement(
    insert(_approver).from_select(
        ["request", "person", "position", "rule", "pending", "named_by", "excluded"],
        select(
            _asked.c.request,
            bindparam("into"),
            _asked.c.position,
            _asked.c.rule,
            literal(True),
            _asked.c.named_by,
            null(),
        ).where(
            _asked.c.person == _BY["of"],
            _asked.c.pending,
            exists().where(
                _delivery.c.request == _asked.c.request,
                _delivery.c.kind == DeliveryKind.REQUEST.value,
                _delivery.c.channel == ACCOUNT,
                _delivery.c.address == bindparam("account"),
            ),
        ),
    )
)


# -- answers of the directory -------------------------------------------------------------------------------


def adopt(tx: Tx, workspace: str, directory_person: DirectoryPerson) -> Person:
    """Return the person that the directory means, with exactly the addresses that it names for them now."""
    person = people.find_unchanged(tx, workspace, directory_person)
    if person is not None:
        return person  # nearly always: nothing has changed
    tx.work_alone()
    account = directory_person.account
    emails = [
        Address(address.kind, address.value.lower())
        for address in directory_person.addresses
        if address.kind == "email"
    ]
    if account is not None:
        person = _with_account(tx, workspace, account, emails, directory_person.name)
        _with_emails(tx, workspace, person, account, emails, joined=directory_person.joined)
    elif directory_person.joined:
        person = _without_account(tx, workspace, emails, directory_person.name)
    else:
        person = people.need_person(tx, workspace, directory_person.addresses[0], name=directory_person.name)
    name, zone = directory_person.name or person.name, directory_person.zone or person.zone
    if (name, zone) != (person.name, person.zone):
        tx.write(_UPDATE, {"held": person.id, "new_name": name, "new_zone": zone})
    tx.memory.forget()
    return people.load_people(tx.connection, [person.id])[person.id]


def _with_account(tx: Tx, workspace: str, account: Address, emails: Sequence[Address], name: str) -> Person:
    """Return the person of the account: known by it, or only by one of its email addresses, or new."""
    person = people.find_person(tx.connection, workspace, account)
    if person is not None:
        return person
    evidence = f"The directory named the account {account.value}."
    for email in emails:
        holder = people.find_person(tx.connection, workspace, email)
        if holder is not None and holder.account is None:
            evidence = f"The directory named the account {account.value} for {email}."
            people.give_address(tx, workspace, account, holder.id, evidence=evidence)
            # Another human may read the address now, so browsers have to prove it again.
            _revoke(tx, _REVOKE_BROWSERS, holder.id, email)
            _record(tx, workspace, EntryKind.PERSON_ACCOUNT_FOUND, holder.id, account, evidence)
            return people.load_people(tx.connection, [holder.id])[holder.id]
    person_id = people.insert_person(tx, workspace, name=name)
    people.give_address(tx, workspace, account, person_id, evidence=evidence)
    return people.load_people(tx.connection, [person_id])[person_id]


def _without_account(tx: Tx, workspace: str, emails: Sequence[Address], name: str) -> Person:
    """Return the person of all these addresses, as the operator joined them: known by one of them, or new."""
    holders = [people.find_person(tx.connection, workspace, email) for email in emails]
    known = [holder for holder in holders if holder is not None]
    person = next((holder for holder in known if holder.account), None) or next(iter(known), None)
    if person is None:
        person = people.need_person(tx, workspace, emails[0], name=name)
    for email in emails:
        if email not in person.addresses:
            evidence = f"The directory named {' and '.join(map(str, emails))} as addresses of one person."
            _bring(tx, workspace, email, person, evidence=evidence, joined=True)
    return person


def _with_emails(
    tx: Tx, workspace: str, person: Person, account: Address, emails: Sequence[Address], *, joined: bool
) -> None:
    """Give the person the addresses that the directory names for the account, and take away all others.

    `joined`: what waits for a person with one of these addresses passes to this person.
    """
    present = [address for address in person.addresses if address.kind == "email"]
    for email in emails:
        if email not in present:
            evidence = f"The directory named {email} as an address of the account {account.value}."
            _bring(tx, workspace, email, person, evidence=evidence, joined=joined, alone=not present)
    for email in present if emails else ():
        if email not in emails:
            why = f"The directory names {', '.join(map(str, emails))} for the account {account.value} now."
            _take(tx, workspace, email, person.id, why=why)
            _record(tx, workspace, EntryKind.PERSON_ADDRESS_ENDED, person.id, email, why)


def _bring(
    tx: Tx, workspace: str, email: Address, person: Person, *, evidence: str, joined: bool, alone: bool = False
) -> None:
    """Give an address to a person, and take it from the present one.

    `joined`: the operator says that both are one human. `alone`: the person had no address but the account. In both
    cases a person without an account joins this one. One with an account keeps it, and only duties count together.
    """
    holder = people.find_person(tx.connection, workspace, email)
    if holder is None:
        people.give_address(tx, workspace, email, person.id, evidence=evidence)
        _record(tx, workspace, EntryKind.PERSON_ADDRESS_GIVEN, person.id, email, evidence)
    elif holder.account is None and (joined or alone):
        moved = _join(tx, workspace, holder.id, into=person.id)
        _take(tx, workspace, email, holder.id, why=evidence)
        people.give_address(tx, workspace, email, person.id, evidence=evidence, moved=moved)
        _record(tx, workspace, EntryKind.PERSON_JOINED, person.id, email, evidence, holder.id, moved)
    else:
        _take(tx, workspace, email, holder.id, why=evidence)
        shared = _count_together(tx, workspace, holder.id, into=person.id) if joined else {}
        people.give_address(tx, workspace, email, person.id, evidence=evidence, moved=shared)
        _record(tx, workspace, EntryKind.PERSON_ADDRESS_TAKEN, person.id, email, evidence, holder.id)
    tx.write(_PART, {"of": person.id})


def _take(tx: Tx, workspace: str, address: Address, person: str, *, why: str) -> None:
    """Take the address from the person, and revoke everything that it proved for them."""
    key = {"in_workspace": workspace, "of_kind": address.kind, "held": address.value}
    tx.write(_DROP, key)
    tx.write(_END, {**key, "now": tx.now, "why": why})
    for statement in (_REVOKE_LINKS, _REVOKE_BROWSERS):
        _revoke(tx, statement, person, address)
    tx.write(_LAPSE_CODES, {"in_workspace": workspace, "of": person, "at_address": address.value, "now": tx.now})


def _revoke(tx: Tx, statement: Statement, person: str, address: Address) -> None:
    tx.write(statement, {"of": person, "at_address": address.value, "now": tx.now})


def _join(tx: Tx, workspace: str, person: str, *, into: str) -> dict[str, Value]:
    """Move what waits for a person without an account to the other person; decisions keep the person that they name."""
    tx.write(_MOVE_LINKS, {"of": person, "into": into})
    absences.move_absences(tx, person, into=into)
    runs = _count_together(tx, workspace, person, into=into)
    moved: dict[str, Value] = {
        "requests": list(_WAITING.scalars(tx.connection, {"of": person})),
        "workflows": list(_OWNED.scalars(tx.connection, {"of": person})),
        **{
            name: list(open_.scalars(tx.connection, {"of": person})) for name, open_ in questions.OPEN_OF_PERSON.items()
        },
    }
    _move(tx, moved, person, into=into)
    return {**{name: ids for name, ids in moved.items() if ids}, **runs}


def _count_together(tx: Tx, workspace: str, person: str, *, into: str) -> dict[str, Value]:
    """Let both be one requester, and one approver of each request that needs several approvals. Return what moved.

    Otherwise one human could give two of the approvals, or approve what they started.
    """
    tx.write(_JOIN_INTO, {"of": person, "into": into})
    for request, run in _COUNTED.all(tx.connection, {"of": person}):
        row = {"held": request, "of": person, "into": into}
        for statement in (_SETTLE_APPROVED, _MOVE_COUNTED, _DROP_COUNTED):
            tx.write(statement, row)
        tx.write(_RECOUNT, {"held": request, "now": tx.now})
        deliveries.mark_outdated(tx, run, request)
        tx.enqueue(Work("process_due", request))
    runs = list[Value](_STARTED.scalars(tx.connection, {"in_workspace": workspace, "of": person}))
    moved: dict[str, Value] = {"runs": runs} if runs else {}
    _move(tx, moved, person, into=into)
    return moved


def _move(tx: Tx, moved: dict[str, Value], person: str, *, into: str) -> None:
    for name, statement in _MOVES.items():
        for row_id in cast("list[str]", moved.get(name, [])):
            tx.write(statement, {"held": row_id, "of": person, "into": into})
            if name == "requests":
                tx.write(_DROP_APPROVAL, {"held": row_id, "of": person})


def _record(
    tx: Tx,
    workspace: str,
    kind: EntryKind,
    person: str,
    address: Address,
    evidence: str,
    before: str | None = None,
    moved: dict[str, Value] | None = None,
    actor: str | None = None,
) -> None:
    content: dict[str, Value] = {"person": person, "address": str(address), "evidence": evidence}
    if before is not None:
        content["before"] = before
    if moved:
        content["moved"] = moved
    tx.audit(workspace, entry(kind, actor=actor, content=content))


# -- undo by an admin ---------------------------------------------------------------------------------------


def undo(tx: Tx, workspace: str, address: Address, *, actor: Person) -> tuple[str, str | None] | None:
    """Take the address from its person, and give it back to the one before, with everything that moved with it.

    Returns the ids of both persons, or None if no person has it now. The second id is None if no person had it before.
    """
    tx.work_alone()
    key = {"in_workspace": workspace, "of_kind": address.kind, "held": address.value}
    periods = _PERIODS.all(tx.connection, key)
    current = next((period for period in periods if period.until is None), None)
    if current is None:
        return None
    tx.memory.forget()
    before = next((period.person for period in periods if period.person != current.person), None)
    why = f"{actor.label} undid it."
    _take(tx, workspace, address, current.person, why=why)
    if before is not None:
        people.give_address(tx, workspace, address, before, evidence=why)
        tx.write(_PART, {"of": before})
        if current.moved is not None:
            _move(tx, cast("dict[str, Value]", json_values.loads(current.moved)), current.person, into=before)
    _record(
        tx, workspace, EntryKind.PERSON_UNDONE, before or current.person, address, why, current.person, actor=actor.id
    )
    return current.person, before


def separate(tx: Tx, workspace: str) -> int:
    """Separate persons with several accounts, which older versions made, and return how many there were.

    The person keeps the first account. Which addresses belong to which account is unknown until the directory names
    them again, so they belong to no person until then.
    """
    joined = _JOINED.scalars(tx.connection, {"workspace": workspace})
    if joined:
        tx.work_alone()
    for person in people.load_people(tx.connection, joined).values():
        tx.memory.forget()
        accounts = [address for address in person.addresses if address.kind == ACCOUNT]
        for address in person.addresses:
            if address.kind == "email":
                _take(tx, workspace, address, person.id, why=_BY_UPGRADE)
                _record(tx, workspace, EntryKind.PERSON_ADDRESS_ENDED, person.id, address, _BY_UPGRADE)
        for account in accounts[1:]:
            _take(tx, workspace, account, person.id, why=_BY_UPGRADE)
            other = people.insert_person(tx, workspace, name="", split_from=person.id)
            people.give_address(tx, workspace, account, other, evidence=_BY_UPGRADE)
            tx.write(_ALSO_ASKED, {"of": person.id, "into": other, "account": account.value})
            _record(tx, workspace, EntryKind.PERSON_SEPARATED, other, account, _BY_UPGRADE, person.id)
    return len(joined)
