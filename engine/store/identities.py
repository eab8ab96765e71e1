"""The owner of an address: the account that the directory names for it now. Every change is in the audit log.

Two persons who each have an account are never joined. An address that moves takes nothing with it but itself.
A change is rare and concerns all that names a person, so it is made while no other unit runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlalchemy import bindparam, update

from engine import json_values
from engine.audit_entries import EntryKind
from engine.domain import Address, Person
from engine.json_values import Value
from engine.ports import DirectoryPerson
from engine.store import address_changes, joined_people, people
from engine.store.people_tables import PersonRow
from engine.store.port import Tx
from engine.store.statements import Statement

_person = PersonRow.__table__  # type: ignore[attr-defined]

_UPDATE = Statement(
    update(_person)
    .where(_person.c.id == bindparam("held"))
    .values(name=bindparam("new_name"), zone=bindparam("new_zone"))
)


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
            address_changes.revoke_browsers(tx, holder.id, email)
            address_changes.record(tx, workspace, EntryKind.PERSON_ACCOUNT_FOUND, holder.id, account, evidence)
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
            address_changes.take(tx, workspace, email, person.id, why=why)
            address_changes.record(tx, workspace, EntryKind.PERSON_ADDRESS_ENDED, person.id, email, why)


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
        address_changes.record(tx, workspace, EntryKind.PERSON_ADDRESS_GIVEN, person.id, email, evidence)
    elif holder.account is None and (joined or alone):
        moved = joined_people.join(tx, workspace, holder.id, into=person.id)
        address_changes.take(tx, workspace, email, holder.id, why=evidence)
        people.give_address(tx, workspace, email, person.id, evidence=evidence, moved=moved)
        address_changes.record(tx, workspace, EntryKind.PERSON_JOINED, person.id, email, evidence, holder.id, moved)
    else:
        address_changes.take(tx, workspace, email, holder.id, why=evidence)
        shared = joined_people.count_together(tx, workspace, holder.id, into=person.id) if joined else {}
        people.give_address(tx, workspace, email, person.id, evidence=evidence, moved=shared)
        address_changes.record(tx, workspace, EntryKind.PERSON_ADDRESS_TAKEN, person.id, email, evidence, holder.id)
    joined_people.part(tx, person.id)


def undo(tx: Tx, workspace: str, address: Address, *, actor: Person) -> tuple[str, str | None] | None:
    """Take the address from its person, and give it back to the one before, with everything that moved with it.

    Returns the ids of both persons, or None if no person has it now. The second id is None if no person had it before.
    """
    tx.work_alone()
    periods = address_changes.load_periods(tx, workspace, address)
    current = next((period for period in periods if period.until is None), None)
    if current is None:
        return None
    tx.memory.forget()
    before = next((period.person for period in periods if period.person != current.person), None)
    why = f"{actor.label} undid it."
    address_changes.take(tx, workspace, address, current.person, why=why)
    if before is not None:
        people.give_address(tx, workspace, address, before, evidence=why)
        joined_people.part(tx, before)
        if current.moved is not None:
            joined_people.move(
                tx, cast("dict[str, Value]", json_values.loads(current.moved)), current.person, into=before
            )
    address_changes.record(
        tx, workspace, EntryKind.PERSON_UNDONE, before or current.person, address, why, current.person, actor=actor.id
    )
    return current.person, before
