"""Cancelling a run, and answering for a step of unknown outcome."""

from __future__ import annotations

from engine import plan
from engine.data import Value
from engine.errors import Conflict, InvalidValue
from engine.model import Cancel, Done, InvalidInputs, NotAllowed, NotFound, NotWaiting, Refusal, Resume, RunStatus, Work
from engine.service.ground import Ground, entry
from engine.store import deliveries, requests, runs
from engine.store.runs import HeldRun
from engine.store.tx import Tx
from engine.who import Resolved, Who


def cancel(ground: Ground, tx: Tx, command: Cancel, resolved: Resolved) -> Done | Refusal:
    """The unit of `Engine.cancel`."""
    held = runs.load_run(tx, command.run)
    if held is None:
        return NotFound(what="run", name=command.run)
    actor = Who(tx, ground.advancer.directory, resolved).actor(held.workspace, command.actor)
    if not ground.may(actor, command.actor, held.requester, held.owner):
        return NotAllowed(why="Only who started a run, the owner of its workflow, or an admin may cancel it.")
    record: dict[str, Value] = {"by": actor.id, "reason": command.reason}
    if not runs.try_cancel(tx, command.run, record):
        return NotWaiting(run=command.run, status=held.state.status)
    for request in requests.withdraw(tx, command.run, by=actor.id):
        deliveries.want_update(tx, command.run, request)
        tx.audit(held.workspace, entry("request.withdrawn", run=command.run, request=request, actor=actor))
    tx.audit(
        held.workspace,
        entry("run.cancel_asked", run=command.run, actor=actor, reason=command.reason, surface=command.origin.surface),
    )
    tx.ring(Work("advance", command.run))
    return Done(run=command.run)


def resume(ground: Ground, tx: Tx, command: Resume, resolved: Resolved) -> Done | Refusal:
    """The unit of `Engine.resume`."""
    held = runs.load_run(tx, command.run)
    if held is None:
        return NotFound(what="run", name=command.run)
    actor = Who(tx, ground.advancer.directory, resolved).actor(held.workspace, command.actor)
    if not ground.may(actor, command.actor, held.owner):
        return NotAllowed(why="Only the owner of the workflow or an admin may say what became of a step.")
    if held.state.status is not RunStatus.NEEDS_ATTENTION or held.state.cancelled or _stale(held, command):
        return NotWaiting(run=command.run, status=held.state.status)
    try:
        output = plan.checked_output(command.output)
    except InvalidValue as error:
        return InvalidInputs(errors={"output": str(error)})
    workflow = ground.advancer.workflow(tx, held.workflow, held.version)
    progress = plan.resume(
        workflow, ground.advancer.informed(tx, held, workflow), command.answer, output=output, now=tx.now
    )
    if not runs.try_save_run(tx, held, progress):
        raise Conflict(f"run {command.run} was moved by somebody else")
    tx.audit(
        held.workspace,
        entry("run.resumed", run=command.run, actor=actor, answer=command.answer.value, output=output),
    )
    ground.advancer.follow(tx, held, progress, resolved)
    tx.ring(Work("advance", command.run))
    return Done(run=command.run)


def _stale(held: HeldRun, command: Resume) -> bool:
    """Whether the answer is to a question about an earlier visit, or an earlier call in this one."""
    if command.step is None:
        return False
    asked = held.state.visits.get(command.step)
    if asked is None or asked.index != held.state.cursor or asked.visit != command.visit:
        return True
    return command.attempt not in (None, asked.attempt)
