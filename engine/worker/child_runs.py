"""Starts the runs that steps order, in the name of the person who started the run above them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engine import audit, fields, json_values
from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients
from engine.domain import Address, Person, RunStatus
from engine.domain.people import ACCOUNT
from engine.domain.workflow_commands import WorkflowState
from engine.json_values import Value
from engine.runs import ChildRun, NotStarted, RunOrder
from engine.store import child_rows, people, workflows
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun
from engine.store.workflows import CurrentWorkflow
from engine.worker import new_child, starters
from engine.worker.starters import NoStarter, StarterRefused
from engine.workflowfile import Workflow

MAX_DEPTH: Final = 8
"""Maximum number of runs of which each was started by a step of the one above it."""
MAX_INPUTS: Final = 256_000
"""Maximum size of the inputs of a run together, in characters of JSON."""
RECORDED_INPUTS: Final = 500
"""Maximum size of inputs that the audit log keeps in full, in characters. The content of requests has no limit."""


def start(
    tx: Tx,
    parent: LoadedRun,
    order: RunOrder,
    recipients: Recipients,
    load_workflow: Callable[[Tx, str, int], Workflow],
) -> ChildRun | NotStarted:
    """Start a run that a step ordered, in the unit that says so of the step. The runner moves it from there.

    Raises `NeedsDirectory`.
    """
    current = workflows.load_current_cached(tx, parent.workspace, order.workflow)
    if current is None:
        return NotStarted(f"There is no workflow {order.workflow} to run. Register it, then try this run again.")
    if current.state != WorkflowState.ACTIVE:
        return NotStarted(f"The workflow {order.workflow} was {current.state}. Enable it, then try this run again.")
    above = child_rows.load_ancestors(tx.connection, parent.state.id, MAX_DEPTH)
    if len(above) + 1 >= MAX_DEPTH:
        return NotStarted(f"Runs may start each other only {MAX_DEPTH} deep, and {order.workflow} would be deeper.")
    workflow = load_workflow(tx, current.id, current.version)
    if workflow.is_asked:
        return NotStarted(f"{workflow.name} decides about what programs ask, so only an ask starts it.")
    refused = _refused(tx, recipients, parent, current, workflow)
    if refused is not None:
        return NotStarted(refused)
    inputs, problem = _inputs(workflow, order)
    if problem:
        return NotStarted(problem)
    return _insert(tx, parent, order, current, workflow, inputs)


def _refused(
    tx: Tx, recipients: Recipients, parent: LoadedRun, current: CurrentWorkflow, workflow: Workflow
) -> str | None:
    """Return why the run may not be started for the person who started its parent, or None if it may.

    A schedule or a webhook acts for the owner of its workflow.
    """
    people_of_run = people.load_people_cached(tx, [parent.requester, parent.owner])
    person = people_of_run[parent.requester]
    if not person.is_human:
        person = people_of_run[parent.owner]
    found = starters.find_starter(
        recipients, parent.workspace, _address(person), owner=current.owner, workflow=workflow
    )
    return _explain(found, person, workflow) if isinstance(found, StarterRefused) else None


def _address(person: Person) -> Address:
    """Return the address from which a person acts who is not here: their account, if they have one."""
    return next((address for address in person.addresses if address.kind == ACCOUNT), person.addresses[0])


def _explain(refused: StarterRefused, person: Person, workflow: Workflow) -> str:
    name = person.label
    if refused.why is NoStarter.GUEST:
        return f"{name} is a guest, and guests cannot start {workflow.name}. Its owner can name them under `may_run`."
    if refused.why is NoStarter.UNVERIFIED:
        return f"Slack did not answer in time whether {name} is a member, who would start {workflow.name}."
    allowed = f"{name} started this run, and may not start {workflow.name}. It is for {', '.join(workflow.may_run)}."
    return " ".join([allowed, *refused.notes])


def _inputs(workflow: Workflow, order: RunOrder) -> tuple[dict[str, Value], str]:
    """Return the inputs of the run, and why it cannot be started with them, or an empty text."""
    inputs, errors = fields.validate_all(workflow.inputs, order.inputs)
    labels = fields.labels(workflow.inputs)
    wrong = "; ".join(f"{labels.get(name, name)} {why}" for name, why in errors.items())
    length = len(json_values.dumps(inputs)) if not wrong else 0
    if length > MAX_INPUTS:
        wrong = f"together they are {length:,} characters long; at most {MAX_INPUTS:,} are taken"
    return inputs, f"{workflow.name} cannot be run with these inputs: {wrong}." if wrong else ""


def _insert(
    tx: Tx,
    parent: LoadedRun,
    order: RunOrder,
    current: CurrentWorkflow,
    workflow: Workflow,
    inputs: dict[str, Value],
) -> ChildRun:
    run = new_child.insert(tx, parent, order, inputs=inputs, workflow=current)
    requester = people.load_people_cached(tx, [parent.requester])[parent.requester]
    tx.audit(run.workspace, started_entry(run, workflow, requester))
    return ChildRun(run=run.state.id, title=workflow.title, status=RunStatus.RUNNING)


def started_entry(run: LoadedRun, workflow: Workflow, requester: Person) -> audit.Entry:
    """Return the entry about the start of a run."""
    content: dict[str, Value] = {
        "workflow": workflow.name,
        "version": run.version,
        "hash": workflow.hash,
        "surface": run.origin.surface,
    }
    if run.parent is not None:
        content["parent"] = run.parent
    content |= {name: run.origin.place[name] for name in ("link", "emoji") if name in run.origin.place}
    if run.state.inputs:
        content |= audit.abridged("inputs", dict(run.state.inputs), RECORDED_INPUTS)
    return entry(EntryKind.RUN_STARTED, run=run.state.id, actor=requester, content=content)
