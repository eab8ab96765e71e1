"""How a message starts a run: by which trigger, once for each message or reaction, and from where."""

from __future__ import annotations

from bot.slack import message_source
from bot.slack.context import SlackContext
from bot.slack.ids import MessageRef
from bot.slack.payloads import Actor
from engine.domain import Firing, Offer, Origin, TriggerKind
from engine.read_models import WorkflowView
from engine.workflowfile import Trigger, Workflow


def find_trigger(workflow: Workflow, ref: MessageRef) -> Trigger | None:
    """Return the trigger of a workflow for a message, or for a reaction to it."""
    if ref.emoji is None:
        return next((trigger for trigger in workflow.triggers if trigger.kind is TriggerKind.MESSAGE), None)
    of_emoji = [trigger for trigger in workflow.triggers if trigger.reaction and trigger.reaction.emoji == ref.emoji]
    return next((trigger for trigger in of_emoji if trigger.index == ref.position), next(iter(of_emoji), None))


def firing(offers: list[Offer], workflow: str, trigger: Trigger) -> Firing | None:
    """Return the trigger that starts a run, or None if another version of the file is being registered."""
    found = (offer.id for offer in offers if (offer.workflow, offer.identity) == (workflow, trigger.identity))
    return next((Firing(offer, trigger.overlap) for offer in found), None)


async def facts(
    context: SlackContext, by: Actor, ref: MessageRef, loaded: tuple[WorkflowView, Workflow]
) -> tuple[str, Origin, Firing | None]:
    """Return the key, the origin and the trigger of a run that a form starts with a message."""
    view, workflow = loaded
    trigger = find_trigger(workflow, ref)
    offers = await context.service.engine.offers(trigger.kind) if trigger is not None else []
    by = Actor(team=by.team, user=by.user, channel=ref.channel)
    origin = message_source.origin(by, ref, await context.messages.link(ref))
    started_by = firing(offers, view.name, trigger) if trigger is not None else None
    return message_source.key(ref, view.name), origin, started_by
