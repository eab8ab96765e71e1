"""Handlers of ratings: the button on a closed card, and its form."""

from __future__ import annotations

from typing import Any

from bot.presentation import ratings, refusals
from bot.slack import ids, rating_blocks, replies, request_modals
from bot.slack.context import SlackContext
from bot.slack.ids import ModalRef, Ref
from bot.slack.payloads import Click, Submission
from bot.slack.service import ANOTHER_VERSION
from bot.slack.text_objects import View
from engine.domain import Assurance, CannotRate, GiveRating, NotFound, Rated


class RatingHandlers:
    """Opening the form acknowledges first; a submitted one is committed before it is acknowledged."""

    def __init__(self, context: SlackContext) -> None:
        self._context = context

    async def open(self, ack: Any, body: Any) -> None:
        """Open the form for a rating."""
        click = Click.of(body)
        await ack()
        ref = ids.decode_ref(click.value)
        work = (
            self._context.replies.answer(click, ANOTHER_VERSION)
            if ref is None
            else self._context.replies.open_when_ready(click, self._form(click, ref), metadata=ModalRef())
        )
        self._context.after(click.by, click.response_url, work)

    async def _form(self, click: Click, ref: Ref) -> View:
        request = await self._context.service.engine.request(ref.request)
        if request is None:
            return request_modals.sentence(refusals.phrase(NotFound(what="request", name=ref.request)))
        person = await self._context.service.person(click.by)
        if person is None or not ratings.may_rate(request, person):
            why = CannotRate(why="not_yours" if request.model.feedback else "off")
            return request_modals.sentence(refusals.phrase(why))
        return rating_blocks.form(request, person, metadata=click.opening(ref))

    async def submitted(self, ack: Any, body: Any) -> None:
        """Save the rating."""
        sent = Submission.of(body)
        ref, entered = sent.view.ref.ref if sent.view.ref is not None else None, rating_blocks.read(sent.view.values)
        if ref is None:
            await ack(**replies.update(request_modals.sentence(ANOTHER_VERSION)))
            return
        command = GiveRating(
            request=ref.request,
            rating=entered.rating or 0,
            comment=entered.comment,
            actor=sent.by.address,
            origin=sent.by.origin(delivery=ref.delivery),
            assurance=Assurance.SLACK,
        )
        result = await self._context.service.engine.rate(command)
        if isinstance(result, Rated):
            await ack(**replies.update(request_modals.plain(ratings.BUTTON, ratings.saved(result.rating))))
        elif isinstance(result, CannotRate) and result.why in ("rating", "too_long"):
            block = ids.RATING_BLOCK if result.why == "rating" else ids.COMMENT_BLOCK
            await ack(**replies.errors({block: refusals.sentence(result)}))
        else:
            await ack(**replies.update(request_modals.sentence(refusals.phrase(result))))
