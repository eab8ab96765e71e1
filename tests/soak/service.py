"""The outside world of the workflows: an HTTP service that counts every call, and asks at once who approved it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.soak.evidence import Call


@dataclass
class Service:
    """`approved`: whether the database has an approval of a call, by its key. `delay`: seconds before an answer."""

    approved: Callable[[str], bool | None]
    delay: Callable[[], float] = lambda: 0.0
    url: str = ""
    calls: list[Call] = field(default_factory=list)

    def count(self, run: str) -> int:
        """How often the effect of this run happened."""
        return sum(one.key.partition(":")[0] == run for one in self.calls)

    async def pay(self, request: web.Request) -> web.Response:
        """A call that arrived whole has happened, whatever becomes of its answer."""
        body: Any = json.loads(await request.read())
        key = request.headers.get("Idempotency-Key", "")
        self.calls.append(Call(key=key, body=body, approved=self.approved(key)))
        number = len(self.calls)
        await asyncio.sleep(self.delay())
        return web.json_response({"receipt": number})


@asynccontextmanager
async def serving(approved: Callable[[str], bool | None]) -> AsyncIterator[Service]:
    """The service, while the body runs."""
    service = Service(approved)
    application = web.Application()
    application.add_routes([web.post("/pay", service.pay)])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield service
    finally:
        await runner.cleanup()
