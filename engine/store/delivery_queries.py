"""Deliveries as people see them, and the content of an email with a code."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, literal_column, select

from engine.code_delivery import CodeDelivery
from engine.code_derivation import reference
from engine.domain import SHARED, Decide, DeliveryKind, DeliveryState, Person, Purpose, Receipt, Resume
from engine.ports import Route
from engine.read_models import DeliveryView, RequestView
from engine.store import challenges, people, request_queries, run_queries
from engine.store.connection import Connection
from engine.store.delivery_leases import LeasedDelivery, read_receipt, write_receipt
from engine.store.statements import Statement
from engine.store.tables import DeliveryRow, RequestRow

_request = RequestRow.__table__  # type: ignore[attr-defined]
_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]

_DELIVERIES = Statement(
    select(_delivery)
    .join(_request, (_request.c.run == _delivery.c.run) & (_request.c.id == _delivery.c.request))
    .where(_request.c.id == bindparam("request"))
    .order_by(_delivery.c.id)
)
"""Selects by run, because an index on the request would slow every opening."""
_RUN_DELIVERIES = Statement(select(_delivery).where(_delivery.c.run == bindparam("run")).order_by(_delivery.c.id))

_SHARED_AT = Statement(
    # A literal, or SQLite would not use the partial index.
    select(_delivery.c.request).where(
        _delivery.c.receipt == bindparam("receipt"), _delivery.c.topic == literal_column(f"'{SHARED}'")
    )
)

_COPIES = Statement(
    select(_delivery.c.person, _delivery.c.channel, _delivery.c.address, _delivery.c.topic, _delivery.c.receipt)
    .where(
        _delivery.c.run == bindparam("run"),
        _delivery.c.request == bindparam("request"),
        _delivery.c.kind == DeliveryKind.REQUEST.value,
        _delivery.c.receipt.is_not(None),
    )
    .order_by(_delivery.c.id.desc())
)


def load_copy(connection: Connection, delivery: LeasedDelivery, request: str, *, shared: bool) -> Receipt | None:
    """Return the copy of the request that its reader has where this delivery goes, or the one that all share there."""
    for row in _COPIES.all(connection, {"run": delivery.run, "request": request}):
        is_here = (row.channel, row.address) == (delivery.channel, delivery.address)
        is_for_them = row.topic == SHARED if shared else row.topic != SHARED and row.person == delivery.person
        if is_here and is_for_them:
            return read_receipt(row.receipt)
    return None


def load_shared_route(connection: Connection, run: str, request: str) -> Route | None:
    """Return where the copy of a request stands that all approvers share, or None if none was posted."""
    rows = _COPIES.all(connection, {"run": run, "request": request})
    return next((Route(row.channel, row.address) for row in rows if row.topic == SHARED), None)


def request_at(connection: Connection, receipt: Receipt) -> RequestView | None:
    """Return the request whose shared copy is the message with this receipt, or None."""
    row = _SHARED_AT.one(connection, {"receipt": write_receipt(receipt)})
    return None if row is None else request_queries.request_view(connection, row.request)


def delivery_views(connection: Connection, *, run: str | None = None, request: str | None = None) -> list[DeliveryView]:
    """Return the deliveries of a request, or all of a run."""
    if request is not None:
        rows = _DELIVERIES.all(connection, {"request": request})
    else:
        rows = _RUN_DELIVERIES.all(connection, {"run": run})
    persons = people.load_people(connection, [row.person for row in rows])
    return [
        DeliveryView(
            id=row.id,
            kind=DeliveryKind(row.kind),
            topic=row.topic,
            state=DeliveryState(row.state),
            person=persons[row.person],
            channel=row.channel,
            address=row.address,
            attempts=row.attempts,
            wanted_version=row.wanted_version,
            shown_version=row.shown_version,
            last_error=row.last_error,
            next_at=row.next_at,
            shown_at=row.shown_at,
        )
        for row in rows
    ]


def code_delivery(connection: Connection, delivery: str, person: Person, challenge: str, now: datetime) -> CodeDelivery:
    """Return the content of the email with the code of this challenge. A deleted challenge expired long ago."""
    stored = challenges.load_challenge(connection, challenge)
    if stored is None:
        return CodeDelivery(delivery=delivery, person=person, challenge=challenge, until=now, wanted=False, digits=0)
    return CodeDelivery(
        delivery=delivery,
        person=person,
        challenge=challenge,
        until=stored.expires_at,
        wanted=stored.live(now) and (stored.command is None) is (stored.purpose is Purpose.SIGN_IN),
        digits=challenges.digits(stored.purpose),
        reference=reference(stored.subject),
        label=stored.label,
        request=request_queries.request_view(connection, stored.request) if stored.request else None,
        decision=stored.command if isinstance(stored.command, Decide) else None,
        run=run_queries.run_view(connection, stored.run) if stored.run else None,
        answer=stored.command if isinstance(stored.command, Resume) else None,
        shown_values=stored.shown_values,
    )
