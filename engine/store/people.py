"""Persons and their addresses."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, delete, exists, insert, select, update

from engine.model import Address, Person
from engine.ports import Found
from engine.store.connection import Connection
from engine.store.prepared import Prepared
from engine.store.tx import Tx
from engine.tables import AddressRow, ApproverRow, BrowserRow, ChallengeRow, LinkRow, PersonRow

_person = PersonRow.__table__  # type: ignore[attr-defined]
_address = AddressRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_match = _address.alias("match")

_BY_ADDRESS = Prepared(
    select(_person.c.id, _person.c.name, _address.c.kind, _address.c.value, _address.c.added_at)
    .select_from(
        _match.join(_person, _person.c.id == _match.c.person).join(_address, _address.c.person == _person.c.id)
    )
    .where(
        _match.c.workspace == bindparam("workspace"),
        _match.c.kind == bindparam("kind"),
        _match.c.value == bindparam("value"),
    )
)
_NEW_PERSON = Prepared(insert(_person))
_NEW_ADDRESS = Prepared(insert(_address))
_RENAME = Prepared(update(_person).where(_person.c.id == bindparam("held")).values(name=bindparam("new_name")))
_MOVE_ADDRESSES = Prepared(
    update(_address).where(_address.c.person == bindparam("held")).values(person=bindparam("into"))
)
_MOVE_HELD = tuple(
    Prepared(update(table).where(table.c.person == bindparam("held")).values(person=bindparam("into")))
    for table in (
        LinkRow.__table__,  # type: ignore[attr-defined]
        BrowserRow.__table__,  # type: ignore[attr-defined]
        ChallengeRow.__table__,  # type: ignore[attr-defined]
    )
)
_REFUSED = Prepared(
    update(_address)
    .where(
        _address.c.workspace == bindparam("in_workspace"),
        _address.c.kind == bindparam("of_kind"),
        _address.c.value == bindparam("held"),
    )
    .values(refused_at=bindparam("at"), refused_why=bindparam("why"))
)
_asked = _approver.alias("asked")
_DROP_APPROVALS = Prepared(delete(_approver).where(_approver.c.person == bindparam("held"), _approver.c.pending))
_MOVE_APPROVALS = Prepared(
    update(_approver)
    .where(
        _approver.c.person == bindparam("held"),
        _approver.c.pending,
        ~exists().where(_asked.c.request == _approver.c.request, _asked.c.person == bindparam("into")),
    )
    .values(person=bindparam("into"))
)


@lru_cache(256)
def _by_ids(count: int) -> Prepared:
    """Persons by so many ids, `id0` and so on."""
    return Prepared(
        select(_person.c.id, _person.c.name, _address.c.kind, _address.c.value, _address.c.added_at)
        .select_from(_person.join(_address, _address.c.person == _person.c.id, isouter=True))
        .where(_person.c.id.in_([bindparam(f"id{at}") for at in range(count)]))
    )


def known_by(persons: Iterable[Person], address: Address) -> Person | None:
    """Whoever of them has the address, which belongs to one person only."""
    wanted = Address(address.kind, _key(address))
    return next((one for one in persons if wanted in one.addresses), None)


def find_person(connection: Connection, workspace: str, address: Address) -> Person | None:
    """The person whom the address belongs to."""
    rows = _BY_ADDRESS.all(connection, {"workspace": workspace, "kind": address.kind, "value": _key(address)})
    return next(iter(read_people(rows).values()), None)


def known_person(tx: Tx, workspace: str, address: Address) -> Person | None:
    """`find_person`, for those who may write."""
    key = (workspace, address)
    known: Person | None = tx.memory.get(key)
    if known is None:
        known = find_person(tx.connection, workspace, address)
        if known is not None:
            tx.memory.keep(key, known)
    return known


def need_person(tx: Tx, workspace: str, address: Address, *, name: str = "") -> Person:
    """The person whom the address belongs to; a new one if nobody is known by it."""
    found = known_person(tx, workspace, address)
    if found is not None:
        return found
    address = Address(address.kind, _key(address))
    person = Person(tx.new_id(), name, (address,))
    tx.write(_NEW_PERSON, {"id": person.id, "workspace": workspace, "name": name, "created_at": tx.now})
    tx.write(_NEW_ADDRESS, _address_row(tx, workspace, address, person.id))
    return person


def _address_row(tx: Tx, workspace: str, address: Address, person: str) -> dict[str, Any]:
    return {
        "workspace": workspace,
        "kind": address.kind,
        "value": _key(address),
        "person": person,
        "added_at": tx.now,
    }


def adopt(tx: Tx, workspace: str, found: Found) -> Person:
    """The person whom the directory means, with all addresses that it vouches for.

    Where they were known as several, they are one from now on.
    """
    known = [known_person(tx, workspace, address) for address in found.addresses]
    if len(known) == 1 and known[0] is not None and found.name in ("", known[0].name):
        return known[0]  # as nearly always: there is nothing to learn
    tx.memory.forget()
    persons = list({one.id: one for one in known if one is not None}.values())
    person = persons[0] if persons else need_person(tx, workspace, found.addresses[0], name=found.name)
    for other in persons[1:]:
        _merge(tx, other.id, into=person.id)
    missing = [address for address, one in zip(found.addresses, known, strict=True) if one is None]
    for address in missing if persons else missing[1:]:
        tx.write(_NEW_ADDRESS, _address_row(tx, workspace, address, person.id))
    if found.name and found.name != person.name:
        tx.write(_RENAME, {"held": person.id, "new_name": found.name})
    return load_people(tx.connection, [person.id])[person.id]


def _merge(tx: Tx, person: str, *, into: str) -> None:
    """What is decided keeps the person it names; what waits for one waits for the other now."""
    tx.write(_MOVE_ADDRESSES, {"held": person, "into": into})
    tx.write(_MOVE_APPROVALS, {"held": person, "into": into})
    tx.write(_DROP_APPROVALS, {"held": person})
    for statement in _MOVE_HELD:
        tx.write(statement, {"held": person, "into": into})


def mark(tx: Tx, workspace: str, address: Address, *, refused: str | None) -> None:
    """Write down that nothing can be sent to an address, and why; or, with None, that it can."""
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
    """Mail systems may tell `Lee@…` from `lee@…`, and none that people use does: one human must not be two."""
    return address.value.lower() if address.kind == "email" else address.value


def known_people(tx: Tx, ids: Iterable[str]) -> dict[str, Person]:
    """`load_people`, for those who may write."""
    found: dict[str, Person] = {}
    missing: list[str] = []
    for one in ids:
        known: Person | None = tx.memory.get(one)
        if known is None:
            missing.append(one)
        else:
            found[one] = known
    if missing:
        for one, person in load_people(tx.connection, missing).items():
            found[one] = person
            tx.memory.keep(one, person)
    return found


def load_people(connection: Connection, ids: Iterable[str]) -> dict[str, Person]:
    """Persons by id, with all their addresses."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    rows = _by_ids(len(wanted)).all(connection, {f"id{at}": one for at, one in enumerate(wanted)})
    return read_people(rows)


def read_people(rows: Iterable[Any]) -> dict[str, Person]:
    """From rows of id, name, kind, value and added_at, one for each address; no kind: a person without any.

    The oldest address of a person comes first. (They are few: sorting them here is faster than in SQLite.)
    """
    names: dict[str, str] = {}
    addresses: dict[str, list[tuple[datetime, str, str]]] = {}
    for person, name, kind, value, added_at in rows:
        names[person] = name
        held = addresses.setdefault(person, [])
        if kind is not None:
            held.append((added_at, kind, value))
    return {
        person: Person(person, names[person], tuple(Address(kind, value) for _, kind, value in sorted(held)))
        for person, held in addresses.items()
    }
