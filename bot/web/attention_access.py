"""Checks who may see the question of a run to its owner, and finds the question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from bot.presentation import advice
from bot.presentation.advice import Call
from bot.web.service import AccessRefused, ReviewService
from engine.access import may_repair_run
from engine.domain import Address, AttentionLink, LinkState, Person, RememberedBrowser
from engine.read_models import AttentionView, RequestView, RunView, StepAnswer, StepView


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionVisit:
    """A visit by a person who may see the question. `token`, `browser`, `remembered`: as in `ReviewVisit`.

    `attention`: the question, or None if it was answered. `answer`: the answer, and its step.
    `asks_again`: the run asks about a later call than the one that the link is about.
    """

    run: RunView
    attention: AttentionView | None
    answer: tuple[StepView, StepAnswer] | None
    asks_again: bool
    requests: Sequence[RequestView]
    person: Person
    address: str
    remembered: bool
    token: str | None = field(repr=False)
    browser: str | None = field(repr=False)


async def visit(
    service: ReviewService, run: str, *, token: str | None, browser: str | None
) -> AttentionVisit | AccessRefused:
    """Return the visit: of the owner in a remembered browser, or else of the holder of the link."""
    view = await service.engine.run(run)
    remembered = await service.identity.browser(browser) if browser else None
    link = await service.identity.attention_link(token) if token else None
    link = link if link is not None and link.run == run else None
    if view is not None and remembered is not None and _may(service, view, remembered.person, remembered.address):
        return await _build_visit(service, view, remembered, None, token=token, browser=browser)
    if link is None:
        if remembered is not None:
            return AccessRefused.NOT_AN_APPROVER
        return AccessRefused.UNKNOWN_LINK if token else AccessRefused.NO_WAY_IN
    if link.state is not LinkState.LIVE:
        return AccessRefused.EXPIRED_LINK if link.state is LinkState.EXPIRED else AccessRefused.REVOKED_LINK
    if view is None or not _may(service, view, link.person, link.address):
        return AccessRefused.REASSIGNED
    return await _build_visit(service, view, link, (link.step, link.visit, link.attempt), token=token, browser=browser)


def _may(service: ReviewService, run: RunView, person: Person, address: str) -> bool:
    return may_repair_run(service.engine.context.reader(person, Address("email", address)), run)


async def _build_visit(
    service: ReviewService,
    run: RunView,
    who: RememberedBrowser | AttentionLink,
    about: Call | None,
    *,
    token: str | None,
    browser: str | None,
) -> AttentionVisit:
    """Return the visit of a person who may see the page. `about`: the only call that a link may answer."""
    attention = await service.engine.attention(run.id)
    current = attention if isinstance(attention, AttentionView) else None
    open_question = current if current is not None and about in (None, call(current)) else None
    return AttentionVisit(
        run=open_question.run if open_question is not None else run,
        attention=open_question,
        answer=advice.last_answer(run, about),
        asks_again=current is not None and open_question is None,
        requests=await service.engine.requests_of_run(run.id),
        person=who.person,
        address=who.address,
        remembered=isinstance(who, RememberedBrowser),
        token=token,
        browser=browser,
    )


def call(attention: AttentionView) -> Call:
    """Return the call that the question is about."""
    return attention.step.step, attention.step.visit, attention.step.attempt


_FORM: Final = "form"


async def was_answered_by(service: ReviewService, run: str, form: str) -> bool:
    """Return whether this very form gave the answer."""
    story = await service.engine.story(run)
    places = [entry.content.get("place") for entry in story if entry.kind == "run.resumed" and entry.content]
    return any(isinstance(place, dict) and place.get(_FORM) == form for place in places)
