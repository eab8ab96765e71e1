"""Probes for load balancers and orchestrators, and metrics, at a port of their own: they are not for the public.

| path | answers |
|---|---|
| `/healthz` | 200 while the process works: if it does not, restart it |
| `/readyz` | 200 while the database answers, and 503 otherwise or while the process stops: send requests elsewhere |
| `/metrics` | metrics in Prometheus' text format |
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot import http_server, metrics
from bot.metrics import Metrics
from engine.errors import SignoffError
from engine.store.measurements import Measurements

ANSWER_SECONDS: Final = 2.0
"""How long the database may take to answer a probe, in seconds. Slack waits for three."""

log = logging.getLogger(__name__)


class ProbePortTaken(SignoffError):
    """The address for probes cannot be bound."""


class Probes:
    """The handlers. `measure`: reads from the database how much waits. Set `stopping` before the process drains."""

    def __init__(self, measure: Callable[[], Awaitable[Measurements]], counted: Metrics) -> None:
        self._measure, self._metrics = measure, counted
        self.stopping = False
        routes = [
            Route(path, handler)
            for path, handler in (("/healthz", self._health), ("/readyz", self._ready), ("/metrics", self._scrape))
        ]
        self.app = Starlette(routes=routes)

    async def _health(self, _request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _ready(self, _request: Request) -> Response:
        if self.stopping:
            return PlainTextResponse("stopping\n", 503)
        return PlainTextResponse("ready\n") if await self._measured() else _no_answer()

    async def _scrape(self, _request: Request) -> Response:
        measurements = await self._measured()
        if measurements is None:
            return _no_answer()
        return Response(self._metrics.text(measurements), media_type=metrics.CONTENT_TYPE)

    async def _measured(self) -> Measurements | None:
        """Return how much waits, or None if the database does not answer in time."""
        try:
            return await asyncio.wait_for(self._measure(), ANSWER_SECONDS)
        except (SignoffError, TimeoutError) as error:
            log.warning("a probe got no answer from the database (%s)", error or type(error).__name__)
            return None


def _no_answer() -> Response:
    return PlainTextResponse("the database does not answer\n", 503)


@asynccontextmanager
async def serving(probes: Probes, *, host: str, port: int) -> AsyncIterator[int]:
    """Answer probes while the body runs, which gets the port. Raises `ProbePortTaken`."""
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ProbePortTaken(
            f"SIGNOFF_PROBE_PORT: {host} port {port} cannot be used ({error.strerror}). Choose another port."
        ) from error
    with listener:
        async with http_server.running(probes.app, [listener]):
            yield listener.getsockname()[1]
