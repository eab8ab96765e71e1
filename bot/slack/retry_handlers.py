"""Handler of the button that tries a run again after it failed."""

from __future__ import annotations

from typing import Any

from bot.presentation import refusals
from bot.slack import ids
from bot.slack.context import SlackContext
from bot.slack.ids import RunRef
from bot.slack.payloads import Actor, Click
from bot.slack.service import ANOTHER_VERSION
from engine.domain import Done, NotAllowed, Phrase, Refusal, TryAgain
from engine.errors import ChannelError


class RetryHandlers:
    """The handler. The engine checks the rights of the person; the relay updates the message."""

    def __init__(self, context: SlackContext) -> None:
        self._context = context

    async def clicked(self, ack: Any, body: Any) -> None:
        """Try the run again; it is committed before the click is acknowledged."""
        click = Click.of(body)
        ref = ids.decode_run(click.value)
        answer = await self._try_again(click.by, ref) if ref is not None else NotAllowed(why=ANOTHER_VERSION)
        await ack()
        work = self._answered(click, ref, answer)
        self._context.after(click.by, click.response_url, work, recorded=isinstance(answer, Done))

    async def _try_again(self, by: Actor, ref: RunRef) -> Done | Refusal:
        origin = by.origin(delivery=ref.delivery)
        command = TryAgain(run=ref.run, actor=by.address, origin=origin, step=ref.step, visit=ref.visit)
        try:
            return await self._context.service.engine.try_again(command)
        except ChannelError as error:
            return NotAllowed(why=f"Nothing was done. {error} Try again in a moment.")

    async def _answered(self, click: Click, ref: RunRef | None, answer: Done | Refusal) -> None:
        if isinstance(answer, Refusal) or ref is None:
            sentence: Phrase = refusals.phrase(answer) if isinstance(answer, Refusal) else (ANOTHER_VERSION,)
        else:
            sentence = (await self._context.service.tried_again(ref.run),)
        await self._context.replies.answer(click, sentence)
