"""Starting a run."""

from __future__ import annotations

import difflib
from typing import Final

from engine import audit, fields, json_values, runs
from engine.audit import Entry
from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import InvalidInputs, NotAllowed, NotFound, Person, Refusal, RunStatus, Start, Started, Work
from engine.json_values import Value
from engine.references import Reference, parse_resolvable
from engine.runs import RunState
from engine.service.context import CommandContext
from engine.store import run_rows, workflows
from engine.store.run_rows import LoadedRun
from engine.store.transaction import Tx
from engine.store.workflows import Current
from engine.workflowfile import Workflow

MAX_INPUTS: Final = 256_000
"""Characters of JSON that the inputs of a run may take together."""

RECORDED_INPUTS: Final = 500
"""Characters of inputs that the audit log keeps in full. What people are asked about, it always keeps in full."""


def start(
    context: CommandContext, tx: Tx, command: Start, resolved: Resolved, *, asking: bool = True
) -> Started | Refusal:
    """The unit of `Engine.start`. Not `asking`: the first request is left for a runner to open."""
    if command.key is not None:
        earlier = run_rows.find_run_by_key(tx.connection, command.workspace, command.key)
        if earlier is not None:
            return Started(run=earlier, created=False)
    current = workflows.known_current(tx, command.workspace, command.workflow)
    if current is None:
        return _unknown_workflow(tx, command)
    workflow = context.advancer.workflow(tx, current.id, current.version)
    who = Recipients(tx, context.advancer.directory, resolved)
    requester = _allowed(who, command, current, workflow)
    if isinstance(requester, Refusal):
        return requester
    inputs, errors = fields.validate_all(workflow.inputs, command.inputs)
    written = json_values.dumps(inputs)
    errors = errors or _too_large(written)
    if errors:
        return InvalidInputs(errors=errors, labels=fields.labels(workflow.inputs))
    held = _new_run(tx, command, current, requester, inputs)
    # No acting here: an effect is claimed by the runner that performs it.
    progress = runs.proceed(workflow, held.state, now=tx.now, acting=False, asking=asking)
    context.advancer.foresee(tx, held, progress, resolved)
    run_rows.insert_run(tx, held, progress, key=command.key, inputs=written)
    tx.audit(held.workspace, _started(held, workflow, requester))
    context.advancer.follow(tx, held, progress, resolved)
    if progress.ready_at is not None and progress.ready_at <= tx.now:
        tx.enqueue(Work("advance", held.state.id))
    return Started(run=held.state.id)


def _allowed(who: Recipients, command: Start, current: Current, workflow: Workflow) -> Person | Refusal:
    """The actor, if they may start the workflow. Guests may only where `may_run` names them."""
    starters = _starters(workflow)
    guest = who.guest(command.workspace, command.actor)
    if not starters:
        if guest is not None:
            return NotAllowed(why=f"Guests may not start {workflow.name}, because it has no `may_run` that names them.")
        if who.stranger(command.workspace, command.actor):
            return NotAllowed(why="Slack did not say in time whether you are a member here. Try again in a moment.")
        return who.actor(command.workspace, command.actor)
    requester = who.actor(command.workspace, command.actor)
    if guest is None and requester.id == current.owner:
        return requester
    may, unknown = who.among(guest.addresses if guest else requester.addresses, starters)
    if may:
        return requester
    allowed = f"You may not start {workflow.name}; it is for {', '.join(workflow.may_run)}."
    return NotAllowed(why=" ".join([allowed, *unknown]))


def _unknown_workflow(tx: Tx, command: Start) -> NotFound:
    close = difflib.get_close_matches(command.workflow, workflows.load_names(tx.connection, command.workspace), n=1)
    return NotFound(what="workflow", name=command.workflow, suggestion=close[0] if close else None)


def _started(held: LoadedRun, workflow: Workflow, requester: Person) -> Entry:
    content: dict[str, Value] = {
        "workflow": workflow.name,
        "version": held.version,
        "hash": workflow.hash,
        "surface": held.origin.surface,
    }
    if held.state.inputs:
        content |= audit.abridged("inputs", dict(held.state.inputs), RECORDED_INPUTS)
    return entry(EntryKind.RUN_STARTED, run=held.state.id, actor=requester, content=content)


def _starters(workflow: Workflow) -> list[Reference]:
    """Who may start it besides its owner. Empty: everybody."""
    return [found for name in workflow.may_run if (found := parse_resolvable(name)) is not None]


def _too_large(written: str) -> dict[str, str]:
    if len(written) <= MAX_INPUTS:
        return {}
    return {"inputs": f"together they are {len(written):,} characters long; at most {MAX_INPUTS:,} are taken."}


def _new_run(tx: Tx, command: Start, current: Current, requester: Person, inputs: dict[str, Value]) -> LoadedRun:
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
        origin=command.origin,
        rev=1,
        wakes=0,
        ready_at=tx.now,
        lease_until=None,
    )
