"""The command that answers for a step of unknown outcome, and the question that it answers."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from engine import runs
from engine.audit import Entry
from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import (
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
from engine.oversight.sampling_plan import BadNews
from engine.read_models import AttentionView, StepAnswer
from engine.runs import Visit
from engine.service import owners
from engine.service.context import CommandContext
from engine.store import deliveries, run_queries, run_rows, step_answers
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun
from engine.store.step_answers import Call
from engine.worker import plan_draws
from engine.workflowfile import Step, Workflow
from engine.workflowfile.expected_output import find_expected_output
from engine.workflowfile.step_kinds import Nature

_ONLY_ASKER: Final = (
    "Only the program that asked can do this again. Find out whether it happened, and answer Done, or stop the run."
)


class AcceptedAnswer(Struct, frozen=True):
    """An answer that may be recorded: the visit that it is about, and the output that the step gets."""

    workflow: Workflow
    visit: Visit
    output: dict[str, Value]


def resume(
    context: CommandContext, tx: Tx, command: Resume, resolved: Resolved, *, acted_as: str | None = None
) -> Done | Refusal:
    """Record an answer for a step of unknown outcome and go on with the run: the unit of `Engine.resume`.

    `acted_as` says in the audit log how the person was identified, where no surface vouches for them.
    """
    run = run_rows.load_run(tx, command.run)
    if run is None:
        return NotFound(what="run", name=command.run)
    recipients = Recipients(tx, context.advancer.directory, resolved)
    actor = recipients.actor(run.workspace, command.actor)
    if not owners.may(context, recipients, actor, command.actor, run.owner, rule=run.owner_rule):
        return NotAllowed(why="Only the owner of the workflow or an admin can say whether a step happened.")
    accepted = check_answer(context, tx, run, command)
    if isinstance(accepted, Refusal):
        return accepted
    state = context.advancer.informed(tx, run, accepted.workflow)
    progress = runs.resume(accepted.workflow, state, command.answer, output=accepted.output, now=tx.now)
    if not run_rows.try_save_run(tx, run, progress):
        raise Conflict(f"run {command.run} was moved by another process")
    step_answers.insert_answer(
        tx,
        run=command.run,
        call=(accepted.visit.step, accepted.visit.visit),
        attempt=accepted.visit.attempt,
        answer=command.answer,
        person=actor.id,
        how=command.assurance.value,
    )
    tx.audit(run.workspace, _resumed_entry(command, actor, accepted, acted_as))
    deliveries.mark_alerts_outdated(tx, command.run)
    if command.answer is ResumeAnswer.REPEAT and accepted.workflow.has_plans:
        plan_draws.tighten_run(context.advancer, tx, command.run, BadNews.DID_NOT_HAPPEN)
    stopped_by = actor.id if command.answer is ResumeAnswer.STOP else None
    context.advancer.follow(tx, run, progress, resolved, stopped_by=stopped_by)
    tx.enqueue(Work("advance", command.run))
    return Done(run=command.run)


def check_answer(context: CommandContext, tx: Tx, run: LoadedRun, command: Resume) -> AcceptedAnswer | Refusal:
    """Return the answer as it would be recorded, or why it is refused. Nothing is written."""
    if not _needs_answer(run) or _is_stale(run, command):
        return _too_late(tx, run, command)
    workflow = context.advancer.workflow(tx, run.workflow, run.version)
    step = workflow.steps[run.state.cursor]
    visit = run.state.visits[step.id]
    if command.answer is ResumeAnswer.REPEAT and step.kind.nature is Nature.GRANT:
        return NotAllowed(why=_ONLY_ASKER)
    output = _check_output(workflow, step, visit, command)
    return output if isinstance(output, Refusal) else AcceptedAnswer(workflow, visit, output)


def attention(context: CommandContext, tx: Tx, run_id: str) -> AttentionView | NotWaiting | NotFound:
    """Return the question of a run to its owner: the unit of `Engine.attention`. Nothing is written."""
    run = run_rows.load_run(tx, run_id)
    view = run_queries.run_view(tx.connection, run_id)
    if run is None or view is None:
        return NotFound(what="run", name=run_id)
    if not _needs_answer(run):
        return _too_late(tx, run)
    workflow = context.advancer.workflow(tx, run.workflow, run.version)
    step = workflow.steps[run.state.cursor]
    visit = run.state.visits[step.id]
    return AttentionView(
        run=view,
        step=next(row for row in view.steps if (row.step, row.visit) == (visit.step, visit.visit)),
        label=step.label,
        uses=step.kind.name,
        expected=find_expected_output(workflow, step.id, known=_known_output(step, visit)),
        technical=step.kind.technical_names,
    )


def _needs_answer(run: LoadedRun) -> bool:
    """Return whether the run waits for an answer about a step of unknown outcome."""
    return run.state.status is RunStatus.NEEDS_ATTENTION and not run.state.cancelled


def _known_output(step: Step, visit: Visit) -> frozenset[str]:
    """Return the names in the output of an ask that are known: what was approved."""
    is_ask = step.kind.nature is Nature.GRANT and visit.params is not None
    return frozenset(visit.params.value) if is_ask and visit.params is not None else frozenset()


def _check_output(workflow: Workflow, step: Step, visit: Visit, command: Resume) -> dict[str, Value] | Refusal:
    """Return the output that the person gave for the step, or a refusal if a value that later steps read is missing."""
    try:
        output = runs.checked_output(command.output)
    except InvalidValue as error:
        return InvalidInputs(errors={"output": str(error)})
    if command.answer is not ResumeAnswer.DONE:
        return output
    expected = find_expected_output(workflow, step.id, known=_known_output(step, visit))
    problems = expected.find_problems(output)
    return InvalidInputs(errors=problems, labels=expected.labels) if problems else output


def _resumed_entry(command: Resume, actor: Person, accepted: AcceptedAnswer, acted_as: str | None) -> Entry:
    return entry(
        EntryKind.RUN_RESUMED,
        run=command.run,
        step=accepted.visit.step,
        actor=actor,
        answer=command.answer.value,
        output=accepted.output,
        visit=accepted.visit.visit,
        attempt=accepted.visit.attempt,
        surface=command.origin.surface,
        assurance=command.assurance.value,
        acted_as=acted_as,
        place=dict(command.origin.place),
    )


def _too_late(tx: Tx, run: LoadedRun, command: Resume | None = None) -> NotWaiting:
    """Return the refusal of an answer that comes too late, with the answer that was recorded before it."""
    answers = [
        answer
        for call, call_answers in step_answers.load_answers(tx.connection, run.state.id).items()
        for answer in call_answers
        if command is None or _is_about(command, call, answer)
    ]
    last = max(answers, key=lambda answer: answer.at, default=None)
    return NotWaiting(
        run=run.state.id,
        status=run.state.status,
        answer=last.answer if last else None,
        by=last.person if last else None,
        at=last.at if last else None,
    )


def _is_about(command: Resume, call: Call, answer: StepAnswer) -> bool:
    """Return whether a recorded answer is about the call that the command answers for."""
    return call == (command.step, command.visit) and command.attempt in (None, answer.attempt)


def _is_stale(run: LoadedRun, command: Resume) -> bool:
    """Return whether the command answers for an earlier visit, or for an earlier call in this visit."""
    if command.step is None:
        return False
    visit = run.state.visits.get(command.step)
    if visit is None or visit.index != run.state.cursor or visit.visit != command.visit:
        return True
    return command.attempt not in (None, visit.attempt)
