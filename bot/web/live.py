"""Tells open pages what became of their request, while a script listens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from bot import card
from bot.web import saying
from bot.web.desk import Barred, mark
from bot.web.reviewing import Reviewing
from bot.web.room import Room
from engine import data
from engine.model import RequestState
from engine.views import RequestView

EVERY: Final = 2.0
"""Seconds between two looks at the request of an open page."""
LONGEST: Final = 600.0
"""Seconds, after which the browser asks again by itself."""
MOST: Final = 200
"""Pages that are told at the same time; others work without."""
_HEARTBEAT: Final = 15.0
"""Seconds: proxies close a connection that says nothing."""


class Live:
    """The handler."""

    def __init__(self, held: Room, reviewing: Reviewing) -> None:
        self._room, self._reviewing = held, reviewing
        self._open = 0

    async def events(self, request: Request) -> Response:
        """The stream of a page."""
        visit = await self._reviewing.visit(request)
        if isinstance(visit, Barred):
            return self._room.said(saying.barred(visit, self._room.at))
        if self._open >= MOST:
            return PlainTextResponse("Too many pages are open; this one is told nothing.\n", 503)
        if request.scope.get("is_head"):
            return Response(media_type="text/event-stream")
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(self._stream(visit.request.id), media_type="text/event-stream", headers=headers)

    async def _stream(self, request: str) -> AsyncIterator[str]:
        """An event whenever something was written, a comment now and then; ends when nothing more will happen."""
        self._open += 1
        try:
            seen, clock = None, asyncio.get_running_loop().time
            until, spoke = clock() + LONGEST, clock()
            while clock() < until and not self._room.closing.is_set():
                # Before it is looked at: what is written in between is seen the next time.
                standing = await self._room.desk.engine.standing(request)
                found = await self._room.desk.engine.request(request) if standing != seen else None
                if standing is None:
                    return
                seen = standing
                if found is not None:
                    yield f"data: {state(found, mark=mark(standing))}\n\n"
                    spoke = clock()
                elif clock() - spoke >= _HEARTBEAT:
                    yield ": still here\n\n"
                    spoke = clock()
                if found is not None and found.run_status.ended and found.asked.state is not RequestState.PENDING:
                    return
                await self._pause()
        finally:
            self._open -= 1

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(EVERY):
                await self._room.closing.wait()


def state(request: RequestView, *, mark: str) -> str:
    """What the script is told: in one line, as JSON. With another `mark` than that of the page, it fetches the page."""
    closed = request.asked.state is not RequestState.PENDING
    return data.dumps(
        {
            "mark": mark,
            "state": request.asked.state.value,
            "said": card.outcome(request) if closed else None,
            "ended": closed and request.run_status.ended,
            "digest": request.asked.digest,
        }
    )
