"""HTTP clients for measuring: each keeps one connection and sends requests whose bytes are ready.

A client library would take more of the processor than the server that is measured.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httptools

from bot.devtools.bench.slack_env import BenchFailed

ANSWER_SECONDS: Final = 90.0
"""How long an answer may take: longer than any long poll."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request, and when its last byte came, by the clock of the loop."""

    status: int
    body: bytes
    at: float


class LoadClient(asyncio.Protocol):
    """One connection with one request at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body, self._waiting = bytearray(), None

    _waiting: asyncio.Future[Answer] | None

    @classmethod
    async def connect(cls, host: str, port: int) -> LoadClient:
        """Open a connection."""
        _, client = await asyncio.get_running_loop().create_connection(cls, host, port)
        return client

    def send(self, request: bytes) -> asyncio.Future[Answer]:
        """Send a request, and return its answer when it comes. Raises `BenchFailed` there if the connection ends."""
        assert self._transport is not None
        self._waiting = self._loop.create_future()
        if self._transport.is_closing():
            self.connection_lost(None)
        else:
            self._transport.write(request)
        return self._waiting

    def close(self) -> None:
        """Close the connection. A request that has no answer yet gets none."""
        if self._waiting is not None:
            self._waiting.cancel()
        if self._transport is not None:
            self._transport.close()

    # -- what asyncio and the parser call --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(BenchFailed(f"The server closed the connection ({exc or 'without a reason'})."))

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        answer = Answer(self._parser.get_status_code(), bytes(self._body), self._loop.time())
        self._parser, self._body = httptools.HttpResponseParser(self), bytearray()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(answer)


def request_bytes(method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return the bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {text}" for name, text in headers.items())]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body
