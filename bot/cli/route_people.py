"""The people of a rule of a route, as far as the database and the roles file of this installation know them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime

from bot import databases
from bot.presentation.route_report import KnownPeople, KnownPerson
from bot.roles.model import Roles
from bot.settings import Settings
from engine.delivery.routes import works
from engine.domain import DEFAULT_WORKSPACE, Address, Person
from engine.errors import StoreError
from engine.references import OWNER, REQUESTER, ROLE, Reference, parse
from engine.requests import RouteTrial
from engine.store import approver_load, people
from engine.store.connection import Connection


class RoutePeople:
    """Looks people up, and changes nothing. Without a database, no one's open requests are known.

    `stand_ins`: the addresses that the keywords `owner` and `requester` stand for.
    """

    def __init__(
        self, settings: Settings, roles: Roles, now: datetime, stand_ins: dict[str, str], stack: ExitStack
    ) -> None:
        self._hours, self._roles, self._now, self._stand_ins = settings.office_hours, roles, now, stand_ins
        self._connection = _reading(settings, stack)

    def of(self, trial: RouteTrial) -> KnownPeople | None:
        """Return who a rule would choose from, or None if it does not depend on people."""
        if not trial.working and trial.least_loaded is None:
            return None
        known: dict[tuple[Address, ...], KnownPerson] = {}
        unknown: list[str] = []
        for reference in self._flat(trial.references):
            found = self._person(reference.address) if reference.is_address else None
            if found is None:
                unknown.append(reference.rule)
            else:
                known.setdefault(*found)
        return KnownPeople(people=tuple(known.values()), unknown=tuple(dict.fromkeys(unknown)))

    def _flat(self, references: Sequence[Reference]) -> Iterator[Reference]:
        """Yield the references with the members of roles, and the person that a keyword stands for."""
        for reference in references:
            if reference.kind == ROLE and reference.value in self._roles.members:
                yield from self._roles.members[reference.value]
            elif reference.kind in (OWNER, REQUESTER):
                yield parse(self._stand_ins.get(reference.kind), rule=reference.rule) or reference
            else:
                yield reference

    def _person(self, address: Address) -> tuple[tuple[Address, ...], KnownPerson] | None:
        """Return a person by their addresses, or None if neither the database nor the roles file has them."""
        entry = self._roles.entry([address])
        addresses = entry.addresses if entry is not None else (address,)
        found = [row for row in map(self._row, addresses) if row is not None]
        if entry is None and not found:
            return None
        zones = [*(row.zone for row in found), entry.zone if entry is not None else None]
        names = [entry.name if entry is not None else "", *(row.name for row in found), address.value]
        return addresses, KnownPerson(
            name=next(name for name in names if name),
            works=works(self._hours, self._now, next((zone for zone in zones if zone), None)),
            waiting=self._waiting([row.id for row in found]),
        )

    def _row(self, address: Address) -> Person | None:
        connection = self._connection
        return None if connection is None else people.find_person(connection, DEFAULT_WORKSPACE, address)

    def _waiting(self, ids: Sequence[str]) -> int | None:
        if self._connection is None:
            return None
        return sum(approver_load.open_requests(self._connection, ids).values()) if ids else 0


def _reading(settings: Settings, stack: ExitStack) -> Connection | None:
    """Return a connection that only reads, or None if there is no database that this program can read."""
    try:
        return stack.enter_context(databases.reading(settings))
    except StoreError:
        return None
