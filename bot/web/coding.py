"""The page for a code that came by mail."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from bot.web import labels, room, saying
from bot.web.desk import Barred
from bot.web.reviewing import Reviewing
from bot.web.room import Room
from engine.codes import DIGITS, tidy
from engine.model import ChallengeView, CodeLapsed, Decided, GiveCode, NotFound, Proven, WrongCode

_KEPT: Final = 100
_NO_CODE: Final = f"Type the {DIGITS} digits from the mail."
_STALE: Final = "Nothing was done yet. Press the button again."
_MOST_TYPED: Final = 100


class Coding:
    """The handlers. What was proven last is kept for a double click, whose second answer is the one that is seen."""

    def __init__(self, held: Room, reviewing: Reviewing) -> None:
        self._room, self._reviewing = held, reviewing
        self._proven: OrderedDict[tuple[str, str, str], Proven] = OrderedDict()

    async def show(self, request: Request) -> Response:
        """The page; where the code was given already, what came of it."""
        found = await self._challenge(request)
        if found is None:
            return self._gone(None)
        return self._used(found) or self._page(request, found)

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
        if not (code.isascii() and code.isdecimal() and len(code) == DIGITS):
            return self._page(request, found, error=_NO_CODE)
        answer = await self._give(request, found, code)
        if isinstance(answer, WrongCode):
            return self._page(request, await self._challenge(request) or found, error=answer.sentence())
        if isinstance(answer, CodeLapsed):
            return self._used(found) or self._gone(found.request)
        return await self._went_on(request, answer)

    async def _challenge(self, request: Request) -> ChallengeView | None:
        holder = self._room.holder(request)
        return await self._room.desk.identity.challenge(request.path_params["challenge"], holder) if holder else None

    async def _give(self, request: Request, found: ChallengeView, code: str) -> Proven | WrongCode | CodeLapsed:
        holder = self._room.holder(request)
        again = self._proven.get((found.id, holder, code))
        if again is not None:
            return again
        label = labels.browser(request.headers.get("user-agent", ""))
        given = GiveCode(challenge=found.id, holder=holder, code=code, label=label)
        answer = await self._room.desk.identity.give_code(given)
        if isinstance(answer, Proven):
            self._proven[found.id, holder, code] = answer
            while len(self._proven) > _KEPT:
                self._proven.popitem(last=False)
        return answer

    async def _went_on(self, request: Request, proven: Proven) -> Response:
        """The browser is remembered, and shows what came of it."""
        answer = await self._after(proven)
        self._room.remember(answer, proven.browser, lasts=proven.until - self._room.clock.now())
        if proven.request is not None:
            self._room.drafts.drop(self._room.holder(request), proven.request)
        return answer

    async def _after(self, proven: Proven) -> Response:
        if proven.request is None:
            return self._room.to(self._room.at.inbox)
        if isinstance(proven.answer, Decided) or proven.answer is None:
            return self._room.to(self._room.at.review(proven.request))
        visit = await self._room.desk.visit(proven.request, token=None, browser=proven.browser)
        if isinstance(visit, Barred) or isinstance(proven.answer, NotFound) or visit.request.asked.closed_at is None:
            return self._room.said(saying.refused(proven.answer.sentence(), status=409, at=self._room.at))
        notice = f"{proven.answer.sentence()} What you sent was not counted."
        return await self._reviewing.closed(visit, notice=notice, status=409)

    # -- pages --

    def _page(self, request: Request, found: ChallengeView, *, error: str = "") -> Response:
        if found.tries_left == 0 or found.until <= self._room.clock.now():
            return self._gone(found.request)
        return self._room.form(
            "code",
            request,
            _about(found.id),
            status=422 if error else 200,
            challenge=found,
            masked=labels.masked(found.address),
            back=self._back(found.request),
            error=error,
            digits=DIGITS,
        )

    def _back(self, review: str | None) -> str:
        """Where another code is asked for; what was typed is there."""
        return f"{self._room.at.review(review)}?typed=1" if review is not None else self._room.at.inbox

    def _used(self, found: ChallengeView) -> Response | None:
        if not found.used:
            return None
        return self._room.to(self._room.at.review(found.request) if found.request else self._room.at.inbox)

    def _gone(self, review: str | None) -> Response:
        return self._room.said(saying.code_gone(self._back(review), asks=review is not None))


def _about(challenge: str) -> str:
    return f"code:{challenge}"
