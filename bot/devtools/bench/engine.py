"""`signoff bench engine`: how fast the engine is compared with its floor, and the cost of pending requests.

Start at `run`. `bot.devtools.bench.engine_load` describes a lifecycle, `bot.devtools.bench.floor` the floor.
"""

from __future__ import annotations

import asyncio
import multiprocessing
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

from bot.devtools.bench import foreach, schedules
from bot.devtools.bench.engine_load import open_engine, run_engine
from bot.devtools.bench.figures import Figure, Machine, Target, percentile, rss_mb
from bot.devtools.bench.floor import Floor, Recording, Replay, read_tables
from engine.system import SystemClock

CLIENTS: Final = 64
"""Clients of the measurement with many clients."""
SETTLE_SECONDS: Final = 1.5
"""How long a server may settle before it is measured."""


# -- figures --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineBenchSize:
    """How much is measured. The defaults are those of the documented figures."""

    lifecycles: int = 9600
    """Lifecycles of many clients, in all rounds together."""
    rounds: int = 15
    """Rounds of many clients, each with a round of the floor."""
    single_client: int = 500
    """Lifecycles of one client."""
    pending: int = 100_000
    idle_seconds: float = 10.0
    pending_decisions: int = 200
    """Decisions with few and with many pending requests."""
    schedules: int = 10_000
    items: int = 10_000
    """Items of a foreach."""
    ticks: int = 1_000
    """How often a server looks for what is due beside the schedules."""


def _at_most(limit: float) -> Target:
    return Target(limit, reached=True)


FIGURES: Final[Mapping[str, tuple[str, Target | None]]] = {
    "lifecycles_per_s": ("runs a second from start to end, 64 clients, with an edit and the audit log", None),
    "floor_per_s": ("the same rows by bare sqlite3 in one thread, in groups of 64", None),
    "ratio": ("lifecycles over floor", Target(0.15, least=True)),
    "cpu_ms_per_lifecycle": ("CPU of the process, clients included, in the fastest round", _at_most(1)),
    "cpu_ms_median": ("the same, median of the rounds", None),
    "cpu_over_floor": ("the same over the time of the floor, independent of the machine's speed", None),
    "commits_per_lifecycle_64": ("durable commits, 64 clients", _at_most(0.3)),
    "commits_per_lifecycle_1": ("durable commits, one client", _at_most(3)),
    "bytes_per_lifecycle": ("growth of the file, after a checkpoint", _at_most(12_288)),
    "bytes_all_edited": ("the same if the edit replaces the whole text of 1 KB", None),
    "decide_p50_ms": ("a decision of one client (p50)", None),
    "decide_p99_ms": ("the same (p99)", None),
    "commit_p50_ms": ("a bare commit of the floor (p50)", None),
    "commit_p99_ms": ("the same (p99)", None),
    "decide_over_commit": ("decide_p99_ms over commit_p99_ms", _at_most(5)),
    "pending_rss_mb": ("additional memory for 100,000 pending requests", _at_most(30)),
    "pending_idle_cpu_pct": ("CPU with them while idle", Target(1)),
    "restart_s": ("from the start of a server with them until it answers", Target(2)),
    "pending_growth": ("a decision with them over one with 100 of them", _at_most(1.3)),
    "schedule_tick_p50_ms": ("looking for what is due beside 10,000 schedules (p50)", None),
    "schedule_tick_p99_ms": ("the same (p99)", _at_most(5)),
    "foreach_item_us": ("CPU for an item of a foreach of 10,000 items with one gate for all", None),
    "step_us": ("CPU for a step of an ordinary run, which calls the same", None),
    "foreach_item_over_step": ("the item over the step", _at_most(1)),
    "foreach_rss_mb": ("additional memory while the first foreach is at work", _at_most(30)),
    "foreach_longest_unit_ms": ("the longest unit of work of a foreach, before its commit", _at_most(100)),
}
"""Each figure in the order of the report, with its meaning and its target."""


