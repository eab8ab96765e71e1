"""An engine at work, and clients that take lifecycles through it.

A lifecycle: start a run of three steps (`set`, `set` behind a gate with two approvers and 1 KB of content, `set`),
approve it with one field changed, and see it end. Durable, with its audit entries; showing the two copies is left out,
for that is the channel's speed.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from engine.domain import Address, Assurance, Decide, Decided, Origin, Person, Register, Start, Started, Verdict, Work
from engine.ports import Resolution, Route, StepType
from engine.references import Reference
from engine.service import Engine
from engine.steps.set import SetStep
from engine.store import schema
from engine.store.sqlite import SqliteStore
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
NOTE: Final = ("A thousand characters that somebody has to read and may want to change before they go out. " * 12)[
    :1000
]
APPROVER: Final = Address("email", "ann@example.com")
REQUESTER: Final = Address("email", "sam@example.com")
ORIGIN: Final = Origin(surface="api")
_BUTTON: Final = "SELECT id, digest FROM request WHERE run = ?"


class _Everybody:
    """Everybody has a box on a channel that nobody serves here."""

    def asks(self, reference: Reference) -> bool:  # noqa: ARG002 the port's shape
        return False

    async def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:  # noqa: ARG002
        return {}

    def reach(self, person: Person) -> Sequence[Route]:
        return [Route("recording", person.label)]

    def back(self, origin: Origin, person: Person) -> Route | None:  # noqa: ARG002 the port's shape
        return None


@dataclass(slots=True)
class Rig:
    """An engine at work on a file, and its clients."""

    store: SqliteStore
    engine: Engine
    runner: Runner
    copies: sqlite3.Connection
    """Where a client looks up what the button of its copy carries; through the engine it would count as its work."""
    ends: dict[str, asyncio.Future[None]] = field(default_factory=dict)
    decided: list[float] = field(default_factory=list)
    """Seconds that each decision took."""

    async def register(self) -> None:
        await self.engine.register(Register(source=WORKFLOW, actor=REQUESTER, origin=ORIGIN))

    async def start(self) -> str:
        inputs = {"order": "A-1001", "note": NOTE}
        started = await self.engine.start(Start(workflow="bench", inputs=inputs, actor=REQUESTER, origin=ORIGIN))
        assert isinstance(started, Started)
        return started.run

    async def decide(self, run: str, *, all_of_it: bool = False) -> None:
        """Approve with another number of the order; or with another text as well."""
        request, digest = self.copies.execute(_BUTTON, (run,)).fetchone()
        command = Decide(
            request=request,
            verdict=Verdict.APPROVE,
            actor=APPROVER,
            content_version=1,
            digest=digest,
            origin=ORIGIN,
            assurance=Assurance.TERMINAL,
            edits={"order": "A-1002", **({"note": f"{NOTE[:-20]} as edited by Ann."} if all_of_it else {})},
        )
        began = time.perf_counter()
        decided = await self.engine.decide(command)
        self.decided.append(time.perf_counter() - began)
        assert isinstance(decided, Decided)

    async def advance(self, run: str) -> None:
        await self.runner.advance(run)
        if end := self.ends.pop(run, None):
            end.set_result(None)

    async def due(self, now: datetime) -> list[Work]:
        return _but_copies(await self.engine.due(now))

    async def lifecycle(self, *, all_of_it: bool = False) -> None:
        run = await self.start()
        end = self.ends[run] = asyncio.get_running_loop().create_future()
        await self.decide(run, all_of_it=all_of_it)
        await end

    async def lifecycles(self, count: int, clients: int, *, all_of_it: bool = False) -> None:
        """`count` in all, each client one after the other. `all_of_it`: every text is edited."""
        left = iter(range(count))

        async def client() -> None:
            for _ in left:
                await self.lifecycle(all_of_it=all_of_it)

        await asyncio.gather(*(client() for _ in range(clients)))


def _but_copies(works: Sequence[Work]) -> list[Work]:
    """Nobody shows copies here."""
    return [work for work in works if work.kind != "deliver"]


@contextmanager
def opened(path: Path) -> Iterator[Rig]:
    """An engine on the file at `path`, made if need be. Nothing runs by itself yet."""
    clock, steps, secrets = SystemClock(), dict[str, StepType[Any]](set=SetStep()), EnvironmentSecrets({})
    with schema.owned(path, clock=clock, ids=RandomIds()) as store, closing(sqlite3.connect(path)) as copies:
        advancer = Advancer(kinds=steps, directory=_Everybody(), secrets=secrets)
        runner = Runner(store, advancer, steps=steps, secrets=secrets)
        yield Rig(store, Engine(store, advancer), runner, copies)


@asynccontextmanager
async def working(path: Path) -> AsyncIterator[Rig]:
    """An engine on the file at `path` that does what is due."""
    with opened(path) as rig:
        units: dict[str, Unit] = {"advance": rig.advance, "process_due": rig.engine.process_due}
        executor = Embedded(units=units, due=rig.due, now=SystemClock().now)
        rig.store.on_commit(lambda works: executor.submit(_but_copies(works)))
        await rig.register()
        running = asyncio.ensure_future(executor.run())
        try:
            with calm_collector():  # as `signoff serve` does
                yield rig
        finally:
            executor.stop()
            await running
