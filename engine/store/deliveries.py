"""The outbox: one row for each delivery. docs/architecture.md explains kinds and versions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

from msgspec import Struct
from sqlalchemy import bindparam, case, false, insert, literal_column, null, or_, select, update

from engine import json_values
from engine.domain import SHARED, DeliveryKind, DeliveryState, Person, Receipt, RunStatus, Work
from engine.domain.statuses import by_value
from engine.ports import Route
from engine.store.columns import Utc
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import DeliveryRow

LEASE: Final = timedelta(seconds=30)
"""How long a claimed delivery is left alone: longer than most channels may take for one copy."""

_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]
_KINDS = by_value(DeliveryKind)

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
_CLAIM = Statement(
    update(_delivery)
    .where(
        _delivery.c.id == bindparam("held"),
        _delivery.c.next_at <= bindparam("now"),
        or_(_delivery.c.lease_until.is_(None), _delivery.c.lease_until <= bindparam("now")),
    )
    .values(
        rev=_delivery.c.rev + 1,
        lease_until=bindparam("new_lease"),
        # An attempt that a crash interrupted was counted when it began: crashes must not lengthen the wait.
        attempts=_delivery.c.attempts + case((_delivery.c.lease_until.is_(None), 1), else_=0),
        # An attempt whose lease expired was never recorded: it may have posted before it died.
        unknown=or_(_delivery.c.unknown, _delivery.c.lease_until.is_not(None)),
    )
    .returning(_delivery)
)
_CHANNEL = Statement(select(_delivery.c.channel).where(_delivery.c.id == bindparam("id")))
_WANTED = Statement(select(_delivery.c.wanted_version).where(_delivery.c.id == bindparam("id")))
_RELEASE = Statement(
    update(_delivery).where(_delivery.c.lease_until > bindparam("now")).values(lease_until=bindparam("now"))
)
_MAKE_DUE = Statement(update(_delivery).where(_delivery.c.next_at > bindparam("now")).values(next_at=bindparam("now")))
_MINE = (
    (_delivery.c.id == bindparam("held"))
    & (_delivery.c.rev == bindparam("seen_rev"))
    # A result that was recorded already, by a commit whose answer was lost, is not recorded again.
    & _delivery.c.lease_until.is_not(None)
)
_SHOWN = Statement(
    update(_delivery)
    .where(_MINE)
    .values(
        state=bindparam("new_state"),
        receipt=bindparam("new_receipt"),
        shown_version=bindparam("version"),
        shown_at=bindparam("now"),
        attempts=0,
        unknown=False,
        last_error=None,
        lease_until=None,
        next_at=case((_delivery.c.wanted_version > bindparam("version"), bindparam("now", type_=Utc)), else_=null()),
    )
    .returning(_delivery.c.next_at)
)
_POSTPONED = Statement(
    update(_delivery)
    .where(_MINE)
    .values(
        # It was not tried.
        attempts=_delivery.c.attempts - case((_delivery.c.attempts > 0, 1), else_=0),
        lease_until=None,
        next_at=bindparam("new_next"),
    )
)
_FAILED = Statement(
    update(_delivery)
    .where(_MINE)
    .values(
        state=bindparam("new_state"),
        unknown=bindparam("new_unknown"),
        last_error=bindparam("new_error"),
        lease_until=None,
        next_at=bindparam("new_next"),
    )
)
_HAND_OVER = Statement(update(_delivery).where(_MINE).values(lease_until=bindparam("now")))
_WAITS = (_delivery.c.next_at > bindparam("now")) & (_delivery.c.attempts == 0)
"""Whether a delivery was postponed and never failed since it was shown: it waits for its turn."""
_RAISE = Statement(
    update(_delivery)
    .where(
        _delivery.c.run == bindparam("of_run"),
        _delivery.c.request == bindparam("held"),
        or_(_delivery.c.kind == DeliveryKind.REQUEST.value, _delivery.c.kind == DeliveryKind.ALERT.value),
        _delivery.c.state != DeliveryState.DEAD.value,
    )
    .values(
        wanted_version=_delivery.c.wanted_version + 1,
        # A copy that waits for its turn shows the newest state then. To try it before only costs two units of work.
        next_at=case((_WAITS, _delivery.c.next_at), else_=bindparam("now", type_=Utc)),
    )
)
_RAISED = Statement(
    select(_delivery.c.id).where(
        _delivery.c.run == bindparam("of_run"),
        _delivery.c.request == bindparam("held"),
        or_(_delivery.c.kind == DeliveryKind.REQUEST.value, _delivery.c.kind == DeliveryKind.ALERT.value),
        _delivery.c.state != DeliveryState.DEAD.value,
        _delivery.c.next_at <= bindparam("now"),
    )
)
"""The deliveries of a request, and alerts about it, which say what to do only while it is open.

