"""The outbox: one row for each delivery. docs/architecture.md explains kinds and versions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import bindparam, case, false, insert, literal_column, or_, select, update

from engine.domain import HELD, SHARED, DeliveryKind, DeliveryState, Person, RunStatus, Work
from engine.ports import Route
from engine.store.columns import Utc
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import DeliveryRow

_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]

_NEW = Statement(
    # The same for every new delivery: constants in the statement need not be bound each time.
    insert(_delivery).values(
        wanted_version=literal_column("1"),
        shown_version=literal_column("0"),
        rev=literal_column("0"),
        attempts=literal_column("0"),
        unknown=false(),
    )
)
_MAKE_DUE = Statement(update(_delivery).where(_delivery.c.next_at > bindparam("now")).values(next_at=bindparam("now")))
_WAITS = (_delivery.c.next_at > bindparam("now")) & (_delivery.c.attempts == 0)
"""Whether a delivery was postponed and never failed since it was shown: it waits for its turn."""
_ABOUT_REQUEST = (
    _delivery.c.run == bindparam("of_run"),
    _delivery.c.request == bindparam("held"),
    or_(_delivery.c.kind == DeliveryKind.REQUEST.value, _delivery.c.kind == DeliveryKind.ALERT.value),
    _delivery.c.state != DeliveryState.DEAD.value,
)
_OF_REQUEST_SHOWN = (
    *_ABOUT_REQUEST,
    # What a digest tells is no message that could be updated.
    or_(_delivery.c.topic.is_(None), _delivery.c.topic != HELD),
)
_RAISE = Statement(
    update(_delivery)
    .where(*_OF_REQUEST_SHOWN)
    .values(
        wanted_version=_delivery.c.wanted_version + 1,
        # A copy that waits for its turn shows the newest state then. To try it before only costs two units of work.
        next_at=case((_WAITS, _delivery.c.next_at), else_=bindparam("now", type_=Utc)),
    )
)
_CLOSE = Statement(
    update(_delivery)
    .where(*_OF_REQUEST_SHOWN)
    # Buttons must vanish: a channel shows that before what only waits for its turn.
    .values(wanted_version=_delivery.c.wanted_version + 1, next_at=bindparam("now"))
)
_RAISED = Statement(
    select(_delivery.c.id).where(
        *_ABOUT_REQUEST, or_(_delivery.c.next_at <= bindparam("now"), _delivery.c.topic == HELD)
    )
)
"""The deliveries of a request, and alerts about it, which say what to do only while it is open.

Those that a digest tells have nothing to show; their channel may show a list that has changed.

