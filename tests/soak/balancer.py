"""A load balancer before the bots: each connection goes to one that answers. It knows nothing of HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

CHUNK = 1 << 16


@dataclass
class Balancer:
    """Sends each connection to the next of `ports` that answers. `connections`: how many each got."""

    ports: Sequence[int]
    connections: Counter[int] = field(default_factory=Counter)
    _turn: int = 0
    _pipes: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pipes.add(task)
        try:
            await self._serve(reader, writer)
        finally:
            self._pipes.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._turn += 1
        for number in range(len(self.ports)):
            port = self.ports[(self._turn + number) % len(self.ports)]
            with contextlib.suppress(OSError):
                bot_reader, bot_writer = await asyncio.open_connection("127.0.0.1", port)
                self.connections[port] += 1
                try:
                    await asyncio.wait(
                        [
                            asyncio.ensure_future(pass_on(reader, bot_writer)),
                            asyncio.ensure_future(pass_on(bot_reader, writer)),
                        ],
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                finally:
                    bot_writer.close()
                return

    async def end(self) -> None:
        """Break off every connection."""
        for task in self._pipes:
            task.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Write what is read until there is no more."""
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()


@asynccontextmanager
async def balancing(port: int, balancer: Balancer) -> AsyncIterator[None]:
    """Take connections at a port of loopback while the body runs."""
    server = await asyncio.start_server(balancer.serve, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        await balancer.end()
