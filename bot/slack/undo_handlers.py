"""The handler of the button that undoes an approval: in a message, in the details of a request, and in App Home."""

from __future__ import annotations

from typing import Any

from bot.presentation import refusals
from bot.slack import home_tab, ids
from bot.slack.context import SlackContext
from bot.slack.ids import Ref
from bot.slack.payloads import Click
from bot.slack.service import ANOTHER_VERSION
from engine.domain import ApprovalUndone, Assurance, Refusal, Undo


class UndoHandlers:
    """Slack has asked the person before it sends the click. The undo is committed before it is acknowledged."""

    def __init__(self, context: SlackContext) -> None:
        self._context = context

    async def clicked(self, ack: Any, body: Any) -> None:
        """Undo the approval."""
        click = Click.of(body)
        ref = ids.decode_ref(click.value)
        if ref is None:
            await ack()
            self._context.after(click.by, click.response_url, self._context.replies.answer(click, ANOTHER_VERSION))
            return
        origin = click.by.origin(message=click.message_ts, delivery=ref.delivery)
        command = Undo(request=ref.request, actor=click.by.address, origin=origin, assurance=Assurance.SLACK)
        result = await self._context.service.engine.undo(command)
        await ack()
        work = self._undone(click, ref, result)
        self._context.after(click.by, click.response_url, work, recorded=isinstance(result, ApprovalUndone))

    async def _undone(self, click: Click, ref: Ref, result: ApprovalUndone | Refusal) -> None:
        """Show the state as it is now where it was clicked, and tell the person."""
        opened = click.opening(ref)
        await self._context.update_copy(opened.response_url, ref, click.by)
        await home_tab.mark(self._context, ref.request)
        if isinstance(result, Refusal):
            notice = refusals.phrase(result)
        else:
            notice = await self._context.service.receipt(click.by, ref.request)
        if opened.home is not None:
            await home_tab.publish(self._context, click.by.user, opened.home.read, notice=notice)
        if click.home is None and (isinstance(result, Refusal) or click.modal is not None):
            await self._context.replies.answer(click, notice)
