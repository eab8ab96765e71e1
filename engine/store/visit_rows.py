"""Visits of runs to steps, and of lanes: where they are among the items of a foreach."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any, Final, cast

from msgspec import Struct
from sqlalchemy import bindparam, insert, select

from engine import json_values
from engine.domain import Params, StepStatus
from engine.domain.statuses import by_value
from engine.json_values import Value
from engine.runs import Visit
from engine.store.connection import Connection
from engine.store.dialect import Upsert
from engine.store.item_rows import ForeachVisit
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import RunRow, StepRunRow

_run = RunRow.__table__  # type: ignore[attr-defined]
_visit = StepRunRow.__table__  # type: ignore[attr-defined]
_STEP_STATUSES: Final = by_value(StepStatus)
OF_LANES: Final = ("parent_step", "parent_visit")
"""Columns of lanes alone, which never change and are loaded by themselves."""
_LANE = Statement(select(*(_run.c[name] for name in OF_LANES)).where(_run.c.id == bindparam("id")))
_visits = select(*(column for column in _visit.c if column.name != "run")).where(_visit.c.run == bindparam("run"))
_VISITS = Statement(_visits)
_VISITS_OF_ITEM = Statement(_visits.where(_visit.c.item == bindparam("item")))
_FIRST_VISITS = Statement(insert(_visit))
_SAVE_VISIT = Statement(
    Upsert(
        _visit,
        key=("run", "step", "visit"),
        replaces=(
            "status",
            "attempt",
            "params",
            "digest",
            "output",
            "error",
            "wakes_at",
            "started_at",
            "ended_at",
        ),
    )
)


class LaneRow(Struct, frozen=True, kw_only=True):
    """A lane as loaded: the visit of the foreach whose items it works on, and where it is among them."""

    of: ForeachVisit
    item: int | None
    since: int


def load_lane(tx: Tx, run: str, row: Any) -> LaneRow:
    """Return where a lane is. `row`: as the run was loaded."""
    key = ("lane", run)
    of: ForeachVisit | None = tx.memory.get(key)
    if of is None:
        started_by = _LANE.one(tx.connection, {"id": run})
        assert started_by is not None
        of = ForeachVisit(row.parent, started_by.parent_step, started_by.parent_visit)
        tx.memory.keep(key, of)
    return LaneRow(of=of, item=row.item, since=row.item_since or 1)


def load_visits(connection: Connection, run: str, lane: LaneRow | None) -> dict[str, Visit]:
    """Return the latest visit of each step; of a lane, those that belong to its item."""
    if lane is None:
        rows = _VISITS.all(connection, {"run": run})
    else:
        rows = [] if lane.item is None else _VISITS_OF_ITEM.all(connection, {"run": run, "item": lane.item})
    visits: dict[str, Visit] = {}
    for row in sorted(rows, key=attrgetter("position", "visit")):
        visits[row.step] = _read_visit(row)
    return visits


def insert_visits(tx: Tx, run: str, visits: Iterable[Visit]) -> None:
    """Write the visits of a new run."""
    _FIRST_VISITS.write_all(tx.connection, [_visit_row(run, visit) for visit in visits])


def save_visits(tx: Tx, run: str, visits: Iterable[Visit]) -> None:
    """Write visits, new ones and those that have changed."""
    _SAVE_VISIT.write_all(tx.connection, [_visit_row(run, visit) for visit in visits])


def _visit_row(run: str, visit: Visit) -> dict[str, Any]:
    # An inline step ends in the transaction that begins it: its parameters are not needed again.
    keeps_params = visit.params is not None and visit.keeps_params
    return {
        "run": run,
        "step": visit.step,
        "visit": visit.visit,
        "position": visit.index,
        "status": visit.status,
        "attempt": visit.attempt,
        "params": json_values.dumps(visit.params.as_value()) if keeps_params and visit.params else None,
        "digest": visit.digest if keeps_params else None,
        "output": None if visit.output is None else json_values.dumps(visit.output),
        "error": visit.error,
        "wakes_at": visit.wakes_at,
        "started_at": visit.started_at,
        "ended_at": visit.ended_at,
        "item": visit.item,
    }


def _read_visit(row: Any) -> Visit:
    return Visit(
        step=row.step,
        index=row.position,
        visit=row.visit,
        status=_STEP_STATUSES[row.status],
        attempt=row.attempt,
        params=Params.from_value(json_values.loads(row.params)) if row.params is not None else None,
        digest=row.digest,
        output=cast("dict[str, Value]", json_values.loads(row.output)) if row.output is not None else None,
        error=row.error,
        wakes_at=row.wakes_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        item=row.item,
    )
