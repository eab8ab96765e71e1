"""Which copies go where: the best way to each person, another if that fails or nobody acts, alerts to the owner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.domain import Approver, DeliveryKind, EmailPolicy, Person
from engine.ports import Directory, Route
from engine.store import deliveries, people
from engine.store.deliveries import NewDelivery
from engine.store.run_rows import RunOwner
from engine.store.transaction import Tx

MAIL: Final = "email"
"""The channel that a gate's `email` speaks of."""


class Routing:
    """Where the approvers of one request are asked, as its gate wants it."""

    def __init__(self, directory: Directory, email: EmailPolicy) -> None:
        self._directory, self._email = directory, email

    def of(self, person: Person) -> list[Route]:
        """Every way to this person that the gate allows, the best first."""
        routes = self._directory.reach(person)
        return [one for one in routes if one.channel != MAIL or self._email is not EmailPolicy.NEVER]

    def asked(self, run: str, request: str, person: Person) -> tuple[list[NewDelivery], bool]:
        """The copies that this approver gets at once, and whether there is another way to ask them later.

        Where there is no way at all, a copy that says so.
        """
        routes = self.of(person)
        also = routes[1:] if self._email is EmailPolicy.ALWAYS else []
        first = [*routes[:1], *(one for one in also if one.channel == MAIL)]
        copies = [_request_copy(run, request, person, route) for route in first or (None,)]
        return copies, len(routes) > len(first)

    def again(self, tx: Tx, run: str, request: str, persons: Sequence[Person]) -> list[NewDelivery]:
        """A copy for each of these approvers on the next way that was not tried."""
        tried = deliveries.load_channels(tx.connection, run, request)
        return [
            _request_copy(run, request, person, route)
            for person in persons
            for route in [one for one in self.of(person) if one.channel not in tried.get(person.id, ())][:1]
        ]


def _request_copy(run: str, request: str, person: Person, route: Route | None) -> NewDelivery:
    return NewDelivery(kind=DeliveryKind.REQUEST, run=run, person=person, route=route, request=request)


def open_copies(
    directory: Directory, email: EmailPolicy, *, run: str, request: str, approvers: Sequence[Approver]
) -> tuple[list[NewDelivery], bool]:
    """The copies of a request that opens, and whether there is another way to ask some of them later."""
    ways = Routing(directory, email)
    asked = [ways.asked(run, request, one.person) for one in approvers]
    more = any(another for _, another in asked)
    return [copy for copies, _ in asked for copy in copies], email is EmailPolicy.FALLBACK and more


def fall_back(
    tx: Tx, ways: Routing, *, workspace: str, run: str, request: str, persons: Sequence[Person]
) -> list[NewDelivery]:
    """Ask these approvers another way as well, where there is one; the new copies."""
    copies = ways.again(tx, run, request, persons)
    deliveries.insert_deliveries(tx, workspace, copies)
    return copies


def tell_owner(tx: Tx, directory: Directory, place: RunOwner, *, topic: str, request: str | None = None) -> NewDelivery:
    """Put an alert to the owner of the workflow into the outbox; the alert."""
    owner = people.known_people(tx, [place.owner])[place.owner]
    copy = alert(directory, place.run, owner, topic=topic, request=request)
    deliveries.insert_deliveries(tx, place.workspace, [copy])
    return copy


def alert(
    directory: Directory,
    run: str,
    person: Person,
    *,
    topic: str | None,
    request: str | None,
    without: frozenset[str] = frozenset(),
) -> NewDelivery:
    """An alert on the best way to this person. `without`: channels that cannot be used for it."""
    routes = [one for one in directory.reach(person) if one.channel not in without]
    return NewDelivery(
        kind=DeliveryKind.ALERT,
        run=run,
        person=person,
        route=routes[0] if routes else None,
        request=request,
        topic=topic,
    )
