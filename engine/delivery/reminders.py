"""Reminders: messages to the people whose decision is missing, several requests in one, and not too often."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from engine.access import Reader
from engine.audit_entries import EntryKind, entry
from engine.delivery import digests
from engine.delivery.routing import EMAIL_CHANNEL, Routing
from engine.domain import DeliveryKind, EmailPolicy, Person
from engine.inbox import InboxQuery
from engine.ports import Directory, Route
from engine.read_models import DeliveryContent, RequestView
from engine.requests import Request
from engine.requests.working_hours import WorkingHours
from engine.store import deliveries, delivery_queries, inbox_queries, people, reminders, request_queries, run_queries
from engine.store.connection import Connection
from engine.store.deliveries import NewDelivery
from engine.store.delivery_leases import LeasedDelivery
from engine.store.port import Tx

COLLECTED_FOR: Final = timedelta(minutes=1)
"""How long a reminder waits for others to the same person."""
MOST_OFTEN: Final = timedelta(hours=4)
"""Minimum time between two reminders to one person."""
JUST_ASKED: Final = timedelta(hours=1)
"""How long people who joined an open request are not reminded of it."""
MOST_LISTED: Final = 20
"""Maximum number of requests in one reminder."""


def remind(tx: Tx, directory: Directory, request: Request, persons: Sequence[Person], *, hours: WorkingHours) -> None:
    """Put a reminder to each of these people into the outbox, or add the request to one that waits there."""
    reminders.take_turn(tx)
    routing = Routing(directory, request.ways)
    reached = deliveries.load_reached(tx.connection, request.subject.run, request.id)
    held = digests.is_held(tx, request)
    for person in persons:
        if person.id in held:
            continue
        asked = reached.get(person.id, {})
        route = _route(routing, person, asked)
        if route is not None and not _was_just_asked(request, asked, tx.now):
            _remind(tx, request, person, route, hours)


def _was_just_asked(request: Request, asked: Mapping[str, datetime], now: datetime) -> bool:
    """Return whether a person was asked so late that a reminder would be no news: a backup, or one of a later group."""
    first_shown_at = request.deadlines.first_shown_at
    since = min(asked.values(), default=None)
    joined_later = since is not None and first_shown_at is not None and since > first_shown_at
    return joined_later and since is not None and now - since < JUST_ASKED


def _route(routing: Routing, person: Person, reached: Collection[str]) -> Route | None:
    """Return the route by which the request reached the person, or else the best one."""
    routes = routing.routes(person)
    return next((route for route in routes if route.channel in reached), routes[0] if routes else None)


def _remind(tx: Tx, request: Request, person: Person, route: Route, hours: WorkingHours) -> None:
    last = reminders.load_last(tx.connection, person.id)
    if last is not None and last.waits:
        reminders.save(tx, delivery=last.delivery, request=request.id, person=person.id, at=last.at)
        return
    at = tx.now + COLLECTED_FOR
    if last is not None:
        # After a clock that was ahead, the last one may seem to be in the future.
        at = max(at, min(last.at, tx.now) + MOST_OFTEN)
    if request.deadlines.hours is not None:
        at = request.deadlines.hours.next_open(at, person.zone)
    at = digests.after_quiet(person, at, request.deadlines, hours=hours)
    run = request.subject.run
    copy = NewDelivery(
        kind=DeliveryKind.REMINDER, run=run, person=person, route=route, request=request.id, not_before=at
    )
    (delivery,) = deliveries.insert_deliveries(tx, request.workspace, [copy])
    reminders.save(tx, delivery=delivery, request=request.id, person=person.id, at=at)


def load_content(connection: Connection, delivery: LeasedDelivery) -> DeliveryContent:
    """Return the content of a reminder: all that waits for the person now.

    Its `request` is the one that is due first of those that the reminder is about and that still wait. If none does, it
    is closed or decided, and the reminder is not needed any more.
    """
    assert delivery.run is not None
    assert delivery.request is not None
    told = [request.id for request in reminders.load_about(connection, delivery.id) if request.waits]
    inbox = _inbox(connection, delivery)
    first = next((view.id for view in inbox if view.id in told), next(iter(told), None))
    others = [view for view in inbox if view.id != first][: MOST_LISTED - 1]
    is_about_one = first is not None and not others
    request = request_queries.request_view(connection, first or delivery.request)
    assert request is not None
    run = run_queries.run_view(connection, request.run)
    assert run is not None
    return DeliveryContent(
        delivery=delivery.id,
        kind=delivery.kind,
        topic=delivery.topic,
        person=people.load_people(connection, [delivery.person])[delivery.person],
        run=run,
        request=request,
        created_at=delivery.created_at,
        waiting=() if first is None else (request, *others),
        waiting_in_all=0 if first is None else inbox_queries.need_you(connection, delivery.person),
        told=tuple(told),
        below=delivery_queries.load_copy(connection, delivery, request.id, shared=False) if is_about_one else None,
    )


def _inbox(connection: Connection, delivery: LeasedDelivery) -> list[RequestView]:
    """Return the requests of the person's inbox that are due first, without those that must not be sent by email."""
    person = people.load_people(connection, [delivery.person])[delivery.person]
    # More than are listed, for those that are left out.
    query = InboxQuery(reader=Reader(person=person), limit=2 * MOST_LISTED)
    views = inbox_queries.inbox_page(connection, delivery.workspace, query).requests
    by_email = delivery.channel == EMAIL_CHANNEL
    return [view for view in views if not (by_email and view.model.ways.email is EmailPolicy.NEVER)]


def record_others(tx: Tx, delivery: LeasedDelivery, content: dict[str, str]) -> None:
    """Record for the other requests of a reminder too that it reached the person."""
    for reminded in reminders.load_about(tx.connection, delivery.id):
        if reminded.waits and reminded.id != delivery.request:
            facts = entry(EntryKind.DELIVERY_SHOWN, run=reminded.run, request=reminded.id, content={**content})
            tx.audit(delivery.workspace, facts)
