"""A copy that a person has sent again: what it is, and making it due at once."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from sqlalchemy import bindparam, case, or_, select, update

from engine.domain import DeliveryKind, DeliveryState, Work
from engine.domain.statuses import by_value
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import DeliveryRow

_KINDS = by_value(DeliveryKind)
_STATES = by_value(DeliveryState)
_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]
_columns = ("id", "workspace", "kind", "state", "run", "request", "topic", "person", "channel", "address")
_COPY: Final = Statement(
    select(*(_delivery.c[name] for name in (*_columns, "shown_version"))).where(_delivery.c.id == bindparam("id"))
)
_AGAIN: Final = Statement(
    update(_delivery)
    .where(
        _delivery.c.id == bindparam("held"),
        or_(_delivery.c.state == DeliveryState.DEAD.value, _delivery.c.next_at > bindparam("now")),
        # An attempt that is under way records its own result.
        or_(_delivery.c.lease_until.is_(None), _delivery.c.lease_until <= bindparam("now")),
    )
    .values(
        # A copy that was posted once is updated; the buttons on it may be live.
        state=case((_delivery.c.shown_version > 0, DeliveryState.SHOWN.value), else_=DeliveryState.DUE.value),
        next_at=bindparam("now"),
        lease_until=None,
        # It waits as after a first failure if this attempt fails too.
        attempts=0,
    )
)


class StoredCopy(Struct, frozen=True, kw_only=True):
    """A copy in the outbox."""

    id: str
    workspace: str
    kind: DeliveryKind
    state: DeliveryState
    run: str | None
    request: str | None
    topic: str | None
    person: str
    channel: str
    address: str
    shown_version: int


def load_copy(connection: Connection, delivery: str) -> StoredCopy | None:
    """Return a copy, or None if there is none with this id."""
    row = _COPY.one(connection, {"id": delivery})
    if row is None:
        return None
    return StoredCopy(**{**row._asdict(), "kind": _KINDS[row.kind], "state": _STATES[row.state]})


def try_make_due(tx: Tx, delivery: str) -> bool:
    """Make a copy due that was given up or waits. Return False if it is up to date, or is being sent."""
    if not tx.write(_AGAIN, {"held": delivery, "now": tx.now}):
        return False
    tx.enqueue(Work("deliver", delivery))
    return True
