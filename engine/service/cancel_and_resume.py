"""Cancelling a run, and answering for a step of unknown outcome."""

from __future__ import annotations

from engine import runs
from engine.audit import Entry
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import (
    Cancel,
    Done,
    InvalidInputs,
    NotAllowed,
    NotFound,
    NotWaiting,
    Person,
    Refusal,
    Resume,
    ResumeAnswer,
    RunStatus,
    Work,
)
from engine.errors import Conflict, InvalidValue
from engine.json_values import Value
from engine.read_models import AttentionView, StepAnswer
from engine.runs import Visit
from engine.service.context import CommandContext, entry
from engine.store import deliveries, queries, request_rows, run_rows, step_answers
from engine.store.run_rows import LoadedRun
from engine.store.step_answers import Call
from engine.store.transaction import Tx
from engine.workflowfile import Workflow
from engine.workflowfile.expected_output import expected_output


def cancel(ground: CommandContext, tx: Tx, command: Cancel, resolved: Resolved) -> Done | Refusal:
    """The unit of `Engine.cancel`."""
    held = run_rows.load_run(tx, command.run)
    if held is None:
        return NotFound(what="run", name=command.run)
    actor = Recipients(tx, ground.advancer.directory, resolved).actor(held.workspace, command.actor)
    if not ground.may(actor, command.actor, held.requester, held.owner):
        return NotAllowed(why="Only who started a run, the owner of its workflow, or an admin may cancel it.")
    record: dict[str, Value] = {"by": actor.id, "reason": command.reason}
    if not run_rows.try_cancel(tx, command.run, record):
        return NotWaiting(run=command.run, status=held.state.status)
    for request in request_rows.withdraw(tx, command.run, by=actor.id):
        deliveries.want_update(tx, command.run, request)
        tx.audit(held.workspace, entry("request.withdrawn", run=command.run, request=request, actor=actor))
    tx.audit(
        held.workspace,
        entry("run.cancel_asked", run=command.run, actor=actor, reason=command.reason, surface=command.origin.surface),
    )
    tx.ring(Work("advance", command.run))
    return Done(run=command.run)


def resume(
    ground: CommandContext, tx: Tx, command: Resume, resolved: Resolved, *, acted_as: str | None = None
) -> Done | Refusal:
    """The unit of `Engine.resume`. `acted_as`: for the record, what identified somebody for whom no surface vouches."""
    held = run_rows.load_run(tx, command.run)
    if held is None:
        return NotFound(what="run", name=command.run)
    actor = Recipients(tx, ground.advancer.directory, resolved).actor(held.workspace, command.actor)
    if not ground.may(actor, command.actor, held.owner):
        return NotAllowed(why="Only the owner of the workflow or an admin may say what became of a step.")
    ruled = rule(ground, tx, held, command)
    if isinstance(ruled, Refusal):
        return ruled
    workflow, asked, output = ruled
    progress = runs.resume(
        workflow, ground.advancer.informed(tx, held, workflow), command.answer, output=output, now=tx.now
    )
    if not run_rows.try_save_run(tx, held, progress):
        raise Conflict(f"run {command.run} was moved by somebody else")
    step_answers.insert_answer(
        tx,
        run=command.run,
        call=(asked.step, asked.visit),
        attempt=asked.attempt,
        answer=command.answer,
        person=actor.id,
        how=command.assurance.value,
    )
    tx.audit(held.workspace, _resumed(command, actor, asked, output, acted_as))
    deliveries.want_alert_update(tx, command.run)
    stopped_by = actor.id if command.answer is ResumeAnswer.STOP else None
    ground.advancer.follow(tx, held, progress, resolved, stopped_by=stopped_by)
    tx.ring(Work("advance", command.run))
    return Done(run=command.run)


def rule(
    ground: CommandContext, tx: Tx, held: LoadedRun, command: Resume
) -> tuple[Workflow, Visit, dict[str, Value]] | Refusal:
    """What would become of an answer: the workflow, the call, and the output of the step. Nothing is written."""
    if held.state.status is not RunStatus.NEEDS_ATTENTION or held.state.cancelled or _stale(held, command):
        return _answered(tx, held, command)
    workflow = ground.advancer.workflow(tx, held.workflow, held.version)
    asked = held.state.visits[workflow.steps[held.state.cursor].id]
    output = _output(workflow, asked.step, command)
    return output if isinstance(output, Refusal) else (workflow, asked, output)


def attention(ground: CommandContext, tx: Tx, run: str) -> AttentionView | NotWaiting | NotFound:
    """The unit of `Engine.attention`. It writes nothing."""
    held = run_rows.load_run(tx, run)
    view = queries.run_view(tx.connection, run)
    if held is None or view is None:
        return NotFound(what="run", name=run)
    if held.state.status is not RunStatus.NEEDS_ATTENTION or held.state.cancelled:
        return _answered(tx, held)
    workflow = ground.advancer.workflow(tx, held.workflow, held.version)
    step = workflow.steps[held.state.cursor]
    asked = held.state.visits[step.id]
    return AttentionView(
        run=view,
        step=next(one for one in view.steps if (one.step, one.visit) == (asked.step, asked.visit)),
        label=step.label,
        uses=step.kind.name,
        expected=expected_output(workflow, step.id),
    )


def _output(workflow: Workflow, step: str, command: Resume) -> dict[str, Value] | Refusal:
    """What the step produced, as far as a person can say; a refusal if later steps read more than that."""
    try:
        output = runs.checked_output(command.output)
    except InvalidValue as error:
        return InvalidInputs(errors={"output": str(error)})
    if command.answer is not ResumeAnswer.DONE:
        return output
    expected = expected_output(workflow, step)
    problems = expected.problems(output)
    return InvalidInputs(errors=problems, labels=expected.labels) if problems else output


def _resumed(command: Resume, actor: Person, asked: Visit, output: dict[str, Value], acted_as: str | None) -> Entry:
    return entry(
        "run.resumed",
        run=command.run,
        step=asked.step,
        actor=actor,
        answer=command.answer.value,
        output=output,
        visit=asked.visit,
        attempt=asked.attempt,
        surface=command.origin.surface,
        assurance=command.assurance.value,
        acted_as=acted_as,
        place=dict(command.origin.place),
    )


def _answered(tx: Tx, held: LoadedRun, command: Resume | None = None) -> NotWaiting:
    """The refusal of an answer that comes too late, with the one that was faster."""
    answers = step_answers.load_answers(tx.connection, held.state.id)
    given = [one for call, said in answers.items() for one in said if command is None or _is_about(command, call, one)]
    last = max(given, key=lambda one: one.at, default=None)
    return NotWaiting(
        run=held.state.id,
        status=held.state.status,
        answer=last.answer if last else None,
        by=last.person if last else None,
        at=last.at if last else None,
    )


def _is_about(command: Resume, call: Call, answer: StepAnswer) -> bool:
    return call == (command.step, command.visit) and command.attempt in (None, answer.attempt)


def _stale(held: LoadedRun, command: Resume) -> bool:
    """Whether the answer is to a question about an earlier visit, or an earlier call in this one."""
    if command.step is None:
        return False
    asked = held.state.visits.get(command.step)
    if asked is None or asked.index != held.state.cursor or asked.visit != command.visit:
        return True
    return command.attempt not in (None, asked.attempt)
