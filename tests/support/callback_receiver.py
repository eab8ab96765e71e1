"""A program that takes callbacks on loopback: it verifies each signature, and keeps the last body of each id."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

from engine import webhooks
from engine.code_derivation import Codes

SECRET = webhooks.secret_of(bytes([0xFB, 0xEF, 0xBE]) * 10 + bytes(2))
"""A signing secret whose text has characters that the two alphabets of Base64 write differently."""
CODES = Codes(bytes(32))
"""The key of the server that sends."""


@dataclass
class CallbackReceiver:
    """What arrived, and how the next calls are answered. `answers`: one for each call; then 204.

    An answer is a status, or None: the connection is closed without one.
    """

    url: str = ""
    secret: str = SECRET
    calls: list[tuple[str, Any]] = field(default_factory=list)
    """Each call that was verified: its id, and its body."""
    raw: list[tuple[dict[str, str], str]] = field(default_factory=list)
    """The headers and the body of each of them, as they came."""
    answers: list[int | None] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    """While this is cleared, no call is answered."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def taken(self) -> dict[str, Any]:
        """The last body of each id that was answered with a success, or with nothing."""
        return dict(self.calls)

    async def wait_for(self, number: int) -> None:
        """Wait until that many calls have arrived."""
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.calls) >= number)

    async def take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        verified = Webhook(self.secret).verify(body, dict(request.headers))
        answer = self.answers.pop(0) if self.answers else 204
        if answer is None or answer < 300:
            async with self.changed:
                self.calls.append((request.headers["webhook-id"], verified))
                self.raw.append((dict(request.headers), body.decode()))
                self.changed.notify_all()
        await self.may_answer.wait()
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=answer or 204, headers=self.headers)


@asynccontextmanager
async def receiver() -> AsyncIterator[CallbackReceiver]:
    """Run a receiver while the body runs."""
    taking = CallbackReceiver()
    taking.may_answer.set()
    app = web.Application(client_max_size=2**24)
    app.router.add_post("/{tail:.*}", taking.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    taking.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks"
    try:
        yield taking
    finally:
        taking.may_answer.set()
        await runner.cleanup()


def sealed() -> str:
    """Return the secret as the server stores it."""
    return CODES.seal(SECRET)


def body_of(value: Any) -> str:
    """Return a value as the text of a body."""
    return json.dumps(value, default=str, ensure_ascii=False)
