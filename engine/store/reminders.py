"""What each reminder to a person is about, and when a person was reminded last."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from sqlalchemy import bindparam, insert, select

from engine.domain import DeliveryState, RequestState
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import ApproverRow, DeliveryRow, ReminderRow, RequestRow

_reminder = ReminderRow.__table__  # type: ignore[attr-defined]
_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]
_request = RequestRow.__table__  # type: ignore[attr-defined]
_approver = ApproverRow.__table__  # type: ignore[attr-defined]
_NEW = Statement(insert(_reminder))
_LAST = Statement(
    select(_reminder.c.delivery, _reminder.c.at, _delivery.c.state, _delivery.c.next_at, _delivery.c.shown_at)
    .select_from(_reminder.join(_delivery, _delivery.c.id == _reminder.c.delivery))
    .where(_reminder.c.person == bindparam("person"), _delivery.c.state != DeliveryState.DEAD.value)
    # A digest may come much later, and is no reminder to its reader.
    .where(_delivery.c.topic.is_(None))
    .order_by(_reminder.c.at.desc())
    .limit(1)
)
_ABOUT = Statement(
    select(_reminder.c.request, _request.c.run, _request.c.state, _approver.c.pending)
    .select_from(
        _reminder.join(_request, _request.c.id == _reminder.c.request).join(
            _approver,
            (_approver.c.request == _reminder.c.request) & (_approver.c.person == _reminder.c.person),
            isouter=True,
        )
    )
    .where(_reminder.c.delivery == bindparam("delivery"))
    .order_by(_reminder.c.request)
)


class LastReminder(Struct, frozen=True):
    """The last message that reminds a person. `waits`: whether it was not sent yet. `at`: when it was or will be."""

    delivery: str
    at: datetime
    waits: bool


class RemindedRequest(Struct, frozen=True):
    """A request that a reminder is about. `waits`: whether it still waits for the person."""

    id: str
    run: str
    waits: bool


def take_turn(tx: Tx) -> None:
    """Wait until no other unit plans reminders: each person gets only one message in a while."""
    tx.take_turn("reminders")


def load_last(connection: Connection, person: str) -> LastReminder | None:
    """Return the last message that reminds a person, or None if there was none."""
    row = _LAST.one(connection, {"person": person})
    if row is None:
        return None
    return LastReminder(
        row.delivery, row.shown_at or row.at, row.state == DeliveryState.DUE and row.next_at is not None
    )


def save(tx: Tx, *, delivery: str, request: str, person: str, at: datetime) -> None:
    """Write that the message of a delivery reminds a person of a request. It may be about others too."""
    if all(reminded.id != request for reminded in load_about(tx.connection, delivery)):
        tx.write(_NEW, {"delivery": delivery, "request": request, "person": person, "at": at})


def load_about(connection: Connection, delivery: str) -> list[RemindedRequest]:
    """Return the requests that the message of a delivery is about, the oldest first."""
    return [
        RemindedRequest(row.request, row.run, row.state == RequestState.PENDING and bool(row.pending))
        for row in _ABOUT.all(connection, {"delivery": delivery})
    ]


def first_waiting(connection: Connection, delivery: str) -> str | None:
    """Return the oldest request of a reminder that still waits for its person, or None."""
    return next((reminded.id for reminded in load_about(connection, delivery) if reminded.waits), None)