Selected apart: with RETURNING, SQLite gathers what it changes in a temporary table first, which costs more."""
_ABOUT_A_STEP = (
    _delivery.c.run == bindparam("of_run"),
    _delivery.c.kind == DeliveryKind.ALERT.value,
    _delivery.c.topic == bindparam("of_topic"),
    _delivery.c.state != DeliveryState.DEAD.value,
)
_RAISE_ALERTS = Statement(
    update(_delivery)
    .where(*_ABOUT_A_STEP)
    .values(wanted_version=_delivery.c.wanted_version + 1, next_at=bindparam("now"))
)
_RAISED_ALERTS = Statement(select(_delivery.c.id).where(*_ABOUT_A_STEP))
_AGAIN = Statement(
    update(_delivery)
    .where(_delivery.c.id == bindparam("held"), _delivery.c.state != DeliveryState.DEAD.value)
    .values(wanted_version=_delivery.c.wanted_version + 1, next_at=bindparam("now"))
)
_OF_REQUEST = Statement(
    select(
        _delivery.c.kind,
        _delivery.c.topic,
        _delivery.c.state,
        _delivery.c.person,
        _delivery.c.channel,
        _delivery.c.created_at,
    ).where(_delivery.c.run == bindparam("run"), _delivery.c.request == bindparam("request"))
)
_ALERTED = Statement(
    select(_delivery.c.person, _delivery.c.channel, _delivery.c.topic).where(
        _delivery.c.run == bindparam("run"), _delivery.c.kind == DeliveryKind.ALERT.value
    )
)
DUE = (
    select(_delivery.c.id)
    .where(
        _delivery.c.next_at <= bindparam("ready"),
        or_(_delivery.c.lease_until.is_(None), _delivery.c.lease_until <= bindparam("now")),
    )
    .order_by(_delivery.c.next_at)
    .limit(bindparam("limit"))
)
"""Selects deliveries that are due; `engine.store.due_work` reads it."""


class NewDelivery(Struct, frozen=True, kw_only=True):
    """A delivery to `person`. Without a `route` the person cannot be reached, and the row says so."""

    kind: DeliveryKind
    run: str | None
    person: Person
    route: Route | None
    request: str | None = None
    topic: str | None = None
    not_before: datetime | None = None
    """When it is sent at the earliest, if not at once."""


NO_CHANNEL: Final = "none"
"""The channel of a delivery without a route."""
UNREACHABLE: Final = "Nothing is set up that could reach this person."


def insert_deliveries(tx: Tx, workspace: str, copies: Sequence[NewDelivery]) -> list[str]:
    """Write deliveries into the outbox, enqueue each that is due and has an address, and return their ids."""
    rows = [_row(tx, workspace, copy) for copy in copies]
    _NEW.write_all(tx.connection, rows)
    for row in rows:
        if row["next_at"] == tx.now or row["topic"] == HELD:
            is_own = row["kind"] is DeliveryKind.REQUEST and row["topic"] is None
            tx.enqueue(Work("deliver", row["id"], (row["channel"], row["address"]) if is_own else None))
    return [row["id"] for row in rows]


def _row(tx: Tx, workspace: str, copy: NewDelivery) -> dict[str, Any]:
    at = copy.not_before or tx.now
    is_held = copy.topic == HELD
    return {
        "id": tx.new_id(),
        "workspace": workspace,
        "kind": copy.kind,
        "run": copy.run,
        "request": copy.request,
        "topic": copy.topic,
        "person": copy.person.id,
        "channel": copy.route.channel if copy.route else NO_CHANNEL,
        "address": copy.route.address if copy.route else str(copy.person.label),
        "state": DeliveryState.DUE if copy.route else DeliveryState.DEAD,
        "next_at": at if copy.route and not is_held else None,
        "last_error": None if copy.route else UNREACHABLE,
        "created_at": at,
    }


def make_waiting_deliveries_due(tx: Tx) -> None:
    """Make every waiting delivery due, because a clock that was ahead may have postponed it for too long."""
    tx.write(_MAKE_DUE, {"now": tx.now})


def mark_to_show_again(tx: Tx, delivery: str) -> None:
    """Mark one delivery to be shown once more, whatever it shows."""
    tx.write(_AGAIN, {"held": delivery, "now": tx.now})
    tx.enqueue(Work("deliver", delivery))


def mark_outdated(tx: Tx, run: str, request: str, *, closes: bool = False) -> None:
    """Mark every delivery of the request as outdated, and enqueue each. `closes`: the request was just closed."""
    tx.write(_CLOSE if closes else _RAISE, {"of_run": run, "held": request, "now": tx.now})
    for delivery in _RAISED.scalars(tx.connection, {"of_run": run, "held": request, "now": tx.now}):
        tx.enqueue(Work("deliver", delivery))


def mark_alerts_outdated(tx: Tx, run: str, topic: str = RunStatus.NEEDS_ATTENTION) -> None:
    """Mark every alert about a step of the run as outdated after an answer or another try, and enqueue each."""
    of_run = {"of_run": run, "of_topic": str(topic)}
    if not tx.write(_RAISE_ALERTS, {**of_run, "now": tx.now}):
        return
    for delivery in _RAISED_ALERTS.scalars(tx.connection, of_run):
        tx.enqueue(Work("deliver", delivery))


def take_turn(tx: Tx, run: str) -> None:
    """Wait until no other unit adds copies or alerts because of those that a run has already."""
    tx.take_turn(f"copies {run}")


def load_outlook(connection: Connection, run: str, request: str) -> tuple[bool, frozenset[str]]:
    """Return whether any delivery of the request is not dead, and the topics of the alerts about it."""
    rows = _OF_REQUEST.all(connection, {"run": run, "request": request})
    alive = any(row.kind == DeliveryKind.REQUEST and row.state != DeliveryState.DEAD for row in rows)
    return alive, frozenset(row.topic for row in rows if row.kind == DeliveryKind.ALERT)


def load_channels(connection: Connection, run: str, request: str) -> dict[str, set[str]]:
    """Return the channels of the request's deliveries by person, whatever their state, without the shared copy."""
    channels: dict[str, set[str]] = {}
    for row in _OF_REQUEST.all(connection, {"run": run, "request": request}):
        if row.kind == DeliveryKind.REQUEST and row.topic != SHARED:
            channels.setdefault(row.person, set()).add(row.channel)
    return channels


def load_reached(connection: Connection, run: str, request: str) -> dict[str, dict[str, datetime]]:
    """Return the channels by which the request was shown, with the moments since when it was asked, by person.

    The shared copy reached no single person.
    """
    reached: dict[str, dict[str, datetime]] = {}
    for row in _OF_REQUEST.all(connection, {"run": run, "request": request}):
        if row.kind == DeliveryKind.REQUEST and row.state == DeliveryState.SHOWN and row.topic != SHARED:
            reached.setdefault(row.person, {})[row.channel] = row.created_at
    return reached


def load_alerted(connection: Connection, run: str, topic: str | None) -> dict[str, set[str]]:
    """Return the channels of the alerts about this topic by person, whatever their state."""
    channels: dict[str, set[str]] = {}
    for row in _ALERTED.all(connection, {"run": run}):
        if row.topic == topic:
            channels.setdefault(row.person, set()).add(row.channel)
    return channels
