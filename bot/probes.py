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
from typing import Final, TypeVar

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

T = TypeVar("T")
log = logging.getLogger(__name__)


class ProbePortTaken(SignoffError):
    """The address for probes cannot be bound."""


class Probes:
    """The handlers. Call `stop` before the process drains.

    `measure`: reads from the database how much waits. `ask`: returns once the database has answered.
    """

    def __init__(
        self, measure: Callable[[], Awaitable[Measurements]], ask: Callable[[], Awaitable[None]], counted: Metrics
    ) -> None:
        self._measure, self._ask, self._metrics = measure, ask, counted
        self._stopping = False
        routes = [
            Route(path, handler)
            for path, handler in (("/healthz", self._health), ("/readyz", self._ready), ("/metrics", self._scrape))
        ]
        self.app = Starlette(routes=routes)

    def stop(self) -> None:
        """Be no longer ready."""
        self._stopping = True

    async def _health(self, _request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _ready(self, _request: Request) -> Response:
        if self._stopping:
            return PlainTextResponse("stopping\n", 503)
        return PlainTextResponse("ready\n") if await _in_time(self._answers) else _no_answer()

    async def _scrape(self, _request: Request) -> Response:
        measurements = await _in_time(self._measure)
        if measurements is None:
            return _no_answer()
        return Response(self._metrics.text(measurements), media_type=metrics.CONTENT_TYPE)

    async def _answers(self) -> bool:
        await self._ask()
        return True


async def _in_time(work: Callable[[], Awaitable[T]]) -> T | None:
    """Return the result of a read, or None if the database does not answer in time."""
    try:
        return await asyncio.wait_for(work(), ANSWER_SECONDS)
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
