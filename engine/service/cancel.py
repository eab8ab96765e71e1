"""The command that ends a run."""

from __future__ import annotations

from engine import json_values
from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import Cancel, Done, NotAllowed, NotFound, NotWaiting, Refusal, Work
from engine.errors import Conflict
from engine.json_values import Value
from engine.service.context import CommandContext
from engine.store import deliveries, request_rows, run_rows
from engine.store.port import Tx


def cancel(context: CommandContext, tx: Tx, command: Cancel, resolved: Resolved) -> Done | Refusal:
    """Close the open request of a run and end the run: the unit of `Engine.cancel`."""
    run = run_rows.load_run(tx, command.run)
    if run is None:
        return NotFound(what="run", name=command.run)
    actor = Recipients(tx, context.advancer.directory, resolved).actor(run.workspace, command.actor)
    if not context.may(actor, command.actor, run.requester, run.owner):
        return NotAllowed(why="Only the person who started a run, the owner of its workflow or an admin can cancel it.")
    if run.state.cancelled or run.state.status.ended:
        return NotWaiting(run=command.run, status=run.state.status)
    reason = json_values.clean_text(command.reason) if command.reason else None
    record: dict[str, Value] = {"by": actor.id, "reason": reason}
    request_rows.lock_open(tx, command.run)
    if not run_rows.try_cancel(tx, run, record):
        raise Conflict(f"run {command.run} was moved by another process")
    for request_id in request_rows.cancel_requests(tx, command.run, by=actor.id):
        deliveries.mark_outdated(tx, command.run, request_id, closes=True)
        tx.audit(run.workspace, entry(EntryKind.REQUEST_WITHDRAWN, run=command.run, request=request_id, actor=actor))
    tx.audit(
        run.workspace,
        entry(
            EntryKind.RUN_CANCEL_ASKED,
            run=command.run,
            actor=actor,
            reason=reason,
            surface=command.origin.surface,
        ),
    )
    tx.enqueue(Work("advance", command.run))
    return Done(run=command.run)
