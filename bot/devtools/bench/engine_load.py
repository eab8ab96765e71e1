"""An engine at work, and clients that run lifecycles on it.

A lifecycle: start a run of three steps (`set`, `set` behind a gate with two approvers and 1 KB of content, `set`),
approve it with one field changed, and wait for its end. Writes are durable and include audit entries. The two copies
are not shown, because that would measure the channel.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from engine.domain import Address, Assurance, Decide, Decided, Origin, Person, Register, Start, Started, Verdict, Work
from engine.json_values import Value
from engine.ports import Resolution, Route, StepType
from engine.references import Reference
from engine.retry import TICK_SECONDS
from engine.service import Engine
from engine.steps.set import SetStep
from engine.store import schema
from engine.store.port import Store
from engine.system import EnvironmentSecrets, RandomIds, SystemClock, calm_collector
from engine.worker.advance import Advancer
from engine.worker.embedded import Embedded, Unit
from engine.worker.runner import Runner

WORKFLOW: Final = b"""
name: bench
title: Measure the engine
inputs:
  order: {type: text, max_length: 20}
  note: {type: long_text}
steps:
  - id: prepare
    uses: set
    with: {order: "{{ inputs.order }}"}
  - id: review
    uses: set
    with: {order: "{{ steps.prepare.order }}", note: "{{ inputs.note }}"}
    gate:
      title: "Order {{ inputs.order }}?"
      approvers: [ann@example.com, lee@example.com]
  - id: finish
    uses: set
    with: {answer: "{{ steps.review.order }}"}
