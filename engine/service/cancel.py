"""The command that ends a run."""

from __future__ import annotations

from engine import json_values
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import Cancel, Done, NotAllowed, NotFound, NotWaiting, Refusal
from engine.service import oversight_requests, owners
from engine.service.context import CommandContext
from engine.store import run_rows
from engine.store.port import Tx
from engine.worker import run_cancellation


def cancel(context: CommandContext, tx: Tx, command: Cancel, resolved: Resolved) -> Done | Refusal:
    """Close the open request of a run and end the run: the unit of `Engine.cancel`."""
    run = run_rows.load_run(tx, command.run)
    if run is None:
        return NotFound(what="run", name=command.run)
    recipients = Recipients(tx, context.advancer.directory, resolved)
    actor = recipients.actor(run.workspace, command.actor)
    if not owners.may(context, recipients, actor, command.actor, run.requester, run.owner, rule=run.owner_rule):
        return NotAllowed(why="Only the person who started a run, the owner of its workflow or an admin can cancel it.")
    if run.lane is not None:
        return NotAllowed(why=f"This is a part of run {run.parent}. Cancel that.")
    if run.state.cancelled or run.state.status.ended:
        return NotWaiting(run=command.run, status=run.state.status)
    reason = json_values.clean_text(command.reason) if command.reason else None
    run_cancellation.ask_to_end(tx, run, actor, reason=reason, surface=command.origin.surface)
    if run.is_oversight:
        oversight_requests.end_cancelled(context, tx, command.run, resolved)
    return Done(run=command.run)
