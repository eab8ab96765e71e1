"""Handlers of `/signoff preferences`, of the button on Home, and of the form that both open."""

from __future__ import annotations

from typing import Any

from bot.presentation import preferences, refusals
from bot.slack import preferences_modal, replies, request_modals
from bot.slack.context import SlackContext
from bot.slack.ids import ModalRef
from bot.slack.payloads import Actor, Click, Submission, TypedCommand
from bot.slack.text_objects import View
from engine.domain import AT_ONCE, InvalidPreferences, Person, Preferences, PreferencesSet, Refusal, SetPreferences


class PreferencesHandlers:
    """The handlers. What a person chose is committed before the form is acknowledged."""

    def __init__(self, context: SlackContext) -> None:
        self._context = context

    async def typed(self, typed: TypedCommand) -> None:
        """Open the form."""
        metadata = ModalRef(channel=typed.by.channel or None, response_url=typed.response_url)
        making = self._form(typed.by, metadata)
        opening = self._context.replies.modal_when_ready("views.open", typed.trigger, making, metadata=ModalRef())
        self._context.after(typed.by, typed.response_url, opening)

    async def clicked(self, ack: Any, body: Any) -> None:
        """Open the form from Home."""
        click = Click.of(body)
        await ack()
        making = self._form(click.by, ModalRef())
        opening = self._context.replies.open_when_ready(click, making, metadata=ModalRef())
        self._context.after(click.by, click.response_url, opening)

    async def _form(self, by: Actor, metadata: ModalRef) -> View:
        return preferences_modal.preferences_form(await self._present(by), metadata=metadata)

    async def _present(self, by: Actor) -> PreferencesSet:
        # A person who never did anything here is not known yet.
        person = await self._context.service.person(by) or Person(id="", name="", preferences=AT_ONCE)
        return self._context.service.engine.preferences(person)

    async def submitted(self, ack: Any, body: Any) -> None:
        """Save the form."""
        sent = Submission.of(body)
        read = preferences.read(preferences_modal.read(sent.view.values))
        answer = read if isinstance(read, InvalidPreferences) else await self._save(sent, read)
        if isinstance(answer, InvalidPreferences):
            await ack(**replies.errors({preferences_modal.BLOCK_OF[answer.what]: refusals.sentence(answer)}))
            return
        said = refusals.phrase(answer) if isinstance(answer, Refusal) else ("Saved. ", *preferences.chosen(answer))
        await ack(**replies.update(request_modals.sentence(said)))

    async def _save(self, sent: Submission, chosen: Preferences) -> PreferencesSet | Refusal:
        command = SetPreferences(actor=sent.by.address, origin=sent.by.origin(), preferences=chosen)
        return await self._context.service.engine.set_preferences(command)
