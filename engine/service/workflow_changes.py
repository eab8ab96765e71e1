"""The commands that go back to an older version, change the state, or give a workflow another owner."""

from __future__ import annotations

import difflib
from typing import Final

from msgspec.structs import replace

from engine.delivery.recipients import Recipients, Resolved
from engine.domain import Address, NotAllowed, NotFound, Person, Refusal, Register, Registered
from engine.domain.workflow_commands import (
    ChangeWorkflowState,
    Proposed,
    RollBack,
    TransferWorkflow,
    WorkflowState,
    WorkflowStateChanged,
)
from engine.errors import Conflict, DefinitionError
from engine.references import parse
from engine.service import new_versions, owners, workflow_states
from engine.service.context import CommandContext
from engine.store import workflows
from engine.store.port import Tx
from engine.store.proposed_versions import Action
from engine.store.workflows import NewVersion
from engine.workflowfile import text_edits

_PROPOSED: Final = {WorkflowState.ACTIVE: Action.ENABLE, WorkflowState.DELETED: Action.DELETE}


def roll_back(
    context: CommandContext, tx: Tx, command: RollBack, resolved: Resolved
) -> Registered | Proposed | Refusal:
    """Register the file of an older version as the next one, with all checks: the unit of `Engine.roll_back`."""
    found = _find(context, tx, command.workspace, command.workflow, command.actor, resolved)
    if isinstance(found, Refusal):
        return found
    current, _ = found
    number = current.version - 1 if command.version is None else command.version
    if not 1 <= number <= current.version:
        return _no_version(current, number)
    if number == current.version:
        return NotAllowed(why=f"Version {number} of {current.name} is the current one. Nothing was changed.")
    source = workflows.load_source(tx.connection, current.id, number)
    registration = replace(_registration(command, source), base=command.base)
    return _register(context, tx, registration, resolved, Action.ROLL_BACK, number)


def transfer(
    context: CommandContext, tx: Tx, command: TransferWorkflow, resolved: Resolved
) -> Registered | Proposed | Refusal:
    """Write another owner into the file, and register it: the unit of `Engine.transfer`."""
    found = _find(context, tx, command.workspace, command.workflow, command.actor, resolved)
    if isinstance(found, Refusal):
        return found
    current, _ = found
    reference = parse(command.to)
    if reference is None or reference.is_keyword:
        return NotAllowed(why=f"“{command.to}” is no owner. Write an email address, role:NAME or group:HANDLE.")
    changed = text_edits.set_value(bytes(current.source), ("owner",), command.to)
    if changed is None:
        return NotAllowed(
            why=f"Signoff cannot change the owner in the text of {current.name} safely. "
            "Change the line with `owner` by hand and register the file."
        )
    return _register(context, tx, _registration(command, changed), resolved, Action.TRANSFER)


def _registration(command: RollBack | TransferWorkflow, source: bytes) -> Register:
    return Register(source=source, actor=command.actor, origin=command.origin, workspace=command.workspace)


def _register(
    context: CommandContext,
    tx: Tx,
    command: Register,
    resolved: Resolved,
    action: Action,
    from_version: int | None = None,
) -> Registered | Proposed | Refusal:
    try:
        workflow = context.advancer.compiled(command.source)
    except DefinitionError as error:
        problem = error.problems[0].sentence("that version")
        return NotAllowed(why=f"This server does not accept the file any more, so nothing was changed. {problem}")
    return new_versions.register_or_propose(
        context, tx, command, workflow, resolved, action=action, from_version=from_version
    )


def change_state(
    context: CommandContext, tx: Tx, command: ChangeWorkflowState, resolved: Resolved
) -> WorkflowStateChanged | Proposed | Refusal:
    """Disable, enable or delete a workflow: the unit of `Engine.change_state`."""
    found = _find(context, tx, command.workspace, command.workflow, command.actor, resolved)
    if isinstance(found, Refusal):
        return found
    current, actor = found
    if current.state == command.state:
        return workflow_states.changed(tx, current, command.state, changed=False)
    if current.state == WorkflowState.DELETED:
        return NotAllowed(why=f"{current.name} was deleted. Register its file again to bring it back.")
    action = _PROPOSED.get(command.state)
    if action is not None and new_versions.is_protected(context, tx, current):
        return new_versions.propose_state(context, tx, command.workspace, current, action, actor, resolved)
    try:
        return workflow_states.apply(context, tx, command.workspace, current, command.state, actor, command.origin)
    except DefinitionError:
        return NotAllowed(why=f"This server cannot read {current.name} any more. Register its file again.")


def _find(
    context: CommandContext, tx: Tx, workspace: str, name: str, address: Address, resolved: Resolved
) -> tuple[NewVersion, Person] | Refusal:
    """Return a workflow, held until the unit ends, and the person who acts, if they may change it."""
    workflows.take_turn(tx, workspace)
    current = workflows.load_workflow(tx.connection, workspace, name)
    if current is None:
        close = difflib.get_close_matches(name, workflows.load_names(tx.connection, workspace), n=1)
        return NotFound(what="workflow", name=name, suggestion=close[0] if close else None)
    recipients = Recipients(tx, context.advancer.directory, resolved)
    actor = recipients.actor(workspace, address)
    if not owners.may(context, recipients, actor, address, current.owner, rule=current.owner_rule):
        return NotAllowed(why=f"Only the owner of {name} or an admin may do this.")
    if not workflows.hold_version(tx, current.id, current.version):
        raise Conflict(f"workflow {name} was replaced by another command")
    return current, actor


def _no_version(current: NewVersion, number: int) -> NotAllowed:
    if current.version == 1:
        return NotAllowed(why=f"{current.name} has only one version, so there is none to go back to.")
    return NotAllowed(why=f"{current.name} has no version {number}. It has the versions 1 to {current.version}.")
