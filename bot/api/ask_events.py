"""The stream of an ask: server-sent events, each with the whole ask, until no change will follow."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final, cast

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bot.api.ask_resources import AskWriter
from bot.api.calls import ApiCall
from bot.api.problems import ApiProblem
from bot.api.waits import Waits
from engine import json_values
from engine.domain.asks import AskView
from engine.json_values import Value

LONGEST_SECONDS: Final = 3_600
"""Length of a stream, in seconds; then the program connects again."""
HEARTBEAT_SECONDS: Final = 15
"""Time between two comments, in seconds: proxies close silent connections."""
_RETRY: Final = b"retry: 1000\n\n"


class AskStream(Response):
    """The answer to a call for events. `view`: the ask as it is now; `read` reads it again."""

    media_type = "text/event-stream"

    def __init__(
        self, call: ApiCall, view: AskView, waits: Waits, read: Callable[[], Awaitable[AskView]], writer: AskWriter
    ) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._call, self._view, self._waits, self._read, self._writer = call, view, waits, read, writer
        self._is_gone = False

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if self._call.is_head:
            await send({"type": "http.response.body", "body": b""})
            return
        await send({"type": "http.response.body", "body": _RETRY + self._event(self._view), "more_body": True})
        clock = asyncio.get_running_loop().time
        end = clock() + LONGEST_SECONDS
        # An `ApiProblem`: the key has ended, and with it the stream.
        with contextlib.suppress(ApiProblem):
            while not (self._view.is_final or self._is_gone or self._waits.is_closing or clock() > end):
                await send({"type": "http.response.body", "body": await self._next(), "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _next(self) -> bytes:
        """Return the event of the next change, or a comment if there is none in time."""
        before = self._view.rev
        self._view = await self._waits.until(
            self._view.id,
            self._read,
            is_over=lambda view: view.rev != before,
            seconds=HEARTBEAT_SECONDS,
            watch=self._watch,
        )
        return self._event(self._view) if self._view.rev != before else b": still here\n\n"

    def _watch(self, leave: Callable[[], None]) -> None:
        def gone() -> None:
            self._is_gone = True
            leave()

        self._call.watch(gone)

    def _event(self, view: AskView) -> bytes:
        resource = cast("Value", self._writer.write(view))
        return b"event: ask\nid: %d\ndata: %b\n\n" % (view.rev, json_values.encoded(resource))
