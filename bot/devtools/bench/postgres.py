"""`signoff bench pg`: how fast the engine is on PostgreSQL, beside its floor and beside LangGraph.

Start at `run`. `bot.devtools.bench.engine_load` describes a lifecycle, `bot.devtools.bench.postgres_floor` the floor,
`bot.devtools.bench.langgraph_load` the same work on LangGraph.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.devtools.bench.figures import Fact, Figure, Machine, Target, percentile
from bot.devtools.bench.floor import Replay
from bot.devtools.bench.langgraph import Configuration, LangGraphProcess, run_langgraph
from bot.devtools.bench.postgres_databases import BenchServer, new_database, open_server
from bot.devtools.bench.postgres_floor import open_floor, record_lifecycle
from bot.devtools.bench.postgres_growth import Growth, measure_growth
from bot.devtools.bench.postgres_load import engine_processes, lifecycles_per_second, run_engine
from bot.devtools.bench.postgres_server import empty_database

CLIENTS: Final = 64
"""Clients of the measurement with many clients."""
LANGGRAPH: Final[Mapping[str, Configuration]] = {
    "langgraph_per_s": Configuration(checkpointers=CLIENTS, durability="sync"),
    "langgraph_shared_per_s": Configuration(checkpointers=1, durability="sync"),
    "langgraph_exit_per_s": Configuration(checkpointers=CLIENTS, durability="exit"),
}
"""The ways in which LangGraph is measured. The first is compared: of those that keep a decision first, the fastest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresBenchSize:
    """How much is measured. The defaults are those of the documented figures."""

    rounds: int = 9
    """Rounds of many clients, each with a round of the floor, of several processes, and of LangGraph."""
    lifecycles: int = 1024
    """Lifecycles of a round."""
    langgraph_lifecycles: int = 256
    """Lifecycles of a round of LangGraph, in each of its configurations."""
    processes: int = 4
    """Processes of the measurement with several."""
    single_client: int = 500
    """Lifecycles of one client."""
    pending: int = 1_000_000
    pending_rounds: int = 200
    """Decisions, inboxes and ticks with few and with many pending requests."""
    idle_seconds: float = 30.0
    settle_seconds: float = 5.0
    """How long a worker may settle before it counts as idle."""


def _at_most(limit: float) -> Target:
    return Target(limit, reached=True)


def _at_least(limit: float) -> Target:
    return Target(limit, least=True)


FIGURES: Final[Mapping[str, tuple[str, Target | None]]] = {
    "lifecycles_per_s": ("runs a second from start to end, 64 clients in one process", None),
    "floor_per_s": ("the same rows by bare asyncpg, 8 connections, one transaction for each unit", None),
    "ratio": ("lifecycles over floor", _at_least(0.25)),
    "cpu_ms_per_lifecycle": ("CPU of the process, clients included, without the server's", None),
    "commits_per_lifecycle_64": ("durable commits, 64 clients", None),
    "processes_per_s": ("runs a second of 4 processes with 64 clients each", None),
    "processes_ratio": ("4 processes over one", _at_least(1)),
    "processes_ratio_64": ("the same if 64 clients are spread over the 4 processes", None),
    "decide_p50_ms": ("a decision of one client (p50)", None),
    "decide_p99_ms": ("the same (p99)", None),
    "commit_p50_ms": ("a bare commit of the floor (p50)", None),
    "commit_p99_ms": ("the same (p99)", None),
    "decide_over_commit": ("decide_p99_ms over commit_p99_ms", _at_most(6)),
    "idle_queries": ("queries a second of an idle worker", Target(3)),
    "growth": ("the largest of the next three among what takes over 1 ms", _at_most(1.5)),
    "decide_growth": ("a decision with all pending requests over one with 1,000 of them", None),
    "inbox_growth": ("the same for a page of a person's open requests", None),
    "tick_growth": ("the same for a look for due work", None),
    "decide_many_ms": ("a decision with all pending requests (p50)", None),
    "inbox_many_ms": ("a page of a person's open requests with all of them", None),
    "tick_many_ms": ("a look for due work with all of them", None),
    "pending_rss_mb": ("additional memory of a worker for them", _at_most(30)),
    "pending_jobs": ("jobs in the queue with them", _at_most(0)),
    "langgraph_per_s": ("the same work on LangGraph, sync, a checkpointer for each client", None),
    "langgraph_shared_per_s": ("the same with one checkpointer", None),
    "langgraph_exit_per_s": ("the same as the first, but a decision is saved only when the run ends", None),
    "over_langgraph": ("lifecycles over langgraph_per_s", _at_least(10)),
}
"""Each figure in the order of the report, with its meaning and its target. Those of LangGraph are on request."""


async def run(
    size: PostgresBenchSize,
    report_progress: Callable[[str], None],
    *,
    server: str | None = None,
    with_langgraph: bool = False,
    folder: Path | None = None,
) -> tuple[list[Figure | Fact], Machine]:
    """Measure all figures, and describe the machine.

    `server`: the URL of a server where databases may be created and dropped; else one is started in the folder, which
    must be on a disk. Raises `BenchFailed`.
    """
    with tempfile.TemporaryDirectory(prefix="signoff-bench-", dir=folder) as temporary:
        work_folder = Path(temporary)
        machine = Machine.detect(work_folder)
        async with open_server(server, work_folder) as opened:
            report_progress(f"{opened.origin} …")
            values = await _measure_speed(opened, size, report_progress, with_langgraph=with_langgraph)
            report_progress(f"{size.pending:,} pending requests …")
            growth = await measure_growth(
                opened,
                work_folder,
                pending=size.pending,
                rounds=size.pending_rounds,
                idle=(size.settle_seconds, size.idle_seconds),
            )
    return _report(opened, values | dict(growth.figures()), growth), machine


