"""Starts, pauses, stops and kills the servers of a campaign, through the process `serve`."""

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
from tests.soak.world import ROOT

SERVE: Final = Path(serve.__file__).relative_to(ROOT)
PATIENCE: Final = 30.0
"""Seconds after which a server that does not start or stop is a finding."""
FULL: Final = ("could not be written", "is full, so nothing was saved", "is full; nothing was saved")
"""Words in the log lines of servers when the disk gets full. They log them once, not for every failed unit.
The last words are those of older servers."""


@dataclass
class Server:
    """One server process. `gone` is set when the process has ended for any reason."""

    pid: int
    descriptor: int
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    code: int | None = None
    """The exit code that the server reported, or None if it was killed."""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal if the process still exists. A process that reuses its number never gets it."""
        if not self.gone.is_set():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.descriptor, number)

    async def kill(self) -> None:
        """Kill the server with SIGKILL."""
        self.signal(signal.SIGKILL)
        await self.gone.wait()

    async def stop(self) -> bool:
        """Ask the server to stop, and return whether it did in time."""
        self.signal(signal.SIGTERM)
        return await self.ends_within(PATIENCE)

    async def ends_within(self, seconds: float) -> bool:
        """Wait up to this many seconds for its end, and return whether it has ended."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.gone.wait(), seconds)
        return self.gone.is_set()

    async def becomes_ready(self) -> bool:
        """Wait until the server takes commands or has ended, and return whether it takes them."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self.ready, self.gone)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE)
        finally:
            for event in waits:
                event.cancel()
        return self.ready.is_set() and not self.gone.is_set()

    def limit(self, size: int) -> None:
        """Limit the files that this server writes to this many bytes."""
        if not self.gone.is_set():
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@dataclass
class Servers:
    """Runs one server after the other in each slot. `log` has their output; `line_counts` counts some of its lines.

    A slot is named by the settings of its servers, as `tests.soak.serve` takes them.
    """

    forking: Process
    clock: int
    """The descriptor of the file that sets how far ahead the clock of the servers is."""
    log: IO[str]
    line_counts: Counter[str] = field(default_factory=Counter)
    ahead: float = 0.0
    started: int = 0
    slots: dict[str, Server] = field(default_factory=dict)
    """The last server of each slot."""
    _forking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _forked: asyncio.Queue[Server] = field(default_factory=asyncio.Queue)
    _known: dict[int, Server] = field(default_factory=dict)

    async def fork(self, slot: str = "") -> Server:
        """Fork a new server, which is not ready yet. Kill the previous one in this slot if it still runs."""
        if slot in self.slots:
            await self.slots[slot].kill()
        assert self.forking.stdin is not None
        async with self._forking:
            self.forking.stdin.write(f"{slot}\n".encode())
            self.started += 1
            self.slots[slot] = await asyncio.wait_for(self._forked.get(), PATIENCE)
        return self.slots[slot]

    async def kill(self) -> None:
        """Kill all servers."""
        for server in list(self._known.values()):
            await server.kill()

    def step(self, seconds: float) -> None:
        """Step the clock of the running server and of all later ones."""
        self.ahead += seconds
        os.pwrite(self.clock, AHEAD.pack(self.ahead), 0)

    def limit(self, size: int) -> None:
        """Limit the files that the running servers and all later ones write to this many bytes."""
        resource.prlimit(self.forking.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        for server in self.slots.values():
            server.limit(size)

    async def listen(self) -> None:
        """Read the events of the servers until the forking process ends."""
        assert self.forking.stdout is not None
        async for line in self.forking.stdout:
            event, *numbers = line.decode().split()
            pid = int(numbers[0])
            if pid not in self._known:
                self._known[pid] = self._watch(pid)
            server = self._known[pid]
            match event:
                case "forked":
                    self._forked.put_nowait(server)
                case "ready":
                    server.ready.set()
                case _:
                    server.code = int(numbers[1])

    def _watch(self, pid: int) -> Server:
        try:
            server = Server(pid, os.pidfd_open(pid))
        except ProcessLookupError:
            server = Server(pid, -1)
            server.gone.set()
            return server
        loop = asyncio.get_running_loop()

        def record_end() -> None:
            loop.remove_reader(server.descriptor)
            os.close(server.descriptor)
            server.gone.set()

        loop.add_reader(server.descriptor, record_end)
        return server

    async def read(self) -> None:
        """Copy the log lines of the servers until the forking process ends."""
        assert self.forking.stderr is not None
        async for raw in self.forking.stderr:
            line = raw.decode(errors="replace")
            self.log.write(line)
            self.line_counts["full"] += any(words in line for words in FULL)
            self.line_counts["tracebacks"] += line.startswith("Traceback")
        self.log.flush()


@asynccontextmanager
async def servers(
    folder: Path, environment: Mapping[str, str], *, multiplier: float, root: Path = ROOT
) -> AsyncIterator[Servers]:
    """Yield servers with these settings, and kill all of them at the end. `root`: of the code that they run."""
    clock = folder / "clock"
    if not clock.exists():
        clock.write_bytes(AHEAD.pack(0.0))
    descriptor = os.open(clock, os.O_RDWR)
    forking = await asyncio.create_subprocess_exec(
        # An older version has a file of its own: what that imports may have other names in ours.
        *(sys.executable, "-P", str(root / SERVE), str(clock), f"{multiplier:g}"),
        cwd=folder,
        env={**environment, "PYTHONPATH": str(root)},
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        limit=2**22,
    )
    with (folder / "server.log").open("a", encoding="utf-8") as log:
        all_servers = Servers(forking, descriptor, log)
        readers = [asyncio.ensure_future(reader) for reader in (all_servers.listen(), all_servers.read())]
        try:
            yield all_servers
        finally:
            await _end(all_servers)
            await asyncio.gather(*readers)
            os.close(descriptor)


async def _end(all_servers: Servers) -> None:
    await all_servers.kill()
    assert all_servers.forking.stdin is not None
    all_servers.forking.stdin.close()
    try:
        await asyncio.wait_for(all_servers.forking.wait(), PATIENCE)
    except TimeoutError:
        all_servers.forking.kill()
        await all_servers.forking.wait()
