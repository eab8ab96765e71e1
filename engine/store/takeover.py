"""Frees the work that the last owner of the database had claimed, or that its clock postponed."""

from __future__ import annotations

from engine.domain import DEFAULT_WORKSPACE
from engine.store import attention_links, audit_log, browsers, challenges, deliveries, links, run_rows
from engine.store.port import Tx


def take_over(tx: Tx) -> None:
    """Free runs and deliveries. Only for a process that owns the database alone and has claimed nothing yet."""
    run_rows.release_runs(tx)
    deliveries.release_deliveries(tx)
    challenges.sweep(tx)
    links.correct_times(tx)
    attention_links.correct_times(tx)
    browsers.correct_times(tx)
    last = audit_log.latest(tx.connection, DEFAULT_WORKSPACE)
    if last is not None and last > tx.now:
        # The clock was ahead when this was written: work that was due then would wait until that time.
        run_rows.make_postponed_runs_ready(tx)
        deliveries.make_waiting_deliveries_due(tx)
