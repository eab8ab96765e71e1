"""The command that starts a run by a call from another system."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from msgspec.structs import replace

from engine import json_values, timestamps, webhooks
from engine.audit_entries import EntryKind, entry
from engine.delivery.recipients import Resolved
from engine.domain import (
    Address,
    BodyRefused,
    Firing,
    Origin,
    ReceiveWebhook,
    Refusal,
    Start,
    Started,
    StillRunning,
    TriggerKind,
    WebhookUnknown,
)
from engine.errors import Conflict, DefinitionError, ExpressionError, InvalidValue, StepError
from engine.json_values import Value
from engine.service import start, workflow_states
from engine.service.context import CommandContext
from engine.store import trigger_rows, workflows
from engine.store.port import Store, Tx
from engine.workflowfile import Trigger

log = logging.getLogger(__name__)

_UNTOLD = frozenset({"authorization", "cookie", "proxy-authorization", webhooks.SIGNATURE})
"""Headers that expressions do not get, because they may hold secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedCall:
    """A call whose sender knows the secret of a trigger, with the inputs that it gives."""

    command: ReceiveWebhook
    workflow: str
    """The id of the workflow."""
    trigger: Trigger
    inputs: dict[str, Value]


async def verify(context: CommandContext, store: Store, command: ReceiveWebhook) -> VerifiedCall | Refusal:
    """Return the call if its sender knows the secret and its body gives inputs."""
    current = await store.read(lambda found: workflows.load_workflow(found, command.workspace, command.workflow))
    if current is None:
        return WebhookUnknown()
    try:
        triggers = context.advancer.registered(bytes(current.source)).triggers
    except DefinitionError:
        log.error("the webhook of %s cannot be used: its file is no longer valid", command.workflow)
        return WebhookUnknown()
    secrets = context.advancer.secrets
    await secrets.prepare((), command.workflow)
    trigger = next((one for one in triggers if _knows_secret(context, one, command)), None)
    if trigger is None or trigger.webhook is None:
        return WebhookUnknown()
    await secrets.prepare((trigger.webhook.secret,), command.workflow)
    try:
        body = webhooks.parse(command.headers.get("content-type", ""), command.body)
        inputs = trigger.inputs.render({"trigger": _names(trigger, command, body)})
    except (InvalidValue, ExpressionError) as error:
        return BodyRefused(why=secrets.redact(str(error)).rstrip("."))
    assert isinstance(inputs, dict)
    return VerifiedCall(command=command, workflow=current.id, trigger=trigger, inputs=inputs)


def _knows_secret(context: CommandContext, trigger: Trigger, command: ReceiveWebhook) -> bool:
    webhook = trigger.webhook
    if webhook is None:
        return False
    try:
        secret = context.advancer.secrets.read(webhook.secret, command.workflow)
        if webhook.header is not None:
            return webhooks.has_secret(secret, command.headers.get(webhook.header, ""))
        return webhooks.is_signed(secret, command.headers, command.body, command.received_at)
    except StepError as error:
        log.error("the webhook of %s cannot be used: %s", command.workflow, error)
    except InvalidValue as error:
        log.error("the webhook of %s cannot be used: the secret %s %s", command.workflow, webhook.secret, error)
    return False


def _names(trigger: Trigger, command: ReceiveWebhook, body: Value) -> dict[str, Value]:
    """Return what `trigger` holds. The header with the secret is not in it."""
    untold = {*_UNTOLD, trigger.webhook.header if trigger.webhook is not None else None}
    headers: dict[str, Value] = {name: text for name, text in command.headers.items() if name not in untold}
    at = timestamps.iso(command.received_at)
    return {"body": body, "headers": json_values.clean(headers), "time": at, "date": at[:10]}


def receive(
    context: CommandContext, tx: Tx, call: VerifiedCall, resolved: Resolved, *, may_open_requests: bool = True
) -> Started | Refusal:
    """Start the run of a call, once for each id that its sender gave it: a unit of `Engine.receive`."""
    command = call.command
    actor, origin = Address(TriggerKind.WEBHOOK, command.workflow), Origin(surface="webhook")
    stopped = workflow_states.refuse_named(tx, command.workspace, command.workflow, origin, actor)
    if stopped is not None:
        # Another system is not told who did it.
        return replace(stopped, by=None)
    row = trigger_rows.find(tx.connection, call.workflow, call.trigger)
    if row is None:
        raise Conflict(f"the triggers of {command.workflow} are being registered")
    name = command.headers.get(webhooks.ID, "")[: webhooks.LONGEST_ID]
    result = start.start(
        context,
        tx,
        Start(
            workflow=command.workflow,
            inputs=call.inputs,
            actor=actor,
            origin=replace(origin, place={"trigger": row, "call": name}),
            key=f"webhook:{row}:{name}" if name else None,
            firing=Firing(row, call.trigger.overlap),
            workspace=command.workspace,
        ),
        resolved,
        may_open_requests=may_open_requests,
    )
    if isinstance(result, StillRunning):
        tx.audit(
            command.workspace,
            entry(
                EntryKind.TRIGGER_SKIPPED,
                workflow=command.workflow,
                trigger=call.trigger.identity,
                why="overlap",
                overlap=call.trigger.overlap,
                call=name,
            ),
        )
    return result
