"""What an item of a foreach costs compared with a step of an ordinary run: `signoff bench engine` measures it."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

from pydantic import BaseModel, ConfigDict

from bot.devtools.bench.engine_load import APPROVER, ORIGIN, REQUESTER, EngineBenchEnv, at_work, build_env
from bot.devtools.bench.figures import rss_mb
from engine.domain import Assurance, Decide, Decided, Start, Started, Verdict
from engine.ports import StepContext, StepType
from engine.steps.foreach import ForeachStep
from engine.steps.set import SetStep
from engine.store import schema
from engine.store.port import Store, Tx
from engine.system import RandomIds, SystemClock

T = TypeVar("T")
STEPS: Final = 3
"""Steps of the ordinary run, as in a lifecycle; each of them calls something."""
ROUNDS: Final = 3
"""Rounds, each of an ordinary part and a foreach."""
CLIENTS: Final = 10
"""Ordinary runs at the same time, and items at the same time."""
_LOOK_SECONDS: Final = 0.05
_TEXT: Final = "Hello, this is the letter to a customer about the order that is late. " * 3
_ORDINARY: Final = "name: ordinary\ninputs: {to: text}\nsteps:\n" + "".join(
    f'  - {{id: s{number}, uses: call, with: {{to: "{{{{ inputs.to }}}}", text: "{_TEXT}"}}}}\n'
    for number in range(STEPS)
)
_FOREACH: Final = f"""
name: each
inputs: {{count: integer}}
steps:
  - {{id: people, uses: people, with: {{count: "{{{{ inputs.count }}}}"}}}}
  - id: all
    uses: foreach
    with: {{over: "{{{{ steps.people.names }}}}", parallel: {CLIENTS}}}
    gate: {{title: "All?", approvers: [ann@example.com]}}
    steps:
      - {{id: send, uses: call, with: {{to: "{{{{ item.name }}}}", text: "{_TEXT}"}}}}
"""


class CallParams(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    to: str
    text: str


class CallStep(StepType[CallParams]):
    """A call that takes no time."""

    name: ClassVar[str] = "call"
    Params: ClassVar[type[BaseModel]] = CallParams

    async def run(self, params: CallParams, context: StepContext) -> Mapping[str, object]:
        return {"id": f"{params.to}-{context.attempt}"}


class PeopleParams(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int


class PeopleStep(StepType[PeopleParams]):
    """Returns a long list, as the answer of another service would be."""

    name: ClassVar[str] = "people"
    Params: ClassVar[type[BaseModel]] = PeopleParams

    async def run(self, params: PeopleParams, context: StepContext) -> Mapping[str, object]:  # noqa: ARG002
        return {"names": [{"name": f"person {number}", "number": number} for number in range(params.count)]}


@dataclass(slots=True)
class TimedUnits:
    """Measures how long units of work take, from their first statement to the last one before the commit."""

    store: Store
    longest: float = 0.0

    def install(self) -> None:
        """Measure every unit from now on."""
        transact: Callable[[Callable[[Tx], Any]], Awaitable[Any]] = self.store.transact

        async def timed(unit: Callable[[Tx], T]) -> T:
            def measured(tx: Tx) -> T:
                began = time.perf_counter()
                try:
                    return unit(tx)
                finally:
                    self.longest = max(self.longest, time.perf_counter() - began)

            result: T = await transact(measured)
            return result

        self.store.transact = timed  # type: ignore[method-assign]


async def measure(path: Path, *, items: int) -> dict[str, float]:
    """Return the figures of a foreach over this many items with one gate for all of them."""
    steps: dict[str, StepType[Any]] = {kind.name: kind for kind in (SetStep(), ForeachStep(), CallStep(), PeopleStep())}
    with schema.owned(path, clock=SystemClock(), ids=RandomIds()) as store, closing(sqlite3.connect(path)) as reader:

        async def read_button(run: str) -> tuple[str, str]:
            request, digest = reader.execute("SELECT id, digest FROM request WHERE run = ?", (run,)).fetchone()
            return request, digest

        env = build_env(store, read_button, steps=steps)
        async with at_work(env):
            for source in (_ORDINARY, _FOREACH):
                await env.register(source.encode())
            await _ordinary(env, CLIENTS)
            await _foreach(env, reader, CLIENTS)
            units, rounds = TimedUnits(store), []
            units.install()
            for _ in range(ROUNDS):
                # In turn, so that other load on the machine affects both.
                step, before = await _ordinary(env, items // STEPS), rss_mb()
                units.longest = 0.0
                item, most = await _foreach(env, reader, items)
                rounds.append((step, item, most - before, units.longest))
    return {
        "engine.foreach_item_us": statistics.median(item for _, item, _, _ in rounds) * 1e6,
        "engine.step_us": statistics.median(step for step, _, _, _ in rounds) * 1e6,
        "engine.foreach_item_over_step": statistics.median(item / step for step, item, _, _ in rounds),
        "engine.foreach_rss_mb": max(0.0, rounds[0][2]),
        "engine.foreach_longest_unit_ms": statistics.median(longest for *_, longest in rounds) * 1000,
    }


async def _ordinary(env: EngineBenchEnv, runs: int) -> float:
    """Return the CPU of the process for each step of ordinary runs, in seconds."""
    remaining, began = iter(range(runs)), time.process_time()

    async def client() -> None:
        for number in remaining:
            run = await _start(env, "ordinary", to=f"person {number}")
            # One call of the runner takes it to its end, and no other work is due for it.
            end = env.ends[run] = asyncio.get_running_loop().create_future()
            await end

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return (time.process_time() - began) / (runs * STEPS)


async def _foreach(env: EngineBenchEnv, reader: sqlite3.Connection, items: int) -> tuple[float, float]:
    """Return the CPU of the process for each item, in seconds, and its largest memory, in megabytes."""
    most, began = rss_mb(), time.process_time()
    run = await _start(env, "each", count=items)
    while (found := reader.execute("SELECT id, digest FROM request WHERE run = ?", (run,)).fetchone()) is None:
        await asyncio.sleep(_LOOK_SECONDS)
        most = max(most, rss_mb())
    approval = Decide(
        request=found[0],
        verdict=Verdict.APPROVE,
        actor=APPROVER,
        content_version=1,
        digest=found[1],
        origin=ORIGIN,
        assurance=Assurance.TERMINAL,
        edits={},
    )
    assert isinstance(await env.engine.decide(approval), Decided)
    while not _has_ended(reader, run):
        await asyncio.sleep(_LOOK_SECONDS)
        most = max(most, rss_mb())
    cost = (time.process_time() - began) / items
    (done,) = reader.execute("SELECT count(*) FROM item WHERE run = ? AND status = 'succeeded'", (run,)).fetchone()
    assert done == items
    return cost, most


async def _start(env: EngineBenchEnv, workflow: str, **inputs: Any) -> str:
    started = await env.engine.start(Start(workflow=workflow, inputs=inputs, actor=REQUESTER, origin=ORIGIN))
    assert isinstance(started, Started)
    return started.run


def _has_ended(reader: sqlite3.Connection, run: str) -> bool:
    (status,) = reader.execute("SELECT status FROM run WHERE id = ?", (run,)).fetchone()
    assert status in ("running", "waiting", "succeeded"), status
    return bool(status == "succeeded")
