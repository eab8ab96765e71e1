"""The campaign's end of `serve`: starts servers, and does to them what happens to processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from tests.soak import serve
from tests.soak.serve import AHEAD

PATIENCE: Final = 30.0
"""Seconds until a server that does not start or stop is a finding."""
FULL: Final = "could not be written"
"""What a server says of a full disk: once when it begins, not for every unit that it stops."""
ROOT: Final = Path(__file__).parents[2]


@dataclass
class Server:
    """One process. `gone` is set when it has ended, however it did."""

    pid: int
    descriptor: int
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    code: int | None = None
    """What it said that it ended with; None: it was killed."""

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there. Never to another process that got its number."""
        if not self.gone.is_set():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.descriptor, number)

    async def kill(self) -> None:
        """End it between one instruction and the next."""
        self.signal(signal.SIGKILL)
        await self.gone.wait()

    async def stop(self) -> bool:
        """Ask it to end; whether it did in time."""
        self.signal(signal.SIGTERM)
        return await self.over(PATIENCE)

    async def over(self, seconds: float) -> bool:
        """Wait so long for its end; whether it has ended."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.gone.wait(), seconds)
        return self.gone.is_set()

    async def up(self) -> bool:
        """Wait until it takes commands and deliveries, or has ended; whether it takes them."""
        waits = [asyncio.ensure_future(one.wait()) for one in (self.ready, self.gone)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE)
        finally:
            for one in waits:
                one.cancel()
        return self.ready.is_set() and not self.gone.is_set()

    def limit(self, size: int) -> None:
        """No file of it may be written beyond that many bytes."""
        if not self.gone.is_set():
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@dataclass
class Servers:
    """One server after the other. `log`: what all of them say; `said`: how often some things were said."""

    forking: Process
    clock: int
    """The descriptor of the file that says how far ahead the servers' clock is."""
    log: IO[str]
    said: Counter[str] = field(default_factory=Counter)
    ahead: float = 0.0
    started: int = 0
    now: Server | None = None
    _forked: asyncio.Queue[Server] = field(default_factory=asyncio.Queue)
    _known: dict[int, Server] = field(default_factory=dict)

    async def fork(self) -> Server:
        """One more, which is not ready yet. If the one before has not ended, it does now."""
        await self.kill()
        assert self.forking.stdin is not None
        self.forking.stdin.write(b"\n")
        self.started += 1
        self.now = await asyncio.wait_for(self._forked.get(), PATIENCE)
        return self.now

    async def kill(self) -> None:
        """Leave none of them."""
        for one in list(self._known.values()):
            await one.kill()

    def step(self, seconds: float) -> None:
        """Step the clock of the server that runs, and of all that follow."""
        self.ahead += seconds
        os.pwrite(self.clock, AHEAD.pack(self.ahead), 0)

    def limit(self, size: int) -> None:
        """No file may be written beyond that many bytes, by the server that runs and by all that follow."""
        resource.prlimit(self.forking.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        if self.now is not None:
            self.now.limit(size)

    async def listen(self) -> None:
        """Hear what the servers say of themselves, until the forking process ends."""
        assert self.forking.stdout is not None
        async for line in self.forking.stdout:
            what, *numbers = line.decode().split()
            pid = int(numbers[0])
            if pid not in self._known:
                self._known[pid] = self._watched(pid)
            server = self._known[pid]
            match what:
                case "forked":
                    self._forked.put_nowait(server)
                case "ready":
                    server.ready.set()
                case _:
                    server.code = int(numbers[1])

    def _watched(self, pid: int) -> Server:
        try:
            server = Server(pid, os.pidfd_open(pid))
        except ProcessLookupError:
            server = Server(pid, -1)
            server.gone.set()
            return server
        loop = asyncio.get_running_loop()

        def ended() -> None:
            loop.remove_reader(server.descriptor)
            os.close(server.descriptor)
            server.gone.set()

        loop.add_reader(server.descriptor, ended)
        return server

    async def read(self) -> None:
        """Keep what the servers log, until the forking process ends."""
        assert self.forking.stderr is not None
        async for raw in self.forking.stderr:
            line = raw.decode(errors="replace")
            self.log.write(line)
            self.said["full"] += FULL in line
            self.said["tracebacks"] += line.startswith("Traceback")
        self.log.flush()


@asynccontextmanager
async def servers(folder: Path, environment: Mapping[str, str], *, multiplier: float) -> AsyncIterator[Servers]:
    """Servers with these settings while the body runs; none is left afterwards."""
    clock = folder / "clock"
    clock.write_bytes(AHEAD.pack(0.0))
    descriptor = os.open(clock, os.O_RDWR)
    forking = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", serve.__name__, str(clock), f"{multiplier:g}"),
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        limit=2**22,
    )
    with (folder / "server.log").open("w", encoding="utf-8") as log:
        made = Servers(forking, descriptor, log)
        hearing = [asyncio.ensure_future(one) for one in (made.listen(), made.read())]
        try:
            yield made
        finally:
            await _end(made)
            await asyncio.gather(*hearing)
            os.close(descriptor)


async def _end(made: Servers) -> None:
    await made.kill()
    assert made.forking.stdin is not None
    made.forking.stdin.close()
    try:
        await asyncio.wait_for(made.forking.wait(), PATIENCE)
    except TimeoutError:
        made.forking.kill()
        await made.forking.wait()
