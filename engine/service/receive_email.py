"""The command that starts a run by an email, whose sender is proven."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from engine import timestamps
from engine.delivery.recipients import Recipients, Resolved
from engine.domain import (
    Address,
    BodyRefused,
    Firing,
    NotAllowed,
    NotFound,
    Origin,
    ReceiveEmail,
    Refusal,
    Start,
    Started,
    TriggerKind,
)
from engine.errors import Conflict, DefinitionError, ExpressionError
from engine.json_values import Value
from engine.references import EMAIL
from engine.service import start
from engine.service.context import CommandContext
from engine.store import people, trigger_rows, workflows
from engine.store.port import Store, Tx
from engine.worker import starters
from engine.workflowfile import Trigger, Workflow

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


async def evaluate(context: CommandContext, store: Store, command: ReceiveEmail) -> EvaluatedEmail | Refusal:
    """Return the email with the inputs that the current version of the workflow takes from it."""
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
    if trigger is None:
        return unknown
    try:
        inputs = trigger.inputs.render({"trigger": _names(command)})
    except ExpressionError as error:
        return BodyRefused(why=context.advancer.secrets.redact(str(error)).rstrip("."))
    assert isinstance(inputs, dict)
    return EvaluatedEmail(command=command, workflow=workflow, id=current.id, trigger=trigger, inputs=inputs)


def _names(command: ReceiveEmail) -> dict[str, Value]:
    at = timestamps.iso(command.received_at)
    return {
        "subject": command.subject,
        "text": command.text,
        "from": command.sender,
        "time": at,
        "date": at[:10],
    }


def receive(
    context: CommandContext, tx: Tx, mail: EvaluatedEmail, resolved: Resolved, *, may_open_requests: bool = True
) -> Started | Refusal:
    """Start the run of an email, once for each Message-ID of its sender: a unit of `Engine.receive_email`."""
    command, sender = mail.command, Address(EMAIL, mail.command.sender)
    if not _is_known(context, tx, mail, sender, resolved):
        return NotAllowed(why=f"No one with the address {command.sender} is known here.")
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
            origin=Origin(surface="email", place={"from": command.sender, "message": command.message_id}),
            key=f"email:{row}:{command.sender}:{command.message_id}",
            firing=Firing(row, mail.trigger.overlap),
            workspace=command.workspace,
        ),
        resolved,
        may_open_requests=may_open_requests,
    )


def _is_known(context: CommandContext, tx: Tx, mail: EvaluatedEmail, sender: Address, resolved: Resolved) -> bool:
    """Return whether someone here has this address. Strangers are not saved as people."""
    if people.find_person_cached(tx, mail.command.workspace, sender) is not None:
        return True
    named = starters.named_starters(mail.workflow)
    if any(starter.is_address and starter.address == sender for starter in named):
        return True
    return bool(Recipients(tx, context.advancer.directory, resolved).addresses(sender))
