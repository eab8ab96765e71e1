"""Measures after how many seconds the work of a killed worker goes on, in an otherwise quiet installation."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bot.app import DRAIN_SECONDS
from engine.delivery.outbox import MARGIN, SHOW_SECONDS
from engine.store.run_rows import LEASE
from engine.worker.distributed import LOOK_SECONDS
from engine.worker.runner import HAND_OVER_SECONDS
from tests.soak.clients import Clients
from tests.soak.evidence import Takeover
from tests.soak.servers import Servers
from tests.soak.world import APPROVERS, World

STEP_LIMIT: Final = 10.0
"""Promised: seconds until another worker goes on with a run."""
COPY_LIMIT: Final = 34.0
"""Promised: seconds until another worker shows a copy. Before that, the killed one may still have a post under way."""
HASTE: Final = 0.8
"""Seconds for a hint to become work, on a machine that has other things to do."""
PATIENCE: Final = 60.0


def arithmetic() -> dict[str, float]:
    """Return the longest times that leases and looks allow, by what is promised."""
    copy = max(timedelta(seconds=SHOW_SECONDS) + MARGIN, LEASE)
    return {
        "step": LEASE.total_seconds() + LOOK_SECONDS + HASTE,
        "copy": copy.total_seconds() + LOOK_SECONDS + HASTE,
    }


@dataclass
class Takeovers:
    """Kills workers one after the other. `slots`: of all workers."""

    world: World
    servers: Servers
    clients: Clients
    slots: Sequence[str]
    dice: random.Random
    _count: int = 0

    async def measure(self, rounds: int, *, posts: bool) -> None:
        """Kill a worker in a call, another at the approval, another while it posts, and stop one, so many times."""
        kills = [self._in_a_call, self._at_the_approval]
        if posts:
            kills += [self._at_sigterm, self._in_a_post]
        for kill in kills * rounds:
            await self._round(kill)

    async def _round(self, kill: Callable[[str], Awaitable[Takeover]]) -> None:
        """Start with one worker; the others are there when it is killed."""
        await asyncio.gather(*(self.servers.slots[slot].kill() for slot in self.slots if slot in self.servers.slots))
        first = self.slots[self._count % len(self.slots)]
        await (await self.servers.fork(first)).becomes_ready()
        self._count += 1
        self.world.evidence.takeovers.append(await kill(first))
        self.world.service.held.clear()

    async def _kill(
        self,
        first: str,
        work: str,
        number: Callable[[], int],
        limit: float,
        blow: signal.Signals = signal.SIGKILL,
    ) -> Takeover:
        """Kill the worker, and measure how long it takes until something has happened once more."""
        loop, before = asyncio.get_running_loop(), number()
        self.servers.slots[first].signal(blow)
        began = loop.time()
        if not await until(lambda: number() > before):
            return Takeover(work=work, seconds=None, limit=limit)
        return Takeover(work=work, seconds=round(loop.time() - began, 2), limit=limit)

    async def _others(self, first: str) -> None:
        others = [await self.servers.fork(slot) for slot in self.slots if slot != first]
        await asyncio.gather(*(other.becomes_ready() for other in others))
        # The worker is killed at any point of its renewals and of their looks.
        await asyncio.sleep(self.dice.uniform(0, 3))

    async def _held_call(self, first: str) -> str:
        """Return a run whose call the worker `first` makes, and that stays without an answer; others run as well."""
        run = await self.waiting_run()
        self.world.service.held.add(run)
        await self._approve(run)
        assert await until(lambda: self.world.service.count(run) == 1), f"the call of run {run} never came"
        await self._others(first)
        return run

    async def _in_a_call(self, first: str) -> Takeover:
        run = await self._held_call(first)
        return await self._kill(first, f"the call of run {run}", lambda: self.world.service.count(run), STEP_LIMIT)

    async def _at_sigterm(self, first: str) -> Takeover:
        """Tell the worker to stop: it waits for its call for some seconds, and then hands it over."""
        run = await self._held_call(first)
        limit = DRAIN_SECONDS + HAND_OVER_SECONDS
        work = f"the stop during run {run}"
        return await self._kill(first, work, lambda: self.world.service.count(run), limit, signal.SIGTERM)

    async def _at_the_approval(self, first: str) -> Takeover:
        """Let only this worker hear of the approval, and kill it at that moment."""
        run = await self.waiting_run()
        self.world.service.held.add(run)
        await self._others(first)
        others = [self.servers.slots[slot] for slot in self.slots if slot != first]
        for other in others:
            other.signal(signal.SIGSTOP)
        await self._approve(run)
        await asyncio.sleep(self.dice.uniform(0, 0.05))
        for other in others:
            other.signal(signal.SIGCONT)
        return await self._kill(
            first, f"the start of step pay of run {run}", lambda: self.world.service.count(run), STEP_LIMIT
        )

    async def _in_a_post(self, first: str) -> Takeover:
        self.world.slack.fault("chat.postMessage", "hang", times=len(APPROVERS))
        run = await self._start()
        hanging = self.world.slack.faults
        assert await until(lambda: not hanging.queue), "no copy was posted"
        await self._others(first)

        def shown() -> int:
            return len(self.world.rows("SELECT id FROM delivery WHERE run = ? AND state = 'shown'", run))

        takeover = await self._kill(first, f"the copies of run {run}", shown, COPY_LIMIT)
        await self._approve(run)
        return takeover

    # -- runs --

    async def _start(self) -> str:
        """Start a run whose call may be repeated."""
        numbers = (f"t{self._count}-{number}" for number in range(1000))
        token = next(token for token in numbers if self.clients.kind(token) == "sure")
        assert await self.clients.start(token), f"start {token} was not answered"
        (run,) = self.world.evidence.starts[token]
        return run

    async def waiting_run(self) -> str:
        """Start a run, and return it when an approver has a copy."""
        run = await self._start()
        pending = "SELECT id FROM delivery WHERE run = ? AND kind = 'request' AND state = 'shown'"
        assert await until(lambda: bool(self.world.rows(pending, run))), f"no one was asked about run {run}"
        return run

    async def _approve(self, run: str) -> None:
        query = "SELECT id, at FROM request WHERE run = ? AND state = 'pending'"
        assert await until(lambda: bool(self.world.rows(query, run)))
        (row,) = self.world.rows(query, run)
        await self.clients.decide(row, "approve", plainly=True)


async def until(condition: Callable[[], bool]) -> bool:
    """Wait for a condition about tables or calls, and return whether it became true."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while not condition():
        if loop.time() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True
