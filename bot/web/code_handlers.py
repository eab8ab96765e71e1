"""Handlers of the page for a code that was sent by email."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from bot import client_limits
from bot.client_limits import ClientLimits
from bot.presentation import refusals
from bot.web import form_data, status_pages, user_agents
from bot.web.attention_handlers import AttentionHandlers
from bot.web.context import RequestContext
from bot.web.review_handlers import ReviewHandlers
from bot.web.service import AccessRefused
from engine import durations
from engine.code_derivation import tidy
from engine.domain import (
    BROWSER_LIFETIME,
    ChallengeView,
    CodeExpired,
    GiveCode,
    NotFound,
    ProvenIdentity,
    Purpose,
    Refusal,
    WrongCode,
)

Given: TypeAlias = ProvenIdentity | WrongCode | CodeExpired
_KEPT: Final = 100
_KEPT_FOR: Final = timedelta(minutes=1)
_MOST_LOGGED: Final = 100
"""Wrong codes of one client that are logged one by one within ten minutes."""
_STALE: Final = "Nothing was done yet. Press the button again."
_MOST_TYPED: Final = 100
_ASKS: Final = {Purpose.DECIDE: "decision", Purpose.ANSWER: "answer"}
"""What a code confirms, in words for the pages."""
_Key = tuple[str, str, str]
log = logging.getLogger(__name__)


class CodeHandlers:
    """The handlers of the page. The last result is kept for a double click: the browser shows the second response.

    It is kept in memory, because it has the secret of the remembered browser, of which the database has only a hash. At
    another process, the second click on a code that confirmed something finds it used, and shows what it confirmed.
    """

    def __init__(self, context: RequestContext, reviewing: ReviewHandlers, attention: AttentionHandlers) -> None:
        self._context, self._reviewing, self._attention = context, reviewing, attention
        self._logged, self._silenced = ClientLimits(_MOST_LOGGED), ClientLimits(most=1)
        self._results: OrderedDict[_Key, tuple[datetime, asyncio.Future[Given]]] = OrderedDict()

    async def show(self, request: Request) -> Response:
        """Show the page, or the result if the code was given already."""
        challenge = await self._challenge(request)
        if challenge is None:
            return self._context.status_page(status_pages.code_elsewhere(self._context.at.inbox))
        return await self._redirect_if_used(request, challenge) or self._page(request, challenge)

    async def give(self, request: Request, form: FormData) -> Response:
        """Take the code."""
        challenge = await self._challenge(request)
        if challenge is None:
            return self._context.status_page(status_pages.code_elsewhere(self._context.at.inbox))
        if self._context.salt(request, form, _about(challenge.id)) is None:
            return self._page(request, challenge, error=_STALE)
        code = tidy(form_data.text(form, "code")[:_MOST_TYPED]).strip()
        if not (code.isascii() and code.isdecimal() and len(code) == challenge.digits):
            return self._page(request, challenge, error=f"Type the {challenge.digits} digits from the email.")
        answer = await self._give(request, challenge, code)
        if isinstance(answer, ProvenIdentity):
            return await self.go_on(request, answer)
        challenge = await self._challenge(request) or challenge
        if isinstance(answer, WrongCode) or challenge.tries_left == 0:
            self._count(request, challenge)
        if isinstance(answer, WrongCode):
            return self._page(request, challenge, error=refusals.sentence(answer))
        return await self._redirect_if_used(request, challenge) or self._expired_page(challenge)

    def _count(self, request: Request, challenge: ChallengeView) -> None:
        """Log a wrong code without the code itself, and only a few times for one client."""
        who, now = client_limits.client(request), self._context.clock.now()
        if self._logged.take(who, now) is not None:
            if self._silenced.take(who, now) is None:
                log.warning("client %s gives many wrong codes; no more of them are told for a while", who)
            return
        about = f"request {challenge.request}" if challenge.purpose is Purpose.DECIDE else "signing in"
        about = f"what became of a step of run {challenge.run}" if challenge.purpose is Purpose.ANSWER else about
        left = challenge.tries_left
        tries = "" if left is None else "; 1 try is left" if left == 1 else f"; {left} tries are left"
        log.warning(
            "wrong code for %s, sent to %s, from client %s%s", about, user_agents.masked(challenge.address), who, tries
        )

    async def _challenge(self, request: Request) -> ChallengeView | None:
        holder = self._context.holder(request)
        return (
            await self._context.service.identity.challenge(request.path_params["challenge"], holder) if holder else None
        )

    async def _give(self, request: Request, challenge: ChallengeView, code: str) -> Given:
        """Give the code and return the result; a second click, even during the first, gets the same result."""
        key, now = (challenge.id, self._context.holder(request), code), self._context.clock.now()
        at, giving = self._results.get(key, (now, None))
        if giving is None or not at <= now < at + _KEPT_FOR:
            label = user_agents.browser(request.headers.get("user-agent", ""))
            browser = self._context.browser(request)
            command = GiveCode(challenge=challenge.id, holder=key[1], code=code, label=label, browser=browser)
            giving = asyncio.ensure_future(self._context.service.identity.give_code(command))
            self._results[key] = now, giving
            while len(self._results) > _KEPT:
                self._results.popitem(last=False)
        answer: Given = await asyncio.shield(giving)
        if not isinstance(answer, ProvenIdentity):
            self._results.pop(key, None)
        return answer

    async def go_on(self, request: Request, proven: ProvenIdentity) -> Response:
        """Remember the browser, and show the result."""
        answer = await self._after(request, proven)
        self._context.remember(answer, proven.browser, lasts=proven.until - self._context.clock.now())
        return answer

    async def _after(self, request: Request, proven: ProvenIdentity) -> Response:
        if proven.run is not None and isinstance(proven.answer, Refusal):
            return await self._attention.refused(proven.run, proven.answer, browser=proven.browser)
        if proven.run is not None and proven.answer is not None:
            return self._context.to(self._context.at.attention(proven.run))
        if proven.answer is None or proven.request is None:
            return self._context.to(self._back(proven))
        if not isinstance(proven.answer, Refusal):
            return self._context.to(self._context.at.review(proven.request))
        visit = await self._context.service.visit(proven.request, token=None, browser=proven.browser)
        if isinstance(visit, AccessRefused) or isinstance(proven.answer, NotFound):
            return self._context.status_page(
                status_pages.refused(refusals.phrase(proven.answer), status=409, at=self._context.at)
            )
        notice = (*refusals.phrase(proven.answer), " Your answer was not counted.")
        return await self._reviewing.not_counted(request, visit, notice=notice)

    # -- pages --

    def _page(self, request: Request, challenge: ChallengeView, *, error: str = "") -> Response:
        if challenge.tries_left == 0 or challenge.used or challenge.until <= self._context.clock.now():
            return self._expired_page(challenge)
        return self._context.form(
            "code",
            request,
            _about(challenge.id),
            status=422 if error else 200,
            challenge=challenge,
            confirms=_ASKS.get(challenge.purpose, ""),
            signs_in=challenge.purpose is Purpose.SIGN_IN,
            masked=user_agents.masked(challenge.address),
            back=self._back(challenge),
            error=error,
            digits=challenge.digits,
            lifetime=durations.in_words(BROWSER_LIFETIME),
        )

    def _back(self, challenge: ChallengeView | ProvenIdentity | None) -> str:
        """Return the address of the page where the person can ask for another code, filled with the typed values."""
        path = self._page_path(challenge)
        return f"{path}?typed=1" if path is not None else self._context.at.inbox

    def _page_path(self, challenge: ChallengeView | ProvenIdentity | None) -> str | None:
        """Return the path of the page that a code is about, or None if it is for signing in."""
        if challenge is not None and challenge.request is not None:
            return self._context.at.review(challenge.request)
        return (
            self._context.at.attention(challenge.run) if challenge is not None and challenge.run is not None else None
        )

    async def _redirect_if_used(self, request: Request, challenge: ChallengeView) -> Response | None:
        """Return where to go on if the code was used in this browser."""
        if challenge.purpose is not Purpose.SIGN_IN:
            return self._context.to(self._page_path(challenge) or self._context.at.inbox) if challenge.used else None
        secret = self._context.browser(request)
        browser = await self._context.service.identity.browser(secret) if secret else None
        is_in = browser is not None and browser.address == challenge.address
        return self._context.to(self._back(challenge)) if is_in else None

    def _expired_page(self, challenge: ChallengeView) -> Response:
        asks = _ASKS.get(challenge.purpose, "")
        guessed = challenge.tries_left == 0 and not challenge.used
        return self._context.status_page(status_pages.code_gone(self._back(challenge), asks=asks, guessed=guessed))


def _about(challenge: str) -> str:
    return f"code:{challenge}"
