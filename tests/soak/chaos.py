"""Faults of the server, of Slack, of the clock and of the disk, while people go on working."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.soak.disk_full import DiskSpace
from tests.soak.servers import Server, Servers
from tests.soak.world import World

BLOWS_A_MINUTE: Final = 42
"""SIGKILLs and SIGSTOPs a minute, so that five minutes have two hundred."""
LONGER: Final = 3.0
"""A campaign on a slow machine may take this many times longer to reach its numbers of blows and runs."""
FULL_SECONDS: Final = 5.0
UNTIL_FULL: Final = 30.0
EXCUSED_SECONDS: Final = 3.0
"""How long after the end of a fault its consequences are excused, in seconds."""

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
"""Clock steps in seconds. None goes further back, because an hour back makes the campaign wait for an hour."""


@dataclass
class Chaos:
    """The faults of one campaign. `disk_spaces`: filled in turn; `findings`: server failures without excuse."""

    world: World
    servers: Servers
    disk_spaces: Sequence[DiskSpace]
    dice: random.Random
    gap: float = 1.0
    """Factor on the time between two blows to a server."""
    figures: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    @property
    def blows(self) -> int:
        return self.figures["SIGKILL"] + self.figures["SIGSTOP"]

    # -- the server --

    async def run_servers(self, slot: str = "") -> None:
        """Run one server after the other in a slot, each until it is killed."""
        while not self.world.over.is_set():
            excused = self.world.unwritable
            server = await self.servers.fork(slot)
            if self.dice.random() < 0.1:
                await server.ends_within(self.dice.uniform(0.0, 0.5))
            elif not await self._survives(server):
                self._record_exit(server, excused=excused or self.world.unwritable)
                await asyncio.sleep(0.3)
                continue
            await self._end(server)

    async def _survives(self, server: Server) -> bool:
        """Pause a server several times, and return whether it survived."""
        if not await server.becomes_ready():
            return False
        for _ in range(self.dice.choice((0, 1, 1, 2, 2, 3))):
            if self.world.over.is_set():
                break
            if await server.ends_within(self.gap * self.dice.uniform(0.05, 0.8)):
                return False
            server.signal(signal.SIGSTOP)
            self.figures["SIGSTOP"] += 1
            await asyncio.sleep(self._pause())
            server.signal(signal.SIGCONT)
        return not await server.ends_within(self.gap * self.dice.uniform(0.05, 1.2))

    def _pause(self) -> float:
        """Return the seconds of a pause: mostly short, sometimes longer than Slack waits, rarely than a lease."""
        roll = self.dice.random()
        low, high = (0.03, 0.5) if roll < 0.82 else (1.0, 4.0) if roll < 0.96 else (8.0, 10.0)
        return self.dice.uniform(low, high)

    async def _end(self, server: Server) -> None:
        """Kill the server, or sometimes stop it with SIGTERM."""
        if self.dice.random() < 0.06 and server.ready.is_set():
            self.figures["SIGTERM"] += 1
            if not await server.stop():
                self.findings.append(f"server {server.pid} did not stop when it was told to")
                await server.kill()
            return
        await server.kill()
        self.figures["SIGKILL"] += 1

    def _record_exit(self, server: Server, *, excused: bool) -> None:
        """Record that a server ended by itself, which is a finding unless the database could not be written."""
        self.figures["ended by themselves"] += 1
        if not excused:
            self.findings.append(f"server {server.pid} ended by itself, with {server.code}")

    # -- the rest of the world --

    async def break_slack(self) -> None:
        """Make Slack fail: one call, several, or all calls for a while."""
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

    async def step_clock(self) -> None:
        """Step the clock of the servers, mostly forward."""
        while not self.world.over.is_set():
            await asyncio.sleep(self.dice.uniform(8, 25))
            self.servers.step(self.dice.choice(STEPS))
            self.figures["clock steps"] += 1

    async def fill_disk(self, seconds: float) -> None:
        """Fill the disk once for each way to do so, within this many seconds."""
        for number, disk_space in enumerate(self.disk_spaces, start=1):
            await asyncio.sleep(seconds / (len(self.disk_spaces) + 1) * self.dice.uniform(0.7, 1.0))
            if not await self._fill(disk_space):
                self.findings.append(
                    f"the disk was never full, though all space was taken by {disk_space.name} ({number})"
                )
            else:
                self.figures[disk_space.name] += 1

    async def _fill(self, disk_space: DiskSpace) -> bool:
        """Keep the disk full until a server reports it and some seconds more. Return whether a server reported it."""
        before, loop = self.servers.line_counts["full"], asyncio.get_running_loop()
        with self.world.excused():
            began = reported_at = loop.time()
            is_reported = False
            while loop.time() - began < UNTIL_FULL and not (is_reported and loop.time() - reported_at > FULL_SECONDS):
                await disk_space.take()
                if not is_reported and self.servers.line_counts["full"] > before:
                    is_reported, reported_at = True, loop.time()
                await asyncio.sleep(0.25)
            await disk_space.give()
            # Failures from the full disk may be reported a moment later.
            await asyncio.sleep(EXCUSED_SECONDS)
        return is_reported

    async def note_audit_heads(self) -> None:
        """Note the head of the audit log now and then: the log at the end must contain each noted entry."""
        while not self.world.over.is_set():
            await asyncio.sleep(self.dice.uniform(3, 9))
            query = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"
            self.world.evidence.heads += [f"{row['seq']}:{row['hash'].hex()}" for row in self.world.rows(query)]
