"""The stream of an ask: server-sent events, each with the whole ask, until no change will follow."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final, cast

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bot.api.ask_reader import AskReader
from bot.api.ask_resources import AskWriter
from bot.api.calls import ApiCall
from bot.api.problems import ApiProblem
from engine import json_values
from engine.domain.asks import AskView
from engine.json_values import Value

LONGEST_SECONDS: Final = 3_600
"""Length of a stream, in seconds; then the program connects again."""
HEARTBEAT_SECONDS: Final = 15
"""Time between two comments, in seconds: proxies close silent connections."""
_RETRY: Final = b"retry: 1000\n\n"
_HEARTBEAT: Final = b": still here\n\n"


class AskStream(Response):
    """The answer to a call for events. `view`: the ask as it is now."""

    media_type = "text/event-stream"

    def __init__(self, call: ApiCall, view: AskView, reader: AskReader, writer: AskWriter) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._reader, self._writer, self._is_head = reader, writer, call.is_head
        self._first: AskView | None = view

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if not self._is_head:
            # An `ApiProblem`: the key has ended, and with it the stream.
            with contextlib.suppress(ApiProblem):
                async for part in self._parts():
                    await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _parts(self) -> AsyncIterator[bytes]:
        """Yield an event for each state, and comments in between."""
        clock = asyncio.get_running_loop().time
        end, rev = clock() + LONGEST_SECONDS, -1
        view, self._first = self._first, None
        yield _RETRY
        while True:
            view = view or await self._reader.look()
            yield _HEARTBEAT if view.rev == rev else self._event(view)
            if view.is_final or self._reader.is_over or clock() > end:
                return
            rev, view = view.rev, None
            await self._reader.changed(rev, HEARTBEAT_SECONDS)

    def _event(self, view: AskView) -> bytes:
        resource = cast("Value", self._writer.write(view))
        return b"event: ask\nid: %d\ndata: %b\n\n" % (view.rev, json_values.encoded(resource))
