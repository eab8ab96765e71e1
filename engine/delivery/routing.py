"""The routing of copies: the best channel for each person, the next one as a fallback, and alerts to owners."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.domain import SHARED, DeliveryKind, EmailPolicy, Person, Ways, accounts
from engine.ports import Directory, Route
from engine.store import deliveries, people
from engine.store.deliveries import NewDelivery
from engine.store.port import Tx
from engine.store.run_rows import RunOwner
from engine.store.trigger_rows import LoadedTrigger

UNPOSTED: Final = "unposted"
"""Topic of the alert to the owner that the shared copy could not be posted."""
EMAIL_CHANNEL: Final = "email"
"""The name of the email channel, to which the `email` setting of a gate applies."""


_NAMEABLE: Final = accounts.NAMES | {EMAIL_CHANNEL}
"""The channels that a gate can name. All others are used whatever it names: they show copies on this machine."""


class Routing:
    """The channels by which the approvers of one request are asked, as its gate allows."""

    def __init__(self, directory: Directory, ways: Ways) -> None:
        self._directory, self._ways = directory, ways
        self._shared = directory.place(ways.post_to) if ways.post_to is not None else None
        unused = _NAMEABLE.difference(ways.names) if ways.names else frozenset[str]()
        self._unused = unused | {EMAIL_CHANNEL} if ways.email is EmailPolicy.NEVER else unused

    def routes(self, person: Person) -> list[Route]:
        """Return every route to this person that the gate allows, the best first."""
        routes = [route for route in self._directory.reach(person) if route.channel not in self._unused]
        names = self._ways.names
        return sorted(routes, key=lambda route: names.index(route.channel) if route.channel in names else len(names))

    def open_copies(self, run: str, request: str, person: Person) -> tuple[list[NewDelivery], bool]:
        """Return the copies that this approver gets at once, and whether there are routes for a fallback.

        Without any route, the copy has none: it records that the approver was not reached.
        """
        routes = self.routes(person)
        if self._is_asked_together(routes):
            return [], any(route.channel not in self._tried for route in routes)
        also = routes[1:] if self._ways.email is EmailPolicy.ALWAYS else []
        first = [*routes[:1], *(route for route in also if route.channel == EMAIL_CHANNEL)]
        copies = [_request_copy(run, request, person, route) for route in first or (None,)]
        return copies, len(routes) > len(first)

    def fallback_copies(self, tx: Tx, run: str, request: str, persons: Sequence[Person]) -> list[NewDelivery]:
        """Return a copy for each of these approvers on the next route that was not tried."""
        channels = deliveries.load_channels(tx.connection, run, request)

        def untried(person: Person) -> list[Route]:
            tried = self._tried | channels.get(person.id, set())
            return [route for route in self.routes(person) if route.channel not in tried]

        return [_request_copy(run, request, person, route) for person in persons for route in untried(person)[:1]]

    @property
    def _tried(self) -> set[str]:
        """The channels by which people were asked together, and not each of them."""
        return {self._shared.channel} if self._shared is not None and self._ways.is_only_shared else set()

    def _is_asked_together(self, routes: Sequence[Route]) -> bool:
        """Return whether a person with these routes is asked only by the shared copy: they can act in its place."""
        return any(route.channel in self._tried for route in routes)


def _request_copy(run: str, request: str, person: Person, route: Route | None) -> NewDelivery:
    return NewDelivery(kind=DeliveryKind.REQUEST, run=run, person=person, route=route, request=request)


def shared_copies(directory: Directory, ways: Ways, *, run: str, request: str, owner: Person) -> list[NewDelivery]:
    """Return the copy that all approvers share, if the gate posts one and something leads to its place."""
    route = directory.place(ways.post_to) if ways.post_to is not None else None
    if route is None:
        return []
    kind = DeliveryKind.REQUEST
    return [NewDelivery(kind=kind, run=run, person=owner, route=route, request=request, topic=SHARED)]


def open_copies(
    directory: Directory, ways: Ways, *, run: str, request: str, persons: Sequence[Person]
) -> tuple[list[NewDelivery], bool]:
    """Return the first copies for the people who are asked now, and whether there is another way to fall back to.

    People who are asked by the shared copy alone get none here.
    """
    routing = Routing(directory, ways)
    opened = [routing.open_copies(run, request, person) for person in persons]
    has_fallback = any(more for _, more in opened)
    return [copy for copies, _ in opened for copy in copies], ways.email is EmailPolicy.FALLBACK and has_fallback


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
) -> NewDelivery | None:
    """Put an alert to the owner of the workflow into the outbox, and return it, or None if that is Signoff itself."""
    owner = people.load_people_cached(tx, [run_owner.owner])[run_owner.owner]
    if not owner.is_human:
        return None
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


def notify_of_trigger(tx: Tx, directory: Directory, trigger: LoadedTrigger) -> None:
    """Put a message to the owner of a workflow into the outbox: a trigger could not start a run."""
    owner = people.load_people_cached(tx, [trigger.owner])[trigger.owner]
    notify(tx, directory, trigger.workspace, owner, trigger.id)


def notify(tx: Tx, directory: Directory, workspace: str, person: Person, topic: str) -> None:
    """Put a message that belongs to no run into the outbox. `topic`: what it is about."""
    route = next(iter(directory.reach(person)), None)
    copy = NewDelivery(kind=DeliveryKind.NOTICE, run=None, person=person, route=route, topic=topic)
    deliveries.insert_deliveries(tx, workspace, [copy])
