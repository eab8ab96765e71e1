"""The states of workflows: what a new state does, and the refusal to start what is disabled or deleted."""

from __future__ import annotations

from typing import Final

from engine.audit_entries import EntryKind, entry
from engine.domain import Address, Origin, Person
from engine.domain.workflow_commands import WorkflowDisabled, WorkflowState, WorkflowStateChanged
from engine.errors import Conflict
from engine.service import register
from engine.service.context import CommandContext
from engine.store import trigger_rows, workflow_versions, workflows
from engine.store.port import Tx
from engine.store.workflows import CurrentWorkflow, NewVersion

_KINDS: Final = {
    WorkflowState.ACTIVE: EntryKind.WORKFLOW_ENABLED,
    WorkflowState.DISABLED: EntryKind.WORKFLOW_DISABLED,
    WorkflowState.DELETED: EntryKind.WORKFLOW_DELETED,
}
_DELETED: Final = "The workflow was deleted."


def apply(
    context: CommandContext,
    tx: Tx,
    workspace: str,
    current: NewVersion,
    state: WorkflowState,
    actor: Person,
    origin: Origin,
    *,
    approved_by: Person | None = None,
) -> WorkflowStateChanged:
    """Put a workflow into another state. Its triggers are there only while it is active.

    Raises `DefinitionError` if it is enabled and this server cannot run its file any more.
    """
    before = WorkflowState(current.state)
    is_active = state is WorkflowState.ACTIVE and not context.is_trial
    triggers = context.advancer.workflow(tx, current.id, current.version).triggers if is_active else ()
    if not workflow_versions.try_change_state(
        tx, current.id, version=current.version, before=before, after=state, by=actor.id
    ):
        raise Conflict(f"workflow {current.name} was changed by another command")
    trigger_rows.replace_triggers(tx, workspace, current.id, triggers)
    if state is WorkflowState.DELETED:
        register.withdraw_proposals(tx, workspace, current.name, reason=_DELETED)
    tx.audit(
        workspace,
        entry(
            _KINDS[state],
            actor=actor,
            workflow=current.name,
            version=current.version,
            surface=origin.surface,
            approved_by=None if approved_by is None else approved_by.id,
        ),
    )
    return changed(tx, current, state, changed=True)


def changed(tx: Tx, current: NewVersion, state: WorkflowState, *, changed: bool) -> WorkflowStateChanged:
    """Return the answer about a workflow that has this state now."""
    open_runs = workflow_versions.count_open_runs(tx.connection, current.id)
    return WorkflowStateChanged(workflow=current.name, state=state, changed=changed, open_runs=open_runs)


def refuse_named(tx: Tx, workspace: str, name: str, origin: Origin, actor: Address) -> WorkflowDisabled | None:
    """Return why nothing starts the workflow of this name, as `refuse_start` does, or None also if there is none."""
    current = workflows.load_current_cached(tx, workspace, name)
    return None if current is None else refuse_start(tx, workspace, current, origin, actor)


def refuse_start(
    tx: Tx, workspace: str, current: CurrentWorkflow, origin: Origin, actor: Address
) -> WorkflowDisabled | None:
    """Return why nothing starts a workflow, and record that it was tried, or None if it can be started."""
    if current.state == WorkflowState.ACTIVE:
        return None
    found = workflow_versions.load_state(tx.connection, current.id)
    record = entry(
        EntryKind.TRIGGER_SKIPPED,
        workflow=current.name,
        why=found.state.value,
        surface=origin.surface,
        by=str(actor),
    )
    tx.audit(workspace, record)
    return WorkflowDisabled(workflow=current.name, state=found.state, by=found.by, at=found.at)
