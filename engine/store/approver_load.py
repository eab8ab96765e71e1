"""How many requests wait for people."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from engine.store.connection import Connection
from engine.store.tables import ApproverRow

_approver = ApproverRow.__table__  # type: ignore[attr-defined]


def open_requests(connection: Connection, persons: Sequence[str]) -> dict[str, int]:
    """Return the number of requests that each of these people can decide now; none for people without one."""
    waiting = select(_approver.c.person, func.count().label("waiting"))
    waiting = waiting.where(_approver.c.person.in_(persons), _approver.c.pending)
    rows = connection.execute(waiting.group_by(_approver.c.person)).all()
    return {row.person: row.waiting for row in rows}
