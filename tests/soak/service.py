"""The HTTP service that the workflows call. It records every call, and whether the call was approved."""

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
    """Records calls. `approved` looks up the approval of a call by its key; `delay` returns how long to wait."""

    approved: Callable[[str], bool | None]
    delay: Callable[[], float] = lambda: 0.0
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    held: set[str] = field(default_factory=set)
    """Runs whose calls get no answer while they are in it."""

    def count(self, run: str) -> int:
        """Return how often the effect of this run happened."""
        return sum(call.key.partition(":")[0] == run for call in self.calls)

    async def pay(self, request: web.Request) -> web.Response:
        """Record the call. Once it has arrived completely, it has happened, even if its answer is lost."""
        body: Any = json.loads(await request.read())
        key = request.headers.get("Idempotency-Key", "")
        self.calls.append(Call(key=key, body=body, approved=self.approved(key)))
        number = len(self.calls)
        await asyncio.sleep(self.delay())
        while key.partition(":")[0] in self.held:  # noqa: ASYNC110 it lasts for seconds
            await asyncio.sleep(0.1)
        return web.json_response({"receipt": number})


@asynccontextmanager
async def serving(approved: Callable[[str], bool | None]) -> AsyncIterator[Service]:
    """Run the service while the body runs."""
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
