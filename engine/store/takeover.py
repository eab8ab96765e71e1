"""Frees the work that the last owner of the database had claimed, or that its clock postponed."""

from __future__ import annotations

from sqlalchemy import bindparam, case, exists, null, update

from engine.domain import DEFAULT_WORKSPACE
from engine.store import attention_links, audit_log, browsers, challenges, deliveries, delivery_leases, links, sign_ins
from engine.store.columns import Utc
from engine.store.port import Tx
from engine.store.statements import Statement
from engine.store.tables import RunRow, StepRunRow

_run = RunRow.__table__  # type: ignore[attr-defined]
_visit = StepRunRow.__table__  # type: ignore[attr-defined]

_NOW = bindparam("now", type_=Utc)
_RELEASE_RUNS = Statement(
    update(_run)
    .where(_run.c.ready_at.is_not(None), _run.c.lease_until.is_not(None))
    .values(
        lease_until=null(),
        ready_at=case((_run.c.ready_at > _NOW, _NOW), else_=_run.c.ready_at),
    )
)
_MAKE_RUNS_READY = Statement(
    update(_run)
    .where(
        _run.c.ready_at > bindparam("now"),
        _run.c.ended_at.is_(None),
        ~exists().where(_visit.c.run == _run.c.id, _visit.c.wakes_at > bindparam("now")),
    )
    .values(ready_at=bindparam("now"))
)


def take_over(tx: Tx) -> None:
    """Free runs and deliveries. Only for a process that owns the database alone and has claimed nothing yet."""
    # A lease of a clock that was ahead would delay a run whose effect was interrupted for as long.
    tx.write(_RELEASE_RUNS, {"now": tx.now})
    delivery_leases.release_deliveries(tx)
    challenges.sweep(tx)
    sign_ins.sweep(tx)
    links.correct_times(tx)
    attention_links.correct_times(tx)
    browsers.correct_times(tx)
    last = audit_log.latest(tx.connection, DEFAULT_WORKSPACE)
    if last is not None and last > tx.now:
        # The clock was ahead when this was written: work that was due then would wait until that time.
        tx.write(_MAKE_RUNS_READY, {"now": tx.now})
        deliveries.make_waiting_deliveries_due(tx)
