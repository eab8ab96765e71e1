"""Calls of the `http` step, and servers on loopback that answer them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from engine.errors import StepError
from engine.ports import StepContext
from engine.steps.http import HttpParams, HttpStep

LOCAL = ["127.0.0.1"]
Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def context(seconds: float = 5) -> StepContext:
    return StepContext(
        run="r1", step="call", visit=1, attempt=1, idempotency_key="r1:call:1", timeout=timedelta(seconds=seconds)
    )


async def call(step: HttpStep, url: str, *, seconds: float = 5, **params: Any) -> dict[str, Any]:
    return dict(await step.run(HttpParams.model_validate({"url": url, **params}), context(seconds)))


async def failure(step: HttpStep, url: str, *, seconds: float = 5, **params: Any) -> StepError:
    with pytest.raises(StepError) as caught:
        await call(step, url, seconds=seconds, **params)
    return caught.value


def kind(error: StepError) -> str:
    """Return the class of a failure in two words, as in the tables below."""
    return f"{'unknown' if error.outcome_unknown else 'definite'} {'retryable' if error.retryable else 'final'}"


@asynccontextmanager
async def serving(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw(talk: Raw, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Run a server that reads the head of a request and passes the connection to `talk`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # The client disconnected, as some tests intend.
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()
