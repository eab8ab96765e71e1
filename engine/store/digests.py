"""Digests: reminders that tell a person of all requests which were held for them, and the copies that are held.

A held copy has nothing to do by itself (`next_at` null): its digest tells of it, or lets it go.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import bindparam, case, func, literal_column, null, select, update

from engine.domain import DIGEST, HELD, DeliveryKind, DeliveryState, Work
from engine.ports import Route
from engine.store.columns import Utc
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.reminders import RemindedRequest, load_about
from engine.store.statements import Statement
from engine.store.tables import DeliveryRow, ReminderRow

_reminder = ReminderRow.__table__  # type: ignore[attr-defined]
_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]
_IS_WAITING = (
    (_delivery.c.topic == DIGEST) & (_delivery.c.state == DeliveryState.DUE.value) & _delivery.c.next_at.is_not(None)
)
_WAITING = Statement(
    select(_delivery.c.id, func.count().label("requests"))
    .select_from(_reminder.join(_delivery, _delivery.c.id == _reminder.c.delivery))
    .where(
        _reminder.c.person == bindparam("person"),
        _delivery.c.person == bindparam("person"),
        _delivery.c.channel == bindparam("channel"),
        _delivery.c.address == bindparam("address"),
        _delivery.c.rev == literal_column("0"),
        _IS_WAITING,
    )
    .group_by(_delivery.c.id)
    .order_by(_delivery.c.id.desc())
    .limit(1)
)
_OF_PERSON = Statement(
    select(_delivery.c.id, _delivery.c.channel, _delivery.c.address)
    .select_from(_reminder.join(_delivery, _delivery.c.id == _reminder.c.delivery))
    .where(_reminder.c.person == bindparam("person"), _IS_WAITING)
    .distinct()
)
_JOIN = Statement(
    update(_delivery)
    # A digest that was claimed once has been read, or is.
    .where(
        _delivery.c.id == bindparam("held"),
        _delivery.c.rev == literal_column("0"),
        _delivery.c.state == DeliveryState.DUE.value,
    )
    .values(
        next_at=case(
            (_delivery.c.next_at > bindparam("until", type_=Utc), bindparam("until", type_=Utc)),
            else_=_delivery.c.next_at,
        )
    )
)
_COPIES = (
    (_delivery.c.run == bindparam("of_run"))
    & (_delivery.c.request == bindparam("of_request"))
    & (_delivery.c.kind == DeliveryKind.REQUEST.value)
    & (_delivery.c.topic == HELD)
)
_UNTOLD = (
    _COPIES
    & (_delivery.c.person == bindparam("of_person"))
    & (_delivery.c.channel == bindparam("by_channel"))
    & (_delivery.c.address == bindparam("at_address"))
    & (_delivery.c.state == DeliveryState.DUE.value)
)
_TOLD = Statement(
    update(_delivery)
    .where(_UNTOLD)
    .values(state=DeliveryState.SHOWN.value, shown_version=_delivery.c.wanted_version, shown_at=bindparam("now"))
)
_DROP = Statement(update(_delivery).where(_UNTOLD).values(state=DeliveryState.SKIPPED.value))
_LET_GO = Statement(
    update(_delivery).where(_UNTOLD).values(topic=null(), next_at=bindparam("now")).returning(_delivery.c.id)
)
_OF_REQUEST = Statement(select(_delivery.c.person, _delivery.c.state, _delivery.c.shown_at).where(_COPIES))
_WAITS_FOR = Statement(
    select(_delivery.c.attempts, _delivery.c.next_at)
    .select_from(_reminder.join(_delivery, _delivery.c.id == _reminder.c.delivery))
    .where(_reminder.c.person == bindparam("person"), _reminder.c.request == bindparam("request"), _IS_WAITING)
)


class WaitingDigest(Struct, frozen=True):
    """A digest that was not tried yet. `requests`: how many it is about."""

    id: str
    requests: int


class DigestRoute(Struct, frozen=True):
    """Whose digest it is, and where it goes: held copies with the same are told by it."""

    person: str
    route: Route


class Telling(Struct, frozen=True):
    """When a person was told of a request that was held for them, or will be while it `is_held`."""

    at: datetime
    is_held: bool


def take_turn(tx: Tx, person: str) -> None:
    """Wait until no other unit plans a digest for this person."""
    tx.take_turn(f"digest {person}")


def load_waiting(connection: Connection, to: DigestRoute) -> WaitingDigest | None:
    """Return the digest of a person on this route that more requests can join, or None."""
    row = _WAITING.one(connection, {"person": to.person, "channel": to.route.channel, "address": to.route.address})
    return None if row is None else WaitingDigest(row.id, row.requests)


def try_join(tx: Tx, digest: str, *, until: datetime) -> bool:
    """Let a digest come at this time, or earlier as planned. Return False if a process sends it already."""
    joined = bool(tx.write(_JOIN, {"held": digest, "until": until}))
    if joined and until <= tx.now:
        tx.enqueue(Work("deliver", digest))
    return joined


def bring_forward(tx: Tx, person: str, *, until: datetime) -> None:
    """Let every digest that waits for this person come at this time, or earlier as planned."""
    for digest in sorted(_OF_PERSON.scalars(tx.connection, {"person": person})):
        try_join(tx, digest, until=until)


def load_of_person(connection: Connection, person: str) -> list[str]:
    """Return the ids of all digests that wait for this person."""
    return sorted(_OF_PERSON.scalars(connection, {"person": person}))


def set_told(tx: Tx, to: DigestRoute, requests: Sequence[RemindedRequest]) -> None:
    """Write that the digest told the person of these requests."""
    for request in requests:
        tx.write(_TOLD, {**_untold(to, request), "now": tx.now})


def drop(tx: Tx, to: DigestRoute, requests: Sequence[RemindedRequest]) -> None:
    """Write that the person need not be told of these requests any more."""
    for request in requests:
        tx.write(_DROP, _untold(to, request))


def let_go(tx: Tx, to: DigestRoute, requests: Sequence[RemindedRequest]) -> None:
    """Let the copies of these requests be messages of their own, now."""
    for request in requests:
        row = tx.one(_LET_GO, {**_untold(to, request), "now": tx.now})
        if row is not None:
            tx.enqueue(Work("deliver", row.id))


def let_go_of_all(tx: Tx, person: str) -> None:
    """Let everything that is held for a person be messages of its own: they turn out to be another person."""
    for digest in _OF_PERSON.all(tx.connection, {"person": person}):
        let_go(tx, DigestRoute(person, Route(digest.channel, digest.address)), load_about(tx.connection, digest.id))


def _untold(to: DigestRoute, request: RemindedRequest) -> dict[str, str]:
    return {
        "of_run": request.run,
        "of_request": request.id,
        "of_person": to.person,
        "by_channel": to.route.channel,
        "at_address": to.route.address,
    }


def load_told(connection: Connection, run: str, request: str) -> dict[str, Telling]:
    """Return when people are told of a request that was held, by person.

    A digest that could not be sent at once holds nothing any more.
    """
    told: dict[str, Telling] = {}
    for row in _OF_REQUEST.all(connection, {"of_run": run, "of_request": request}):
        if row.state == DeliveryState.SHOWN:
            told[row.person] = Telling(row.shown_at, is_held=False)
        elif row.state == DeliveryState.DUE:
            for digest in _WAITS_FOR.all(connection, {"person": row.person, "request": request}):
                if digest.attempts == 0:
                    told.setdefault(row.person, Telling(digest.next_at, is_held=True))
    return told
