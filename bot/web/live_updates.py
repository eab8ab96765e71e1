"""Streams the state of a request, a run or an inbox to its open pages."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final, Protocol

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from bot.presentation import inbox_texts, request_outcome
from bot.web import inbox_state, status_pages
from bot.web.context import RequestContext
from bot.web.inbox_pages import InboxPages
from bot.web.inbox_state import InboxState
from bot.web.reader_visit import ReaderVisit
from bot.web.request_pages import RequestPages
from bot.web.review_handlers import ReviewHandlers
from bot.web.run_pages import RunPages
from bot.web.service import AccessRefused, ReviewVisit, mark
from engine import json_values
from engine.access import may_see_request, may_see_run
from engine.code_derivation import hashed
from engine.domain import Phrase, RequestState
from engine.inbox import InboxPart
from engine.json_values import Value
from engine.read_models import RequestView, RunView

EVERY: Final = 2.0
"""Time between two checks of an open page, in seconds."""
INBOX_EVERY: Final = 4.0
"""Time between two reads of the list of an open inbox, in seconds."""
LONGEST: Final = 600.0
"""Length of a stream, in seconds; then the browser connects again by itself."""
MOST: Final = 200
"""Maximum number of streams; other pages work without."""
MOST_EACH: Final = 10
"""Maximum number of streams of one link, or of one remembered browser."""
_HEARTBEAT: Final = 15.0
"""Time between two comments, in seconds: proxies close silent connections."""


class LiveUpdates:
    """The handlers."""

    def __init__(
        self,
        context: RequestContext,
        reviewing: ReviewHandlers,
        inbox: InboxPages,
        requests: RequestPages,
        runs: RunPages,
    ) -> None:
        self._context, self._reviewing, self._inbox = context, reviewing, inbox
        self._requests, self._runs = requests, runs
        self._open = Counter[str]()

    async def events(self, request: Request) -> Response:
        """Return the stream of a review page."""
        visit = await self._reviewing.visit(request)
        if isinstance(visit, AccessRefused):
            return self._context.status_page(status_pages.barred(visit, self._context.at))
        return self._answer(request, _whose(visit), self._stream(_ReviewFeed(self._context, visit)))

    async def request_events(self, request: Request) -> Response:
        """Return the stream of the page of a whole request."""
        visit = await self._requests.visit(request)
        if isinstance(visit, Response):
            return visit
        feed = _RunFeed(self._context, visit.reader, visit.run.id, visit.request.id)
        return self._run_events(request, feed)

    async def run_events(self, request: Request) -> Response:
        """Return the stream of the page of a run."""
        visit = await self._runs.visit(request)
        if isinstance(visit, Response):
            return visit
        return self._run_events(request, _RunFeed(self._context, visit.reader, visit.run.id))

    def _run_events(self, request: Request, feed: _RunFeed) -> Response:
        return self._answer(request, hashed(feed.reader.secret).hex(), self._stream(feed))

    def _answer(self, request: Request, whose: str, stream: AsyncIterator[str]) -> Response:
        if request.scope.get("is_head"):
            return Response(media_type="text/event-stream")
        return _CountedPages(self._open, whose, stream)

    async def _stream(self, feed: _Feed) -> AsyncIterator[str]:
        """Yield an event after each change, and comments in between, until nothing more will change.

        It also ends when the link or browser that opened it is no longer valid.
        """
        last, clock = None, asyncio.get_running_loop().time
        until, spoke = clock() + LONGEST, clock()
        while clock() < until and not self._context.closing.is_set():
            # Taken before the page is read: a change in between is seen the next time.
            now = await feed.mark()
            if now is None:
                return
            update = await feed.update(now) if now != last else None
            last = now
            if update is _HIDDEN:
                return
            if update is not None:
                yield f"data: {update.event}\n\n"
                spoke = clock()
            elif clock() - spoke >= _HEARTBEAT:
                yield ": still here\n\n"
                spoke = clock()
            if update is not None and update.is_last:
                return
            await self._pause(feed.every)

    async def inbox_events(self, request: Request) -> Response:
        """Return the stream of an inbox."""
        secret, state = self._context.browser(request), inbox_state.read(request.query_params)
        if secret is None or await self._inbox.browser(request) is None:
            return self._context.status_page(status_pages.barred(AccessRefused.NO_WAY_IN, self._context.at))
        return self._answer(
            request, hashed(secret).hex(), self._stream(_InboxFeed(self._context, self._inbox, secret, state))
        )

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._context.closing.wait()


@dataclass(frozen=True, slots=True)
class _Update:
    """An event as one line of JSON. `is_last`: nothing more will change."""

    event: str
    is_last: bool


class _Feed(Protocol):
    """What an open page shows. `every`: the time between two looks at it, in seconds."""

    every: ClassVar[float]

    async def mark(self) -> str | None:
        """Return a text that changes with what the page shows, or None if the reader may not see it any more."""

    async def update(self, mark: str) -> _Update | None:
        """Return the event about the present state, None if there is nothing to say, or `_HIDDEN`."""


_HIDDEN: Final = _Update("", is_last=True)
"""The reader may not see any more what the page shows."""


@dataclass(frozen=True, slots=True)
class _ReviewFeed:
    """A review page."""

    every: ClassVar[float] = EVERY
    context: RequestContext
    visit: ReviewVisit

    async def mark(self) -> str | None:
        revisions = await self.context.service.engine.revisions(self.visit.request.id)
        if revisions is None or not await self.context.service.still_sees(self.visit):
            return None
        return mark(revisions)

    async def update(self, mark: str) -> _Update | None:
        view = await self.context.service.engine.request(self.visit.request.id)
        if view is None:
            return None
        is_last = view.run_status.ended and view.model.state is not RequestState.PENDING
        return _Update(state(view, mark=mark), is_last)


@dataclass(frozen=True, slots=True)
class _RunFeed:
    """The page of a run, or of a whole request. Both change with the run.

    `request`: whose page it is, or None. What its reader may see can become less while it is open.
    """

    every: ClassVar[float] = EVERY
    context: RequestContext
    reader: ReaderVisit
    run: str
    request: str | None = None

    async def mark(self) -> str | None:
        if await self.context.service.identity.browser(self.reader.secret) is None:
            return None
        return await self.context.service.engine.run_mark(self.run)

    async def update(self, mark: str) -> _Update | None:
        engine = self.context.service.engine
        view, copies = await engine.run(self.run), await engine.deliveries(run=self.run)
        if view is None or not await self._still_sees(view):
            return _HIDDEN
        # Messages about the end are still on their way then.
        is_last = view.status.ended and all(copy.next_at is None for copy in copies)
        event: dict[str, Value] = {"mark": mark, "state": view.status.value, "said": None, "ended": is_last}
        return _Update(json_values.dumps(event), is_last)

    async def _still_sees(self, run: RunView) -> bool:
        """Return whether the reader may see the page: with the rights, and as the person, that they have now."""
        service = self.context.service
        browser = await service.identity.browser(self.reader.secret)
        if browser is None:
            return False
        reader, requests = service.engine.reader(browser.person), await service.engine.requests_of_run(self.run)
        if self.request is None:
            return may_see_run(reader, run, tuple(requests))
        return any(may_see_request(reader, request) for request in requests if request.id == self.request)


@dataclass(frozen=True, slots=True)
class _InboxFeed:
    """The list of an inbox, until its reader has signed out. `secret`: that of their browser."""

    every: ClassVar[float] = INBOX_EVERY
    context: RequestContext
    pages: InboxPages
    secret: str
    state: InboxState

    async def mark(self) -> str | None:
        service = self.context.service
        browser = await service.identity.browser(self.secret)
        if browser is None:
            return None
        mark, needed = await self.pages.standing(self.state, service.engine.reader(browser.person))
        # The script says that the list has changed if this `mark` is not that of the page.
        return json_values.dumps({"mark": mark, "title": inbox_texts.title(InboxPart.NEEDS_YOU, needed)})

    async def update(self, mark: str) -> _Update:
        return _Update(mark, is_last=False)


class _CountedPages(Response):
    """A stream that is counted from before its first byte until its connection is closed, or a refusal."""

    media_type = "text/event-stream"

    def __init__(self, opened: Counter[str], whose: str, stream: AsyncIterator[str]) -> None:
        super().__init__()
        self._opened, self._whose, self._streamed = opened, whose, stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._opened.total() >= MOST or self._opened[self._whose] >= MOST_EACH:
            await PlainTextResponse("Too many pages are open. This one is not kept up to date.\n", 503)(
                scope, receive, send
            )
            return
        self._opened[self._whose] += 1
        try:
            headers = {"X-Accel-Buffering": "no"}
            await StreamingResponse(self._streamed, media_type=self.media_type, headers=headers)(scope, receive, send)
        finally:
            self._opened[self._whose] -= 1
            self._opened += Counter()  # removes the counts that are zero


def _whose(visit: ReviewVisit) -> str:
    """Return whose stream it is, without the secret itself."""
    return hashed(visit.browser or "" if visit.remembered else visit.token or "").hex()


def _parts(phrase: Phrase) -> list[Value]:
    """Return a phrase as the script reads it: texts, and moments that it writes in the time zone of the reader."""
    return [{"at": part.isoformat()} if isinstance(part, datetime) else part for part in phrase]


def state(request: RequestView, *, mark: str) -> str:
    """Return the event as one line of JSON. The script fetches the page if `mark` is not that of the page."""
    closed = request.model.state is not RequestState.PENDING
    return json_values.dumps(
        {
            "mark": mark,
            "state": request.model.state.value,
            "said": _parts(request_outcome.with_reason(request)) if closed else None,
            "ended": closed and request.run_status.ended,
            "digest": request.model.digest,
        }
    )
