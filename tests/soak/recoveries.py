"""Measures after how many seconds a bot and a worker work again when the database has been out of reach."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tests.soak.database_faults import BREAK_OFF, DatabaseFaults
from tests.soak.evidence import Takeover
from tests.soak.people import People
from tests.soak.servers import Servers
from tests.soak.takeovers import PATIENCE, Takeovers, until
from tests.soak.world import APPROVERS, World

AWAY_SECONDS: Final = 12.0
"""How long a fault lasts: longer than any statement may take."""
BROKEN_OFF_LIMIT: Final = 5.0
"""Promised: seconds until a click leads to a call, after all connections were broken off."""
AWAY_LIMIT: Final = 8.0
"""Promised: the same after the server was away."""
HALF_OPEN_LIMIT: Final = 25.0
"""Promised: the same after everything on the way was swallowed. Nothing says that such a connection is of no use."""


@dataclass
class Recoveries:
    """Breaks the database's connections in several ways. `slots`: of a bot and a worker that use the other way."""

    world: World
    servers: Servers
    people: People
    runs: Takeovers
    faults: DatabaseFaults
    slots: Sequence[str]

    async def measure(self) -> None:
        """Measure each way once."""
        for slot, server in self.servers.slots.items():
            if slot not in self.slots:
                await server.kill()
        for slot in self.slots:
            await (await self.servers.fork(slot)).becomes_ready()
        await self._measure("all connections were broken off", self._break_off, BROKEN_OFF_LIMIT)
        await self._measure("the database was away", self._go_away, AWAY_LIMIT)
        await self._measure("no connection was free", self._take_connections, AWAY_LIMIT)
        await self._measure("connections were half open", self._swallow, HALF_OPEN_LIMIT)

    async def _measure(self, what: str, fault: Callable[[], Awaitable[None]], limit: float) -> None:
        run = await self.runs.waiting_run()
        await fault()
        loop = asyncio.get_running_loop()
        began = loop.time()
        request = (await self._request(run))["id"]
        while not self.world.service.count(run) and loop.time() - began < PATIENCE:
            # Like people, who click again when they are told that it did not work.
            await self.people.approve(APPROVERS[0], request)
            await asyncio.sleep(0.2)
        seconds = round(loop.time() - began, 2) if self.world.service.count(run) else None
        work = f"the click after {what}"
        self.world.evidence.takeovers.append(Takeover(work=work, seconds=seconds, limit=limit))

    async def _request(self, run: str) -> dict[str, str]:
        query = "SELECT id FROM request WHERE run = ? AND state = 'pending'"
        assert await until(lambda: bool(self.world.rows(query, run)))
        (row,) = self.world.rows(query, run)
        return dict(row)

    async def _break_off(self) -> None:
        await asyncio.to_thread(self.faults.tables.execute, BREAK_OFF)

    async def _go_away(self) -> None:
        await asyncio.to_thread(self.faults.server.stop)
        await asyncio.sleep(AWAY_SECONDS)
        await asyncio.to_thread(self.faults.server.start)

    async def _take_connections(self) -> None:
        await self.faults.leave_none(AWAY_SECONDS)

    async def _swallow(self) -> None:
        self.faults.way.swallows = True
        await asyncio.sleep(AWAY_SECONDS)
        self.faults.way.swallows = False
