"""The work that is due, of all kinds, read by one statement: every process looks for it again and again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Select, String, literal_column, select, union_all

from engine.domain import Work
from engine.store import (
    absences,
    attachments,
    deliveries,
    log_followers,
    request_rows,
    retention,
    run_rows,
    sampling_plans,
    trigger_rows,
)
from engine.store.connection import Connection
from engine.store.statements import Statement
from engine.store.wrong_clock import CLOCK_SLACK


def _of_kind(kind: str, due: Select[tuple[str]]) -> Select[tuple[str, str]]:
    ids = due.subquery()
    return select(literal_column(f"'{kind}'", String).label("kind"), ids.c.id)


_ALL = union_all(
    _of_kind("advance", run_rows.DUE),
    _of_kind("deliver", deliveries.DUE),
    _of_kind("process_due", request_rows.DUE),
    _of_kind("process_due", absences.DUE),
    _of_kind("process_due", log_followers.DUE),
    _of_kind("process_due", retention.DUE),
    _of_kind("process_due", sampling_plans.DUE),
    _of_kind("process_due", sampling_plans.LATER_DUE),
    _of_kind("process_due", attachments.DUE),
    _of_kind("process_due", trigger_rows.DUE),
    _of_kind("process_due", trigger_rows.DUE_AFTER_WRONG_CLOCK),
).subquery()
_DUE = Statement(select(_ALL.c.kind, _ALL.c.id))


def due_work(connection: Connection, now: datetime, limit: int, *, ready: datetime) -> list[Work]:
    """Return the work that is due: of each kind, the `limit` that has waited longest.

    `ready`: since when runs and deliveries have been ready, if no process has begun with them.
    """
    rows = _DUE.all(connection, {"now": now, "ready": ready, "limit": limit, "ahead": now + CLOCK_SLACK})
    return [Work(row.kind, row.id) for row in rows]
