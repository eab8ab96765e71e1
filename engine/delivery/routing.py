"""The routing of copies: the best channel for each person, the next one as a fallback, and alerts to owners."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.domain import DeliveryKind, EmailPolicy, Person
from engine.ports import Directory, Route
from engine.store import deliveries, people
from engine.store.deliveries import NewDelivery
from engine.store.port import Tx
from engine.store.run_rows import RunOwner

EMAIL_CHANNEL: Final = "email"
"""The name of the email channel, to which the `email` setting of a gate applies."""


class Routing:
    """The channels by which the approvers of one request are asked, as its gate allows."""

    def __init__(self, directory: Directory, email: EmailPolicy) -> None:
        self._directory, self._email = directory, email

    def routes(self, person: Person) -> list[Route]:
        """Return every route to this person that the gate allows, the best first."""
        routes = self._directory.reach(person)
        return [route for route in routes if route.channel != EMAIL_CHANNEL or self._email is not EmailPolicy.NEVER]

    def open_copies(self, run: str, request: str, person: Person) -> tuple[list[NewDelivery], bool]:
        """Return the copies that this approver gets at once, and whether there are routes for a fallback.

        Without any route, the copy has none: it records that the approver was not reached.
        """
        routes = self.routes(person)
        also = routes[1:] if self._email is EmailPolicy.ALWAYS else []
        first = [*routes[:1], *(route for route in also if route.channel == EMAIL_CHANNEL)]
        copies = [_request_copy(run, request, person, route) for route in first or (None,)]
        return copies, len(routes) > len(first)

    def fallback_copies(self, tx: Tx, run: str, request: str, persons: Sequence[Person]) -> list[NewDelivery]:
        """Return a copy for each of these approvers on the next route that was not tried."""
        tried = deliveries.load_channels(tx.connection, run, request)
        return [
            _request_copy(run, request, person, route)
            for person in persons
            for route in [route for route in self.routes(person) if route.channel not in tried.get(person.id, ())][:1]
        ]


def _request_copy(run: str, request: str, person: Person, route: Route | None) -> NewDelivery:
    return NewDelivery(kind=DeliveryKind.REQUEST, run=run, person=person, route=route, request=request)


def open_copies(
    directory: Directory, email: EmailPolicy, *, run: str, request: str, persons: Sequence[Person]
) -> tuple[list[NewDelivery], bool]:
    """Return the first copies for the people who are asked now, and whether there is email to fall back to."""
    routing = Routing(directory, email)
    opened = [routing.open_copies(run, request, person) for person in persons]
    has_fallback = any(more for _, more in opened)
    return [copy for copies, _ in opened for copy in copies], email is EmailPolicy.FALLBACK and has_fallback


def fall_back(
    tx: Tx, routing: Routing, *, workspace: str, run: str, request: str, persons: Sequence[Person]
) -> list[NewDelivery]:
    """Send a copy to these approvers on the next route, where there is one, and return the new copies."""
    deliveries.take_turn(tx, run)
    copies = routing.fallback_copies(tx, run, request, persons)
    deliveries.insert_deliveries(tx, workspace, copies)
    return copies


def alert_owner(
    tx: Tx, directory: Directory, run_owner: RunOwner, *, topic: str, request: str | None = None
) -> NewDelivery:
    """Put an alert to the owner of the workflow into the outbox, and return it."""
    owner = people.load_people_cached(tx, [run_owner.owner])[run_owner.owner]
    copy = alert(directory, run_owner.run, owner, topic=topic, request=request)
    deliveries.insert_deliveries(tx, run_owner.workspace, [copy])
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
    """Return an alert on the best route to this person. `without`: channels that cannot be used for it."""
    routes = [route for route in directory.reach(person) if route.channel not in without]
    return NewDelivery(
        kind=DeliveryKind.ALERT,
        run=run,
        person=person,
        route=routes[0] if routes else None,
        request=request,
        topic=topic,
    )
