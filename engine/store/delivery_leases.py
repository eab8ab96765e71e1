"""The leases of deliveries: a process claims one, and records what became of it if it still holds the claim."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, cast

from msgspec import Struct
from sqlalchemy import bindparam, case, literal_column, null, or_, select, update

from engine import json_values
from engine.domain import HELD, DeliveryKind, DeliveryState, Receipt, Work
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
_ROUTE = Statement(select(_delivery.c.channel, _delivery.c.address).where(_delivery.c.id == bindparam("id")))
_HELD = Statement(
    select(_delivery.c.channel, _delivery.c.address).where(_delivery.c.id == bindparam("id"), _delivery.c.topic == HELD)
)
_WANTED = Statement(select(_delivery.c.wanted_version).where(_delivery.c.id == bindparam("id")))
_RELEASE = Statement(
    update(_delivery).where(_delivery.c.lease_until > bindparam("now")).values(lease_until=bindparam("now"))
)
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
        # The request may have been closed meanwhile: that is not to wait as long.
        next_at=case(
            (_delivery.c.wanted_version > bindparam("version"), bindparam("now", type_=Utc)),
            else_=bindparam("new_next", type_=Utc),
        ),
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
_PUT_OFF = Statement(
    update(_delivery)
    .where(
        _delivery.c.id == bindparam("held"),
        _delivery.c.next_at <= bindparam("now"),
        # Nothing happened to it since it was made.
        _delivery.c.wanted_version == literal_column("1"),
        _delivery.c.attempts == literal_column("0"),
        _delivery.c.lease_until.is_(None),
        _delivery.c.receipt.is_(None),
    )
    .values(next_at=bindparam("new_next", type_=Utc))
)
_HAND_OVER = Statement(update(_delivery).where(_MINE).values(lease_until=bindparam("now")))


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


def claim_delivery(tx: Tx, delivery: str, lease: timedelta = LEASE) -> LeasedDelivery | None:
    """Claim a delivery that is due, for the time of the lease. Return None if it is not due, or claimed already."""
    row = tx.one(_CLAIM, {"held": delivery, "now": tx.now, "new_lease": tx.now + lease})
    return _read(row) if row is not None else None


def load_route(connection: Connection, delivery: str) -> Route | None:
    """Return where a delivery goes."""
    row = _ROUTE.one(connection, {"id": delivery})
    return None if row is None else Route(row.channel, row.address)


def load_held_route(connection: Connection, delivery: str) -> Route | None:
    """Return where a copy would go that a digest tells instead, or None if it is another delivery."""
    row = _HELD.one(connection, {"id": delivery})
    return None if row is None else Route(row.channel, row.address)


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


def put_off(tx: Tx, waits: Mapping[str, timedelta]) -> None:
    """Let these new copies come back after these times, unless one was claimed or its request has changed."""
    rows = [{"held": id, "now": tx.now, "new_next": tx.now + wait} for id, wait in waits.items()]
    _PUT_OFF.write_all(tx.connection, rows)


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
    new = {"new_next": next_at, "version": delivery.wanted_version, "now": tx.now}
    return bool(tx.write(_POSTPONED, {"held": delivery.id, "seen_rev": delivery.rev, **new}))
