"""What a new owner of the database frees: work that the last one had in hand, or that its clock put off."""

from __future__ import annotations

from engine.model import DEFAULT_WORKSPACE
from engine.store import attention_links, browsers, challenges, deliveries, journal, links, runs
from engine.store.tx import Tx


def release(tx: Tx) -> None:
    """Free runs and copies: only for the process that owns the database alone and has claimed nothing yet."""
    runs.release_runs(tx)
    deliveries.release_deliveries(tx)
    challenges.sweep(tx)
    links.set_right(tx)
    attention_links.set_right(tx)
    browsers.set_right(tx)
    last = journal.latest(tx.connection, DEFAULT_WORKSPACE)
    if last is not None and last > tx.now:
        # The clock was ahead when it was written: what was meant for "now" would wait until that time comes.
        runs.wake_early(tx)
        deliveries.try_early(tx)
