"""The command that continues a run that failed, from the step that failed."""

from __future__ import annotations

from typing import Final

from engine import runs
from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import Done, NotAllowed, NotFound, Refusal, RunStatus, StepStatus, TryAgain, Work
from engine.errors import Conflict
from engine.service import owners
from engine.service.context import CommandContext
from engine.store import deliveries, erasure, run_rows
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun
from engine.workflowfile.step_kinds import Nature

_NOT_YOURS: Final = NotAllowed(
    why="Only the person who started a run, the owner of its workflow or an admin can try it again."
)
_NOT_FAILED: Final = NotAllowed(why="Only a run that failed can be tried again.")
_ANOTHER: Final = NotAllowed(
    why="This run was tried again already, and failed once more. Look at what went wrong this time first."
)
_ERASED: Final = NotAllowed(
    why="The contents of this run were erased, so it cannot be tried again. If it is still needed, start a new run."
)
_SIGNOFF_ASKED: Final = NotAllowed(
    why="Signoff itself asked this, and nothing runs from it. If it has to be asked again, Signoff does that by itself."
)
_NO_OUTPUT: Final = NotAllowed(
    why="Every step of this run is done, and only its output is missing. Correct `output` in its workflow."
)
_ONLY_ASKER: Final = NotAllowed(
    why="A program acted on this approval, so only that program can try again. It asks anew for it."
)
_UNCLEAR: Final = NotAllowed(
    why="A person stopped this run before it was clear whether its last step happened. Find that out, and start a new "
    "run if it did not."
)


def try_again(context: CommandContext, tx: Tx, command: TryAgain, resolved: Resolved) -> Done | Refusal:
    """Visit the step again at which a run failed: the unit of `Engine.try_again`.

    The steps before it keep their results. If the step has a gate, people are asked again: an approval is for one call.
    """
    run = run_rows.load_run(tx, command.run)
    if run is None:
        return NotFound(what="run", name=command.run)
    recipients = Recipients(tx, context.advancer.directory, resolved)
    actor = recipients.actor(run.workspace, command.actor)
    if not owners.may(context, recipients, actor, command.actor, run.requester, run.owner, rule=run.owner_rule):
        return _NOT_YOURS
    if run.is_oversight:
        return _SIGNOFF_ASKED
    refusal = _check(context, tx, run, command)
    if refusal is not None:
        return refusal
    workflow = context.advancer.workflow(tx, run.workflow, run.version)
    progress = runs.try_again(workflow, context.advancer.informed(tx, run, workflow), now=tx.now)
    context.advancer.foresee(tx, run, progress, resolved)
    if not run_rows.try_save_run(tx, run, progress):
        raise Conflict(f"run {command.run} was moved by another process")
    tx.audit(
        run.workspace,
        entry(
            EntryKind.RUN_TRIED_AGAIN,
            run=command.run,
            step=workflow.steps[run.state.cursor].id,
            actor=actor,
            surface=command.origin.surface,
            place=dict(command.origin.place),
        ),
    )
    for topic in (RunStatus.NEEDS_ATTENTION, RunStatus.FAILED):
        deliveries.mark_alerts_outdated(tx, command.run, topic)
    context.advancer.follow(tx, run, progress, resolved)
    tx.enqueue(Work("advance", command.run))
    return Done(run=command.run)


def _check(context: CommandContext, tx: Tx, run: LoadedRun, command: TryAgain) -> Refusal | None:
    """Return why the run cannot be tried again, or None."""
    state = run.state
    if state.status is not RunStatus.FAILED:
        return _NOT_FAILED
    if erasure.is_erased(tx.connection, state.id):
        return _ERASED
    if run.parent is not None:
        return NotAllowed(why=f"A step of run {run.parent} started this run and has heard how it ended. Try that one.")
    steps = context.advancer.workflow(tx, run.workflow, run.version).steps
    if state.cursor == len(steps):
        return _NO_OUTPUT
    step = steps[state.cursor]
    if step.kind.nature is Nature.GRANT:
        return _ONLY_ASKER
    visit = state.visits.get(step.id)
    if command.step not in (None, step.id) or (visit is not None and command.visit not in (None, visit.visit)):
        return _ANOTHER
    is_unclear = visit is None or visit.status is not StepStatus.FAILED or (visit.error or "").startswith(runs.STOPPED)
    return _UNCLEAR if is_unclear else None