"""
NOTE: Final = ("A thousand characters that an approver has to read and may want to change before they go out. " * 12)[
    :1000
]
ORDER: Final = "A-1001"
EDITED_ORDER: Final = "A-1002"
APPROVER: Final = Address("email", "ann@example.com")
REQUESTER: Final = Address("email", "sam@example.com")
ORIGIN: Final = Origin(surface="api")
_BUTTON_QUERY: Final = "SELECT id, digest FROM request WHERE run = ?"


ReadButton = Callable[[str], Awaitable[tuple[str, str]]]
"""Reads what the button of a copy carries: the request of a run, and its digest."""


class CountingStore(Store, Protocol):
    """A store that counts its commits."""

    commits: int


class _OneRouteDirectory:
    """A directory in which each person has one route, on a channel that does not run here."""

    def asks(self, reference: Reference) -> bool:  # noqa: ARG002 the port's shape
        return False

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:  # noqa: ARG002
        return {}

    def reach(self, person: Person) -> Sequence[Route]:
        return [Route("recording", person.label)]

    def back(self, origin: Origin, person: Person) -> Route | None:  # noqa: ARG002 the port's shape
        return None

    def place(self, name: str) -> Route | None:  # noqa: ARG002 the port's shape
        return None


def _approval(request: str, digest: str, edits: dict[str, Value]) -> Decide:
    return Decide(
        request=request,
        verdict=Verdict.APPROVE,
        actor=APPROVER,
        content_version=1,
        digest=digest,
        origin=ORIGIN,
        assurance=Assurance.TERMINAL,
        edits=edits,
    )


@dataclass(slots=True)
class EngineBenchEnv:
    """An engine on a database, and its clients."""

    store: CountingStore
    engine: Engine
    runner: Runner
    read_button: ReadButton
    """Reads past the engine, so that the reading does not count as its work."""
    ends: dict[str, asyncio.Future[None]] = field(default_factory=dict)
    decision_seconds: list[float] = field(default_factory=list)

    async def register(self, source: bytes = WORKFLOW) -> None:
        await self.engine.register(Register(source=source, actor=REQUESTER, origin=ORIGIN))

    async def start(self, workflow: str = "bench") -> str:
        inputs = {"order": ORDER, "note": NOTE}
        started = await self.engine.start(Start(workflow=workflow, inputs=inputs, actor=REQUESTER, origin=ORIGIN))
        assert isinstance(started, Started)
        return started.run

    async def decide(self, run: str, *, edit_everything: bool = False) -> None:
        """Approve with another order number, and with another text if everything is edited."""
        await self.decide_request(*await self.read_button(run), edit_everything=edit_everything)

    async def decide_request(self, request: str, digest: str, *, edit_everything: bool = False) -> None:
        edits: dict[str, Value] = {
            "order": EDITED_ORDER,
            **({"note": f"{NOTE[:-20]} as edited by Ann."} if edit_everything else {}),
        }
        command = _approval(request, digest, edits)
        started = time.perf_counter()
        result = await self.engine.decide(command)
        self.decision_seconds.append(time.perf_counter() - started)
        assert isinstance(result, Decided)

    async def advance(self, run: str) -> None:
        await self.runner.advance(run)
        if end := self.ends.pop(run, None):
            end.set_result(None)

    async def due(self, now: datetime) -> list[Work]:
        return _without_deliveries(await self.engine.due(now))

    async def run_lifecycle(self, *, edit_everything: bool = False) -> None:
        run = await self.start()
        end = self.ends[run] = asyncio.get_running_loop().create_future()
        await self.decide(run, edit_everything=edit_everything)
        await end

    async def run_lifecycles(self, count: int, clients: int, *, edit_everything: bool = False) -> None:
        """Run `count` lifecycles in all; each client runs one after the other."""
        remaining = iter(range(count))

        async def client() -> None:
            for _ in remaining:
                await self.run_lifecycle(edit_everything=edit_everything)

        await asyncio.gather(*(client() for _ in range(clients)))


def _without_deliveries(works: Sequence[Work]) -> list[Work]:
    """Drop the work of showing copies, because there is no channel."""
    return [work for work in works if work.kind != "deliver"]


def build_env(
    store: CountingStore,
    read_button: ReadButton,
    *,
    steps: Mapping[str, StepType[Any]] | None = None,
    key: bytes | None = None,
) -> EngineBenchEnv:
    """Return an engine on the store. No worker runs yet. `key`: of the server, for the draws of sampling plans."""
    steps, secrets = steps or {"set": SetStep()}, EnvironmentSecrets({})
    advancer = Advancer(kinds=steps, directory=_OneRouteDirectory(), secrets=secrets, key=key)
    runner = Runner(store, advancer, steps=steps, secrets=secrets)
    return EngineBenchEnv(store, Engine(store, advancer), runner, read_button)


@asynccontextmanager
async def at_work(env: EngineBenchEnv, *, tick_seconds: float = TICK_SECONDS) -> AsyncIterator[EngineBenchEnv]:
    """Run a worker that performs due work while the body runs."""
    units: dict[str, Unit] = {"advance": env.advance, "process_due": env.engine.process_due}
    executor = Embedded(units=units, due=env.due, now=SystemClock().now, tick_seconds=tick_seconds)
    env.store.on_commit(lambda works: executor.submit(_without_deliveries(works)))
    await env.register()
    running = asyncio.ensure_future(executor.run())
    try:
        with calm_collector():  # as `signoff serve` does
            yield env
    finally:
        executor.stop()
        await running


@contextmanager
def open_engine(path: Path) -> Iterator[EngineBenchEnv]:
    """Open an engine on the file, which is created if it is missing. No worker runs yet."""
    with schema.owned(path, clock=SystemClock(), ids=RandomIds()) as store, closing(sqlite3.connect(path)) as reader:

        async def read_button(run: str) -> tuple[str, str]:
            request, digest = reader.execute(_BUTTON_QUERY, (run,)).fetchone()
            return request, digest

        yield build_env(store, read_button)


@asynccontextmanager
async def run_engine(path: Path) -> AsyncIterator[EngineBenchEnv]:
    """Open an engine on the file with a worker that performs due work."""
    with open_engine(path) as env:
        async with at_work(env):
            yield env
