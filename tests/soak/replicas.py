"""A campaign on PostgreSQL: bots and workers in processes of their own, and a server that goes away."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot import app, loaded_settings
from bot.app_parts import AppOptions
from bot.devtools.bench.postgres_server import PostgresServer, binaries_of_machine, readable
from bot.slack.rate_limit import RateLimiter
from bot.terminal.output import create_console
from tests.soak import takeovers
from tests.soak.balancer import Balancer, balancing
from tests.soak.campaign import LONG, RARE, SIGNOFF, Campaign
from tests.soak.chaos import Chaos
from tests.soak.clients import Clients
from tests.soak.database_faults import DatabaseFaults, Way
from tests.soak.disk_full import SmallDisk, small_disk
from tests.soak.people import People
from tests.soak.recoveries import Recoveries
from tests.soak.serve import SteppedClock
from tests.soak.servers import Servers, servers
from tests.soak.tables import ServerTables
from tests.soak.takeovers import Takeovers
from tests.soak.verdict import Finding
from tests.soak.world import MULTIPLIER, SLOW_SECONDS, World, free_port, world
from tests.support import postgres_server

OPTIONS: Final = (*postgres_server.OPTIONS, "max_wal_size=96MB", "max_connections=100")
"""The log of the server must fit on the small disk, and its connections are as many as PostgreSQL allows by default."""
BOTS: Final = 3
WORKERS: Final = 4
RUNS_A_MINUTE: Final = 200
BLOWS_A_MINUTE: Final = 60
GAP: Final = 6.0
"""Factor on the time between two blows to one of the processes: they are seven, and the machine may have two cores."""
ONLY_ON_FILES: Final = frozenset({"clock steps", "socket decisions refused", "socket commands without an answer"})


@contextmanager
def database_server() -> Iterator[tuple[PostgresServer, SmallDisk | None, Path]]:
    """Yield a new server, the disk that it is on if that can be filled, and the folder of its socket."""
    folder = Path(tempfile.mkdtemp(prefix="signoff-postgres-"))
    folder.chmod(0o711)  # the server may have another user
    try:
        binaries = binaries_of_machine() or readable(postgres_server.binaries_of_wheel(), folder)
        with small_disk(folder / "disk") as mounted:
            server = PostgresServer(folder / "disk", binaries, OPTIONS)
            server.start()
            try:
                yield server, SmallDisk(folder / "disk") if mounted else None, folder / "disk"
            finally:
                if server.runs:
                    server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Acting:
    """All who act in a campaign. `bots`, `workers`: the slots of the processes."""

    world: World
    servers: Servers
    stack: AsyncExitStack
    chaos: Chaos
    faults: DatabaseFaults
    clients: Clients
    people: People
    bots: list[str]
    workers: list[str]


@dataclass
class ReplicaCampaign(Campaign):
    """One campaign on PostgreSQL, and its findings."""

    runs_a_minute: int = RUNS_A_MINUTE

    @property
    def least_blows(self) -> float:
        return self.minutes * BLOWS_A_MINUTE

    def run(self) -> None:
        """Run the whole campaign, and collect its findings."""
        with database_server() as (server, disk, socket):
            try:
                asyncio.run(self._run_on(server, disk, socket))
            except Exception:  # noqa: BLE001 whatever it was, the folder is kept and named
                self.findings.append(Finding("campaign", f"it broke off: {traceback.format_exc()}"))
            self._keep()

    async def _run_on(self, server: PostgresServer, disk: SmallDisk | None, socket: Path) -> None:
        dice = random.Random(self.seed)
        way_folder = self.folder / "way"
        way_folder.mkdir()
        async with AsyncExitStack() as stack:
            tables = stack.enter_context(ServerTables(server.url).open())
            way = await stack.enter_async_context(Way(socket, way_folder).open())
            soak_world = await stack.enter_async_context(
                world(self.folder / "signoff.db", url=server.url, tables=tables)
            )
            balancer = Balancer([free_port() for _ in range(BOTS)])
            await stack.enter_async_context(balancing(soak_world.port, balancer))
            self._prepare(soak_world)
            all_servers = await stack.enter_async_context(
                servers(self.folder, soak_world.settings(), multiplier=MULTIPLIER)
            )
            soak_world.ahead = lambda: all_servers.ahead
            await self._employ_operator(soak_world, stack)
            slow = random.Random(dice.random())
            soak_world.service.delay = lambda: slow.choice(SLOW_SECONDS)
            disks = [] if disk is None else [disk]
            chaos = Chaos(soak_world, all_servers, disks, random.Random(dice.random()), gap=GAP)
            faults = DatabaseFaults(soak_world, server, tables, way, random.Random(dice.random()))
            clients = Clients(soak_world, random.Random(dice.random()), round(self.minutes * self.runs_a_minute))
            people = People(soak_world, random.Random(dice.random()), clients)
            bots, workers = slots(balancer.ports, way.url(server.url))
            acting = Acting(soak_world, all_servers, stack, chaos, faults, clients, people, bots, workers)
            await self._register(clients)
            try:
                await self._act(acting, random.Random(dice.random()))
                await self._calm(soak_world, all_servers, people, [*bots, *workers])
            finally:
                self._count(soak_world, all_servers, chaos, clients, people)
                self.figures |= faults.figures
                for number, port in enumerate(balancer.ports, start=1):
                    self.figures[f"connections to bot {number}"] = balancer.connections[port]
            tables.copy_to(soak_world.evidence.database)
            self._judge(soak_world, chaos)

    async def _act(self, acting: Acting, dice: random.Random) -> None:
        """Let people act and faults strike, then measure takeovers."""
        seconds, faults, chaos = self.minutes * 60, acting.faults, acting.chaos
        strikes = [faults.restart(seconds), faults.revive(), faults.break_off(), faults.swallow()]
        strikes += [faults.take_connections(), chaos.fill_disk(seconds)]
        serving = [chaos.run_servers(slot) for slot in (*acting.bots, *acting.workers)]
        await self._storm(chaos, acting.clients, acting.people, strikes, serving)
        measured = Takeovers(acting.world, acting.servers, acting.clients, acting.workers, dice)
        await self._take_over(measured, acting.bots)
        if self.minutes >= LONG:
            slots = [acting.bots[-1], acting.workers[-1]]
            recoveries = Recoveries(acting.world, acting.servers, acting.people, measured, faults, slots)
            with acting.world.excused():
                await recoveries.measure()
        self._count_takeovers(acting.world)

    async def _register(self, clients: Clients) -> None:
        await clients.register()

    def _prepare(self, world: World) -> None:
        """Make the tables."""
        command = [str(SIGNOFF), "migrate"]
        finished = subprocess.run(command, env=world.settings(), check=False, capture_output=True, encoding="utf-8")
        if finished.returncode:
            raise RuntimeError(f"signoff migrate failed: {finished.stdout}{finished.stderr}")

    async def _employ_operator(self, world: World, stack: AsyncExitStack) -> None:
        """Let the operator act as the command does: on the database, in a process of its own."""
        environment = world.settings()
        options = AppOptions(
            settings=loaded_settings.load(environment),
            environment=environment,
            console=create_console(stderr=True),
            clock=SteppedClock(self.folder / "clock"),
            slack_limiter=RateLimiter(multiplier=MULTIPLIER),
        )
        opened = await stack.enter_async_context(app.open_for_commands(options))
        world.operator = opened.operator_commands.carry_out

    async def _take_over(self, measured: Takeovers, bots: list[str]) -> None:
        """Measure takeovers, without any other fault."""
        self.say("the storm is over; workers are killed and replaced …")
        world = measured.world
        world.slack.faults.clear()
        world.service.delay = lambda: 0.0
        for bot in bots:
            await (await measured.servers.fork(bot)).becomes_ready()
        await measured.measure(min(4, max(1, round(self.minutes))), posts=self.minutes >= LONG)

    def _count_takeovers(self, world: World) -> None:
        for name, seconds in takeovers.arithmetic().items():
            self.figures[f"ms that a takeover of a {name} may take by the arithmetic of leases"] = round(seconds * 1000)
        for word in ("call", "start", "stop", "copies", "click"):
            times = [one.seconds for one in world.evidence.takeovers if f"the {word} " in one.work and one.seconds]
            self.figures[f"ms of the slowest takeover ({word})"] = round(max(times, default=0) * 1000)

    def _least(self) -> dict[str, int]:
        rare = [*(name for name in RARE if name not in ONLY_ON_FILES)]
        rare += [f"connections to bot {number}" for number in range(1, BOTS + 1)]
        least = dict.fromkeys(rare, 1) if self.minutes >= LONG else {}
        return least | {
            "runs": round(self.minutes * self.runs_a_minute),
            "blows": round(self.least_blows),
            "restarts of the database": 2,
            "times that all connections were broken off": 1,
            "times that connections were half open": 1,
            "times that no connection was free": 1,
        }


def slots(ports: Sequence[int], other_way: str) -> tuple[list[str], list[str]]:
    """Return the slots of bots and workers. The last of each reaches the database by another way."""
    bots = [f"SIGNOFF_ROLE=bot SIGNOFF_PORT={port}" for port in ports]
    workers = [f"SIGNOFF_ROLE=worker SIGNOFF_NAME=worker{number}" for number in range(1, WORKERS + 1)]
    for kind in (bots, workers):
        kind[-1] += f" SIGNOFF_DATABASE_URL={other_way}"
    return bots, workers
