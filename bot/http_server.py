"""uvicorn inside this process: no signal handlers and no access log; a stop waits for the requests under way."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

API: Final = "signoff.api"
"""The ASGI extension with which an application says that a program with this API key has called. It returns whether the
connection may stay."""
WATCH: Final = "signoff.watch"
"""The ASGI extension that takes what is called when the client goes away before it has its answer."""
DRAIN_SECONDS: Final = 8
"""How long a server that stops waits for the requests under way before it cancels them."""


class _Server(uvicorn.Server):
    """Stops only when `should_exit` is set: the signals of the process belong to its main program."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.startup_ended = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.startup_ended.set()


@asynccontextmanager
async def running(app: ASGIApp, sockets: Sequence[socket.socket], **options: Any) -> AsyncIterator[None]:
    """Serve the app on bound sockets while the body runs, and close them afterwards.

    `options` go to `uvicorn.Config`. Forwarding headers are not read: no proxy is believed unless the app says so.
    """
    server = _Server(
        uvicorn.Config(
            app,
            ws="none",
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            access_log=False,
            log_config=None,
            log_level="warning",
            timeout_graceful_shutdown=DRAIN_SECONDS,
            **options,
        )
    )
    serving = asyncio.ensure_future(server.serve([*sockets]))
    await server.startup_ended.wait()
    try:
        yield
    finally:
        server.should_exit = True
        await serving
