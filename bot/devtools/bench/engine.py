"""How fast the engine is beside its floor, and what runs that wait for people cost.

Start at `run`; what a lifecycle is stands in `bot.devtools.bench.engine_load`, the floor in `bot.devtools.bench.floor`.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from bot.devtools.bench.engine_load import opened, working
from bot.devtools.bench.figures import Figure, Machine, Target, percentile
from bot.devtools.bench.floor import Floor, Recording, Replay
from engine.system import SystemClock

CLIENTS: Final = 64
SETTLE_SECONDS: Final = 1.5
"""How long a server is left to itself before it is looked at."""


# -- what is measured -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured. `lifecycles` of many clients in `rounds`, a floor beside each; `alone`: of one client."""

    lifecycles: int = 9600
    rounds: int = 15
    alone: int = 500
    pending: int = 100_000
    idle_seconds: float = 10.0
    growth: int = 200
    """Decisions beside few and beside many pending requests."""


def _most(limit: float) -> Target:
    return Target(limit, reached=True)


WHAT: Final[Mapping[str, tuple[str, Target | None]]] = {
    "lifecycles_per_s": ("runs a second from start to end, of 64 clients, with an edit and the audit log", None),
    "floor_per_s": ("the same rows by bare sqlite3 in one thread, in groups of 64", None),
    "ratio": ("of the two", Target(0.15, least=True)),
    "cpu_ms_per_lifecycle": ("CPU of the whole process, clients included, in the least disturbed round", _most(1)),
    "cpu_ms_median": ("the same in half of the rounds", None),
    "cpu_over_floor": ("the same over what the floor takes, free of the speed of the machine", None),
    "commits_per_lifecycle_64": ("durable commits, 64 clients", _most(0.3)),
    "commits_per_lifecycle_1": ("durable commits, one client", _most(3)),
    "bytes_per_lifecycle": ("by how much the file grew, after a checkpoint", _most(12_288)),
    "bytes_all_edited": ("the same where the edit replaces all of the 1 KB", None),
    "decide_p50_ms": ("a decision of one client, half of them", None),
    "decide_p99_ms": ("99 of 100", None),
    "commit_p50_ms": ("a bare commit of the floor, half of them", None),
    "commit_p99_ms": ("99 of 100", None),
    "decide_over_commit": ("p99 over p99", _most(5)),
    "pending_rss_mb": ("more memory with 100,000 pending requests than with none", _most(30)),
    "pending_idle_cpu_pct": ("CPU with them while nothing happens", Target(1)),
    "restart_s": ("from the start of a server with them until it can be asked", Target(2)),
    "pending_growth": ("a decision with them over one with 100", _most(1.3)),
}
"""Each figure, in the order of the report: what it is, and its target."""


async def run(size: Size, say: Callable[[str], None], *, folder: Path | None = None) -> tuple[list[Figure], Machine]:
    """All figures, and the machine that they are of. `folder`: on a disk, or nothing durable is measured."""
    with tempfile.TemporaryDirectory(prefix="signoff-bench-", dir=folder) as made:
        place = Path(made)
        machine = Machine.here(place)
        replay = await recorded(place / "recorded.db")
        say(f"{size.lifecycles:,} runs of {CLIENTS} clients …")
        found = await _many(place, replay, size)
        say(f"{size.alone:,} runs of one client …")
        found |= await _alone(place, replay, size)
        say(f"{size.pending:,} pending requests …")
        found |= await _waiting(place, replay, size)
    figures = [
        Figure(name=f"engine.{name}", value=found[f"engine.{name}"], what=what, target=target)
        for name, (what, target) in WHAT.items()
    ]
    return figures, machine


async def recorded(path: Path) -> Replay:
    """One lifecycle, taken down stage by stage."""
    with opened(path) as rig:
        await rig.register()
        for _ in range(2):  # the first makes persons
            recording = Recording(path)
            recording.mark()
            run = await rig.start()
            recording.mark()
            await rig.decide(run)
            recording.mark()
            await rig.advance(run)
            recording.mark()
    return Replay(recording)


def floor_at(path: Path, like: Path, replay: Replay) -> Floor:
    """A floor on a copy of the file `like`."""
    shutil.copy(like, path)
    return Floor(path, replay)


