"""What is done to the server, to Slack, to the clock and to the disk, while people go on working."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.soak.disk_full import Room
from tests.soak.servers import Server, Servers
from tests.soak.world import World

BLOWS_A_MINUTE: Final = 42
"""SIGKILLs and SIGSTOPs: five minutes are to have two hundred."""
LONGER: Final = 3.0
"""A campaign goes on so many times longer until its blows and its runs are reached: the machine may be slow."""
FULL_SECONDS: Final = 5.0
UNTIL_FULL: Final = 30.0

Fault = tuple[str, str, dict[str, Any]]
FAULTS: Final[Sequence[Fault]] = (
    ("chat.postMessage", "lost", {}),
    ("chat.postMessage", "lost", {"times": 2}),
    ("chat.postMessage", "error", {"code": "internal_error", "landed": True}),
    ("chat.postMessage", "status", {"status": 503, "landed": True}),
    ("chat.postMessage", "ratelimited", {"seconds": 1.0}),
    ("chat.postMessage", "reset", {}),
    ("chat.postMessage", "slow", {"seconds": 2.5}),
    ("chat.postMessage", "hang", {}),
    ("chat.update", "lost", {}),
    ("chat.update", "error", {"code": "fatal_error"}),
    ("chat.update", "error", {"code": "internal_error", "landed": True}),
    ("chat.update", "ratelimited", {"seconds": 2.0}),
    ("chat.update", "slow", {"seconds": 4.0}),
    ("chat.update", "hang", {}),
    ("response_url", "slow", {"seconds": 3.0}),
    ("response_url", "lost", {}),
    ("response_url", "status", {"status": 500}),
    ("views.open", "slow", {"seconds": 1.0}),
    ("views.open", "error", {"code": "internal_error"}),
    ("conversations.history", "status", {"status": 502}),
    ("users.lookupByEmail", "ratelimited", {"seconds": 1.0}),
    ("*", "reset", {"times": 3}),
    ("*", "slow", {"seconds": 1.0, "times": 4}),
    ("deliver:interactive", "duplicate", {}),
    ("deliver:interactive", "duplicate", {"times": 3}),
    ("deliver:interactive", "slow", {"seconds": 1.5}),
    ("deliver:interactive", "drop", {}),
    ("deliver:interactive", "signature", {}),
    ("deliver:slash_commands", "duplicate", {}),
)
STEPS: Final = (3.0, 20.0, 45.0, 120.0, 900.0, -1.0, -4.0, -8.0)
"""Seconds. Not further back: whoever sets a clock back by an hour waits for an hour."""


@dataclass
class Chaos:
    """`rooms`: taken away one after the other; `findings`: what the servers did that nothing excuses."""

    world: World
    servers: Servers
    rooms: Sequence[Room]
    dice: random.Random
    figures: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    @property
    def blows(self) -> int:
        return self.figures["SIGKILL"] + self.figures["SIGSTOP"]

    # -- the server --

    async def serving(self) -> None:
        """One server after the other, each until it is killed."""
        while not self.world.over.is_set():
            server = await self.servers.fork()
            if self.dice.random() < 0.1:
                await server.over(self.dice.uniform(0.0, 0.5))
            elif not await self._lived(server):
                self._died(server)
                await asyncio.sleep(0.3)
                continue
            await self._ended(server)

    async def _lived(self, server: Server) -> bool:
        """Some seconds of a server; whether it lived through them."""
        if not await server.up():
            return False
        for _ in range(self.dice.choice((0, 1, 1, 2, 2, 3))):
            if self.world.over.is_set():
                break
            if await server.over(self.dice.uniform(0.05, 0.8)):
                return False
            server.signal(signal.SIGSTOP)
            self.figures["SIGSTOP"] += 1
            await asyncio.sleep(self._pause())
            server.signal(signal.SIGCONT)
        return not await server.over(self.dice.uniform(0.05, 1.2))

    def _pause(self) -> float:
        """Mostly shorter than a person's patience, now and then longer than Slack's, and rarely than a lease."""
        roll = self.dice.random()
        low, high = (0.03, 0.5) if roll < 0.82 else (1.0, 4.0) if roll < 0.96 else (8.0, 10.0)
        return self.dice.uniform(low, high)

    async def _ended(self, server: Server) -> None:
        if self.dice.random() < 0.06 and server.ready.is_set():
            self.figures["SIGTERM"] += 1
            if not await server.stop():
                self.findings.append(f"server {server.pid} did not stop when it was told to")
                await server.kill()
            return
        await server.kill()
        self.figures["SIGKILL"] += 1

    def _died(self, server: Server) -> None:
        """It ended by itself, which only a full disk excuses."""
        self.figures["ended by themselves"] += 1
        if not self.world.full:
            self.findings.append(f"server {server.pid} ended by itself, with {server.code}")

    # -- the rest of the world --

    async def faulting(self) -> None:
        """Slack fails: one call, several, or all of it for a while."""
        faults = self.world.slack.faults
        while not self.world.over.is_set():
            await asyncio.sleep(self.dice.uniform(0.2, 1.4))
            if self.dice.random() < 0.02:
                faults.down = True
                self.figures["Slack was down"] += 1
                await asyncio.sleep(self.dice.uniform(0.5, 4.0))
                faults.down = False
            elif len(faults.queue) < 6:
                on, kind, details = self.dice.choice(FAULTS)
                self.world.slack.fault(on, kind, **details)  # type: ignore[arg-type]

    async def stepping(self) -> None:
        """The clock is set, forward mostly."""
        while not self.world.over.is_set():
            await asyncio.sleep(self.dice.uniform(8, 25))
            self.servers.step(self.dice.choice(STEPS))
            self.figures["clock steps"] += 1

    async def filling(self, seconds: float) -> None:
        """The disk is full, twice within so many seconds."""
        for number, room in enumerate(self.rooms, start=1):
            await asyncio.sleep(seconds / (len(self.rooms) + 1) * self.dice.uniform(0.7, 1.0))
            if not await self._fill(room):
                self.findings.append(f"the disk was never full, though all room was taken by {room.name} ({number})")
            else:
                self.figures[room.name] += 1

    async def _fill(self, room: Room) -> bool:
        """Until a server has said so and some seconds more, in which it may also be killed; whether one has."""
        before, loop = self.servers.said["full"], asyncio.get_running_loop()
        self.world.full = True
        began = said_at = loop.time()
        said = False
        while loop.time() - began < UNTIL_FULL and not (said and loop.time() - said_at > FULL_SECONDS):
            await room.take()
            if not said and self.servers.said["full"] > before:
                said, said_at = True, loop.time()
            await asyncio.sleep(0.25)
        await room.give()
        # What failed for want of room is answered a moment later.
        await asyncio.sleep(3.0)
        self.world.full = False
        return said

    async def noting(self) -> None:
        """The head of the audit log: whatever happens later, it may not be without this entry."""
        while not self.world.over.is_set():
            await asyncio.sleep(self.dice.uniform(3, 9))
            query = "SELECT seq, hex(hash) AS hash FROM audit ORDER BY seq DESC LIMIT 1"
            self.world.evidence.heads += [f"{row['seq']}:{row['hash'].lower()}" for row in self.world.rows(query)]