def _report(server: BenchServer, values: Mapping[str, float], growth: Growth) -> list[Figure | Fact]:
    figures = [
        Figure(name=f"pg.{name}", value=values[name], meaning=meaning, target=target)
        for name, (meaning, target) in FIGURES.items()
        if name in values
    ]
    return [
        *figures,
        Fact(name="pg.server", text=server.origin, meaning="the server"),
        Fact(name="pg.idle_queries_are", text=growth.few_worker.counts, meaning="what idle_queries counts"),
    ]


async def _measure_speed(
    server: BenchServer, size: PostgresBenchSize, report_progress: Callable[[str], None], *, with_langgraph: bool
) -> dict[str, float]:
    async with AsyncExitStack() as stack:
        floor_url, url = [stack.enter_context(new_database(server)) for _ in range(2)]
        replay = await record_lifecycle(floor_url)
        langgraph = None
        if with_langgraph:
            report_progress("LangGraph is installed, if it is not there …")
            langgraph_url = stack.enter_context(empty_database(server.url))
            langgraph = await stack.enter_async_context(run_langgraph(langgraph_url))
        report_progress(f"{size.rounds} rounds of {CLIENTS} clients …")
        values = await _measure_many_clients(floor_url, url, replay, size, langgraph)
        report_progress(f"{size.rounds} rounds of {size.processes} processes …")
        values |= await asyncio.to_thread(_measure_processes, url, size)
        report_progress(f"{size.single_client:,} runs of one client …")
        values |= await _measure_one_client(floor_url, url, replay, size)
    return values


async def _measure_many_clients(
    floor_url: str, url: str, replay: Replay, size: PostgresBenchSize, langgraph: LangGraphProcess | None
) -> dict[str, float]:
    """Measure floor, engine and LangGraph in turn, so that other load on the machine affects all."""
    samples: dict[str, list[float]] = {}
    async with open_floor(floor_url, replay) as floor, run_engine(url) as env:
        await env.run_lifecycles(CLIENTS, CLIENTS)  # warms the caches
        commits = env.store.commits
        for _ in range(size.rounds):
            values = {"floor_per_s": await floor.lifecycles_per_second(size.lifecycles)}
            cpu, started = time.process_time(), time.perf_counter()
            await env.run_lifecycles(size.lifecycles, CLIENTS)
            values["lifecycles_per_s"] = speed = size.lifecycles / (time.perf_counter() - started)
            values["cpu_ms_per_lifecycle"] = (time.process_time() - cpu) * 1000 / size.lifecycles
            values["ratio"] = speed / values["floor_per_s"]
            if langgraph is not None:
                values |= await _measure_langgraph(langgraph, size)
                values["over_langgraph"] = speed / values["langgraph_per_s"]
            for name, value in values.items():
                samples.setdefault(name, []).append(value)
        commits = env.store.commits - commits
    medians = {name: statistics.median(values) for name, values in samples.items()}
    return medians | {"commits_per_lifecycle_64": commits / (size.lifecycles * size.rounds)}


async def _measure_langgraph(langgraph: LangGraphProcess, size: PostgresBenchSize) -> dict[str, float]:
    return {
        name: await langgraph.lifecycles_per_second(configuration, count=size.langgraph_lifecycles, clients=CLIENTS)
        for name, configuration in LANGGRAPH.items()
    }


def _measure_processes(url: str, size: PostgresBenchSize) -> dict[str, float]:
    """Measure one process and several, in turn."""
    speeds, ratios, spread_ratios = [], [], []
    with engine_processes(url, size.processes) as processes:
        clients = CLIENTS * size.processes
        lifecycles_per_second(processes, clients, clients)  # warms the caches
        for _ in range(size.rounds):
            one = lifecycles_per_second(processes[:1], size.lifecycles, CLIENTS)
            speeds.append(lifecycles_per_second(processes, size.lifecycles, clients))
            ratios.append(speeds[-1] / one)
            spread_ratios.append(lifecycles_per_second(processes, size.lifecycles, CLIENTS) / one)
    return {
        "processes_per_s": statistics.median(speeds),
        "processes_ratio": statistics.median(ratios),
        "processes_ratio_64": statistics.median(spread_ratios),
    }


async def _measure_one_client(floor_url: str, url: str, replay: Replay, size: PostgresBenchSize) -> dict[str, float]:
    """Measure one client and the bare commits of the same rows, in turn."""
    commits: list[float] = []
    async with open_floor(floor_url, replay) as floor, run_engine(url) as env:
        await env.run_lifecycles(5, 1)
        env.decision_seconds.clear()
        for _ in range(10):
            commits += await floor.commit_seconds(size.single_client // 10)
            await env.run_lifecycles(size.single_client // 10, 1)
    decide_99, commit_99 = percentile(env.decision_seconds, 0.99), percentile(commits, 0.99)
    return {
        "decide_p50_ms": percentile(env.decision_seconds, 0.5) * 1000,
        "decide_p99_ms": decide_99 * 1000,
        "commit_p50_ms": percentile(commits, 0.5) * 1000,
        "commit_p99_ms": commit_99 * 1000,
        "decide_over_commit": decide_99 / commit_99,
    }
