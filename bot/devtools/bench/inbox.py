"""`signoff bench inbox`: what a page of the inbox and a look for due work cost, beside few and many stored requests.

The same pages are read in a database with few and in one with many stored requests, in turn, on SQLite and on
PostgreSQL: first pages and later ones, with filters and searches that match often, rarely and never.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from bot.devtools.bench import inbox_fill
from bot.devtools.bench.engine_load import open_engine
from bot.devtools.bench.figures import Fact, Figure, Machine, Target, percentile
from bot.devtools.bench.inbox_fill import Filled, InboxFillSize
from bot.devtools.bench.postgres_databases import BenchServer, new_database, open_server
from bot.devtools.bench.postgres_load import run_engine
from engine.access import Reader
from engine.domain import Person, RequestState
from engine.inbox import InboxFilter, InboxPart, InboxQuery
from engine.service import Engine
from engine.store import move, postgres
from engine.store.sqlite_connection import connect
from engine.system import SystemClock

UNNOTICED_MS: Final = 1.0
"""What takes less than this, in milliseconds, may grow."""
_SEED: Final = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxBenchSize:
    """How much is measured. The defaults are those of the documented figures."""

    stored: int = 500_000
    pending: int = 20_000
    of_reader: int = 2_000
    few: int = 10_000
    """Requests stored in the database that is compared with; the reader has as many waiting there."""
    rounds: int = 30
    warm_up: int = 3

    @property
    def fills(self) -> tuple[InboxFillSize, InboxFillSize]:
        """The sizes of the two databases."""
        many = InboxFillSize(stored=self.stored, pending=self.pending, of_reader=self.of_reader)
        few = InboxFillSize(
            stored=self.few, pending=min(self.pending, self.few // 2), of_reader=min(self.of_reader, self.few // 2)
        )
        return few, many


@dataclass(slots=True)
class InboxBench:
    """Reads pages of one database, and notes how long each took, in seconds."""

    engine: Engine
    filled: Filled
    pages: dict[str, list[float]] = field(default_factory=dict)
    ticks: list[float] = field(default_factory=list)

    async def measure(self, seed: int) -> None:
        """Read each kind of page once, and look for due work once."""
        for name, query in _queries(self.filled, random.Random(seed)):  # noqa: S311
            started = time.perf_counter()
            page = await self.engine.inbox(query)
            self.pages.setdefault(name, []).append(time.perf_counter() - started)
            if page.next is not None and "later" not in name:
                after = InboxQuery(reader=query.reader, part=query.part, filter=query.filter, after=page.next)
                started = time.perf_counter()
                await self.engine.inbox(after)
                self.pages.setdefault(f"{name}, later", []).append(time.perf_counter() - started)
        started = time.perf_counter()
        await self.engine.due(SystemClock().now())
        self.ticks.append(time.perf_counter() - started)

    def forget(self) -> None:
        self.pages.clear()
        self.ticks.clear()

    @property
    def page_p99_ms(self) -> float:
        return percentile([seconds for taken in self.pages.values() for seconds in taken], 0.99) * 1000

    @property
    def tick_p99_ms(self) -> float:
        return percentile(self.ticks, 0.99) * 1000

    def slowest(self) -> str:
        """Return the kind of page that took longest, by its median."""
        medians = {name: percentile(taken, 0.5) * 1000 for name, taken in self.pages.items()}
        name = max(medians, key=medians.__getitem__)
        return f"{name}: {medians[name]:.1f} ms"


def _queries(filled: Filled, dice: random.Random) -> Iterator[tuple[str, InboxQuery]]:
    """Yield one query of each kind, with other values each time."""
    reader = Reader(person=Person(filled.reader, "Ada"))
    owner = Reader(person=Person(filled.owner, "Sam"))
    auditor = Reader(person=Person(filled.people[1], "Ben"), is_auditor=True)
    workflow, person = dice.choice(filled.workflows), dice.choice(filled.people)
    order, now = f"A-{dice.randrange(filled.orders)}", SystemClock().now()
    filters = {
        "all": InboxFilter(),
        "of a workflow": InboxFilter(workflow=workflow),
        "of a person": InboxFilter(person=person),
        "rejected": InboxFilter(state=RequestState.REJECTED),
        "of a week": InboxFilter(since=now - timedelta(days=37), until=now - timedelta(days=30)),
        "with a number": InboxFilter(search=order),
        "with a common word": InboxFilter(search="refund"),
        "with a common and a rare word": InboxFilter(search=f"refund {order}"),
        "with three common words": InboxFilter(search="refund eur dana"),
        "with an unknown word": InboxFilter(search="xylophone"),
        "of a workflow, rejected": InboxFilter(workflow=workflow, state=RequestState.REJECTED),
        "of a workflow and person, with a word": InboxFilter(workflow=workflow, person=person, search="order"),
    }
    for part, by in (
        (InboxPart.NEEDS_YOU, reader),
        (InboxPart.WAITING, auditor),
        (InboxPart.DECIDED, reader),
        (InboxPart.ALL, auditor),
        (InboxPart.ALL, owner),
    ):
        for name, wanted in filters.items():
            who = " (owner)" if by is owner else ""
            yield f"{part.value}{who}: {name}", InboxQuery(reader=by, part=part, filter=wanted)


FIGURES: Final[Mapping[str, tuple[str, Target | None]]] = {
    "page_p99_ms": ("the queries behind one page, the slower of both databases (p99)", Target(30)),
    "tick_p99_ms": ("a look for due work, the slower of both databases (p99)", Target(5)),
    "growth": ("the worse of the two over its cost with few stored, if it takes over 1 ms", Target(1.5, reached=True)),
    "sqlite_page_p99_ms": ("a page on SQLite (p99)", None),
    "sqlite_tick_p99_ms": ("a look for due work on SQLite (p99)", None),
    "sqlite_few_page_p99_ms": ("a page on SQLite with few stored (p99)", None),
    "postgresql_page_p99_ms": ("a page on PostgreSQL (p99)", None),
    "postgresql_tick_p99_ms": ("a look for due work on PostgreSQL (p99)", None),
    "postgresql_few_page_p99_ms": ("a page on PostgreSQL with few stored (p99)", None),
}
"""Each figure in the order of the report, with its meaning and its target."""


async def run(
    size: InboxBenchSize,
    report_progress: Callable[[str], None],
    *,
    server: str | None = None,
    folder: Path | None = None,
) -> tuple[list[Figure | Fact], Machine]:
    """Measure all figures, and describe the machine.

    `server`: the URL of a PostgreSQL server where databases may be created; else one is started. Raises `BenchFailed`.
    """
    with tempfile.TemporaryDirectory(prefix="signoff-bench-", dir=folder) as temporary:
        work_folder = Path(temporary)
        machine = Machine.detect(work_folder)
        paths, filled = [work_folder / name for name in ("few.db", "many.db")], list[Filled]()
        for path, wanted in zip(paths, size.fills, strict=True):
            report_progress(f"Storing {wanted.stored:,} requests …")
            await inbox_fill.record(path)
            filled.append(await asyncio.to_thread(inbox_fill.fill, path, wanted))
        report_progress("Pages on SQLite …")
        values, slowest = await _measure_sqlite(paths, filled, size)
        async with open_server(server, work_folder) as opened:
            report_progress(f"The same on {opened.origin} …")
            more, slowest_there = await _measure_postgres(opened, paths, filled, size)
    return _report(values | more, f"{slowest} (SQLite); {slowest_there} (PostgreSQL)"), machine


async def _measure_sqlite(
    paths: list[Path], filled: list[Filled], size: InboxBenchSize
) -> tuple[dict[str, float], str]:
    with open_engine(paths[0]) as few, open_engine(paths[1]) as many:
        benches = [InboxBench(env.engine, known) for env, known in zip((few, many), filled, strict=True)]
        return await _measure("sqlite", benches, size)


async def _measure_postgres(
    server: BenchServer, paths: list[Path], filled: list[Filled], size: InboxBenchSize
) -> tuple[dict[str, float], str]:
    async with AsyncExitStack() as stack:
        benches = []
        for path, known in zip(paths, filled, strict=True):
            url = stack.enter_context(new_database(server))
            await _move(path, url)
            env = await stack.enter_async_context(run_engine(url))
            benches.append(InboxBench(env.engine, known))
        return await _measure("postgresql", benches, size)


async def _move(path: Path, url: str) -> None:
    engine = postgres.create(url, seconds=None)
    try:
        with closing(connect(path, writable=True)) as source:
            await move.move(source, engine)
        async with engine.connect() as connection:
            await connection.exec_driver_sql("COMMIT")
            await connection.exec_driver_sql("VACUUM ANALYZE")
    finally:
        await engine.dispose()


async def _measure(database: str, benches: list[InboxBench], size: InboxBenchSize) -> tuple[dict[str, float], str]:
    """Read the same pages of both databases, in turn."""
    few, many = benches
    for bench in benches:  # warms the caches
        for seed in range(size.warm_up):
            await bench.measure(seed)
        bench.forget()
    for seed in range(_SEED, _SEED + size.rounds):
        for bench in benches:
            await bench.measure(seed)
    values = {
        f"{database}_page_p99_ms": many.page_p99_ms,
        f"{database}_few_page_p99_ms": few.page_p99_ms,
        f"{database}_tick_p99_ms": many.tick_p99_ms,
        f"{database}_few_tick_p99_ms": few.tick_p99_ms,
    }
    return values, many.slowest()


def _report(values: dict[str, float], slowest: str) -> list[Figure | Fact]:
    databases = ("sqlite", "postgresql")
    values["page_p99_ms"] = max(values[f"{name}_page_p99_ms"] for name in databases)
    values["tick_p99_ms"] = max(values[f"{name}_tick_p99_ms"] for name in databases)
    growths = [
        values[f"{name}_{what}_p99_ms"] / values[f"{name}_few_{what}_p99_ms"]
        for name in databases
        for what in ("page", "tick")
        if values[f"{name}_{what}_p99_ms"] >= UNNOTICED_MS
    ]
    values["growth"] = max(growths, default=1.0)
    return [
        *(
            Figure(name=f"inbox.{name}", value=values[name], meaning=meaning, target=target)
            for name, (meaning, target) in FIGURES.items()
        ),
        Fact(name="inbox.slowest", text=slowest, meaning="the kind of page that takes longest (median)"),
    ]
