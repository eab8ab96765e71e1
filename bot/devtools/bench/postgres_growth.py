"""What a million pending requests cost on PostgreSQL, and what an idle worker asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.devtools.bench.engine_load import APPROVER, WORKFLOW, EngineBenchEnv
from bot.devtools.bench.figures import percentile, rss_mb
from bot.devtools.bench.postgres_databases import BenchServer, counting_queries, new_database
from bot.devtools.bench.postgres_floor import connected, open_floor, record_lifecycle
from bot.devtools.bench.postgres_load import run_engine
from bot.devtools.bench.postgres_server import database_of
from bot.devtools.bench.slack_env import SlackLimits, run_bot
from bot.variable_checks import PREFIX
from engine.read_models import PageQuery
from engine.system import RandomIds, SystemClock

FEW: Final = 1000
"""Pending requests of the database that the one with many is compared with."""
UNNOTICED_MS: Final = 1.0
"""What takes less than this, in milliseconds, may grow."""
_SOURCE: Final = WORKFLOW.replace(b"    gate:\n", b"    gate:\n      expires: 30d\n")
_SOME_REQUESTS: Final = "SELECT id, digest, run FROM request WHERE state = 'pending' ORDER BY md5(id) LIMIT $1"
_JOBS: Final = "SELECT count(*) FROM pgqueuer"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleWorker:
    """A `signoff worker` without work. `counts`: what a query is."""

    queries_per_s: float
    counts: str
    rss_mb: float
    jobs: int
    """Jobs in the queue."""


async def fill(url: str, pending: int) -> None:
    """Fill an empty database with pending requests, all of which wait for the same two people."""
    async with open_floor(url, await record_lifecycle(url, _SOURCE)) as floor:
        await floor.fill(pending)


async def measure_idle_worker(
    server: BenchServer, url: str, folder: Path, *, settle: float, seconds: float
) -> IdleWorker:
    """Run a worker, as it is shipped, on the database."""
    ids = RandomIds()
    settings = {"DATABASE_URL": url, "ROLE": "worker", "KEY": (ids.salt() + ids.salt()).hex()}
    values = {PREFIX + name: value for name, value in settings.items()}
    own = folder / database_of(url)
    own.mkdir()
    async with counting_queries(server, url) as counter, run_bot(own, values, SlackLimits(1)) as process:
        await asyncio.sleep(settle)
        before, started = await counter.read(), time.perf_counter()
        await asyncio.sleep(seconds)
        queries, elapsed = await counter.read() - before, time.perf_counter() - started
        memory = rss_mb(process.pid)
    async with connected(url, 1) as (driver,):
        jobs: int = await driver.fetchval(_JOBS)
    return IdleWorker(queries_per_s=queries / elapsed, counts=counter.counts, rss_mb=memory, jobs=jobs)


class PendingBench:
    """Measures what people and workers do in a database with pending requests."""

    def __init__(self, env: EngineBenchEnv, requests: list[tuple[str, str, str]], person: str) -> None:
        self._env, self._requests, self._person = env, requests, person
        self.seconds: dict[str, list[float]] = {"decide": [], "inbox": [], "tick": []}

    async def measure(self) -> None:
        """Do each once."""
        await self._time("inbox", self._read_inbox)
        await self._time("tick", lambda: self._env.engine.due(SystemClock().now()))
        request, digest, run = self._requests.pop()
        end = self._env.ends[run] = asyncio.get_running_loop().create_future()
        await self._time("decide", lambda: self._env.decide_request(request, digest))
        await end

    async def _read_inbox(self) -> None:
        page = PageQuery(open_only=True)
        assert len(await self._env.engine.requests(page, person=self._person)) == page.limit

    async def _time(self, name: str, act: Callable[[], Awaitable[object]]) -> None:
        started = time.perf_counter()
        await act()
        self.seconds[name].append(time.perf_counter() - started)

    def forget(self) -> None:
        for seconds in self.seconds.values():
            seconds.clear()

    def median_ms(self, name: str) -> float:
        return percentile(self.seconds[name], 0.5) * 1000


async def open_bench(stack: AsyncExitStack, url: str, requests: int) -> PendingBench:
    """Open an engine on a filled database until the stack is left, with some of its requests to decide."""
    async with connected(url, 1) as (driver,):
        rows = [tuple(row) for row in await driver.fetch(_SOME_REQUESTS, requests)]
    env = await stack.enter_async_context(run_engine(url))
    person = await env.engine.person(APPROVER)
    assert person is not None
    return PendingBench(env, rows, person.id)


async def measure_growth(
    server: BenchServer, folder: Path, *, pending: int, rounds: int, idle: tuple[float, float]
) -> Growth:
    """Measure the same work beside few and beside many pending requests, in turn.

    `idle`: seconds for which a worker may settle, and for which it is measured.
    """
    settle, seconds = idle
    async with AsyncExitStack() as stack:
        few_url, many_url = [stack.enter_context(new_database(server)) for _ in range(2)]
        await fill(few_url, min(FEW, pending))
        await fill(many_url, pending)
        few_worker, many_worker = await asyncio.gather(
            *(measure_idle_worker(server, url, folder, settle=settle, seconds=seconds) for url in (few_url, many_url))
        )
        few, many = [await open_bench(stack, url, 2 * rounds) for url in (few_url, many_url)]
        for bench in (few, many) * rounds:  # warms the caches
            await bench.measure()
        for bench in (few, many):
            bench.forget()
        for bench in (few, many) * rounds:
            await bench.measure()
    return Growth(few, many, few_worker, many_worker)


@dataclass(frozen=True, slots=True)
class Growth:
    """Benches and idle workers of the two databases."""

    few: PendingBench
    many: PendingBench
    few_worker: IdleWorker
    many_worker: IdleWorker

    def figures(self) -> Mapping[str, float]:
        """Return the figures by name."""
        costs = {name: self.many.median_ms(name) for name in self.many.seconds}
        growths = {name: cost / self.few.median_ms(name) for name, cost in costs.items()}
        noticed = [growths[name] for name, cost in costs.items() if cost >= UNNOTICED_MS]
        return {
            "growth": max(noticed, default=1.0),
            **{f"{name}_growth": growth for name, growth in growths.items()},
            **{f"{name}_many_ms": cost for name, cost in costs.items()},
            "pending_rss_mb": self.many_worker.rss_mb - self.few_worker.rss_mb,
            "pending_jobs": self.many_worker.jobs,
            "idle_queries": max(self.few_worker.queries_per_s, self.many_worker.queries_per_s),
        }