async def run(
    size: EngineBenchSize, report_progress: Callable[[str], None], *, folder: Path | None = None
) -> tuple[list[Figure], Machine]:
    """Measure all figures, and describe the machine.

    The folder must be on a disk: in memory, no durable write would be measured.
    """
    with tempfile.TemporaryDirectory(prefix="signoff-bench-", dir=folder) as temporary:
        work_folder = Path(temporary)
        machine = Machine.detect(work_folder)
        replay = await record_lifecycle(work_folder / "recorded.db")
        report_progress(f"{size.lifecycles:,} runs of {CLIENTS} clients …")
        values = await _measure_many_clients(work_folder, replay, size)
        report_progress(f"{size.single_client:,} runs of one client …")
        values |= await _measure_one_client(work_folder, replay, size)
        report_progress(f"{size.pending:,} pending requests …")
        values |= await _measure_pending(work_folder, replay, size)
        report_progress(f"{size.schedules:,} schedules …")
        path = work_folder / "schedules.db"
        values |= await schedules.measure(path, schedules=size.schedules, ticks=size.ticks)
        report_progress(f"{size.items:,} items of a foreach …")
        values |= await foreach.measure(work_folder / "foreach.db", items=size.items)
    figures = [
        Figure(name=f"engine.{name}", value=values[f"engine.{name}"], meaning=meaning, target=target)
        for name, (meaning, target) in FIGURES.items()
    ]
    return figures, machine


async def record_lifecycle(path: Path) -> Replay:
    """Record the writes of one lifecycle, stage by stage."""
    with open_engine(path) as env:
        await env.register()
        for _ in range(2):  # The first lifecycle creates persons, so the second is recorded.
            recording = Recording()
            recording.add(read_tables(path))
            run = await env.start()
            recording.add(read_tables(path))
            await env.decide(run)
            recording.add(read_tables(path))
            await env.advance(run)
            recording.add(read_tables(path))
    return Replay(recording)


def copy_floor(path: Path, template: Path, replay: Replay) -> Floor:
    """Open a floor on a copy of the file."""
    shutil.copy(template, path)
    return Floor(path, replay)


async def _measure_many_clients(work_folder: Path, replay: Replay, size: EngineBenchSize) -> dict[str, float]:
    """Measure floor and engine in turn, so that other load on the machine affects both."""
    rounds, count = size.rounds, size.lifecycles // size.rounds // CLIENTS * CLIENTS
    floors, speeds, ratios, costs = [], [], [], []
    path, floor = work_folder / "many.db", copy_floor(work_folder / "floor.db", work_folder / "recorded.db", replay)
    async with run_engine(path) as env:
        await env.run_lifecycles(CLIENTS, CLIENTS)  # warms the caches
        before = _file_size(path)
        commits = env.store.commits
        for _ in range(rounds):
            floors.append(floor.lifecycles_per_second(count))
            cpu, started = time.process_time(), time.perf_counter()
            await env.run_lifecycles(count, CLIENTS)
            speeds.append(count / (time.perf_counter() - started))
            costs.append((time.process_time() - cpu) * 1000 / count)
            ratios.append(speeds[-1] / floors[-1])
        commits = env.store.commits - commits
        growth = _file_size(path) - before
        before = _file_size(path)
        await env.run_lifecycles(count, CLIENTS, edit_everything=True)
        growth_all_edited = _file_size(path) - before
    floor.close()
    return {
        "engine.lifecycles_per_s": statistics.median(speeds),
        "engine.floor_per_s": statistics.median(floors),
        "engine.ratio": statistics.median(ratios),
        # The minimum: other programs that share caches and cores only add time, up to twice as much.
        "engine.cpu_ms_per_lifecycle": min(costs),
        "engine.cpu_ms_median": statistics.median(costs),
        "engine.cpu_over_floor": statistics.median(
            cost * floor / 1000 for cost, floor in zip(costs, floors, strict=True)
        ),
        "engine.commits_per_lifecycle_64": commits / (count * rounds),
        "engine.bytes_per_lifecycle": growth / (count * rounds),
        "engine.bytes_all_edited": growth_all_edited / count,
    }


