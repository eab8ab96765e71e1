"""The page for a code that came by mail."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from bot.web import clients, labels, room, saying
from bot.web.clients import Clients
from bot.web.desk import Barred
from bot.web.reviewing import Reviewing
from bot.web.room import Room
from engine.codes import tidy
from engine.model import ChallengeView, CodeLapsed, Decided, GiveCode, NotFound, Proven, Purpose, WrongCode

Given: TypeAlias = Proven | WrongCode | CodeLapsed
_KEPT: Final = 100
_KEPT_FOR: Final = timedelta(minutes=1)
_TOLD: Final = 100
"""Wrong codes of one client that are told one by one within ten minutes."""
_STALE: Final = "Nothing was done yet. Press the button again."
_MOST_TYPED: Final = 100
_Key = tuple[str, str, str]
log = logging.getLogger(__name__)


class Coding:
    """The handlers. What was proven last is kept for a double click, whose second answer is the one that is seen."""

    def __init__(self, held: Room, reviewing: Reviewing) -> None:
        self._room, self._reviewing = held, reviewing
        self._told, self._silenced = Clients(_TOLD), Clients(most=1)
        self._given: OrderedDict[_Key, tuple[datetime, asyncio.Future[Given]]] = OrderedDict()

    async def show(self, request: Request) -> Response:
        """The page; where the code was given already, what came of it."""
        found = await self._challenge(request)
        if found is None:
            return self._gone(None)
        return await self._used(request, found) or self._page(request, found)

    async def give(self, request: Request) -> Response:
        """The code."""
        foreign = self._room.refuse_foreign(request)
        if foreign is not None:
            return foreign
        form = await room.posted(request)
        found = await self._challenge(request)
        if found is None:
            return self._gone(None)
        if self._room.salt(request, form, _about(found.id)) is None:
            return self._page(request, found, error=_STALE)
        code = tidy(room.text(form, "code")[:_MOST_TYPED]).strip()
        if not (code.isascii() and code.isdecimal() and len(code) == found.digits):
            return self._page(request, found, error=f"Type the {found.digits} digits from the email.")
        answer = await self._give(request, found, code)
        if isinstance(answer, Proven):
            return await self._went_on(request, answer)
        found = await self._challenge(request) or found
        if isinstance(answer, WrongCode) or found.tries_left == 0:
            self._count(request, found)
        if isinstance(answer, WrongCode):
            return self._page(request, found, error=answer.sentence())
        return await self._used(request, found) or self._gone(found)

    def _count(self, request: Request, found: ChallengeView) -> None:
        """Tell the operator of a wrong code, without the code; of one client not without end."""
        who, now = clients.client(request), self._room.clock.now()
        if self._told.take(who, now) is not None:
            if self._silenced.take(who, now) is None:
                log.warning("client %s gives many wrong codes; no more of them are told for a while", who)
            return
        about = f"request {found.request}" if found.purpose is not Purpose.SIGN_IN else "signing in"
        tries = "" if found.tries_left is None else f"; {found.tries_left} tries are left"
        log.warning("wrong code for %s, sent to %s, from client %s%s", about, labels.masked(found.address), who, tries)

    async def _challenge(self, request: Request) -> ChallengeView | None:
        holder = self._room.holder(request)
        return await self._room.desk.identity.challenge(request.path_params["challenge"], holder) if holder else None

    async def _give(self, request: Request, found: ChallengeView, code: str) -> Given:
        """Return what comes of the code; a second click, also one during the first, gets the same answer."""
        key, now = (found.id, self._room.holder(request), code), self._room.clock.now()
        at, giving = self._given.get(key, (now, None))
        if giving is None or not at <= now < at + _KEPT_FOR:
            label = labels.browser(request.headers.get("user-agent", ""))
            given = GiveCode(challenge=found.id, holder=key[1], code=code, label=label)
            giving = asyncio.ensure_future(self._room.desk.identity.give_code(given))
            self._given[key] = now, giving
            while len(self._given) > _KEPT:
                self._given.popitem(last=False)
        answer: Given = await asyncio.shield(giving)
        if not isinstance(answer, Proven):
            self._given.pop(key, None)
        return answer

    async def _went_on(self, request: Request, proven: Proven) -> Response:
        """The browser is remembered, and shows what came of it."""
        answer = await self._after(proven)
        self._room.remember(answer, proven.browser, lasts=proven.until - self._room.clock.now())
        if proven.request is not None and proven.answer is not None:
            self._room.drafts.drop(self._room.holder(request), proven.request)
        return answer

    async def _after(self, proven: Proven) -> Response:
        if proven.request is None:
            return self._room.to(self._room.at.inbox)
        if proven.answer is None:
            return self._room.to(self._back(proven.request))
        if isinstance(proven.answer, Decided):
            return self._room.to(self._room.at.review(proven.request))
        visit = await self._room.desk.visit(proven.request, token=None, browser=proven.browser)
        if isinstance(visit, Barred) or isinstance(proven.answer, NotFound) or visit.request.asked.closed_at is None:
            return self._room.said(saying.refused(proven.answer.sentence(), status=409, at=self._room.at))
        notice = f"{proven.answer.sentence()} What you sent was not counted."
        return await self._reviewing.closed(visit, notice=notice, status=409)

    # -- pages --

    def _page(self, request: Request, found: ChallengeView, *, error: str = "") -> Response:
        if found.tries_left == 0 or found.used or found.until <= self._room.clock.now():
            return self._gone(found)
        return self._room.form(
            "code",
            request,
            _about(found.id),
            status=422 if error else 200,
            challenge=found,
            signs_in=found.purpose is Purpose.SIGN_IN,
            masked=labels.masked(found.address),
            back=self._back(found.request),
            error=error,
            digits=found.digits,
        )

    def _back(self, review: str | None) -> str:
        """Where another code is asked for; what was typed is there."""
        return f"{self._room.at.review(review)}?typed=1" if review is not None else self._room.at.inbox

    async def _used(self, request: Request, found: ChallengeView) -> Response | None:
        """Where it goes on if the code was used in this browser."""
        if found.purpose is not Purpose.SIGN_IN:
            return self._room.to(self._room.at.review(found.request or "")) if found.used else None
        secret = self._room.browser(request)
        browser = await self._room.desk.identity.browser(secret) if secret else None
        is_in = browser is not None and browser.address == found.address
        return self._room.to(self._back(found.request)) if is_in else None

    def _gone(self, found: ChallengeView | None) -> Response:
        review = found.request if found is not None else None
        asks = found is not None and found.purpose is not Purpose.SIGN_IN
        return self._room.said(saying.code_gone(self._back(review), asks=asks))


def _about(challenge: str) -> str:
    return f"code:{challenge}"
