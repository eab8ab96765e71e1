"""The engine on a real file with its real threads; only the clock, the channel and one step type are played."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from bot.presentation import card
from engine.code_derivation import MIN_KEY, Codes
from engine.delivery.outbox import Relay
from engine.domain import Address, Assurance, Card, Decide, Decided, Origin, Refusal, Register, Start, Started, Verdict
from engine.errors import SignoffError
from engine.ports import Directory, StepContext, StepType
from engine.read_models import CodeDelivery, DeliveryContent, RequestView, RunView
from engine.service import Engine, Identity
from engine.steps.set import SetStep
from engine.steps.wait import WaitStep
from engine.store import schema
from engine.store.port import Store
from engine.store.sqlite import SqliteStore
from engine.system import EnvironmentSecrets, RandomIds
from engine.worker.advance import Advancer
from engine.worker.runner import Runner
from tests.support import stepwise_units
from tests.support.fakes import FakeClock, people_reached_by
from tests.support.recording_channel import RecordingChannel, RecordingEmailChannel

TERMINAL, WEB = Origin(surface="terminal"), Origin(surface="web")
ANN, LEE, SAM = (Address("email", f"{name}@example.com") for name in ("ann", "lee", "sam"))
PATIENCE = 3000
"""Looks, a hundredth of a second apart, until a test that waits for something gives up."""


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that is going to be so."""
    for _ in range(PATIENCE):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to be so")


class PlayedParams(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    text: str = ""
    headers: dict[str, str] = {}
    again: bool = False


Play = Callable[[PlayedParams, StepContext], Awaitable[Any]]


async def echo(params: PlayedParams, context: StepContext) -> Mapping[str, object]:
    return {"text": params.text, "attempt": context.attempt}


class PlayedStep(StepType[PlayedParams]):
    """An effect that does what the test says. `again: true` makes it harmless to repeat."""

    name: ClassVar[str] = "played"
    Params: ClassVar[type[BaseModel]] = PlayedParams
    secret_params: ClassVar[frozenset[str]] = frozenset({"headers"})

    def __init__(self) -> None:
        self.calls: list[tuple[PlayedParams, StepContext]] = []
        self.play: Play = echo

    def idempotent(self, params: Mapping[str, Any]) -> bool:
        return params.get("again") is True

    async def run(self, params: PlayedParams, context: StepContext) -> Mapping[str, object]:
        self.calls.append((params, context))
        produced: Mapping[str, object] = await self.play(params, context)
        return produced


@dataclass(slots=True)
class EngineEnv:
    """The engine and whatever moves it, one unit at a time."""

    path: Path
    store: SqliteStore
    engine: Engine
    runner: Runner
    relay: Relay
    clock: FakeClock
    channel: RecordingChannel
    step: PlayedStep
    advancer: Advancer
    identity: Identity
    mail: RecordingEmailChannel
    rendered: list[DeliveryContent] = field(default_factory=list)

    async def register(self, source: str) -> None:
        await self.engine.register(Register(source=source.encode(), actor=SAM, origin=TERMINAL))

    async def start(self, workflow: str = "flow", **inputs: Any) -> str:
        started = await self.engine.start(Start(workflow=workflow, inputs=inputs, actor=ANN, origin=TERMINAL))
        assert isinstance(started, Started)
        return started.run

    async def view(self, run: str) -> RunView:
        view = await self.engine.run(run)
        assert view is not None
        return view

    async def request(self, run: str) -> RequestView:
        """The latest request of a run."""
        return (await self.engine.requests_of_run(run))[-1]

    async def approval_by_link(self, run: str, **held: Any) -> Decide:
        """Return the approval that a page sends for Lee. `held`: what the browser has, and what else differs."""
        asked = (await self.request(run)).model
        plain = Decide(
            request=asked.id,
            verdict=Verdict.APPROVE,
            actor=LEE,
            content_version=asked.content_version,
            digest=asked.digest,
            origin=WEB,
            assurance=Assurance.LINK,
        )
        return replace(plain, **held)

    async def decide(self, run: str, verdict: Verdict = Verdict.APPROVE, *, by: Address = LEE) -> Decided | Refusal:
        asked = (await self.request(run)).model
        return await self.engine.decide(
            Decide(
                request=asked.id,
                verdict=verdict,
                actor=by,
                content_version=asked.content_version,
                digest=asked.digest,
                origin=TERMINAL,
                assurance=Assurance.TERMINAL,
                reason="because",
            )
        )

    async def deliver(self) -> int:
        """Deliver what is due now, each once; how many that were."""
        due = [work.id for work in await self.engine.due(self.clock.now()) if work.kind == "deliver"]
        for one in due:
            await self.relay.deliver(one)
        return len(due)

    async def settle(self) -> None:
        """Do whatever is due now until nothing is."""
        units = {"advance": self.runner.advance, "deliver": self.relay.deliver, "process_due": self.engine.process_due}
        while works := await self.engine.due(self.clock.now()):
            for work in works:
                await units[work.kind](work.id)

    def pass_time(self, **delta: float) -> None:
        self.clock.pass_time(timedelta(**delta))

    async def kinds(self, run: str) -> list[str]:
        """The story of a run, by the kinds of its entries."""
        return [entry.kind for entry in await self.engine.story(run)]


def plain(store: SqliteStore) -> Store:
    """Return the store as it is, for `house`."""
    return store


@asynccontextmanager
async def open_engine(
    path: Path,
    *,
    secrets: Mapping[str, str] | None = None,
    steps: Mapping[str, StepType[Any]] | None = None,
    clock: FakeClock | None = None,
    channel: RecordingChannel | None = None,
    reached_by: str = "recording",
    directory: Directory | None = None,
    renew_seconds: float = 60.0,
    show_seconds: float = 20.0,
    busy_seconds: float = 5.0,
    wraps: Callable[[SqliteStore], Store] = plain,
) -> AsyncIterator[EngineEnv]:
    """A house on the file at `path`, as its only owner; a file that is not there yet is an empty database."""
    stepwise_units.copy_empty_database(path)
    clock, channel, played = clock or FakeClock(), channel or RecordingChannel(), PlayedStep()
    kinds: dict[str, StepType[Any]] = dict(steps or {"set": SetStep(), "wait": WaitStep(), "played": played})
    with schema.owned(path, clock=clock, ids=RandomIds(), busy_seconds=busy_seconds) as store:
        environment = {f"SIGNOFF_SECRET_{name}": value for name, value in (secrets or {}).items()}
        known = EnvironmentSecrets(environment)
        known_people = directory or people_reached_by(reached_by)
        advancer = Advancer(kinds=kinds, directory=known_people, secrets=known)
        rendered: list[DeliveryContent] = []

        def render(copy: DeliveryContent | CodeDelivery) -> Card:
            if isinstance(copy, DeliveryContent):
                rendered.append(copy)
            return card.card(copy)

        used = wraps(store)
        engine, codes, mail = Engine(used, advancer), Codes(b"k" * MIN_KEY), RecordingEmailChannel()
        yield EngineEnv(
            path,
            store,
            engine,
            Runner(
                used,
                advancer,
                steps=kinds,
                secrets=known,
                renew_seconds=renew_seconds,
            ),
            Relay(
                used,
                channels={"recording": channel, "email": mail},
                directory=known_people,
                render=render,
                codes=codes,
                show_seconds=show_seconds,
            ),
            clock,
            channel,
            played,
            advancer,
            Identity(engine, codes, clock),
            mail,
            rendered,
        )
    assert channel.complaints == []


class UnexpectedError(SignoffError):
    """An exception that nobody promised."""