async def _measure_one_client(work_folder: Path, replay: Replay, size: EngineBenchSize) -> dict[str, float]:
    """Measure one client and the bare commits of the same rows, in turn."""
    commit_seconds: list[float] = []
    floor = copy_floor(work_folder / "alone-floor.db", work_folder / "recorded.db", replay)
    async with run_engine(work_folder / "alone.db") as env:
        await env.run_lifecycles(5, 1)
        env.decision_seconds.clear()
        commits = env.store.commits
        for _ in range(10):
            commit_seconds += floor.commit_seconds(size.single_client // 10)
            await env.run_lifecycles(size.single_client // 10, 1)
        commits = env.store.commits - commits
    floor.close()
    decide_99, commit_99 = percentile(env.decision_seconds, 0.99), percentile(commit_seconds, 0.99)
    return {
        "engine.commits_per_lifecycle_1": commits / len(env.decision_seconds),
        "engine.decide_p50_ms": percentile(env.decision_seconds, 0.5) * 1000,
        "engine.decide_p99_ms": decide_99 * 1000,
        "engine.commit_p50_ms": percentile(commit_seconds, 0.5) * 1000,
        "engine.commit_p99_ms": commit_99 * 1000,
        "engine.decide_over_commit": decide_99 / commit_99,
    }


async def _measure_pending(work_folder: Path, replay: Replay, size: EngineBenchSize) -> dict[str, float]:
    """Measure the cost of pending requests for an idle server, and how much they slow down decisions."""
    few, many = work_folder / "few.db", work_folder / "pending.db"
    for path, runs in ((few, 100), (many, size.pending)):
        floor = copy_floor(path, work_folder / "recorded.db", replay)
        floor.fill(runs)
        floor.close()
    empty = await asyncio.to_thread(measure_idle_server, work_folder / "recorded.db", 1.0)
    full = await asyncio.to_thread(measure_idle_server, many, size.idle_seconds)
    async with run_engine(few) as few_pending, run_engine(many) as many_pending:
        for _ in range(size.pending_decisions):
            await few_pending.run_lifecycle()
            await many_pending.run_lifecycle()
    return {
        "engine.pending_rss_mb": full.rss_mb - empty.rss_mb,
        "engine.pending_idle_cpu_pct": full.cpu_pct,
        "engine.restart_s": full.ready_s,
        "engine.pending_growth": percentile(many_pending.decision_seconds, 0.5)
        / percentile(few_pending.decision_seconds, 0.5),
    }


def _file_size(path: Path) -> int:
    """Return the bytes of the file after a checkpoint."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


# -- an idle server in its own process -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IdleServer:
    """An idle server: seconds until it answered, its memory, and its share of one core."""

    ready_s: float
    rss_mb: float
    cpu_pct: float


def measure_idle_server(path: Path, seconds: float) -> IdleServer:
    """Start an engine on the file in a new process, and measure it while it is idle."""
    context = multiprocessing.get_context("spawn")
    parent_end, child_end = context.Pipe()
    process = context.Process(target=_serve_idle, args=(path, seconds, child_end))
    started = time.perf_counter()
    process.start()
    child_end.close()  # Otherwise recv() would wait forever for a process that has died.
    parent_end.recv()
    ready = time.perf_counter() - started
    rss_mb, cpu_pct = parent_end.recv()
    process.join()
    return IdleServer(ready, rss_mb, cpu_pct)


def _serve_idle(path: Path, seconds: float, pipe: Connection) -> None:
    async def idle() -> None:
        async with run_engine(path) as env:
            await env.engine.due(SystemClock().now())
            pipe.send(None)
            await asyncio.sleep(SETTLE_SECONDS)
            cpu = time.process_time()
            await asyncio.sleep(seconds)
            spent = time.process_time() - cpu
            pipe.send((rss_mb(), spent / seconds * 100))

    asyncio.run(idle())
