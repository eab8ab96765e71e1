"""How much waits, for monitoring: every process of a database measures the same."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import ColumnElement, bindparam, func, literal_column, select

from engine.domain import RequestState, RunStatus
from engine.store.columns import Utc
from engine.store.connection import Connection
from engine.store.statements import Statement
from engine.store.tables import DeliveryRow, RequestRow, RunRow

MOST: Final = 100_000
"""Rows that are counted at most: counting a million would take longer than a scrape may."""
_request = RequestRow.__table__  # type: ignore[attr-defined]
_delivery = DeliveryRow.__table__  # type: ignore[attr-defined]
_run = RunRow.__table__  # type: ignore[attr-defined]


def _count(table: Any, *conditions: ColumnElement[bool]) -> Statement:
    rows = select(literal_column("1")).select_from(table).where(*conditions).limit(MOST).subquery()
    return Statement(select(func.count().label("count")).select_from(rows))


def _literal(text: str) -> ColumnElement[str]:
    """Return a text as part of the statement: with a parameter, SQLite would not use a partial index."""
    return literal_column(f"'{text}'")


_NOW = bindparam("now", type_=Utc)
_PENDING = _count(_request, _request.c.state == _literal(RequestState.PENDING))
_OVERDUE = _count(_delivery, _delivery.c.next_at <= _NOW)
_ATTENTION = _count(_run, _run.c.status == _literal(RunStatus.NEEDS_ATTENTION))
_OPEN = _count(_run, _run.c.ended_at.is_(None))
_OLDEST_DUE = Statement(
    select(_delivery.c.next_at).where(_delivery.c.next_at <= _NOW).order_by(_delivery.c.next_at).limit(1)
)


_ONE = Statement(select(literal_column("1").label("one")))


class Measurements(Struct, frozen=True, kw_only=True):
    """Counts of what waits, of each at most `MOST`.

    `outbox_age_seconds`: how long the oldest due delivery has been due.
    """

    pending_requests: int
    open_runs: int
    runs_needing_attention: int
    due_deliveries: int
    outbox_age_seconds: float


def ask(connection: Connection) -> None:
    """Return once the database has answered, for a probe: it costs next to nothing."""
    _ONE.one(connection, {})


def measure(connection: Connection, now: datetime) -> Measurements:
    """Return how much waits now."""
    oldest = _OLDEST_DUE.one(connection, {"now": now})
    return Measurements(
        pending_requests=_PENDING.one(connection, {}).count,  # type: ignore[union-attr]
        open_runs=_OPEN.one(connection, {}).count,  # type: ignore[union-attr]
        runs_needing_attention=_ATTENTION.one(connection, {}).count,  # type: ignore[union-attr]
        due_deliveries=_OVERDUE.one(connection, {"now": now}).count,  # type: ignore[union-attr]
        outbox_age_seconds=0.0 if oldest is None else (now - oldest.next_at).total_seconds(),
    )
