"""How a person who just acted is answered: a sentence that only they see, the copy they clicked, a modal.

A courtesy beside the outbox: what a copy shows is the relay's to bring about, whatever becomes of these.
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
from bot.slack.text_objects import View
from engine.domain import Card
from engine.errors import ChannelError
from engine.off_loop import off_loop

CONTENT_SECONDS: Final = 0.8
"""What a modal waits for its content; then it opens and says so, because a trigger lives for three seconds."""
_NOTHING_CAME: Final = "This could not be fetched; a message beside this says why. Close it, and try again."

_NO_SECOND_CLICK: Final = frozenset({FailureClass.STALE, FailureClass.INSTALLATION, FailureClass.ROTATE})
"""Failures after which another click does not help, or whose sentence asks for it already."""

log = logging.getLogger(__name__)


class Replies:
    """Everything that is said outside of an acknowledgement."""

    def __init__(self, client: SlackClient) -> None:
        self._client = client

    # -- sentences --

    async def tell(self, by: Actor, said: str, *, response_url: str | None = None) -> None:
        """Say something to one person: where they are, or in the conversation with them."""
        made = message_view.sentence(said)
        if response_url and await self._client.respond(
            response_url, {**made.for_answer(), "response_type": "ephemeral", "replace_original": False}
        ):
            return
        try:
            if by.channel:
                await self._client.post("chat.postEphemeral", channel=by.channel, user=by.user, **made.for_update())
                return
        except ChannelError as error:
            log.info("%s cannot be told in %s: %s", by.user, by.channel, error)
        await self._client.post("chat.postMessage", channel=by.user, **made.for_post())

    async def say(self, channel: str, said: str, *, thread: str | None = None) -> None:
        """A sentence in a conversation, for all who are in it. `thread`: the message that it stands below."""
        below = {} if thread is None else {"thread_ts": thread}
        await self._client.post("chat.postMessage", channel=channel, **message_view.sentence(said).for_post(), **below)

    async def answer(self, click: Click, said: str) -> None:
        """A sentence about a click: in the modal that it was in, else to the person."""
        if click.modal is not None:
            await self.update(click.modal.id, request_modals.sentence(said, metadata=click.modal.ref))
        elif click.view is not None:
            await self.open(click, request_modals.sentence(said))
        else:
            await self.tell(click.by, said, response_url=click.response_url)

    # -- copies --

    async def copy(self, response_url: str | None, card: Card, *, delivery: str | None) -> None:
        """Show the end in the copy that was clicked, at once. Never counts as shown: the relay edits it as well.

        What can still be clicked is left to the relay: on its way it may be overtaken by the end, and would bring its
        buttons back over it.
        """
        if response_url is None or card.actions or card.step is not None:
            return
        made = channel.complete_card(card, delivery=delivery or "")
        if not await self._client.respond(response_url, {**made.for_answer(), "replace_original": True}):
            log.info("a clicked copy could not be updated at once; the relay does it")

    # -- modals --

    async def open(self, click: Click, view: View) -> str:
        """Open a modal, or put one on top of the open one; its id."""
        method = "views.push" if click.modal is not None else "views.open"
        return await self._opened(method, click.trigger, view)

    async def open_when_ready(self, click: Click, making: Awaitable[View], *, metadata: ModalRef) -> None:
        """Open a modal whose content may take a moment."""
        method = "views.push" if click.modal is not None else "views.open"
        await self.modal_when_ready(method, click.trigger, making, metadata=metadata)

    async def modal_when_ready(self, method: str, trigger: str, making: Awaitable[View], *, metadata: ModalRef) -> None:
        """Within the life of the trigger a modal is there; the content follows if it was not ready."""
        made = asyncio.ensure_future(making)
        try:
            done, _ = await asyncio.wait({made}, timeout=CONTENT_SECONDS)
            if done:
                await self._opened(method, trigger, made.result())
                return
            opened = await self._opened(method, trigger, request_modals.loading(metadata=metadata))
            try:
                content = await made
            except Exception:
                # Whoever waits in front of it must not wait for ever; what broke is told beside it.
                await self.update(opened, request_modals.sentence(_NOTHING_CAME))
                raise
            await self.update(opened, content)
        finally:
            made.cancel()
            await asyncio.gather(made, return_exceptions=True)

    async def details(self, view: str, card: Card, *, metadata: ModalRef, seen: str | None = None) -> None:
        """Show a page of everything in a modal that is open."""
        made = await off_loop(lambda: details_modal.details(card, metadata=metadata), large=is_large(card))
        await self.update(view, made, seen=seen)

    async def update(self, view: str, made: View, *, seen: str | None = None) -> None:
        """Other content in an open view. One that was closed meanwhile needs none."""
        given: dict[str, Any] = {"view_id": view, "view": made}
        try:
            await self._client.post("views.update", **given, **({"hash": seen} if seen else {}))
        except SlackError as error:
            if error.kind is FailureClass.REREAD:
                await self._client.post("views.update", **given)
            elif error.code != "not_found":
                raise

    async def publish(self, user: str, view: View) -> None:
        """Somebody's Home tab."""
        await self._client.post("views.publish", user_id=user, view=view)

    async def _opened(self, method: str, trigger: str, view: View) -> str:
        try:
            answer = await self._client.post(method, trigger_id=trigger, view=view)
        except ChannelError as error:
            if error.permanent or (isinstance(error, SlackError) and error.kind in _NO_SECOND_CLICK):
                raise
            # Nothing is tried again by itself here: the click has been used up.
            raise ChannelError(f"{error} If nothing opened, click again in a moment.") from error
        opened = answer.get("view")
        return str(opened.get("id", "")) if isinstance(opened, dict) else ""


def acknowledged(made: SlackMessage) -> dict[str, Any]:
    """What `ack` takes to answer a command."""
    return {**made.for_answer(), "response_type": "ephemeral"}


def sentence(said: str) -> dict[str, Any]:
    """The same for one sentence."""
    return acknowledged(message_view.sentence(said))


def update(view: View) -> dict[str, Any]:
    """What `ack` takes to put another view in the place of the one that was sent."""
    return {"response_action": "update", "view": view}


def errors(found: dict[str, str]) -> dict[str, Any]:
    """What `ack` takes to put sentences under inputs."""
    return {"response_action": "errors", "errors": found}


CLEAR: Final = {"response_action": "clear"}
