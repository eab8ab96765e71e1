"""Replies to a person who just acted: a sentence that only they see, the clicked message, a modal.

The outbox updates all messages anyway; a reply that fails is not repeated.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any, Final

from bot.slack import channel, details_modal, message_view, request_modals
from bot.slack.channel import is_large
from bot.slack.client import SlackClient, SlackError
from bot.slack.errors import FailureClass
from bot.slack.ids import ModalRef
from bot.slack.message_view import SlackMessage
from bot.slack.payloads import Actor, Click
from bot.slack.sentences import Sentence
from bot.slack.text_objects import View
from engine.domain import Card
from engine.errors import ChannelError
from engine.off_loop import off_loop

CONTENT_SECONDS: Final = 0.8
"""How long a modal waits for its content before it opens as "loading", in seconds: a trigger expires after three."""
_NOTHING_CAME: Final = "This could not be loaded. A message to you says why. Close this, then try again."

_NO_SECOND_CLICK: Final = frozenset({FailureClass.STALE, FailureClass.INSTALLATION, FailureClass.ROTATE})
"""Failures after which another click does not help, or whose sentence asks for one already."""

log = logging.getLogger(__name__)


class Replies:
    """Replies that are sent outside of an acknowledgement."""

    def __init__(self, client: SlackClient) -> None:
        self._client = client

    # -- sentences --

    async def tell(self, by: Actor, text: Sentence, *, response_url: str | None = None) -> None:
        """Send a sentence to one person: where they acted, or in the conversation with them."""
        await self.show(by, message_view.sentence(text), response_url=response_url)

    async def show(self, by: Actor, message: SlackMessage, *, response_url: str | None = None) -> None:
        """Send a message to one person: where they acted, or in the conversation with them."""
        if response_url and await self._client.respond(
            response_url, {**message.for_answer(), "response_type": "ephemeral", "replace_original": False}
        ):
            return
        if not await self.show_here(by, message):
            await self._client.post("chat.postMessage", channel=by.user, **message.for_post())

    async def show_here(self, by: Actor, message: SlackMessage, *, thread: str | None = None) -> bool:
        """Show a message to one person where they acted, if the app is in that conversation. Return whether it is."""
        if not by.channel:
            return False
        below: dict[str, Any] = {} if thread is None else {"thread_ts": thread}
        try:
            await self._client.post(
                "chat.postEphemeral", channel=by.channel, user=by.user, **message.for_update(), **below
            )
        except ChannelError as error:
            log.info("%s cannot be told in %s: %s", by.user, by.channel, error)
            return False
        return True

    async def say(self, channel: str, text: str, *, thread: str | None = None) -> None:
        """Post a sentence for all people in a conversation. `thread`: the message that it replies to."""
        below: dict[str, Any] = {} if thread is None else {"thread_ts": thread}
        await self._client.post("chat.postMessage", channel=channel, **message_view.sentence(text).for_post(), **below)

    async def answer(self, click: Click, text: Sentence) -> None:
        """Answer a click with a sentence: in its modal, or else to the person."""
        if click.modal is not None:
            await self.update(click.modal.id, request_modals.sentence(text, metadata=click.modal.ref))
        elif click.view is not None:
            await self.open(click, request_modals.sentence(text))
        else:
            await self.tell(click.by, text, response_url=click.response_url)

    # -- copies --

    async def copy(self, response_url: str | None, card: Card, *, delivery: str | None) -> bool:
        """Update the clicked message at once, and return whether that was tried: also a failed call may arrive.

        This is no delivery: the relay edits it as well. A message that asks is left to the relay: this update could
        arrive after the outcome, and bring buttons back.
        """
        asks = any(action.verdict != "reject" for action in card.actions)
        if response_url is None or asks or card.step is not None:
            return False
        message = channel.complete_card(card, delivery=delivery or "")
        if not await self._client.respond(response_url, {**message.for_answer(), "replace_original": True}):
            log.info("a clicked copy could not be updated at once; the relay does it")
        return True

    # -- modals --

    async def open(self, click: Click, view: View) -> str:
        """Open a modal, or push one on top of the open one, and return its id."""
        method = "views.push" if click.modal is not None else "views.open"
        return await self._open_view(method, click.trigger, view)

    async def open_when_ready(self, click: Click, making: Awaitable[View], *, metadata: ModalRef) -> None:
        """Open a modal whose content may take a moment to load."""
        method = "views.push" if click.modal is not None else "views.open"
        await self.modal_when_ready(method, click.trigger, making, metadata=metadata)

    async def modal_when_ready(self, method: str, trigger: str, making: Awaitable[View], *, metadata: ModalRef) -> None:
        """Open a modal before the trigger expires; the content follows if it was not ready."""
        view = asyncio.ensure_future(making)
        try:
            done, _ = await asyncio.wait({view}, timeout=CONTENT_SECONDS)
            if done:
                await self._open_view(method, trigger, view.result())
                return
            opened = await self._open_view(method, trigger, request_modals.loading(metadata=metadata))
            try:
                content = await view
            except Exception:
                # The modal must not show "loading" for ever. The person gets the error in a message.
                await self.update(opened, request_modals.sentence(_NOTHING_CAME))
                raise
            await self.update(opened, content)
        finally:
            view.cancel()
            await asyncio.gather(view, return_exceptions=True)

    async def details(self, view: str, card: Card, *, metadata: ModalRef, view_hash: str | None = None) -> None:
        """Show a page of the details in an open modal."""
        content = await off_loop(lambda: details_modal.details(card, metadata=metadata), large=is_large(card))
        await self.update(view, content, view_hash=view_hash)

    async def update(self, view: str, content: View, *, view_hash: str | None = None) -> None:
        """Replace the content of an open view. A view that was closed is left alone."""
        arguments: dict[str, Any] = {"view_id": view, "view": content}
        try:
            hashed = {**arguments, "hash": view_hash} if view_hash else arguments
            await self._client.post("views.update", **hashed)
        except SlackError as error:
            if error.kind is FailureClass.REREAD:
                await self._client.post("views.update", **arguments)
            elif error.code != "not_found":
                raise

    async def publish(self, user: str, view: View) -> None:
        """Publish a person's Home tab."""
        await self._client.post("views.publish", user_id=user, view=view)

    async def _open_view(self, method: str, trigger: str, view: View) -> str:
        try:
            answer = await self._client.post(method, trigger_id=trigger, view=view)
        except ChannelError as error:
            if error.permanent or (isinstance(error, SlackError) and error.kind in _NO_SECOND_CLICK):
                raise
            # There is no second attempt, because the trigger of the click is used up.
            raise ChannelError(f"{error} If nothing opened, click again in a moment.") from error
        opened_view = answer.get("view")
        return str(opened_view.get("id", "")) if isinstance(opened_view, dict) else ""


def acknowledged(message: SlackMessage) -> dict[str, Any]:
    """Return the arguments of `ack` that answer a command."""
    return {**message.for_answer(), "response_type": "ephemeral"}


def sentence(text: Sentence) -> dict[str, Any]:
    """Return the arguments of `ack` that answer with one sentence."""
    return acknowledged(message_view.sentence(text))


def update(view: View) -> dict[str, Any]:
    """Return the arguments of `ack` that replace the submitted view by another one."""
    return {"response_action": "update", "view": view}


def push(view: View) -> dict[str, Any]:
    """Return the arguments of `ack` that open another view on top of the submitted one."""
    return {"response_action": "push", "view": view}


def errors(sentences: dict[str, str]) -> dict[str, Any]:
    """Return the arguments of `ack` that put sentences under inputs."""
    return {"response_action": "errors", "errors": sentences}


CLEAR: Final = {"response_action": "clear"}
