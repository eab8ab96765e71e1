"""What a sampling plan adds to a run: the same runs with a gate without a plan and with one, in turn, in one process.

The plan is measured in both stages: while everything is reviewed and counted, and while a share is drawn. 99 % are
drawn, so that nearly all runs do the same work; the few that go through are cheaper.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Final

from bot.devtools.bench.engine_load import WORKFLOW, EngineBenchEnv, at_work, build_env
from engine.oversight import draw
from engine.store import schema
from engine.store.port import Store, Tx
from engine.system import RandomIds, SystemClock

CLIENTS: Final = 4
_KEY: Final = bytes(range(32))
_GATE: Final = b"    gate:\n"
_PLAN: Final = b"      autonomy: {clean: 100000, sample: 99%, only_when: true, minor: [order]}\n"
_BUTTON: Final = "SELECT id, digest FROM request WHERE run = ?"
_NO_BUTTON: Final = ("", "")
"""What is read where a run went through without review."""


async def measure(folder: Path, *, lifecycles: int, rounds: int) -> dict[str, float]:
    """Return the CPU of a run with a plan over that of one without, in both stages."""
    count = max(CLIENTS, lifecycles // rounds)
    async with AsyncExitStack() as stack:
        without, counted, drawn = [
            await stack.enter_async_context(_running(folder / f"{name}.db", has_plan=name != "without"))
            for name in ("without", "counted", "drawn")
        ]
        for env, _ in (without, counted, drawn):
            await _run(env, CLIENTS)
        await drawn[1].transact(_let_a_share_through)
        taken = [[await _run(env, count) for env, _ in (without, counted, drawn)] for _ in range(rounds)]
    return {
        "lifecycle_cpu_ms": statistics.median(plain for plain, _, _ in taken) * 1000 / count,
        "counted_over_without": statistics.median(with_plan / plain for plain, with_plan, _ in taken),
        "drawn_over_without": statistics.median(with_plan / plain for plain, _, with_plan in taken),
    }


@asynccontextmanager
async def _running(path: Path, *, has_plan: bool) -> AsyncIterator[tuple[EngineBenchEnv, Store]]:
    with schema.owned(path, clock=SystemClock(), ids=RandomIds()) as store, closing(sqlite3.connect(path)) as reader:

        async def read_button(run: str) -> tuple[str, str]:
            found: tuple[str, str] | None = reader.execute(_BUTTON, (run,)).fetchone()
            return found or _NO_BUTTON

        env = build_env(store, read_button, key=_KEY)
        async with at_work(env):
            if has_plan:
                await env.register(WORKFLOW.replace(_GATE, _GATE + _PLAN))
            yield env, store


async def _run(env: EngineBenchEnv, count: int) -> float:
    """Run lifecycles, and return the CPU time of the process meanwhile, in seconds."""
    remaining, began = iter(range(count)), time.process_time()

    async def client() -> None:
        for _ in remaining:
            run = await env.start()
            end = env.ends[run] = asyncio.get_running_loop().create_future()
            request, digest = await env.read_button(run)
            if request:
                await env.decide_request(request, digest)
                await end
            else:
                del env.ends[run]

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return time.process_time() - began


def _let_a_share_through(tx: Tx) -> None:
    """Begin the stage in which a share is drawn, as an agreement does."""
    plan = str(tx.connection.exec_driver_sql("SELECT id FROM sampling_plan").scalar_one())
    commitment = draw.commitment(draw.salt_of(_KEY, plan, 1))
    tx.connection.exec_driver_sql(
        "UPDATE sampling_plan SET stage = 'sample', number = 1, agreed_by = (SELECT MIN(id) FROM person), "  # noqa: S608 a hash of ours
        "rev = rev + 1, agreed_at = created_at, used_at = created_at, next_at = NULL, "
        f"commitment = '{commitment}'"
    )
    tx.memory.forget()
