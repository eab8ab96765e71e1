"""Handlers of buttons: in messages, in the modals of a request, in alerts and in lists."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

import msgspec

from bot.presentation import refusals
from bot.slack import details_modal, home_tab, ids, message_view, register_modal, request_modals, resume_modal, service
from bot.slack.channel import is_large
from bot.slack.context import SlackContext
from bot.slack.ids import ModalRef, Ref, RunRef
from bot.slack.payloads import Actor, Click
from bot.slack.service import ANOTHER_VERSION
from bot.slack.text_objects import View
from engine import json_values
from engine.domain import (
    Card,
    Decided,
    Done,
    InvalidInputs,
    NeedsCode,
    NeedsSignIn,
    ReasonMissing,
    Refusal,
    RequestState,
    ResumeAnswer,
    Verdict,
)
from engine.domain.accounts import SLACK
from engine.off_loop import LARGE, off_loop
from engine.read_models import RequestView

_RESUMES: Final = {
    ids.RUN_DONE: ResumeAnswer.DONE,
    ids.RUN_REPEAT: ResumeAnswer.REPEAT,
    ids.RUN_STOP: ResumeAnswer.STOP,
}
_GONE: Final = "There is nothing to show here any more."
MakesView = Callable[[RequestView, ModalRef], View]


def _is_vote(click: Click, answer: Decided | Refusal) -> bool:
    """Return whether others have to approve as well, and the message cannot say so to this person alone."""
    is_open = isinstance(answer, Decided) and answer.state is RequestState.PENDING
    return is_open and click.by.channel.startswith(SLACK.channel_starts)


class ActionHandlers:
    """Handlers of `block_actions`. Deciding commits before it acknowledges; opening a modal acknowledges first."""

    def __init__(self, context: SlackContext) -> None:
        self._context = context

    # -- deciding --

    async def approve(self, ack: Any, body: Any) -> None:
        """Approve the request; the decision is committed before the click is acknowledged."""
        click = Click.of(body)
        ref = ids.decode_ref(click.value)
        if ref is None:
            await self._answer(ack, click, ANOTHER_VERSION)
            return
        answer = await self._context.service.decide(click.by, ref, Verdict.APPROVE, message=click.message_ts)
        await ack()
        if isinstance(answer, ReasonMissing):
            self._open(click, ref, lambda request, metadata: request_modals.approve(request, metadata=metadata))
        elif isinstance(answer, NeedsCode | NeedsSignIn) and self._context.service.confirmations is not None:
            asked = service.decision(click.by, ref, Verdict.APPROVE, message=click.message_ts)
            making = self._context.service.confirmations.ask(
                click.by, asked, answer, key=click.trigger, metadata=click.opening(ref)
            )
            self._after(click, self._context.replies.open_when_ready(click, making, metadata=ModalRef()))
        else:
            self._after(click, self._decided(click, ref, answer), recorded=isinstance(answer, Decided))

    async def edit(self, ack: Any, body: Any) -> None:
        """Open the edit form."""
        click = Click.of(body)
        await ack()
        inbox = self._context.service.inbox
        self._open_for(click, lambda request, metadata: request_modals.edit(request, metadata=metadata, inbox=inbox))

    async def revise(self, ack: Any, body: Any) -> None:
        """Open the form for what should change."""
        click = Click.of(body)
        await ack()
        self._open_for(click, lambda request, metadata: request_modals.revise(request, metadata=metadata))

    async def skip(self, ack: Any, body: Any) -> None:
        """Open the form to go on without a step that failed."""
        click = Click.of(body)
        await ack()
        self._open_for(click, lambda request, metadata: request_modals.skip(request, metadata=metadata))

    async def reject(self, ack: Any, body: Any) -> None:
        """Open the form for the reason of a rejection."""
        click = Click.of(body)
        await ack()
        self._open_for(click, lambda request, metadata: request_modals.reject(request, metadata=metadata))

    async def _decided(self, click: Click, ref: Ref, answer: Decided | Refusal) -> None:
        """Update the clicked message or tab to the current state, and tell the person about a refusal."""
        opened = click.opening(ref)
        card = await self._context.update_copy(opened.response_url, ref, click.by)
        await home_tab.decided(self._context, click.by, ref.request, opened.home, answer)
        if click.home is not None:
            return
        if isinstance(answer, Refusal):
            await self._context.replies.answer(click, refusals.phrase(answer))
        elif card is not None and (click.modal is not None or click.message_ts is None or _is_vote(click, answer)):
            await self._context.replies.answer(click, await self._context.service.receipt(click.by, ref.request))

    # -- opening modals --

    def _open_for(self, click: Click, make: MakesView) -> None:
        ref = ids.decode_ref(click.value)
        if ref is None:
            self._after(click, self._context.replies.answer(click, ANOTHER_VERSION))
        else:
            self._open(click, ref, make)

    def _open(self, click: Click, ref: Ref, make: MakesView) -> None:
        making = self._build_modal(click, ref, make)
        self._after(click, self._context.replies.open_when_ready(click, making, metadata=ModalRef()))

    async def _build_modal(self, click: Click, ref: Ref, make: MakesView) -> View:
        """Return the modal. If this person cannot decide now, return the reason, and update the clicked message."""
        request = await self._context.service.may_decide(click.by, ref)
        if not isinstance(request, Refusal):
            await self._context.service.save_view(click.by, ref.request)
            large = json_values.is_larger(request.model.content.value, LARGE)
            return await off_loop(lambda: make(request, click.opening(ref)), large=large)
        self._after(click, self._update_copy(click, ref))
        return request_modals.sentence(refusals.phrase(request))

    async def _update_copy(self, click: Click, ref: Ref) -> None:
        await self._context.update_copy(click.opening(ref).response_url, ref, click.by)

    # -- everything in full --

    async def details(self, ack: Any, body: Any) -> None:
        """Open the full request, in as many pages as it needs."""
        click = Click.of(body)
        await ack()
        ref = ids.decode_ref(click.value)
        if ref is None:
            self._after(click, self._context.replies.answer(click, ANOTHER_VERSION))
            return
        making = self._details(click, ref)
        self._after(click, self._context.replies.open_when_ready(click, making, metadata=ModalRef()))

    async def _details(self, click: Click, ref: Ref) -> View:
        opened = click.opening(ref)
        card = await self._context.service.details(click.by, ref.request, channel=click.by.channel or opened.channel)
        if isinstance(card, Refusal):
            return request_modals.sentence(refusals.phrase(card))
        if card is None:
            return request_modals.sentence(_GONE)
        await self._context.service.save_view(click.by, ref.request)
        current = message_view.ref_of(card, delivery=ref.delivery)
        metadata = click.opening(current or ref)
        return await off_loop(lambda: details_modal.details(card, metadata=metadata), large=is_large(card))

    async def page(self, ack: Any, body: Any) -> None:
        """Show another page of a request."""
        click = Click.of(body)
        await ack()
        self._after(click, self._turn(click))

    async def _turn(self, click: Click) -> None:
        view = click.modal
        ref = view.ref if view is not None else None
        if view is None or ref is None or not (ref.ref or ref.run) or not click.value.isdecimal():
            await self._context.replies.answer(click, ANOTHER_VERSION)
            return
        card = await self._card_of(ref, click.by)
        if card is None or isinstance(card, Refusal):
            await self._context.replies.answer(click, _GONE if card is None else refusals.phrase(card))
            return
        current = message_view.ref_of(card, delivery=ref.ref.delivery if ref.ref else None)
        metadata = msgspec.structs.replace(ref, ref=current, page=int(click.value[:6]))
        await self._context.replies.details(view.id, card, metadata=metadata, view_hash=view.hash)

    async def _card_of(self, opened: ModalRef, by: Actor) -> Card | Refusal | None:
        """Return the card that the details show: of a request, or else of a run."""
        service, channel = self._context.service, by.channel or opened.channel
        if opened.ref is not None:
            return await service.details(by, opened.ref.request, channel=channel)
        return await service.run_card(by, opened.run.run, channel=channel) if opened.run is not None else None

    async def run_details(self, ack: Any, body: Any) -> None:
        """Open everything about the run of an alert or an outcome."""
        click = Click.of(body)
        await ack()
        ref = ids.decode_run(click.value)
        if ref is None:
            self._after(click, self._context.replies.answer(click, ANOTHER_VERSION))
            return
        making = self._run_details(ModalRef(run=ref, channel=click.by.channel or None), click.by)
        self._after(click, self._context.replies.open_when_ready(click, making, metadata=ModalRef()))

    async def _run_details(self, metadata: ModalRef, by: Actor) -> View:
        card = await self._card_of(metadata, by)
        if card is None or isinstance(card, Refusal):
            return request_modals.sentence(_GONE if card is None else refusals.phrase(card))
        return await off_loop(lambda: details_modal.details(card, metadata=metadata), large=is_large(card))

    # -- what became of a step --

    async def resume(self, ack: Any, body: Any) -> None:
        """Answer what became of a step: Done, Repeat or Stop."""
        click = Click.of(body)
        ref = ids.decode_run(click.value)
        if ref is None:
            await self._answer(ack, click, ANOTHER_VERSION)
            return
        answer = await self._context.service.resume(click.by, ref, _RESUMES[click.action])
        await ack()
        if isinstance(answer, InvalidInputs):
            making = self._build_output_form(click, ref)
            self._after(click, self._context.replies.open_when_ready(click, making, metadata=ModalRef()))
        else:
            self._after(click, self._resumed(click, ref, answer), recorded=isinstance(answer, Done))

    async def _build_output_form(self, click: Click, ref: RunRef) -> View:
        """Return the form for the output that later steps read, or the reason why it is no longer needed."""
        attention = await self._context.service.engine.attention(ref.run)
        if isinstance(attention, Refusal):
            return request_modals.sentence(refusals.phrase(attention))
        origin = ModalRef(
            channel=click.by.channel or None,
            message_ts=click.message_ts,
            response_url=click.response_url,
            run=ref,
            home=click.home,
        )
        return resume_modal.resume_form(attention, metadata=origin)

    async def _resumed(self, click: Click, ref: RunRef, answer: Done | Refusal) -> None:
        card = await self._context.service.alert(ref)
        if card is not None:
            await self._context.replies.copy(click.response_url, card, delivery=ref.delivery)
        if click.home is not None:
            await home_tab.answered(self._context, click.by, click.home, card, answer)
        elif isinstance(answer, Refusal):
            await self._context.replies.answer(click, refusals.phrase(answer))

    # -- cancelling --

    async def cancel(self, ack: Any, body: Any) -> None:
        """Cancel a run of a list; it is committed before the click is acknowledged."""
        click = Click.of(body)
        ref = ids.decode_run(click.value)
        if ref is None:
            await self._answer(ack, click, ANOTHER_VERSION)
            return
        answer = await self._context.service.cancel(click.by, ref.run)
        await ack()
        self._after(click, self._cancelled(click, ref, answer), recorded=isinstance(answer, Done))

    async def _cancelled(self, click: Click, ref: RunRef, answer: Done | Refusal) -> None:
        sentence = await self._context.service.cancellation(ref.run, answer)
        if click.home is not None:
            # The tab shows the run as it is now.
            await home_tab.publish(self._context, click.by.user, click.home.read, notice=sentence)
        else:
            await self._context.replies.answer(click, sentence)

    # -- registering --

    async def more(self, ack: Any, body: Any) -> None:
        """Add an input for another part of a pasted file."""
        click = Click.of(body)
        await ack()
        if click.modal is not None:
            parts = int(click.value) if click.value.isdecimal() and len(click.value) < 3 else 1
            view = register_modal.register_form(metadata=click.modal.ref or ModalRef(), parts=parts)
            self._after(click, self._context.replies.update(click.modal.id, view, view_hash=click.modal.hash))

    async def upload(self, ack: Any, body: Any) -> None:
        """Open the form for uploading a file."""
        click = Click.of(body)
        await ack()
        if click.modal is not None:
            view = register_modal.upload_form(metadata=click.modal.ref or ModalRef())
            self._after(click, self._context.replies.update(click.modal.id, view, view_hash=click.modal.hash))

    # -- what we do not know --

    async def unknown(self, ack: Any, body: Any) -> None:
        """Answer a button that only another version of Signoff has."""
        await self._answer(ack, Click.of(body), ANOTHER_VERSION)

    async def _answer(self, ack: Any, click: Click, sentence: str) -> None:
        await ack()
        self._after(click, self._context.replies.answer(click, sentence))

    def _after(self, click: Click, work: Coroutine[Any, Any, None], *, recorded: bool = False) -> None:
        self._context.after(click.by, click.response_url, work, recorded=recorded)
