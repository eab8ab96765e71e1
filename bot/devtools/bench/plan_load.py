"""What a sampling plan adds to a run: the same runs with a gate without a plan and with one, in turn, in one process.

Three kinds of runs end with a review by a person and differ in the plan alone: there is none, there is one that counts
while everything is reviewed, or there is one of which a share is drawn. That share is 99 %, and what goes through comes
on top, so that each kind has as many reviews. Each client runs a workflow of its own, because nothing else of a plan is
drawn while a request that was drawn waits: so every run is drawn.

The clients begin their runs together. Starts and decisions that are committed together write two fifths more pages than
apart, and one run that goes through unreviewed would move its client out of step for good: so the draw of one in a
hundred would cost more than all else about a plan, in the benchmark alone.

The runs of two more kinds have no review: they have no gate, or 99 % of them go through one unreviewed. The others of
these are reviewed, and come on top.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.devtools.bench.engine_load import WORKFLOW, EngineBenchEnv, at_work, build_env
from engine.oversight import draw
from engine.store import schema
from engine.store.port import Store, Tx
from engine.system import RandomIds, SystemClock

CLIENTS: Final = 4
_ROUNDS: Final = 3
"""Rounds with the same databases."""
_NAMES: Final = tuple(f"bench-{number}" for number in range(CLIENTS))
_NAME: Final = b"name: bench\n"
_KEY: Final = bytes(range(32))
_GATE: Final = b"    gate:\n"
_GATE_KEYS: Final = WORKFLOW[WORKFLOW.index(_GATE) : WORKFLOW.index(b"  - id: finish")]
_PLAN: Final = b"""\
      autonomy:
        clean: 100000
        sample: 99%
        review_after: 1%
        only_when: true
        minor: [order]
"""
_WITH_PLAN: Final = WORKFLOW.replace(_GATE, _GATE + _PLAN)
_SOURCES: Final[Mapping[str, bytes]] = {
    "without": WORKFLOW,
    "counted": _WITH_PLAN,
    "drawn": _WITH_PLAN,
    "ungated": WORKFLOW.replace(_GATE_KEYS, b""),
    "passed": _WITH_PLAN.replace(b"99%", b"1%"),
}
"""The workflow of each kind of runs."""
_RELAXED: Final = frozenset({"drawn", "passed"})
"""The kinds of which people agreed that only a share is reviewed."""
_REVIEWED: Final = frozenset({"without", "counted", "drawn"})
_BUTTON: Final = "SELECT id, digest FROM request WHERE run = ?"
_NO_BUTTON: Final = ("", "")
"""What is read where a run has no review."""


async def measure(folder: Path, *, lifecycles: int, rounds: int) -> dict[str, float]:
    """Return the CPU of each kind of runs over that of the same runs without a plan.

    Every third round begins with new databases: the same runs differ by some percent from one database to the next.
    """
    count = max(1, lifecycles // rounds // CLIENTS) * CLIENTS
    taken: list[dict[str, float]] = []
    while len(taken) < rounds:
        part = folder / f"plans-{len(taken)}"
        part.mkdir()
        taken += await _rounds(part, _turned([*_SOURCES], len(taken) // _ROUNDS), count)
    return {
        "lifecycle_cpu_ms": statistics.median(times["without"] for times in taken) * 1000 / count,
        "counted_over_without": _ratio(taken, "counted", "without"),
        "drawn_over_without": _ratio(taken, "drawn", "without"),
        "passed_over_without": _ratio(taken, "passed", "without"),
        "passed_over_ungated": _ratio(taken, "passed", "ungated"),
    }


async def _rounds(folder: Path, kinds: Sequence[str], count: int) -> list[dict[str, float]]:
    """Open a database for each kind, and return the CPU time of each in some rounds. Each round begins with another."""
    async with AsyncExitStack() as stack:
        loads = {
            kind: await stack.enter_async_context(_running(folder / f"{kind}.db", kind, _SOURCES[kind]))
            for kind in kinds
        }
        for load in loads.values():
            await load.warm_up()
        for kind in _RELAXED & loads.keys():
            await loads[kind].store.transact(_let_a_share_through)
        return [{kind: await loads[kind].run(count) for kind in _turned(kinds, number)} for number in range(_ROUNDS)]


def _turned(kinds: Sequence[str], number: int) -> list[str]:
    """Return the kinds in turn, with another one first for each number."""
    first = number % len(kinds)
    return [*kinds[first:], *kinds[:first]]


def _ratio(taken: Sequence[Mapping[str, float]], kind: str, other: str) -> float:
    return statistics.median(times[kind] / times[other] for times in taken)


@dataclass(frozen=True, slots=True)
class _Load:
    """An engine at work, and its clients. `is_reviewed`: its runs end with a review."""

    env: EngineBenchEnv
    store: Store
    is_reviewed: bool

    async def run(self, count: int) -> float:
        """Run lifecycles, and return the CPU time of the process meanwhile, in seconds."""
        began = time.process_time()
        for _ in range(count // CLIENTS):
            await asyncio.gather(*map(self._run_until_reviewed, _NAMES))
        await self._finish()
        return time.process_time() - began

    async def _run_until_reviewed(self, workflow: str) -> None:
        while await self._run_one(workflow) is not self.is_reviewed:
            pass

    async def warm_up(self) -> None:
        """Run each workflow once. Nothing goes through unreviewed before people have agreed."""
        for workflow in _NAMES:
            await self._run_one(workflow)

    async def _finish(self) -> None:
        """Do the work that no one waits for, such as following the log, so that the next kind does not pay for it."""
        while works := await self.env.due(SystemClock().now()):
            for work in works:
                await (self.env.advance if work.kind == "advance" else self.env.engine.process_due)(work.id)

    async def _run_one(self, workflow: str) -> bool:
        """Run one, and return whether a person reviewed it."""
        run = await self.env.start(workflow)
        request, digest = await self.env.read_button(run)
        if not request:
            return False
        end = self.env.ends[run] = asyncio.get_running_loop().create_future()
        await self.env.decide_request(request, digest)
        await end
        return True


@asynccontextmanager
async def _running(path: Path, kind: str, source: bytes) -> AsyncIterator[_Load]:
    with schema.owned(path, clock=SystemClock(), ids=RandomIds()) as store, closing(sqlite3.connect(path)) as reader:

        async def read_button(run: str) -> tuple[str, str]:
            found: tuple[str, str] | None = reader.execute(_BUTTON, (run,)).fetchone()
            return found or _NO_BUTTON

        env = build_env(store, read_button, key=_KEY)
        async with at_work(env):
            for name in _NAMES:
                await env.register(source.replace(_NAME, f"name: {name}\n".encode()))
            yield _Load(env, store, kind in _REVIEWED)


def _let_a_share_through(tx: Tx) -> None:
    """Begin the stage of each plan in which a share is drawn, as an agreement does."""
    for plan in tx.connection.exec_driver_sql("SELECT id FROM sampling_plan").scalars().all():
        commitment = draw.commitment(draw.salt_of(_KEY, plan, 1))
        tx.connection.exec_driver_sql(
            "UPDATE sampling_plan SET stage = 'sample', number = 1, agreed_by = (SELECT MIN(id) FROM person), "  # noqa: S608 ids and hashes of ours
            "rev = rev + 1, agreed_at = created_at, used_at = created_at, next_at = NULL, "
            f"commitment = '{commitment}' WHERE id = '{plan}'"
        )
    tx.memory.forget()