async def _many(place: Path, replay: Replay, size: Size) -> dict[str, float]:
    """Rounds of floor and engine in turn, so that whatever else the machine does weighs on both."""
    rounds, count = size.rounds, size.lifecycles // size.rounds // CLIENTS * CLIENTS
    floors, speeds, ratios, costs = [], [], [], []
    path, floor = place / "many.db", floor_at(place / "floor.db", place / "recorded.db", replay)
    async with working(path) as rig:
        await rig.lifecycles(CLIENTS, CLIENTS)  # warm
        before = _size(path)
        commits = rig.store.commits
        for _ in range(rounds):
            floors.append(floor.grouped(count))
            cpu, began = time.process_time(), time.perf_counter()
            await rig.lifecycles(count, CLIENTS)
            speeds.append(count / (time.perf_counter() - began))
            costs.append((time.process_time() - cpu) * 1000 / count)
            ratios.append(speeds[-1] / floors[-1])
        commits = rig.store.commits - commits
        grown = _size(path) - before
        before = _size(path)
        await rig.lifecycles(count, CLIENTS, all_of_it=True)
        grown_more = _size(path) - before
    floor.close()
    return {
        "engine.lifecycles_per_s": statistics.median(speeds),
        "engine.floor_per_s": statistics.median(floors),
        "engine.ratio": statistics.median(ratios),
        # Neighbours on the machine only ever add: caches and cores that they share make the same work take up to twice.
        "engine.cpu_ms_per_lifecycle": min(costs),
        "engine.cpu_ms_median": statistics.median(costs),
        "engine.cpu_over_floor": statistics.median(
            cost * floor / 1000 for cost, floor in zip(costs, floors, strict=True)
        ),
        "engine.commits_per_lifecycle_64": commits / (count * rounds),
        "engine.bytes_per_lifecycle": grown / (count * rounds),
        "engine.bytes_all_edited": grown_more / count,
    }


async def _alone(place: Path, replay: Replay, size: Size) -> dict[str, float]:
    """One client, and the bare commits of the same rows, in turn."""
    seconds: list[float] = []
    floor = floor_at(place / "alone-floor.db", place / "recorded.db", replay)
    async with working(place / "alone.db") as rig:
        await rig.lifecycles(5, 1)
        rig.decided.clear()
        commits = rig.store.commits
        for _ in range(10):
            seconds += floor.commits(size.alone // 10)
            await rig.lifecycles(size.alone // 10, 1)
        commits = rig.store.commits - commits
    floor.close()
    decide_99, commit_99 = percentile(rig.decided, 0.99), percentile(seconds, 0.99)
    return {
        "engine.commits_per_lifecycle_1": commits / len(rig.decided),
        "engine.decide_p50_ms": percentile(rig.decided, 0.5) * 1000,
        "engine.decide_p99_ms": decide_99 * 1000,
        "engine.commit_p50_ms": percentile(seconds, 0.5) * 1000,
        "engine.commit_p99_ms": commit_99 * 1000,
        "engine.decide_over_commit": decide_99 / commit_99,
    }


async def _waiting(place: Path, replay: Replay, size: Size) -> dict[str, float]:
    """What `size.pending` runs that wait for people cost a server, and those who decide."""
    few, many = place / "few.db", place / "pending.db"
    for path, runs in ((few, 100), (many, size.pending)):
        floor = floor_at(path, place / "recorded.db", replay)
        floor.fill(runs)
        floor.close()
    none = await asyncio.to_thread(serve, place / "recorded.db", 1.0)
    full = await asyncio.to_thread(serve, many, size.idle_seconds)
    async with working(few) as small, working(many) as large:
        for _ in range(size.growth):
            await small.lifecycle()
            await large.lifecycle()
    return {
        "engine.pending_rss_mb": full.rss_mb - none.rss_mb,
        "engine.pending_idle_cpu_pct": full.cpu_pct,
        "engine.restart_s": full.ready_s,
        "engine.pending_growth": percentile(large.decided, 0.5) / percentile(small.decided, 0.5),
    }


def _size(path: Path) -> int:
    """Bytes of the file once everything is in it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


# -- a server of its own process --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Served:
    """A server that did nothing: seconds until it could be asked, its memory, and its part of one core."""

    ready_s: float
    rss_mb: float
    cpu_pct: float


def serve(path: Path, seconds: float) -> Served:
    """Start an engine on the file in a fresh process, and let it idle for so long."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(path, seconds, there))
    began = time.perf_counter()
    process.start()
    there.close()  # else a process that dies would be waited for without end
    here.recv()
    ready = time.perf_counter() - began
    rss_mb, cpu_pct = here.recv()
    process.join()
    return Served(ready, rss_mb, cpu_pct)


def _serve(path: Path, seconds: float, answer: Connection) -> None:
    async def idle() -> None:
        async with working(path) as rig:
            await rig.engine.due(SystemClock().now())
            answer.send(None)
            await asyncio.sleep(SETTLE_SECONDS)
            cpu = time.process_time()
            await asyncio.sleep(seconds)
            spent = time.process_time() - cpu
            answer.send((_rss_mb(), spent / seconds * 100))

    asyncio.run(idle())


def _rss_mb() -> float:
    """Resident memory now, not at its height."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
