"""Changes to protected workflows: another person approves them, and exactly what was approved then happens.

A change waits if the version that is current or the one that would be is protected, so the protection itself cannot be
taken away by one person. A stop never waits: a workflow is disabled at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from engine.audit import Entry
from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import NotAllowed, Origin, Person, Refusal, Register, Registered, RequestState
from engine.domain.oversight import OVERSIGHT_WORKFLOW, About, OversightPurpose
from engine.domain.workflow_commands import Proposed, WorkflowState
from engine.errors import Conflict, DefinitionError
from engine.json_values import Value
from engine.requests import Request, Ruling
from engine.requests.oversight_request import EndedOversightRequest, OversightRequest
from engine.service import oversight_requests, proposal_content, register, workflow_states
from engine.service.context import CommandContext
from engine.service.oversight_requests import Deciders
from engine.service.register import Examined
from engine.store import people, proposed_versions, workflows
from engine.store.port import Tx
from engine.store.proposed_versions import Action, ProposedVersion
from engine.store.workflows import NewVersion
from engine.worker.oversight_requests import open_oversight_request, withdraw
from engine.workflowfile import Workflow

_ORIGIN: Final = Origin(surface="signoff")
_OUTDATED: Final = NotAllowed(
    why="The workflow was changed meanwhile, so this change does not fit it any more. Nothing was changed. "
    "If it is still wanted, its author has to propose it again."
)
_NO_ONE: Final = (
    "{name} is protected, so another person has to approve this change, and there is no one who could: no other "
    "admin is named. Ask the operator of this server to name another admin in SIGNOFF_ADMINS, or "
    "ask another admin to make the change, so that you can approve it. Nothing was changed."
)
_SUPERSEDED: Final = "Its author proposed another change instead."
_STATES: Final = {Action.ENABLE: WorkflowState.ACTIVE, Action.DELETE: WorkflowState.DELETED}


def is_protected(context: CommandContext, tx: Tx, current: NewVersion) -> bool:
    """Return whether each change to a registered workflow needs an approval.

    One that this server cannot read any more counts as protected.
    """
    if context.protects_all:
        return True
    before = _readable(context, tx, current)
    return before is None or before.protected


def _readable(context: CommandContext, tx: Tx, current: NewVersion) -> Workflow | None:
    """Return the current version, or None if this server cannot read its file any more."""
    try:
        return context.advancer.workflow(tx, current.id, current.version)
    except DefinitionError:
        return None


def register_or_propose(
    context: CommandContext,
    tx: Tx,
    command: Register,
    workflow: Workflow,
    resolved: Resolved,
    *,
    action: Action = Action.REGISTER,
    from_version: int | None = None,
) -> Registered | Proposed | Refusal:
    """Register a version, or ask for its approval if the workflow is protected."""
    workflows.take_turn(tx, command.workspace)
    examined = register.examine(context, tx, command, workflow, resolved)
    if isinstance(examined, Refusal):
        return examined
    current = examined.current
    change = ProposedVersion(
        run="",
        workspace=command.workspace,
        workflow=workflow.name,
        action=action,
        base=None if current is None else current.version,
        source=command.source,
        hash=hashlib.sha256(command.source).hexdigest(),
        from_version=from_version,
        author=examined.actor.id,
        proposed_at=tx.now,
    )
    if examined.is_registered(command.source) or not _waits(context, tx, current, workflow):
        registered = register.save(context, tx, command, workflow, examined)
        if registered.changed:
            record_change(tx, change, examined.actor)
        return registered
    answer = _propose(context, tx, change, examined, workflow, resolved)
    return answer if isinstance(answer, Refusal) else replace(answer, warnings=examined.warnings)


def no_one(workflow: str) -> str:
    """Return the sentence for the author of a change that no other person could approve."""
    return _NO_ONE.format(name=workflow)


def _waits(context: CommandContext, tx: Tx, current: NewVersion | None, workflow: Workflow) -> bool:
    if context.is_trial:
        return False
    if current is None:
        return context.protects_all
    return workflow.protected or is_protected(context, tx, current)


# -- asking ---------------------------------------------------------------------------------------------------


def propose_state(
    context: CommandContext,
    tx: Tx,
    workspace: str,
    current: NewVersion,
    action: Action,
    actor: Person,
    resolved: Resolved,
) -> Proposed | Refusal:
    """Ask another person to approve that a protected workflow is enabled or deleted."""
    change = ProposedVersion(
        run="",
        workspace=workspace,
        workflow=current.name,
        action=action,
        base=current.version,
        source=None,
        hash=None,
        from_version=None,
        author=actor.id,
        proposed_at=tx.now,
    )
    owner = people.load_people_cached(tx, [current.owner])[current.owner]
    examined = Examined(actor=actor, owner=owner, owner_rule=current.owner_rule, current=current, warnings=())
    return _propose(context, tx, change, examined, None, resolved)


def _propose(
    context: CommandContext,
    tx: Tx,
    change: ProposedVersion,
    examined: Examined,
    after: Workflow | None,
    resolved: Resolved,
) -> Proposed | Refusal:
    current = examined.current
    # The owner of a new workflow is only what its author wrote, so the admins decide about it.
    owner, rule = (change.author, None) if current is None else (current.owner, current.owner_rule)
    recipients = Recipients(tx, context.advancer.directory, resolved)
    who = oversight_requests.askable(
        context,
        recipients,
        tx,
        oversight_requests.deciders(context, tx, owner=owner, author=change.author, rule=rule),
    )
    if who is None:
        return NotAllowed(why=no_one(change.workflow))
    # Two proposals at the same moment may both find none.
    tx.take_turn(f"proposal {change.workspace} {change.workflow}")
    for waiting in proposed_versions.load_open(tx.connection, change.workspace, change.workflow):
        if replace(waiting, run="", author=change.author, proposed_at=tx.now) == change:
            return Proposed(workflow=change.workflow, run=waiting.run, was_open=True)
        if waiting.author == change.author:
            withdraw(tx, waiting.run, reason=_SUPERSEDED)
    run = open_oversight_request(context.advancer, tx, _asked(context, tx, change, examined, after, who), resolved)
    proposed_versions.insert_row(tx, replace(change, run=run))
    tx.audit(change.workspace, _record(EntryKind.WORKFLOW_PROPOSED, change, run, examined.actor))
    return Proposed(workflow=change.workflow, run=run, was_open=False)


def _asked(
    context: CommandContext,
    tx: Tx,
    change: ProposedVersion,
    examined: Examined,
    after: Workflow | None,
    who: Deciders,
) -> OversightRequest:
    """Return the request that shows a change."""
    current = examined.current
    before = None if current is None else _readable(context, tx, current)
    title = change.workflow if current is None else current.title
    described = proposal_content.describe(
        change,
        title=title if after is None else after.title,
        author=examined.actor.label,
        before=before,
        after=after,
    )
    return OversightRequest(
        workspace=change.workspace,
        purpose=OversightPurpose.NEW_VERSION,
        title=described.title,
        reason=described.reason,
        approvers=who.approvers,
        barred=who.barred,
        owner=who.owner,
        about=About() if current is None else About(workflow=current.id, version=current.version),
        content=described.content,
        declared=described.declared,
        technical=(proposal_content.HASH,),
        approve_label=described.approve_label,
        reject_label=described.reject_label,
        facts={"workflow": change.workflow, "action": change.action.value},
    )


def _record(
    kind: EntryKind, change: ProposedVersion, run: str, actor: Person | None, state: str | None = None
) -> Entry:
    return entry(
        kind,
        actor=actor,
        workflow=change.workflow,
        action=change.action.value,
        base=change.base,
        hash=change.hash,
        from_version=change.from_version,
        proposal=run,
        state=state,
    )


# -- the answer -----------------------------------------------------------------------------------------------


def why_not(context: CommandContext, tx: Tx, request: Request, ruling: Ruling, resolved: Resolved) -> Refusal | None:
    """Return why a change cannot be approved now, for the person who presses the button, or None."""
    if request.subject.workflow != OVERSIGHT_WORKFLOW or ruling.state is not RequestState.APPROVED:
        return None
    change = proposed_versions.find(tx.connection, request.subject.run)
    if change is None:
        return None
    current = workflows.load_workflow(tx.connection, change.workspace, change.workflow)
    if not _fits(change, current):
        return _OUTDATED
    if change.source is None:
        return None
    ready = _ready(context, tx, change, request.content.value, resolved)
    return ready if isinstance(ready, Refusal) else None


def follow(context: CommandContext, tx: Tx, ended: EndedOversightRequest, resolved: Resolved) -> None:
    """Do exactly what was approved: the follower of `OversightPurpose.NEW_VERSION`."""
    change = proposed_versions.find(tx.connection, ended.run)
    assert change is not None
    if ended.state is not RequestState.APPROVED or ended.person is None:
        tx.audit(
            change.workspace, _record(EntryKind.WORKFLOW_REFUSED, change, ended.run, ended.person, ended.state.value)
        )
        return
    current = workflows.load_workflow(tx.connection, change.workspace, change.workflow)
    if not _fits(change, current):
        raise Conflict(f"workflow {change.workflow} was replaced by another command")
    if change.source is None:
        assert current is not None
        author = people.load_people_cached(tx, [change.author])[change.author]
        state = _STATES[change.action]
        workflow_states.apply(context, tx, change.workspace, current, state, author, _ORIGIN, approved_by=ended.person)
        return
    ready = _ready(context, tx, change, ended.content, resolved)
    if isinstance(ready, Refusal):
        raise Conflict(f"the change of {ended.run} cannot be registered any more")
    command, workflow, examined = ready
    register.save(context, tx, command, workflow, examined, approved_by=ended.person)
    record_change(tx, change, examined.actor)


def record_change(tx: Tx, change: ProposedVersion, actor: Person) -> None:
    """Record that a new version is an older one again, or only another owner."""
    kind = _RECORDED.get(change.action)
    if kind is not None:
        tx.audit(change.workspace, _record(kind, change, change.run, actor))


_RECORDED: Final = {
    Action.ROLL_BACK: EntryKind.WORKFLOW_ROLLED_BACK,
    Action.TRANSFER: EntryKind.WORKFLOW_TRANSFERRED,
}


def _fits(change: ProposedVersion, current: NewVersion | None) -> bool:
    """Return whether a workflow is still as it was when the change was proposed."""
    if change.base is None:
        return current is None
    return current is not None and current.version == change.base


def _ready(
    context: CommandContext, tx: Tx, change: ProposedVersion, shown: Mapping[str, Value], resolved: Resolved
) -> tuple[Register, Workflow, Examined] | Refusal:
    """Return what registers the proposed bytes, or why this server cannot. `shown`: the content that was approved."""
    assert change.source is not None
    if hashlib.sha256(change.source).hexdigest() != shown[proposal_content.HASH]:
        return NotAllowed(why="The file that was proposed is not in the database as it was. Nothing was changed.")
    try:
        workflow = context.advancer.compiled(change.source)
    except DefinitionError:
        return NotAllowed(why="This server cannot read the new file any more. Its author has to propose it again.")
    author = people.load_people_cached(tx, [change.author])[change.author]
    command = Register(source=change.source, actor=author.addresses[0], origin=_ORIGIN, workspace=change.workspace)
    examined = register.examine(context, tx, command, workflow, resolved, author=author)
    return examined if isinstance(examined, Refusal) else (command, workflow, examined)
