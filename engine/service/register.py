"""The command that registers a workflow, or a new version of it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from engine import webhooks
from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import EVERY_WAY, Assurance, NotAllowed, Person, Refusal, Register, Registered, TriggerKind, accounts
from engine.domain.oversight import OVERSIGHT_WORKFLOW
from engine.domain.workflow_commands import NewerVersion, WorkflowState
from engine.errors import Conflict, InvalidValue, StepError
from engine.fields import Field, FieldType
from engine.ports import StepType
from engine.service import called_workflows, owners, reference_checks
from engine.service.context import CommandContext
from engine.steps import missing_services
from engine.store import people, proposed_versions, trigger_rows, workflows
from engine.store.port import Tx
from engine.store.workflows import NewVersion
from engine.worker.oversight_requests import withdraw
from engine.workflowfile import Gate, Trigger, Workflow, secret_names
from engine.workflowfile.phrases import same_title

LMTP: Final = "lmtp"
"""The part of a server that takes emails, in what is missing there."""
_OUTDATED: Final = "The workflow has a newer version now, so this change does not fit it any more."
log = logging.getLogger(__name__)


class Examined(Struct, frozen=True, kw_only=True):
    """A file that may be registered. `current`: the version that it replaces. `warnings`: doubts about it.

    `owner_rule`: the role or group that owns it, of which `owner` is the contact.
    """

    actor: Person
    owner: Person
    owner_rule: str | None
    current: NewVersion | None
    warnings: tuple[str, ...]

    def is_registered(self, source: bytes) -> bool:
        """Return whether the current version has the same bytes. A workflow that was deleted is registered anew."""
        current = self.current
        return current is not None and current.source == source and current.state != WorkflowState.DELETED


def register(
    context: CommandContext, tx: Tx, command: Register, workflow: Workflow, resolved: Resolved
) -> Registered | Refusal:
    """Save a new version of a workflow that needs no approval, or that has one."""
    examined = examine(context, tx, command, workflow, resolved)
    return examined if isinstance(examined, Refusal) else save(context, tx, command, workflow, examined)


def save(
    context: CommandContext,
    tx: Tx,
    command: Register,
    workflow: Workflow,
    examined: Examined,
    *,
    approved_by: Person | None = None,
) -> Registered:
    """Save a version that was examined in this unit. `approved_by`: who approved it, if it needed that."""
    actor, owner, current = examined.actor, examined.owner, examined.current
    if current is not None and examined.is_registered(command.source):
        return _registered(workflow, current.version, changed=False)
    registration = NewVersion(
        id=current.id if current else tx.new_id(),
        name=workflow.name,
        title=workflow.title,
        owner=owner.id,
        version=current.version + 1 if current else 1,
        source=command.source,
        hash=hashlib.sha256(command.source).hexdigest(),
        registered_by=actor.id,
        updated_at=tx.now,
        owner_rule=examined.owner_rule,
    )
    is_disabled = current is not None and current.state == WorkflowState.DISABLED
    triggers = () if context.is_trial or is_disabled else workflow.triggers
    _save(tx, command.workspace, registration, triggers, replaces=current)
    withdraw_proposals(tx, command.workspace, workflow.name, reason=_OUTDATED)
    tx.audit(
        command.workspace,
        entry(
            EntryKind.WORKFLOW_REGISTERED,
            actor=actor,
            workflow=workflow.name,
            version=registration.version,
            hash=registration.hash,
            owner=registration.owner_rule or owner.label,
            owner_id=owner.id,
            surface=command.origin.surface,
            approved_by=None if approved_by is None else approved_by.id,
        ),
    )
    return _registered(workflow, registration.version, changed=True, warnings=examined.warnings)


def withdraw_proposals(tx: Tx, workspace: str, workflow: str, *, reason: str) -> None:
    """Withdraw the changes to a workflow that wait for an approval and do not fit it any more."""
    for proposed in proposed_versions.load_open(tx.connection, workspace, workflow):
        withdraw(tx, proposed.run, reason=reason)


def examine(
    context: CommandContext,
    tx: Tx,
    command: Register,
    workflow: Workflow,
    resolved: Resolved,
    *,
    author: Person | None = None,
) -> Examined | Refusal:
    """Return what is needed to save a version, or why it cannot be registered. Nothing is saved.

    `author`: who proposed it earlier, and had the right to.
    """
    recipients = Recipients(tx, context.advancer.directory, resolved)
    actor = author or recipients.actor(command.workspace, command.actor)
    current = workflows.load_workflow(tx.connection, command.workspace, workflow.name)
    refusal = None if author else _check_name(context, recipients, command, workflow, actor, current)
    if refusal is not None:
        return refusal
    is_same = current is not None and current.source == command.source and current.state != WorkflowState.DELETED
    newer = None if is_same else check_base(command.base, workflow.name, current)
    if newer is not None:
        return newer
    if current is not None and is_same:
        owner = people.load_people_cached(tx, [current.owner])[current.owner]
        return Examined(actor=actor, owner=owner, owner_rule=current.owner_rule, current=current, warnings=())
    owned = owners.of_version(recipients, tx, command.workspace, workflow, current, actor)
    if isinstance(owned, Refusal):
        return owned
    doubtful = _doubts(context, tx, recipients, command, workflow)
    if isinstance(doubtful, Refusal):
        return doubtful
    warnings = (*owned.doubts, *doubtful)
    return Examined(actor=actor, owner=owned.owner, owner_rule=owned.rule, current=current, warnings=warnings)


def check_base(base: int | None, name: str, current: NewVersion | None) -> NewerVersion | None:
    """Return the refusal of a change to another version than the current one. What was deleted is begun anew."""
    is_gone = current is None or (base == 0 and current.state == WorkflowState.DELETED)
    version = 0 if current is None or is_gone else current.version
    return None if base in (None, version) else NewerVersion(workflow=name, version=version)


def why_not(
    context: CommandContext, tx: Tx, command: Register, workflow: Workflow, resolved: Resolved
) -> Refusal | None:
    """Return why a version cannot be registered, or None if it can. Nothing is saved."""
    examined = examine(context, tx, command, workflow, resolved)
    return examined if isinstance(examined, Refusal) else None


def _doubts(
    context: CommandContext, tx: Tx, recipients: Recipients, command: Register, workflow: Workflow
) -> list[str] | Refusal:
    """Return the doubts about a version, or why this server cannot run it."""
    wrong, doubtful = reference_checks.check(recipients, workflow)
    doubtful += reference_checks.unknown_departments(context.advancer.directory, workflow)
    wrong += _missing_here(context, tx, command.workspace, workflow)
    doubtful += [*_missing_secrets(context, workflow), *_no_place_for_files(context, workflow)]
    twin = workflows.find_same_title(tx.connection, command.workspace, workflow.name, workflow.title)
    doubtful += [] if twin is None else [same_title(twin)]
    return NotAllowed(why=" ".join(wrong)) if wrong else doubtful


def _check_name(
    context: CommandContext,
    recipients: Recipients,
    command: Register,
    workflow: Workflow,
    actor: Person,
    current: NewVersion | None,
) -> NotAllowed | None:
    """Return why the actor may not register a workflow of this name, or None if they may."""
    if workflow.name == OVERSIGHT_WORKFLOW:
        return NotAllowed(why=f"The name {workflow.name} is Signoff's own. Choose another name for this workflow.")
    if current is None:
        return None
    if owners.may(context, recipients, actor, command.actor, current.owner, rule=current.owner_rule):
        return None
    return NotAllowed(
        why=f"Only the owner of {workflow.name} or an admin may replace it. "
        "Register it under another name, or ask its owner."
    )


def _registered(workflow: Workflow, version: int, *, changed: bool, warnings: Sequence[str] = ()) -> Registered:
    return Registered(
        workflow=workflow.name,
        version=version,
        changed=changed,
        takes_asks=workflow.is_asked,
        warnings=tuple(warnings),
        plans=workflow.plan_meanings,
    )


def _save(
    tx: Tx, workspace: str, registration: NewVersion, triggers: Sequence[Trigger], *, replaces: NewVersion | None
) -> None:
    """Write a version with its triggers. In a trial there are none: a person tries the workflow, and nothing else."""
    if not workflows.save_version(tx, workspace, registration, replaces=replaces):
        raise Conflict(f"workflow {registration.name} was replaced by another command")
    trigger_rows.replace_triggers(tx, workspace, registration.id, triggers)


def _missing_here(context: CommandContext, tx: Tx, workspace: str, workflow: Workflow) -> list[str]:
    """Return a sentence for everything that the workflow needs and that is not set up on this server."""
    return [
        *unavailable_proofs(context.unavailable, workflow),
        *_missing_channels(context, workflow),
        *missing_services.find_missing(workflow, context.advancer.kinds),
        *called_workflows.check(tx, context.advancer.workflow, workspace, workflow, is_trial=context.is_trial),
        *_missing_files(context, workflow),
    ]


def _missing_files(context: CommandContext, workflow: Workflow) -> Iterator[str]:
    """Yield a sentence if the workflow cannot do without files, and this server has no place for them."""
    if FieldType.FILE in context.missing and any(field.required for field in _file_fields(workflow)):
        yield f"The workflow takes files. {context.missing[FieldType.FILE]}"


def _no_place_for_files(context: CommandContext, workflow: Workflow) -> Iterator[str]:
    """Yield a sentence if the workflow can take files, and this server has no place for them."""
    fields = _file_fields(workflow)
    if FieldType.FILE in context.missing and fields and not any(field.required for field in fields):
        yield f"Runs start without files here, and a start with a file is refused. {context.missing[FieldType.FILE]}"


def _file_fields(workflow: Workflow) -> list[Field]:
    """Return what takes a file in a workflow: its inputs, and what approvers can change."""
    asked = [*workflow.inputs.values()]
    for step in workflow.steps:
        edit = step.gate.edit if step.gate is not None else None
        asked += (field for field in (edit or {}).values() if field is not None)
    return [field for field in asked if field.type is FieldType.FILE]


def unavailable_proofs(unavailable: Mapping[Assurance, str], workflow: Workflow) -> list[str]:
    """Return a sentence for each gate that wants an identification which this server cannot ask for."""
    found: dict[str, None] = {}
    for step in workflow.steps:
        own = step.gate.variants if step.gate is not None else ()
        for proof in (proof for gate in own for proof in _wanted_proofs(gate)):
            if proof in unavailable:
                found[f"The gate of {step.place} {_WANTS[proof]}. {unavailable[proof]}"] = None
    return list(found)


def _wanted_proofs(gate: Gate) -> Iterator[Assurance]:
    if gate.assurance is Assurance.SSO:
        yield Assurance.SSO
    if gate.confirm_with is not None:
        yield gate.confirm_with


_WANTS: Final = {
    Assurance.SSO: "wants people to sign in with Slack, which this server cannot offer yet",
    Assurance.CODE: "confirms each decision with a code by email, which this server cannot send yet",
}


async def doubts(context: CommandContext, workflow: Workflow) -> list[str]:
    """Return the doubts that step types have about the parameters in the workflow file, as sentences."""
    kinds = [(step, context.advancer.kinds.get(step.kind.name)) for step in workflow.steps]
    steps = [(step, kind) for step, kind in kinds if isinstance(kind, StepType)]
    asked = (kind.doubts(missing_services.literals(step)) for step, kind in steps)
    results = await asyncio.gather(*asked, return_exceptions=True)
    sentences = dict[str, None]()
    for (step, _), result in zip(steps, results, strict=True):
        if isinstance(result, BaseException):
            log.error("step type %s failed to check its parameters", step.kind.name, exc_info=result)
        else:
            sentences |= {f"{step.label}: {doubt}": None for doubt in result}
    return list(sentences)


def _missing_secrets(context: CommandContext, workflow: Workflow) -> Iterator[str]:
    """Yield a sentence for each secret that this server does not have, or cannot use as a webhook does."""
    read = context.advancer.secrets.read
    for name in sorted(secret_names.of_steps(workflow)):
        try:
            read(name, workflow.name)
        except StepError as error:
            yield str(error)
    for webhook in (trigger.webhook for trigger in workflow.triggers if trigger.webhook is not None):
        try:
            secret = read(webhook.secret, workflow.name)
            if webhook.header is None:
                webhooks.key_of(secret)
        except StepError as error:
            yield f"No call can start it yet. {error}"
        except InvalidValue as error:
            yield f"No call can start it yet. The value of the secret {webhook.secret} {error}."


def _missing_channels(context: CommandContext, workflow: Workflow) -> Iterator[str]:
    """Yield a sentence for each channel that the workflow names and that this server does not have."""
    kinds = {trigger.kind for trigger in workflow.triggers}
    if TriggerKind.WEBHOOK in context.missing and TriggerKind.WEBHOOK in kinds:
        yield f"The workflow has a webhook. {context.missing[TriggerKind.WEBHOOK]}"
    if accounts.SLACK.name in context.missing and kinds & {TriggerKind.MESSAGE, TriggerKind.REACTION}:
        yield f"The workflow is started by messages in Slack. {context.missing[accounts.SLACK.name]}"
    if LMTP in context.missing and TriggerKind.EMAIL in kinds:
        yield f"The workflow is started by emails. {context.missing[LMTP]}"
    for step in workflow.steps:
        ways = step.gate.ways if step.gate is not None else EVERY_WAY
        shared = [accounts.SLACK.name] if ways.post_to is not None else []
        for name in dict.fromkeys((*ways.names, *shared)):
            if name in context.missing:
                yield f"The gate of {step.place} names a channel that is missing here. {context.missing[name]}"
