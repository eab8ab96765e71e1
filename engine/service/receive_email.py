"""The command that starts a run by an email, whose sender is proven."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from engine import fields, timestamps
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import (
    Address,
    EmailAttachment,
    FileUpload,
    Firing,
    InvalidInputs,
    NotAllowed,
    NotFound,
    Origin,
    ReceiveEmail,
    Refusal,
    Start,
    Started,
    TriggerKind,
)
from engine.errors import Conflict, DefinitionError
from engine.file_references import FileReference
from engine.json_values import Value
from engine.references import EMAIL
from engine.service import start, workflow_states
from engine.service.context import CommandContext
from engine.store import people, trigger_rows, workflows
from engine.store.port import Store, Tx
from engine.worker import starters
from engine.workflowfile import Trigger, Workflow, trigger_inputs

_NOT_GIVEN: Final = "is not in this email"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedEmail:
    """An email with the inputs that it gives."""

    command: ReceiveEmail
    workflow: Workflow
    id: str
    """The id of the workflow."""
    trigger: Trigger
    inputs: dict[str, Value]


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The current version of a workflow, with its trigger."""

    id: str
    workflow: Workflow
    trigger: Trigger


async def _load(context: CommandContext, store: Store, command: ReceiveEmail) -> _Loaded | NotFound:
    unknown = NotFound(what="workflow", name=command.workflow)
    current = await store.read(lambda found: workflows.load_workflow(found, command.workspace, command.workflow))
    if current is None:
        return unknown
    try:
        workflow = context.advancer.registered(bytes(current.source))
    except DefinitionError:
        log.error("no email can start %s: its file is no longer valid", command.workflow)
        return unknown
    trigger = next((trigger for trigger in workflow.triggers if trigger.kind is TriggerKind.EMAIL), None)
    return unknown if trigger is None else _Loaded(current.id, workflow, trigger)


async def reads_files(context: CommandContext, store: Store, command: ReceiveEmail) -> bool:
    """Return whether the workflow takes files from its emails."""
    loaded = await _load(context, store, command)
    if isinstance(loaded, NotFound):
        return False
    return any(path[:2] == ("trigger", "attachments") for path in loaded.trigger.inputs.references)


async def evaluate(
    context: CommandContext, store: Store, command: ReceiveEmail, files: Sequence[FileReference]
) -> EvaluatedEmail | Refusal:
    """Return the email with the inputs that the current version of the workflow takes from it and its files."""
    loaded = await _load(context, store, command)
    if isinstance(loaded, NotFound):
        return loaded
    workflow, trigger = loaded.workflow, loaded.trigger
    inputs, errors = trigger_inputs.fill(trigger, _names(command, files))
    if errors:
        log.info("an email does not give the inputs of %s: %s", command.workflow, "; ".join(errors.values()))
        return InvalidInputs(errors=dict.fromkeys(errors, _NOT_GIVEN), labels=fields.labels(workflow.inputs))
    return EvaluatedEmail(command=command, workflow=workflow, id=loaded.id, trigger=trigger, inputs=inputs)


def _names(command: ReceiveEmail, files: Sequence[FileReference]) -> dict[str, Value]:
    at = timestamps.iso(command.received_at)
    return {
        "subject": command.subject,
        "text": command.text,
        "from": command.sender,
        "attachments": [file.value for file in files],
        "time": at,
        "date": at[:10],
    }


def upload(command: ReceiveEmail, attachment: EmailAttachment) -> FileUpload:
    """Return what comes in with an attachment."""

    async def chunks() -> AsyncIterator[bytes]:
        yield attachment.content

    uploader, workspace = _sender(command), command.workspace
    return FileUpload(name=attachment.name, chunks=chunks(), uploader=uploader, workspace=workspace)


def receive(
    context: CommandContext, tx: Tx, mail: EvaluatedEmail, resolved: Resolved, *, may_open_requests: bool = True
) -> Started | Refusal:
    """Start the run of an email, once for each Message-ID of its sender: a unit of `Engine.receive_email`."""
    command = mail.command
    sender, origin = _sender(command), Origin(surface="email")
    stopped = workflow_states.refuse_named(tx, command.workspace, command.workflow, origin, sender)
    if stopped is not None:
        return stopped
    row = trigger_rows.find(tx.connection, mail.id, mail.trigger)
    if row is None:
        raise Conflict(f"the triggers of {command.workflow} are being registered")
    return start.start(
        context,
        tx,
        Start(
            workflow=command.workflow,
            inputs=mail.inputs,
            actor=sender,
            origin=replace(origin, place={"from": command.sender, "message": command.message_id}),
            key=f"email:{row}:{command.sender}:{command.message_id}",
            firing=Firing(row, mail.trigger.overlap),
            workspace=command.workspace,
        ),
        resolved,
        may_open_requests=may_open_requests,
    )


def refuse(context: CommandContext, command: ReceiveEmail, tx: Tx, resolved: Resolved) -> Refusal | None:
    """Return why the sender may not start the workflow, before anything of the email is used or stored."""
    current, sender = workflows.load_current_cached(tx, command.workspace, command.workflow), _sender(command)
    if current is None:
        return NotFound(what="workflow", name=command.workflow)
    workflow = context.advancer.workflow(tx, current.id, current.version)
    recipients = Recipients(tx, context.advancer.directory, resolved)
    if not _is_known(recipients, tx, workflow, sender, workspace=command.workspace):
        return NotAllowed(why=f"No one with the address {command.sender} is known here.")
    found = start.check_starter(recipients, command.workspace, sender, current, workflow)
    if isinstance(found, Refusal):
        return found
    return workflow_states.refuse_start(tx, command.workspace, current, Origin(surface="email"), sender)


def _is_known(recipients: Recipients, tx: Tx, workflow: Workflow, sender: Address, *, workspace: str) -> bool:
    """Return whether someone here has this address. Strangers are not saved as people."""
    if people.find_person_cached(tx, workspace, sender) is not None:
        return True
    if any(starter.is_address and starter.address == sender for starter in starters.named_starters(workflow)):
        return True
    return bool(recipients.addresses(sender))


def _sender(command: ReceiveEmail) -> Address:
    return Address(EMAIL, command.sender)
