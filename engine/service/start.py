"""The command that starts a run."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Sequence
from typing import Final

from engine import fields, json_values, runs
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import (
    AUTOMATIC,
    Address,
    Firing,
    InvalidInputs,
    NotAllowed,
    NotFound,
    Overlap,
    Person,
    QueueFull,
    Refusal,
    RunStatus,
    Start,
    Started,
    StillRunning,
    Work,
)
from engine.domain.asks import OnlyByAsk
from engine.domain.workflow_commands import WorkflowState
from engine.errors import DefinitionError
from engine.json_values import Value
from engine.runs import Progress, RunState
from engine.service import attachments, owners, workflow_states
from engine.service.context import CommandContext
from engine.store import people, run_rows, workflows
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun
from engine.store.workflows import CurrentWorkflow
from engine.worker import child_runs, starters
from engine.worker.starters import NoStarter
from engine.workflowfile import Workflow

MAX_QUEUED: Final = 100
"""Maximum number of runs of one trigger that wait for the run before."""
_AFTER_ALL: Final = "~"
"""It comes after the id of every run."""


def start(
    context: CommandContext, tx: Tx, command: Start, resolved: Resolved, *, may_open_requests: bool = True
) -> Started | Refusal:
    """Start a run: the unit of `Engine.start`. `may_open_requests`: otherwise the runner opens the first one later."""
    earlier = None
    if command.key is not None:
        earlier = run_rows.find_run_by_key(tx.connection, command.workspace, command.key)
    # Other people can make the key of a trigger as well, and see the run only if they may start it.
    if earlier is not None and command.firing is None:
        return Started(run=earlier, created=False)
    recipients = Recipients(tx, context.advancer.directory, resolved)
    current = _current(tx, recipients, command)
    if isinstance(current, Refusal):
        return current
    workflow = context.advancer.workflow(tx, current.id, current.version)
    requester = _requester(tx, recipients, command, current, workflow)
    if isinstance(requester, Refusal):
        return requester
    if earlier is not None:
        return Started(run=earlier, created=False)
    inputs, errors = fields.validate_all(workflow.inputs, command.inputs)
    inputs_json = json_values.dumps(inputs)
    errors = errors or _too_large(inputs_json)
    if errors:
        return InvalidInputs(errors=errors, labels=fields.labels(workflow.inputs))
    files = attachments.files_in(workflow.inputs, inputs)
    if gone := attachments.unusable(tx, command.workspace, "", files, requester=requester.id):
        return InvalidInputs(errors=gone, labels=fields.labels(workflow.inputs))
    queued = _overlap(tx, command.firing)
    if isinstance(queued, Refusal):
        return queued
    run = _new_run(tx, command, current, requester, inputs, queued=queued)
    state = context.advancer.with_plans(tx, run, workflow)
    # Effects are claimed and performed by the runner.
    progress = (
        _in_queue(tx)
        if queued
        else runs.proceed(workflow, state, now=tx.now, may_run_effects=False, may_open_requests=may_open_requests)
    )
    context.advancer.foresee(tx, run, progress, resolved)
    run_rows.insert_run(tx, run, progress, key=command.key, inputs=inputs_json)
    attachments.use(tx, command.workspace, run.state.id, files, requester=requester.id)
    tx.audit(run.workspace, child_runs.started_entry(run, workflow, requester))
    context.advancer.follow(tx, run, progress, resolved)
    if progress.ready_at is not None and progress.ready_at <= tx.now:
        tx.enqueue(Work("advance", run.state.id))
    return Started(run=run.state.id, queued=queued)


def _current(tx: Tx, recipients: Recipients, command: Start) -> CurrentWorkflow | Refusal:
    """Return the workflow that is started, or why none is."""
    current = workflows.load_current_cached(tx, command.workspace, command.workflow)
    if current is None:
        return _unknown_workflow(tx, command)
    stopped = workflow_states.refuse_start(tx, command.workspace, current, command.origin, command.actor)
    return owners.refresh_contact(tx, recipients, command.workspace, current) if stopped is None else stopped


def _overlap(tx: Tx, firing: Firing | None) -> bool | Refusal:
    """Return whether the run has to wait for an earlier one of its trigger."""
    if firing is None or firing.overlap is Overlap.ALLOW:
        return False
    # Two calls at the same moment may both find no earlier run.
    tx.take_turn(f"trigger {firing.trigger}")
    before = run_rows.find_before(tx.connection, firing.trigger, _AFTER_ALL)
    if before is None:
        return False
    if firing.overlap is Overlap.SKIP:
        return StillRunning(run=before)
    if len(run_rows.load_queued(tx.connection, firing.trigger, MAX_QUEUED)) >= MAX_QUEUED:
        return QueueFull(most=MAX_QUEUED)
    return True


def _in_queue(tx: Tx) -> Progress:
    """Return the progress of a run that has not begun."""
    return Progress(
        status=RunStatus.WAITING,
        cursor=0,
        visits=(),
        opening=None,
        effect=None,
        ready_at=tx.now + run_rows.QUEUE_CHECK,
        error=None,
        events=(),
    )


def _requester(
    tx: Tx, recipients: Recipients, command: Start, current: CurrentWorkflow, workflow: Workflow
) -> Person | Refusal:
    """Return the actor if they may start the workflow. A trigger that no person starts may: the file names it."""
    if command.firing is not None and command.actor.kind in AUTOMATIC:
        return people.need_person(tx, command.workspace, command.actor, evidence="It starts runs of this workflow.")
    return check_starter(recipients, command.workspace, command.actor, current, workflow)


def startable(
    context: CommandContext, tx: Tx, names: Sequence[str], actor: Address, resolved: Resolved, *, workspace: str
) -> list[str]:
    """Return those of these workflows that a person may start. Those that this server cannot read are left out."""
    recipients = Recipients(tx, context.advancer.directory, resolved)
    found: list[tuple[CurrentWorkflow, Workflow]] = []
    for name in dict.fromkeys(names):
        current = workflows.load_current_cached(tx, workspace, name)
        if current is not None and current.state == WorkflowState.ACTIVE:
            with contextlib.suppress(DefinitionError):
                found.append((current, context.advancer.workflow(tx, current.id, current.version)))
    # All groups are asked for at once.
    named = (starter for _, workflow in found for starter in starters.named_starters(workflow))
    groups = [starter.as_members for starter in named if starter.has_members]
    recipients.answers(groups)
    return [
        current.name
        for current, workflow in found
        if not workflow.is_asked and isinstance(check_starter(recipients, workspace, actor, current, workflow), Person)
    ]


def why_not(
    context: CommandContext, tx: Tx, name: str, actor: Address, resolved: Resolved, *, workspace: str
) -> Refusal | None:
    """Return why a person may not start a workflow, or None if they may, or if there is none of this name."""
    current = workflows.load_current_cached(tx, workspace, name)
    if current is None:
        return None
    workflow = context.advancer.workflow(tx, current.id, current.version)
    found = check_starter(Recipients(tx, context.advancer.directory, resolved), workspace, actor, current, workflow)
    return found if isinstance(found, Refusal) else None


def check_starter(
    recipients: Recipients, workspace: str, actor: Address, current: CurrentWorkflow, workflow: Workflow
) -> Person | Refusal:
    """Return the actor if they may start the workflow."""
    if workflow.is_asked:
        return OnlyByAsk(workflow=workflow.name)
    found = starters.find_starter(recipients, workspace, actor, owner=current.owner, workflow=workflow)
    if isinstance(found, Person):
        return found
    if found.why is NoStarter.GUEST:
        return NotAllowed(why=f"Guests cannot start {workflow.name}. Its owner can name them under `may_run`.")
    if found.why is NoStarter.UNVERIFIED:
        return NotAllowed(why="Slack did not answer in time whether you are a member here. Try again in a moment.")
    allowed = f"You cannot start {workflow.name}. It is for {', '.join(workflow.may_run)}."
    return NotAllowed(why=" ".join([allowed, *found.notes]))


def _unknown_workflow(tx: Tx, command: Start) -> NotFound:
    close = difflib.get_close_matches(command.workflow, workflows.load_names(tx.connection, command.workspace), n=1)
    return NotFound(what="workflow", name=command.workflow, suggestion=close[0] if close else None)


def _too_large(written: str) -> dict[str, str]:
    most = child_runs.MAX_INPUTS
    if len(written) <= most:
        return {}
    return {"inputs": f"together they are {len(written):,} characters long; at most {most:,} are taken."}


def _new_run(
    tx: Tx, command: Start, current: CurrentWorkflow, requester: Person, inputs: dict[str, Value], *, queued: bool
) -> LoadedRun:
    state = RunState(
        id=tx.new_id(),
        status=RunStatus.RUNNING,
        cursor=0,
        inputs=inputs,
        requester=requester.handle,
        started_at=tx.now,
    )
    return LoadedRun(
        state=state,
        workspace=command.workspace,
        workflow=current.id,
        workflow_name=current.name,
        version=current.version,
        requester=requester.id,
        owner=current.owner,
        owner_rule=current.owner_rule,
        origin=command.origin,
        rev=1,
        wakes=0,
        ready_at=tx.now,
        lease_until=None,
        trigger=command.firing.trigger if command.firing is not None else None,
        queued=queued,
    )
