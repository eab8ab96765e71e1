"""Publishes the Home tab of a person, at once after what they did there, and marks the tabs of others as stale."""

from __future__ import annotations

import logging
from dataclasses import replace

import msgspec

from bot.presentation import questions, refusals
from bot.slack import home_content, home_view, ids, list_rows
from bot.slack.context import SlackContext
from bot.slack.ids import HomeRef
from bot.slack.payloads import Actor
from bot.slack.sentences import Sentence
from bot.slack.service import SlackService
from engine.domain import Card, Decided, Done, Phrase, Refusal, RequestState
from engine.domain.accounts import SLACK
from engine.errors import StoreError
from engine.off_loop import off_loop

log = logging.getLogger(__name__)


async def publish(context: SlackContext, user: str, shown: HomeRef | None = None, *, notice: Sentence = "") -> None:
    """Publish the tab as it is now. `shown`: its part, filter and page; None: those that the person saw last.

    `notice`: what the person just did.
    """
    by = Actor(team="", user=user)
    wanted = shown if shown is not None else await _last_shown(context, by)
    async with context.tabs.of(user):
        # Before it is read: what changes from now on is published again.
        context.stale.published(user)
        content = await home_content.load(context.service, by, wanted)
        content = replace(content, notice=notice or content.notice)
        large = list_rows.is_large((*content.page.requests, *content.runs.latest.values()))
        view = await off_loop(lambda: home_view.home(content), large=large)
        await context.replies.publish(user, view)
        if content.is_unsure:
            context.stale.put_off(user, context.stale.timing.late)
    if shown is not None:
        await _save_shown(context, by, content.shown)


async def _last_shown(context: SlackContext, by: Actor) -> HomeRef:
    return ids.decode_home(await context.service.engine.last_view(by.address)) or HomeRef()


async def _save_shown(context: SlackContext, by: Actor, shown: HomeRef) -> None:
    """Remember what the tab shows, for when it is published again. It was published already, whatever comes of this."""
    try:
        if shown != await _last_shown(context, by):
            await context.service.engine.save_last_view(by.address, ids.encode(shown))
    except StoreError as error:
        log.info("what the Home tab of %s shows was not saved: %s", by.user, error)


async def decided(
    context: SlackContext, by: Actor, request: str, shown: HomeRef | None, answer: Decided | Refusal
) -> None:
    """Tell the Home tabs that the decision of a person concerns. `shown`: what the tab showed that it came from."""
    if isinstance(answer, Decided):
        await mark(context, request)
    if shown is None:
        return
    refused = await _not_decided(context.service, request, answer) if isinstance(answer, Refusal) else ""
    await publish(context, by.user, msgspec.structs.replace(shown, receipt=request), notice=refused)


async def answered(
    context: SlackContext, by: Actor, shown: HomeRef, alert: Card | None, answer: Done | Refusal
) -> None:
    """Publish the tab from which a person answered what became of a step. `alert`: about the step, as it is now."""
    if isinstance(answer, Refusal):
        notice = refusals.phrase(answer)
    else:
        notice = (
            (f"{alert.title} ", *alert.outcome.line, ".") if alert and alert.outcome else ("Your answer was saved.",)
        )
    await publish(context, by.user, shown.read, notice=notice)


async def mark(context: SlackContext, request: str) -> None:
    """Mark the tabs of all who were asked to decide a request, and of its requester."""
    view = await context.service.engine.request(request)
    if view is None:
        return
    closed = view.id if view.model.state is not RequestState.PENDING else ""
    for person in (*(approver.person for approver in view.approvers), view.requester):
        for address in person.addresses:
            if address.kind == SLACK.name:
                context.stale.mark(address.value, closed=closed)


async def _not_decided(service: SlackService, request: str, refusal: Refusal) -> Phrase:
    """Return why a request was not decided, with its question."""
    view = await service.engine.request(request)
    about = (f"“{questions.of_request(view)}” was not decided. ",) if view is not None else ()
    return (*about, *refusals.phrase(refusal))
