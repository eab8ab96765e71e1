"""Persons and their addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import bindparam, insert, select, update

from engine import json_values
from engine.domain import AT_ONCE, Address, Person, Preferences
from engine.domain.people import ACCOUNT
from engine.json_values import Value
from engine.ports import DirectoryPerson
from engine.store.connection import Connection
from engine.store.people_tables import AddressPeriodRow, AddressRow, PersonRow
from engine.store.port import Tx
from engine.store.statements import Statement

_person = PersonRow.__table__  # type: ignore[attr-defined]
_address = AddressRow.__table__  # type: ignore[attr-defined]
_period = AddressPeriodRow.__table__  # type: ignore[attr-defined]
_match = _address.alias("match")
_COLUMNS = (
    *(_person.c.id, _person.c.name, _person.c.zone, _person.c.preferences),
    *(_address.c.kind, _address.c.value, _address.c.added_at),
)
"""What `read_people` reads."""

_BY_ADDRESS = Statement(
    select(*_COLUMNS)
    .select_from(
        _match.join(_person, _person.c.id == _match.c.person).join(_address, _address.c.person == _person.c.id)
    )
    .where(
        _match.c.workspace == bindparam("workspace"),
        _match.c.kind == bindparam("kind"),
        _match.c.value == bindparam("value"),
    )
)
_NEW_PERSON = Statement(insert(_person))
_NEW_ADDRESS = Statement(insert(_address))
_NEW_PERIOD = Statement(insert(_period))
_REFUSED = Statement(
    update(_address)
    .where(
        _address.c.workspace == bindparam("in_workspace"),
        _address.c.kind == bindparam("of_kind"),
        _address.c.value == bindparam("held"),
    )
    .values(refused_at=bindparam("at"), refused_why=bindparam("why"))
)
_SET_PREFERENCES = Statement(
    update(_person).where(_person.c.id == bindparam("held")).values(preferences=bindparam("new"))
)
_RENAME = Statement(update(_person).where(_person.c.id == bindparam("held")).values(name=bindparam("new")))
read_preferences = msgspec.json.Decoder(Preferences).decode
_write_preferences = msgspec.json.Encoder().encode


@lru_cache(256)
def _by_ids(count: int) -> Statement:
    """Return the statement for this number of ids, `id0` and so on."""
    return Statement(
        select(*_COLUMNS)
        .select_from(_person.join(_address, _address.c.person == _person.c.id, isouter=True))
        .where(_person.c.id.in_([bindparam(f"id{at}", type_=_person.c.id.type) for at in range(count)]))
    )


@lru_cache(32)
def _by_addresses(count: int) -> Statement:
    """Return the statement for this number of addresses of one kind, `a0` and so on."""
    return Statement(
        select(*_COLUMNS)
        .select_from(
            _match.join(_person, _person.c.id == _match.c.person).join(_address, _address.c.person == _person.c.id)
        )
        .where(
            _match.c.workspace == bindparam("workspace"),
            _match.c.kind == bindparam("kind"),
            _match.c.value.in_([bindparam(f"a{at}", type_=_match.c.value.type) for at in range(count)]),
        )
    )


def load_by_accounts(connection: Connection, workspace: str, accounts: Sequence[str]) -> dict[str, Person]:
    """Return the people with a known name by their account."""
    return _load_by_addresses(connection, workspace, ACCOUNT, accounts)


def load_by_emails(connection: Connection, workspace: str, emails: Sequence[str]) -> dict[str, Person]:
    """Return the people with a known name by their email address, as it is written here."""
    keys = {email: _key(Address("email", email)) for email in emails}
    persons = _load_by_addresses(connection, workspace, "email", [*dict.fromkeys(keys.values())])
    return {email: persons[key] for email, key in keys.items() if key in persons}


def _load_by_addresses(
    connection: Connection, workspace: str, kind: str, addresses: Sequence[str]
) -> dict[str, Person]:
    params = {f"a{at}": address for at, address in enumerate(addresses)}
    rows = _by_addresses(len(params)).all(connection, {"workspace": workspace, "kind": kind, **params})
    named = [person for person in read_people(rows).values() if person.name]
    return {address.value: person for person in named for address in person.addresses if address.kind == kind}


def remember_by_accounts(tx: Tx, workspace: str, accounts: Sequence[str]) -> None:
    """Let the unit of work remember the people with many accounts, which are read by one statement."""
    keys = {account: (workspace, Address(ACCOUNT, account)) for account in accounts}
    missing = [account for account, key in keys.items() if tx.memory.get(key) is None]
    for account, person in (load_by_accounts(tx.connection, workspace, missing) if missing else {}).items():
        tx.memory.keep(keys[account], person)


def find_by_address(persons: Iterable[Person], address: Address) -> Person | None:
    """Return the one of them who has the address, or None."""
    normalized = Address(address.kind, _key(address))
    return next((person for person in persons if normalized in person.addresses), None)


def find_person(connection: Connection, workspace: str, address: Address) -> Person | None:
    """Return the person that the address belongs to, or None."""
    rows = _BY_ADDRESS.all(connection, {"workspace": workspace, "kind": address.kind, "value": _key(address)})
    return next(iter(read_people(rows).values()), None)


def find_person_cached(tx: Tx, workspace: str, address: Address) -> Person | None:
    """Do as `find_person` in a unit of work, which remembers the result."""
    key = (workspace, address)
    person: Person | None = tx.memory.get(key)
    if person is None:
        person = find_person(tx.connection, workspace, address)
        if person is not None:
            tx.memory.keep(key, person)
    return person


def need_person(tx: Tx, workspace: str, address: Address, *, name: str = "", evidence: str = "") -> Person:
    """Return the person with the address. If there is none, create one."""
    known = find_person_cached(tx, workspace, address)
    if known is not None:
        return known
    person = insert_person(tx, workspace, name=name)
    give_address(
        tx, workspace, address, person, evidence=evidence or "It was named or used here, and belonged to no person."
    )
    return Person(person, name, (Address(address.kind, _key(address)),))


def insert_person(tx: Tx, workspace: str, *, name: str, split_from: str | None = None) -> str:
    """Write a person without an address, and return the id."""
    person = tx.new_id()
    row = {"id": person, "workspace": workspace, "name": name, "created_at": tx.now, "split_from": split_from}
    tx.write(_NEW_PERSON, row)
    return person


def give_address(
    tx: Tx, workspace: str, address: Address, person: str, *, evidence: str, moved: Mapping[str, Value] | None = None
) -> None:
    """Write that an unowned address belongs to this person from now on, with the evidence."""
    row = {"workspace": workspace, "kind": address.kind, "value": _key(address), "person": person}
    tx.write(_NEW_ADDRESS, {**row, "added_at": tx.now})
    moved_json = json_values.dumps(dict(moved)) if moved else None
    tx.write(_NEW_PERIOD, {**row, "id": tx.new_id(), "since": tx.now, "evidence": evidence, "moved": moved_json})


def find_unchanged(tx: Tx, workspace: str, directory_person: DirectoryPerson) -> Person | None:
    """Return the person that the directory means, or None if the tables differ from the directory."""
    person = find_person_cached(tx, workspace, directory_person.addresses[0])
    if person is None or directory_person.name not in ("", person.name):
        return None
    if directory_person.zone not in (None, person.zone):
        return None
    keys = {Address(address.kind, _key(address)) for address in directory_person.addresses}
    if not keys.issubset(person.addresses):
        return None
    emails = {address for address in keys if address.kind == "email"}
    names_both = emails and any(address.kind == ACCOUNT for address in keys)
    return (
        None
        if names_both and any(address.kind == "email" and address not in emails for address in person.addresses)
        else person
    )


def mark_address(tx: Tx, workspace: str, address: Address, *, refused: str | None) -> None:
    """Record why an address refuses deliveries, or with None that it takes them."""
    tx.write(
        _REFUSED,
        {
            "in_workspace": workspace,
            "of_kind": address.kind,
            "held": _key(address),
            "at": tx.now if refused else None,
            "why": refused,
        },
    )


def _key(address: Address) -> str:
    """Return the key of an address. Case does not count: mail servers in use deliver `Lee@…` and `lee@…` alike."""
    return address.value.lower() if address.kind == "email" else address.value


def load_people_cached(tx: Tx, ids: Iterable[str]) -> dict[str, Person]:
    """Do as `load_people` in a unit of work, which remembers the result."""
    persons: dict[str, Person] = {}
    missing: list[str] = []
    for person_id in ids:
        person: Person | None = tx.memory.get(person_id)
        if person is None:
            missing.append(person_id)
        else:
            persons[person_id] = person
    if missing:
        for person_id, person in load_people(tx.connection, missing).items():
            persons[person_id] = person
            tx.memory.keep(person_id, person)
    return persons


def load_people(connection: Connection, ids: Iterable[str]) -> dict[str, Person]:
    """Return people by id, with all their addresses."""
    unique_ids = sorted(set(ids))
    if not unique_ids:
        return {}
    rows = _by_ids(len(unique_ids)).all(connection, {f"id{at}": person_id for at, person_id in enumerate(unique_ids)})
    return read_people(rows)


def read_people(rows: Iterable[Any]) -> dict[str, Person]:
    """Return people from rows of `_COLUMNS`, one for each address; no kind: no address.

    The oldest address of a person comes first. (They are few: sorting them here is faster than in SQLite.)
    """
    facts: dict[str, tuple[str, str | None, str | None]] = {}
    addresses: dict[str, list[tuple[datetime, str, str]]] = {}
    for person, name, zone, preferences, kind, value, added_at in rows:
        facts[person] = name, zone, preferences
        own = addresses.setdefault(person, [])
        if kind is not None:
            own.append((added_at, kind, value))
    return {
        person: Person(
            person,
            name,
            tuple(Address(kind, value) for _, kind, value in sorted(addresses[person])),
            zone,
            None if preferences is None else read_preferences(preferences),
        )
        for person, (name, zone, preferences) in facts.items()
    }


def rename(tx: Tx, person: str, name: str) -> None:
    """Write another name of a person."""
    tx.write(_RENAME, {"held": person, "new": name})
    tx.memory.forget()


def set_preferences(tx: Tx, person: str, preferences: Preferences) -> None:
    """Write when a person wants to be told of what waits for them. The default is written as none."""
    written = _write_preferences(preferences).decode() if preferences != AT_ONCE else None
    tx.write(_SET_PREFERENCES, {"held": person, "new": written})
    tx.memory.forget()
