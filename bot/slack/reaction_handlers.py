"""Handler of reactions: an emoji that a person adds to a message of a channel can start workflows."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from slack_bolt.response import BoltResponse

from bot.log import RETRY_SECONDS
from bot.presentation import refusals
from bot.slack import message_modals, message_source
from bot.slack.client import SlackError
from bot.slack.context import SlackContext
from bot.slack.errors import FailureClass
from bot.slack.event_handlers import ourselves
from bot.slack.ids import MessageRef
from bot.slack.message_source import SourceMessage
from bot.slack.message_starts import firing
from bot.slack.payloads import Actor, AddedReaction
from bot.slack.submission_handlers import show_started
from engine.domain import InvalidInputs, Offer, Refusal, Start, Started, TriggerKind
from engine.domain.accounts import SLACK
from engine.errors import ChannelError
from engine.references import Reference
from engine.workflowfile import reaction_identity, trigger_inputs

_CHANNEL_KNOWN: Final = timedelta(minutes=10)
_REMEMBERED: Final = 10_000
_SLACKBOT: Final = "USLACKBOT"
_NO_SUCH_RUN: Final = "What the workflow reads of a message is not in this one."

log = logging.getLogger(__name__)


class ReactionHandlers:
    """The handler. A run is committed before the event is acknowledged; Slack repeats an event that was not."""

    def __init__(self, context: SlackContext) -> None:
        self._context = context
        self._channels: dict[str, tuple[str, datetime]] = {}
        """The names of channels, with the time at which Slack told them."""
        self._told: dict[str, datetime] = {}

    async def reacted(self, ack: Any, body: Any) -> BoltResponse | None:
        """Start a run of each workflow that listens to this emoji in this channel."""
        added = AddedReaction.of(body)
        try:
            if added.ts and added.by.user not in {_SLACKBOT, *ourselves(body)}:
                await self._start_all(added)
        except ChannelError as error:
            if _passes(error):
                # Slack sends the event again: at once, after a minute and after five minutes.
                self._context.throttle.warn(log, f"a reaction has to wait, because Slack does not answer: {error}")
                return BoltResponse(status=503, body="", headers={"Retry-After": str(RETRY_SECONDS)})
            await self._tell_once(added, f"Your reaction started nothing: Signoff cannot read this message. {error}")
        await ack()
        return None

    async def _start_all(self, added: AddedReaction) -> None:
        offers = await self._listening(added)
        if not offers or await self._is_automatic(added.by):
            return
        name = (await self._channel_name(added.by.channel)) or ""
        ref = MessageRef(channel=added.by.channel, ts=added.ts, channel_name=name, emoji=added.emoji)
        source = await self._context.messages.read(ref)
        if source is None:
            log.info("the message of a reaction is gone")
            return
        names = await self._context.messages.names(source)
        for offer in offers:
            await self._start(added, offer, source, names)

    async def _start(self, added: AddedReaction, offer: Offer, source: SourceMessage, names: dict[str, Any]) -> None:
        loaded = await self._context.service.workflow(offer.workflow)
        if isinstance(loaded, Refusal):
            log.error("a reaction could not start %s: %s", offer.workflow, refusals.sentence(loaded))
            return
        view, workflow = loaded
        trigger = next((one for one in workflow.triggers if one.identity == offer.identity), None)
        if trigger is None:
            return
        inputs, missing = trigger_inputs.fill(trigger, names)
        ref = msgspec.structs.replace(source.ref, position=trigger.index, workflow=view.name)
        if missing:
            if await self._context.service.engine.startable([view.name], added.by.address):
                await self._ask(added, workflow.title, _NO_SUCH_RUN, ref)
            else:
                await self._tell_once(added, f"You cannot start {view.name}.")
            return
        answer = await self._context.service.engine.start(
            Start(
                workflow=view.name,
                inputs=inputs,
                actor=added.by.address,
                origin=message_source.origin(added.by, ref, str(names["link"])),
                key=message_source.key(ref, view.name),
                firing=firing([offer], view.name, trigger),
            )
        )
        await self._answer(added, workflow.title, answer, ref)

    async def _answer(self, added: AddedReaction, title: str, answer: Started | Refusal, ref: MessageRef) -> None:
        """Tell the person what became of their reaction. One that was added again is not answered."""
        if isinstance(answer, InvalidInputs):
            await self._ask(added, title, refusals.sentence(answer), ref)
        elif isinstance(answer, Refusal):
            await self._tell_once(added, refusals.sentence(answer))
        elif answer.created:
            work = show_started(self._context, added.by, title, answer, response_url=None)
            self._context.after(added.by, None, work, recorded=True)

    async def _ask(self, added: AddedReaction, title: str, why: str, ref: MessageRef) -> None:
        """Send the person a button that opens the form of the workflow."""
        if self._remember(f"{added.by.user} {message_source.key(ref, title)}"):
            alone = Actor(team=added.by.team, user=added.by.user)
            message = message_modals.unfilled(title, why, ref)
            self._context.after(added.by, None, self._context.replies.show(alone, message))

    async def _tell_once(self, added: AddedReaction, sentence: str) -> None:
        if self._remember(f"{added.by.user} {added.by.channel} {added.ts} {added.emoji} {sentence}"):
            self._context.after(added.by, None, self._context.replies.tell(added.by, sentence))

    def _remember(self, key: str) -> bool:
        """Remember that something was said, and return whether it is new. In memory: it may be said once more."""
        if key in self._told:
            return False
        if len(self._told) >= _REMEMBERED:
            self._told.clear()
        self._told[key] = self._context.service.clock.now()
        return True

    # -- who listens, and to what --

    async def _listening(self, added: AddedReaction) -> list[Offer]:
        """Return the triggers for this emoji in this channel."""
        prefix = reaction_identity(added.emoji)
        offers = await self._context.service.engine.offers(TriggerKind.REACTION)
        of_emoji = [offer for offer in offers if offer.identity.startswith(prefix)]
        if not of_emoji:
            return []
        name = await self._channel_name(added.by.channel)
        here = {added.by.channel, *([f"#{name}"] if name else [])}
        return [offer for offer in of_emoji if _channel(offer.identity.removeprefix(prefix)) in here]

    async def _channel_name(self, channel: str) -> str | None:
        """Return the name of a channel, or None if the app may not know it."""
        now = self._context.service.clock.now()
        known = self._channels.get(channel)
        if known is not None and now - known[1] < _CHANNEL_KNOWN:
            return known[0]
        try:
            answer = await self._context.client.get("conversations.info", channel=channel)
        except SlackError as error:
            if _passes(error):
                raise
            self._context.throttle.warn(log, f"the name of the channel {channel} is not known: {error}")
            return None
        name = str(answer["channel"].get("name") or "")
        self._channels[channel] = name, now
        return name

    async def _is_automatic(self, by: Actor) -> bool:
        """Return whether a reaction is that of an app, which starts nothing."""
        reference = Reference(SLACK.name, by.user, by.user)
        answer = (await self._context.service.directory.resolve([reference]))[reference]
        return not answer.people and not answer.guests


def _passes(error: ChannelError) -> bool:
    """Return whether the same call may work in a moment."""
    return not isinstance(error, SlackError) or error.kind in (FailureClass.WAIT, FailureClass.UNKNOWN)


def _channel(written: str) -> str:
    return SLACK.channel_id(written) or written
