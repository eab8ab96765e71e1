"""Requests that are held for a person, as they chose, and the digest that tells them of all of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from engine.audit_entries import EntryKind, entry
from engine.delivery.routing import Routing
from engine.domain import DIGEST, HELD, DeliveryKind, DeliveryState, Digest, EmailPolicy, OnExpiry, Person
from engine.errors import Conflict
from engine.ports import Directory, Route
from engine.read_models import PageQuery
from engine.requests import Deadlines, Request, quiet_times
from engine.requests.deadlines import Zones
from engine.requests.working_hours import WorkingHours
from engine.store import deliveries, delivery_leases, digests, people, reminders, request_queries, request_rows
from engine.store.deliveries import NewDelivery
from engine.store.delivery_leases import LeasedDelivery
from engine.store.digests import DigestRoute
from engine.store.port import Tx
from engine.store.reminders import RemindedRequest

_MOST: Final = 100
"""Maximum number of requests of one digest: all are recorded in one transaction."""


class HeldCopy(Struct, frozen=True):
    """A copy that is told in a digest, at the latest at `until`."""

    copy: NewDelivery
    until: datetime


def split(
    copies: Sequence[NewDelivery], deadlines: Deadlines, *, now: datetime, hours: WorkingHours, zones: Zones
) -> tuple[list[NewDelivery], list[HeldCopy]]:
    """Return the copies that are sent at once, and those that are held. `hours`: name the zone of people without one.

    Backups are told at once, because the time was over before they were asked. So are the approvers of a request that
    goes on without an answer: silence must not mean that no one was told.
    """
    if all(copy.person.preferences is None for copy in copies):
        return [*copies], []
    if deadlines.on_expiry is OnExpiry.CONTINUE or deadlines.escalated_at is not None:
        return [*copies], []
    ends_at = deadlines.after_holding(now, now, zones).decided_by
    at_once, held = list[NewDelivery](), list[HeldCopy]()
    for copy in copies:
        until = _held_until(copy, now, hours, ends_at)
        if until is None:
            at_once.append(copy)
        else:
            held.append(HeldCopy(replace(copy, topic=HELD), until))
    return at_once, held


def _held_until(copy: NewDelivery, now: datetime, hours: WorkingHours, ends_at: datetime | None) -> datetime | None:
    """Return until when a copy is held at the latest, or None. A copy that many people share is never held."""
    person = copy.person
    if person.preferences is None or copy.topic is not None or copy.route is None:
        return None
    zone = quiet_times.place_of(person.zone, hours.zone)
    return quiet_times.held_until(person.preferences, now, zone, ends_at=ends_at)


def held_deadlines(
    deadlines: Deadlines,
    at_once: Sequence[NewDelivery],
    held: Sequence[HeldCopy],
    *,
    now: datetime,
    zones: Zones,
) -> Deadlines:
    """Return the deadlines of a request that opens: if no one is told now, its time runs all the same."""
    if not held or any(copy.route is not None for copy in at_once):
        return deadlines
    return deadlines.after_holding(now, min(one.until for one in held), zones)


def hold(tx: Tx, workspace: str, held: Sequence[HeldCopy], *, hours: WorkingHours) -> None:
    """Write held copies, each with a place in the next digest of its person. The request is written already.

    Raises `Conflict` if a person has chosen anew since the unit read what they chose.
    """
    for one in sorted(held, key=lambda one: one.copy.person.id):
        person = one.copy.person
        digests.take_turn(tx, person.id)
        if people.load_people(tx.connection, [person.id])[person.id].preferences != person.preferences:
            raise Conflict(f"{person.id} chose anew when they are told")
        deliveries.insert_deliveries(tx, workspace, [one.copy])
        _join_digest(tx, workspace, one, hours)


def _join_digest(tx: Tx, workspace: str, one: HeldCopy, hours: WorkingHours) -> None:
    copy, until = one.copy, one.until
    assert copy.route is not None
    assert copy.request is not None
    waiting = digests.load_waiting(tx.connection, DigestRoute(copy.person.id, copy.route))
    digest = waiting.id if waiting is not None and waiting.requests < _MOST else None
    if digest is None or not digests.try_join(tx, digest, until=until):
        new = NewDelivery(
            kind=DeliveryKind.REMINDER,
            run=copy.run,
            person=copy.person,
            route=copy.route,
            request=copy.request,
            topic=DIGEST,
            not_before=until,
        )
        (digest,) = deliveries.insert_deliveries(tx, workspace, [new])
    reminders.save(tx, delivery=digest, request=copy.request, person=copy.person.id, at=until)
    _send_if_enough(tx, digest, copy.person, hours)


def _send_if_enough(tx: Tx, digest: str, person: Person, hours: WorkingHours) -> None:
    """Let a digest come now, or after the quiet hours, if as many requests wait as the person said."""
    chosen = person.preferences
    if chosen is None or chosen.digest is not Digest.COUNT:
        return
    if sum(request.waits for request in reminders.load_about(tx.connection, digest)) >= chosen.count:
        zone = quiet_times.place_of(person.zone, hours.zone)
        digests.try_join(tx, digest, until=quiet_times.quiet_end(chosen, tx.now, zone))


def replan(tx: Tx, person: Person, *, hours: WorkingHours) -> None:
    """Let what is held for a person who chose anew come when they want it now, and never later than was planned."""
    digests.take_turn(tx, person.id)
    chosen, zone = person.preferences, quiet_times.place_of(person.zone, hours.zone)
    until = quiet_times.held_until(chosen, tx.now, zone) if chosen is not None else None
    digests.bring_forward(tx, person.id, until=until or tx.now)
    for digest in digests.load_of_person(tx.connection, person.id):
        _send_if_enough(tx, digest, person, hours)


def try_release_single(tx: Tx, delivery: LeasedDelivery) -> bool:
    """Let the only request of a digest be a message of its own, with all its buttons. Return whether that was done.

    The digest was claimed, and is not needed then.
    """
    waiting = [request for request in reminders.load_about(tx.connection, delivery.id) if request.waits]
    page = PageQuery(limit=2, open_only=True)
    if len(waiting) != 1:
        return False
    if len(request_queries.request_views(tx.connection, delivery.workspace, page, person=delivery.person)) != 1:
        return False
    lock(tx, delivery)
    settle(tx, delivery)
    return delivery_leases.try_shown(tx, delivery, None, state=DeliveryState.SKIPPED)


def _to(delivery: LeasedDelivery) -> DigestRoute:
    return DigestRoute(delivery.person, Route(delivery.channel, delivery.address))


def lock(tx: Tx, delivery: LeasedDelivery) -> None:
    """Lock the requests of a digest, before its row where that can be.

    A decision at the same moment either sees a copy that is let go here, and updates it, or is seen by it.
    """
    for request in reminders.load_about(tx.connection, delivery.id):
        request_rows.lock(tx, request.id)


def record_told(tx: Tx, delivery: LeasedDelivery, told: Collection[str]) -> list[RemindedRequest]:
    """Record that a digest told its person of these requests, and return them. What it did not tell is let go."""
    about = reminders.load_about(tx.connection, delivery.id)
    shown = [request for request in about if request.id in told]
    digests.set_told(tx, _to(delivery), shown)
    settle(tx, delivery)
    content = {"kind": DIGEST, "channel": delivery.channel, "address": delivery.address, "person": delivery.person}
    for request in shown:
        facts = entry(EntryKind.DELIVERY_SHOWN, run=request.run, request=request.id, content={**content})
        tx.audit(delivery.workspace, facts)
    return shown


def settle(tx: Tx, delivery: LeasedDelivery) -> None:
    """Let go of what a digest that has ended did not tell, and drop what is no longer needed."""
    about = reminders.load_about(tx.connection, delivery.id)
    digests.let_go(tx, _to(delivery), [request for request in about if request.waits])
    digests.drop(tx, _to(delivery), [request for request in about if not request.waits])


def start_fallback(tx: Tx, directory: Directory, request: Request, person: str) -> Deadlines | None:
    """Return the deadlines of a request that others knew before this person, if they can be asked by email as well."""
    if request.ways.email is not EmailPolicy.FALLBACK:
        return None
    persons = [row.person for row in request.tally.waiting if row.person.id == person]
    copies = Routing(directory, request.ways).fallback_copies(tx, request.subject.run, request.id, persons)
    return request.deadlines.after_telling_more(tx.now) if copies else None


def without_held(
    tx: Tx, request: Request, persons: Sequence[Person], *, hours: WorkingHours
) -> tuple[list[Person], datetime | None]:
    """Return the people who are asked another way now, and when the next of the others will be.

    Who is told later has the same time to respond, from then on. No one is asked again in quiet hours if it can wait.
    """
    told = digests.load_told(tx.connection, request.subject.run, request.id)
    ready, later = list[Person](), list[datetime]()
    for person in persons:
        at, telling = tx.now, told.get(person.id)
        if telling is not None:
            since = max(telling.at, tx.now) if telling.is_held else telling.at
            at = max(since + request.deadlines.fallback_after, tx.now)
        at = after_quiet(person, at, request.deadlines, hours=hours)
        if at <= tx.now:
            ready.append(person)
        else:
            later.append(at)
    return ready, min(later, default=None)


def after_quiet(person: Person, at: datetime, deadlines: Deadlines, *, hours: WorkingHours) -> datetime:
    """Return when a person is told what is due at this time: after their quiet hours, if it can wait."""
    zone = quiet_times.place_of(person.zone, hours.zone)
    return quiet_times.later(person.preferences, at, zone, ends_at=deadlines.decided_by)


def is_held(tx: Tx, request: Request) -> frozenset[str]:
    """Return the people who are not told of a request yet, because it is held."""
    told = digests.load_told(tx.connection, request.subject.run, request.id)
    return frozenset(person for person, telling in told.items() if telling.is_held)