Selected apart: with RETURNING, SQLite gathers what it changes in a temporary table first, which costs more."""
_ABOUT_A_STEP = (
    _delivery.c.run == bindparam("of_run"),
    _delivery.c.kind == DeliveryKind.ALERT.value,
    _delivery.c.topic == RunStatus.NEEDS_ATTENTION.value,
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


class LeasedDelivery(Struct, frozen=True, kw_only=True):
    """A claimed delivery; `rev` is its fence."""

    id: str
    workspace: str
    kind: DeliveryKind
    topic: str | None
    run: str | None
    request: str | None
    person: str
    channel: str
    address: str
    receipt: Receipt | None
    wanted_version: int
    shown_version: int
    attempts: int
    unknown: bool
    rev: int
    created_at: datetime


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


UNREACHABLE: Final = "Nothing is set up that could reach this person."


def insert_deliveries(tx: Tx, workspace: str, copies: Sequence[NewDelivery]) -> list[str]:
    """Write deliveries into the outbox, enqueue each that is due and has an address, and return their ids."""
    rows = [_row(tx, workspace, copy) for copy in copies]
    _NEW.write_all(tx.connection, rows)
    for row in rows:
        if row["next_at"] == tx.now:
            tx.enqueue(Work("deliver", row["id"]))
    return [row["id"] for row in rows]


def _row(tx: Tx, workspace: str, copy: NewDelivery) -> dict[str, Any]:
    at = copy.not_before or tx.now
    return {
        "id": tx.new_id(),
        "workspace": workspace,
        "kind": copy.kind,
        "run": copy.run,
        "request": copy.request,
        "topic": copy.topic,
        "person": copy.person.id,
        "channel": copy.route.channel if copy.route else "none",
        "address": copy.route.address if copy.route else str(copy.person.label),
        "state": DeliveryState.DUE if copy.route else DeliveryState.DEAD,
        "next_at": at if copy.route else None,
        "last_error": None if copy.route else UNREACHABLE,
        "created_at": at,
    }


def claim_delivery(tx: Tx, delivery: str, lease: timedelta = LEASE) -> LeasedDelivery | None:
    """Claim a delivery that is due, for the time of the lease. Return None if it is not due, or claimed already."""
    row = tx.one(_CLAIM, {"held": delivery, "now": tx.now, "new_lease": tx.now + lease})
    return _read(row) if row is not None else None


def load_channel(connection: Connection, delivery: str) -> str | None:
    """Return the channel of a delivery."""
    row = _CHANNEL.one(connection, {"id": delivery})
    return None if row is None else row.channel


def load_wanted_version(connection: Connection, delivery: str) -> int:
    """Return the version that a copy has to show by now, or 0 if there is no such delivery."""
    row = _WANTED.one(connection, {"id": delivery})
    return 0 if row is None else int(row.wanted_version)


def hand_over(tx: Tx, delivery: LeasedDelivery) -> None:
    """End the lease of a delivery that was cut off here, so that another process goes on at once."""
    if tx.write(_HAND_OVER, {"held": delivery.id, "seen_rev": delivery.rev, "now": tx.now}):
        tx.enqueue(Work("deliver", delivery.id))


def release_deliveries(tx: Tx) -> None:
    """End every lease. Only for a process that owns the database alone and has claimed nothing yet."""
    tx.write(_RELEASE, {"now": tx.now})


def make_waiting_deliveries_due(tx: Tx) -> None:
    """Make every waiting delivery due, because a clock that was ahead may have postponed it for too long."""
    tx.write(_MAKE_DUE, {"now": tx.now})


def _read(row: Any) -> LeasedDelivery:
    return LeasedDelivery(
        id=row.id,
        workspace=row.workspace,
        kind=_KINDS[row.kind],
        topic=row.topic,
        run=row.run,
        request=row.request,
        person=row.person,
        channel=row.channel,
        address=row.address,
        receipt=read_receipt(row.receipt),
        wanted_version=row.wanted_version,
        shown_version=row.shown_version,
        attempts=row.attempts,
        unknown=row.unknown,
        rev=row.rev,
        created_at=row.created_at,
    )


def read_receipt(text: str | None) -> Receipt | None:
    return None if text is None else Receipt(cast("dict[str, str]", json_values.loads(text)))


def write_receipt(receipt: Receipt) -> str:
    return json_values.dumps(dict(receipt.data))


def try_shown(tx: Tx, delivery: LeasedDelivery, receipt: Receipt | None, *, state: DeliveryState) -> bool:
    """Record that the wanted version of the claim is shown. Return False if the claim was lost."""
    row = tx.one(
        _SHOWN,
        {
            "held": delivery.id,
            "seen_rev": delivery.rev,
            "new_state": state,
            "new_receipt": None if receipt is None else write_receipt(receipt),
            "version": delivery.wanted_version,
            "now": tx.now,
        },
    )
    if row is not None and row.next_at is not None:
        tx.enqueue(Work("deliver", delivery.id))
    return row is not None


def try_failed(tx: Tx, delivery: LeasedDelivery, *, error: str, next_at: datetime | None, unknown: bool) -> bool:
    """Record a failure. Without `next_at` the delivery is dead. Return False if the claim was lost."""
    return bool(
        tx.write(
            _FAILED,
            {
                "held": delivery.id,
                "seen_rev": delivery.rev,
                "new_state": DeliveryState.DUE if next_at is not None else DeliveryState.DEAD,
                "new_unknown": unknown,
                "new_error": error,
                "new_next": next_at,
            },
        )
    )


def try_postponed(tx: Tx, delivery: LeasedDelivery, next_at: datetime) -> bool:
    """Postpone a delivery that was not tried, because of its channel. Return False if the claim was lost."""
    return bool(tx.write(_POSTPONED, {"held": delivery.id, "seen_rev": delivery.rev, "new_next": next_at}))


def mark_to_show_again(tx: Tx, delivery: str) -> None:
    """Mark one delivery to be shown once more, whatever it shows."""
    tx.write(_AGAIN, {"held": delivery, "now": tx.now})
    tx.enqueue(Work("deliver", delivery))


def mark_outdated(tx: Tx, run: str, request: str) -> None:
    """Mark every delivery of the request as outdated, and enqueue each."""
    if not tx.write(_RAISE, {"of_run": run, "held": request, "now": tx.now}):
        return
    for delivery in _RAISED.scalars(tx.connection, {"of_run": run, "held": request, "now": tx.now}):
        tx.enqueue(Work("deliver", delivery))


def mark_alerts_outdated(tx: Tx, run: str) -> None:
    """Mark every alert about a step of the run as outdated after an answer, and enqueue each."""
    if not tx.write(_RAISE_ALERTS, {"of_run": run, "now": tx.now}):
        return
    for delivery in _RAISED_ALERTS.scalars(tx.connection, {"of_run": run}):
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
