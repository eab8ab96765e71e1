"""Faults of a PostgreSQL server, and of the way to it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy import make_url

from bot.databases import libpq
from bot.devtools.bench.postgres_server import PostgresServer
from tests.soak.balancer import CHUNK
from tests.soak.chaos import EXCUSED_SECONDS
from tests.soak.tables import ServerTables, Unreadable
from tests.soak.world import World

SOCKET: Final = ".s.PGSQL.5432"
BREAK_OFF: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name <> 'soak'"
STARTS: Final = 4
"""How often a start is tried. Each try waits longer than most full disks last."""
RESTARTS: Final = ((signal.SIGINT, 0.0), (signal.SIGQUIT, 8.0))
"""How the server is stopped, and for how many seconds it is away."""
FULL_SECONDS: Final = 20.0
"""Maximum time to take all connections, in seconds: the server may be away meanwhile."""


@dataclass
class Way:
    """A way to the server that can swallow everything in both directions, as a network does that lost a host."""

    server: Path
    folder: Path
    swallows: bool = False
    _pipes: set[asyncio.Task[None]] = field(default_factory=set)

    def url(self, url: str) -> str:
        """Return the URL of a database by this way."""
        return make_url(url).set(query={"host": str(self.folder)}).render_as_string(hide_password=False)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Way]:
        """Take connections while the body runs."""
        server = await asyncio.start_unix_server(self._serve, self.folder / SOCKET)
        try:
            yield self
        finally:
            server.close()
            for task in self._pipes:
                task.cancel()
            await asyncio.gather(*self._pipes, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pipes.add(task)
        try:
            with contextlib.suppress(OSError):
                database_reader, database_writer = await asyncio.open_unix_connection(self.server / SOCKET)
                ways = [self._pass_on(reader, database_writer), self._pass_on(database_reader, writer)]
                tasks = [asyncio.ensure_future(coroutine) for coroutine in ways]
                try:
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
                finally:
                    for one in tasks:
                        one.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                    database_writer.close()
        finally:
            self._pipes.discard(task)
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Write what is read. Raise when that ends, except after something was swallowed: then no one hears of it.

        What was swallowed is lost for this connection, so the rest of it is swallowed as well.
        """
        swallowed = False
        while chunk := await reader.read(CHUNK):
            swallowed = swallowed or self.swallows
            if not swallowed:
                writer.write(chunk)
                await writer.drain()
        if not swallowed:
            raise ConnectionResetError


@dataclass
class Hoard:
    """Takes every connection that the server has, also those that become free meanwhile."""

    url: str
    was_full: bool = False
    _taken: list[asyncpg.Connection[Any]] = field(default_factory=list)

    async def take(self) -> None:
        """Take connections until it is cancelled."""
        while True:
            try:
                self._taken.append(await asyncpg.connect(self.url, server_settings={"application_name": "soak"}))
            except asyncpg.TooManyConnectionsError:
                self.was_full = True
                await asyncio.sleep(0.05)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                await asyncio.sleep(0.2)  # the server is away

    def give(self) -> None:
        """Give all of them back."""
        for connection in self._taken:
            connection.terminate()


@dataclass
class DatabaseFaults:
    """The faults of the database of one campaign. `way`: the one that some of the processes use."""

    world: World
    server: PostgresServer
    tables: ServerTables
    way: Way
    dice: random.Random
    figures: Counter[str] = field(default_factory=Counter)

    async def restart(self, seconds: float) -> None:
        """Stop the server and start it again, within this many seconds, once for each of `RESTARTS`."""
        for number, away in RESTARTS:
            await asyncio.sleep(seconds / (len(RESTARTS) + 1) * self.dice.uniform(0.7, 1.0))
            with self.world.excused():
                await asyncio.to_thread(self.server.stop, number)
                await asyncio.sleep(away)
                await self._start()
                self.figures["restarts of the database"] += 1
                await asyncio.sleep(EXCUSED_SECONDS)

    async def revive(self) -> None:
        """Start the server again when it has ended because it could not write."""
        while not self.world.over.is_set():
            await asyncio.sleep(0.5)
            if not self.server.runs and not self.world.unwritable:
                self.figures["ends of the database by itself"] += 1
                with self.world.excused():
                    await self._start()
                    await asyncio.sleep(EXCUSED_SECONDS)

    async def _start(self) -> None:
        """Start the server, again if its disk was full meanwhile: it cannot start then."""
        for _ in range(STARTS - 1):
            with contextlib.suppress(OSError, asyncpg.PostgresError):
                await asyncio.to_thread(self.server.start)
                return
        await asyncio.to_thread(self.server.start)

    async def break_off(self) -> None:
        """Break off all connections now and then."""
        while not self.world.over.is_set():
            await asyncio.sleep(self.dice.uniform(6, 18))
            with self.world.excused(), contextlib.suppress(Unreadable):
                await asyncio.to_thread(self.tables.execute, BREAK_OFF)
                self.figures["times that all connections were broken off"] += 1
                await asyncio.sleep(EXCUSED_SECONDS)

    async def take_connections(self) -> None:
        """Leave no connection free now and then."""
        while not self.world.over.is_set():
            await asyncio.sleep(self.dice.uniform(15, 30))
            with self.world.excused():
                self.figures["times that no connection was free"] += await self.leave_none(self.dice.uniform(2, 8))
                await asyncio.sleep(EXCUSED_SECONDS)

    async def leave_none(self, seconds: float) -> bool:
        """Leave no connection free, not even to those who have one, and return whether none was."""
        hoard = Hoard(libpq(self.server.url))
        taking = asyncio.ensure_future(hoard.take())
        try:
            await self._break_off_when_full(hoard)
            await asyncio.sleep(seconds)
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
            hoard.give()
        return hoard.was_full

    async def _break_off_when_full(self, hoard: Hoard) -> None:
        with contextlib.suppress(Unreadable, TimeoutError):
            async with asyncio.timeout(FULL_SECONDS):
                while not hoard.was_full:  # noqa: ASYNC110 there is no event to await
                    await asyncio.sleep(0.05)
            await asyncio.to_thread(self.tables.execute, BREAK_OFF)

    async def swallow(self) -> None:
        """Swallow what travels on one way now and then, so that its connections are half open."""
        while not self.world.over.is_set():
            await asyncio.sleep(self.dice.uniform(15, 30))
            with self.world.excused():
                self.figures["times that connections were half open"] += 1
                await self._swallow_for(self.dice.uniform(2, 12))
                await asyncio.sleep(EXCUSED_SECONDS)

    async def _swallow_for(self, seconds: float) -> None:
        self.way.swallows = True
        try:
            await asyncio.sleep(seconds)
        finally:
            self.way.swallows = False
