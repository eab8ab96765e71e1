"""People as operators see them: with the addresses that they have and had."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, bindparam, exists, select

from engine.domain import Address
from engine.domain.people import ACCOUNT
from engine.person_views import AddressPeriod, PersonView
from engine.references import parse
from engine.store import people
from engine.store.connection import Connection
from engine.store.people_tables import AddressPeriodRow, AddressRow, PersonRow
from engine.store.statements import Statement

_address = AddressRow.__table__  # type: ignore[attr-defined]
_person = PersonRow.__table__  # type: ignore[attr-defined]
_period = AddressPeriodRow.__table__  # type: ignore[attr-defined]
_OF_PERSON = Statement(
    select(_period).where(_period.c.person == bindparam("person")).order_by(_period.c.since, _period.c.id)
)


def load_periods(connection: Connection, person: str) -> list[AddressPeriod]:
    """Return every address that the person has or had, the oldest first."""
    return [_read(row) for row in _OF_PERSON.all(connection, {"person": person})]


def _read(row: Any) -> AddressPeriod:
    return AddressPeriod(
        address=Address(row.kind, row.value),
        since=row.since,
        until=row.until,
        evidence=row.evidence,
        ended=row.ended,
    )


def person_views(connection: Connection, workspace: str, limit: int) -> list[PersonView]:
    """Return people, the newest first."""
    rows = connection.execute(_listed(workspace).limit(limit)).all()
    persons = people.load_people(connection, [row.id for row in rows])
    return [
        PersonView(
            person=persons[row.id], split_from=row.split_from, joined_into=row.joined_into, created_at=row.created_at
        )
        for row in rows
    ]


def _listed(workspace: str) -> Select[Any]:
    # A person who turned out to be another one has nothing left, except a second account.
    is_present = _person.c.joined_into.is_(None) | exists().where(_address.c.person == _person.c.id)
    return select(_person).where(_person.c.workspace == workspace, is_present).order_by(_person.c.id.desc())


def find(connection: Connection, workspace: str, who: str) -> PersonView | None:
    """Return the person with this id, email address or account, or None."""
    view = person_view(connection, who)
    if view is not None:
        return view
    reference = parse(who.removeprefix(f"{ACCOUNT}:"))
    if reference is None or not reference.is_address:
        return None
    person = people.find_person(connection, workspace, reference.address)
    return person_view(connection, person.id) if person is not None else None


def person_view(connection: Connection, person: str) -> PersonView | None:
    """Return one person by id, or None."""
    row = connection.execute(select(_person).where(_person.c.id == person)).first()
    if row is None:
        return None
    persons = people.load_people(connection, [row.id])
    return PersonView(
        person=persons[row.id], split_from=row.split_from, joined_into=row.joined_into, created_at=row.created_at
    )
