"""How a run is asked to end: its open requests are closed at once, and the next advance of the run ends it."""

from __future__ import annotations

from engine.audit_entries import EntryKind, entry
from engine.domain import Person, Work
from engine.errors import Conflict
from engine.json_values import Value
from engine.store import child_rows, deliveries, people, request_rows, run_rows
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun
from engine.worker import undecided_draws


def ask_to_end(
    tx: Tx, run: LoadedRun, by: Person, *, reason: str | None, surface: str | None, parent: str | None = None
) -> None:
    """Ask a run to end that has not ended. Raises `Conflict` if it moves meanwhile, as it may be opening a request.

    `parent`: the cancelled run whose step started it.
    """
    name = run.state.id
    record: dict[str, Value] = {"by": by.id, "reason": reason}
    request_rows.lock_open(tx, name)
    if not run_rows.try_cancel(tx, run, record):
        raise Conflict(f"run {name} was moved by another process")
    closed = request_rows.cancel_requests(tx, name, by=by.id)
    for request_id in closed:
        deliveries.mark_outdated(tx, name, request_id, closes=True)
        tx.audit(run.workspace, entry(EntryKind.REQUEST_WITHDRAWN, run=name, request=request_id, actor=by))
    undecided_draws.note_withdrawn(tx, closed)
    tx.audit(
        run.workspace,
        entry(EntryKind.RUN_CANCEL_ASKED, run=name, actor=by, reason=reason, surface=surface, parent=parent),
    )
    tx.enqueue(Work("advance", name))


def cancel_children(tx: Tx, parent: str) -> None:
    """Ask the runs to end that steps of a cancelled run started. Call it before the parent is written.

    So a cancelled run has no run below it that goes on unseen. Everywhere a child is written before its parent, so that
    units wait for each other, and not in a circle.
    """
    below = child_rows.load_open(tx.connection, parent)
    if not below:
        return
    record = run_rows.load_cancellation(tx.connection, parent)
    by = people.load_people_cached(tx, [str(record["by"])])[str(record["by"])]
    reason = record.get("reason")
    for child in below:
        run = run_rows.load_run(tx, child)
        if run is not None and not run.state.status.ended and not run.state.cancelled:
            ask_to_end(tx, run, by, reason=str(reason) if reason else None, surface=None, parent=parent)
