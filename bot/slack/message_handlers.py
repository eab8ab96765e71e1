"""Handlers of the entry in the menu of messages: a choice among workflows, and the form of the one that was chosen."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from bot.presentation import refusals
from bot.slack import (
    ids,
    message_modals,
    message_starts,
    replies,
    request_modals,
    start_modal,
    text_objects,
)
from bot.slack.context import SlackContext
from bot.slack.ids import MessageRef, ModalRef
from bot.slack.message_source import SourceMessage
from bot.slack.payloads import Click, MessageShortcut, Submission
from bot.slack.service import ANOTHER_VERSION
from bot.slack.text_objects import View
from engine.domain import Refusal, TriggerKind
from engine.workflowfile import trigger_inputs

_GONE: Final = "This message is gone, or this app is no longer in its channel, so nothing can be started with it."
_NO_TRIGGER: Final = "This workflow no longer takes messages."


class MessageHandlers:
    """Handlers of the entry, of the choice, and of the button below a reaction that started nothing."""

    def __init__(self, context: SlackContext) -> None:
        self._context = context

    async def shortcut(self, ack: Any, body: Any) -> None:
        """Open the form of the only workflow that takes messages, or the choice."""
        asked = MessageShortcut.of(body)
        await ack()
        metadata = ModalRef(channel=asked.by.channel or None, response_url=asked.response_url)
        opening = self._context.replies.modal_when_ready(
            "views.open", asked.trigger, self._first_view(asked, metadata), metadata=metadata
        )
        self._context.after(asked.by, asked.response_url, opening)

    async def _first_view(self, asked: MessageShortcut, metadata: ModalRef) -> View:
        engine = self._context.service.engine
        offers = await engine.offers(TriggerKind.MESSAGE)
        names = await engine.startable([offer.workflow for offer in offers], asked.by.address) if offers else []
        offers = [offer for offer in offers if offer.workflow in names]
        if not offers:
            return request_modals.sentence(message_modals.NO_OFFER)
        ref = MessageRef(channel=asked.by.channel, ts=asked.ts, channel_name=asked.channel_name)
        source = await self._context.messages.of(asked.message, ref)
        if len(offers) > 1:
            return message_modals.choice(offers, source, metadata=metadata)
        return await self._form(offers[0].workflow, source, metadata)

    async def chosen(self, ack: Any, body: Any) -> None:
        """Show the form of the workflow that was chosen."""
        sent = Submission.of(body)
        name, metadata = message_modals.chosen(sent.view.values), sent.view.ref
        if metadata is None or metadata.message is None or not name:
            await ack(**replies.update(request_modals.sentence(ANOTHER_VERSION)))
            return
        source = SourceMessage(ref=metadata.message, text=message_modals.shown_text(body.get("view")))
        await ack(**replies.update(await self._form(name, source, metadata)))

    async def form(self, ack: Any, body: Any) -> None:
        """Open the form for a reaction that started nothing."""
        click = Click.of(body)
        ref = ids.decode_message(click.value)
        await ack()
        metadata = ModalRef(channel=ref.channel) if ref is not None else ModalRef()
        opening = self._context.replies.open_when_ready(click, self._form_again(ref, metadata), metadata=metadata)
        self._context.after(click.by, click.response_url, opening)

    async def _form_again(self, ref: MessageRef | None, metadata: ModalRef) -> View:
        if ref is None or ref.workflow is None:
            return request_modals.sentence(ANOTHER_VERSION)
        source = await self._context.messages.read(ref)
        if source is None:
            return request_modals.sentence(_GONE)
        return await self._form(ref.workflow, source, metadata)

    async def _form(self, name: str, source: SourceMessage, metadata: ModalRef) -> View:
        """Return the form of a workflow, filled in from the message."""
        loaded = await self._context.service.workflow(name)
        if isinstance(loaded, Refusal):
            return request_modals.sentence(refusals.phrase(loaded))
        view, workflow = loaded
        trigger = message_starts.find_trigger(workflow, source.ref)
        if trigger is None:
            return request_modals.sentence(_NO_TRIGGER)
        inputs, missing = trigger_inputs.fill(trigger, await self._context.messages.names(source))
        metadata = msgspec.structs.replace(metadata, message=source.ref, workflow=view.name, version=view.version)
        above = message_modals.above_form(source, workflow, [*missing])
        form = start_modal.run_form(workflow, version=view.version, metadata=metadata, typed=inputs, above=above)
        if sum(map(text_objects.weight, form["blocks"])) > ids.VIEW_BYTES:
            return start_modal.run_form(workflow, version=view.version, metadata=metadata, above=above)
        return form
