"""Persons and their addresses."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, insert, select

from engine.model import Address, Person
from engine.store.tx import Tx
from engine.tables import AddressRow, PersonRow

_person = PersonRow.__table__  # type: ignore[attr-defined]
_address = AddressRow.__table__  # type: ignore[attr-defined]
_match = _address.alias("match")

_BY_ADDRESS = (
    select(_person.c.id, _person.c.name, _address.c.kind, _address.c.value)
    .select_from(
        _match.join(_person, _person.c.id == _match.c.person).join(_address, _address.c.person == _person.c.id)
    )
    .where(
        _match.c.workspace == bindparam("workspace"),
        _match.c.kind == bindparam("kind"),
        _match.c.value == bindparam("value"),
    )
    .order_by(_address.c.added_at, _address.c.kind, _address.c.value)
)
_BY_IDS = (
    select(_person.c.id, _person.c.name, _address.c.kind, _address.c.value)
    .select_from(_person.join(_address, _address.c.person == _person.c.id, isouter=True))
    .where(_person.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_address.c.added_at, _address.c.kind, _address.c.value)
)
_NEW_PERSON = insert(_person)
_NEW_ADDRESS = insert(_address)


def find_person(connection: Connection, workspace: str, address: Address) -> Person | None:
    """The person whom the address belongs to."""
    rows = connection.execute(_BY_ADDRESS, {"workspace": workspace, "kind": address.kind, "value": _key(address)}).all()
    if not rows:
        return None
    return Person(rows[0].id, rows[0].name, tuple(Address(row.kind, row.value) for row in rows))


def need_person(tx: Tx, workspace: str, address: Address, *, name: str = "") -> Person:
    """The person whom the address belongs to; a new one if nobody is known by it."""
    found = find_person(tx.connection, workspace, address)
    if found is not None:
        return found
    address = Address(address.kind, _key(address))
    person = Person(tx.new_id(), name, (address,))
    tx.write(_NEW_PERSON, {"id": person.id, "workspace": workspace, "name": name, "created_at": tx.now})
    tx.write(
        _NEW_ADDRESS,
        {
            "workspace": workspace,
            "kind": address.kind,
            "value": _key(address),
            "person": person.id,
            "added_at": tx.now,
        },
    )
    return person


def _key(address: Address) -> str:
    """Mail systems may tell `Lee@…` from `lee@…`, and none that people use does: one human must not be two."""
    return address.value.lower() if address.kind == "email" else address.value


def load_people(connection: Connection, ids: Iterable[str]) -> dict[str, Person]:
    """Persons by id, with all their addresses."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    found: dict[str, Person] = {}
    for row in connection.execute(_BY_IDS, {"ids": wanted}):
        known = found.get(row.id) or Person(row.id, row.name)
        addresses = known.addresses if row.kind is None else (*known.addresses, Address(row.kind, row.value))
        found[row.id] = Person(row.id, row.name, addresses)
    return found
