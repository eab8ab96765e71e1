"""The engine on a real file with its real threads. Only the clock, the channels and one step type are fakes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text

from bot.files.folder import FolderBlobs
from bot.presentation import card
from engine.code_derivation import MIN_KEY, Codes
from engine.delivery.outbox import Relay
from engine.domain import Address, Assurance, Card, Decide, Decided, Origin, Refusal, Register, Start, Started, Verdict
from engine.errors import SignoffError
from engine.ports import Directory, StepContext, StepType
from engine.read_models import DeliveryContent, RequestView, RunView
from engine.server_secrets import ServerSecrets
from engine.service import Engine, Identity
from engine.service.attachments import Attachments
from engine.steps.ask import AskStep
from engine.steps.branch import BranchStep
from engine.steps.foreach import ForeachStep
from engine.steps.form import FormStep
from engine.steps.run import RunStep
from engine.steps.set import SetStep
from engine.steps.wait import WaitStep
from engine.store.port import Connection, Store
from engine.worker.advance import Advancer
from engine.worker.runner import Runner
from tests.support.databases import OpenStore, open_sqlite
from tests.support.fakes import FakeClock, people_reached_by
from tests.support.recording_channel import RecordingChannel, RecordingEmailChannel

TERMINAL, WEB = Origin(surface="terminal"), Origin(surface="web")
ANN, LEE, SAM = (Address("email", f"{name}@example.com") for name in ("ann", "lee", "sam"))
KEY = b"k" * MIN_KEY
"""The key of the server."""
MAX_FILE = 200_000
"""Maximum size of a file, in bytes."""
PATIENCE = 3000
"""How often `until` checks a condition, every hundredth of a second, before it fails."""


async def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds."""
    for _ in range(PATIENCE):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the condition never held")


class PlayedParams(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    text: str = ""
    headers: dict[str, str] = {}
    again: bool = False


Play = Callable[[PlayedParams, StepContext], Awaitable[Any]]


async def echo(params: PlayedParams, context: StepContext) -> Mapping[str, object]:
    return {"text": params.text, "attempt": context.attempt}


class PlayedStep(StepType[PlayedParams]):
    """A step type whose effect is the function `play`, which a test can replace. `again: true` makes it idempotent."""

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
    """The engine with its runner, relay and identity, which a test runs one unit at a time."""

    path: Path
    store: Store
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

    async def register(self, source: str, *, by: Address = SAM) -> None:
        await self.engine.register(Register(source=source.encode(), actor=by, origin=TERMINAL))

    async def start(self, workflow: str = "flow", **inputs: Any) -> str:
        started = await self.engine.start(Start(workflow=workflow, inputs=inputs, actor=ANN, origin=TERMINAL))
        assert isinstance(started, Started)
        return started.run

    async def view(self, run: str) -> RunView:
        view = await self.engine.run(run)
        assert view is not None
        return view

    async def request(self, run: str) -> RequestView:
        """Return the latest request of a run."""
        return (await self.engine.requests_of_run(run))[-1]

    async def approval_by_link(self, run: str, **changes: Any) -> Decide:
        """Return the approval that a page sends for Lee. `changes` replace fields, such as the browser's secret."""
        model = (await self.request(run)).model
        approval = Decide(
            request=model.id,
            verdict=Verdict.APPROVE,
            actor=LEE,
            content_version=model.content_version,
            digest=model.digest,
            origin=WEB,
            assurance=Assurance.LINK,
        )
        return replace(approval, **changes)

    async def decide(
        self,
        run: str,
        verdict: Verdict = Verdict.APPROVE,
        *,
        by: Address = LEE,
        seen: RequestView | None = None,
        edits: Mapping[str, Any] | None = None,
        reason: str | None = "because",
    ) -> Decided | Refusal:
        """Decide the latest request of a run, or the one that was seen, as it was then."""
        model = (seen or await self.request(run)).model
        return await self.engine.decide(
            Decide(
                request=model.id,
                verdict=verdict,
                actor=by,
                content_version=model.content_version,
                digest=model.digest,
                origin=TERMINAL,
                assurance=Assurance.TERMINAL,
                edits=dict(edits or {}),
                reason=reason,
            )
        )

    async def deliver(self) -> int:
        """Deliver every copy that is due now once, and return how many there were."""
        due = [work.id for work in await self.engine.due(self.clock.now()) if work.kind == "deliver"]
        for delivery in due:
            await self.relay.deliver(delivery)
        return len(due)

    async def settle(self) -> None:
        """Do all work that is due now, until none is left."""
        units = {"advance": self.runner.advance, "deliver": self.relay.deliver, "process_due": self.engine.process_due}
        while works := await self.engine.due(self.clock.now()):
            for work in works:
                await units[work.kind](work.id)

    def pass_time(self, **delta: float) -> None:
        self.clock.pass_time(timedelta(**delta))

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query on the database."""

        def read(connection: Connection) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in connection.execute(text(query)).all()]

        return await self.store.read(read)

    async def kinds(self, run: str) -> list[str]:
        """Return the kinds of the audit entries of a run."""
        return [entry.kind for entry in await self.engine.story(run)]


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
    open_store: OpenStore | None = None,
) -> AsyncIterator[EngineEnv]:
    """Open an engine that owns the file at `path`, or the database of `open_store`."""
    clock, channel, played = clock or FakeClock(), channel or RecordingChannel(), PlayedStep()
    own = (SetStep(), WaitStep(), RunStep(), ForeachStep(), BranchStep(), FormStep(), AskStep())
    builtin = {kind.name: kind for kind in own}
    kinds: dict[str, StepType[Any]] = dict(steps or {**builtin, "played": played})
    database = open_store(path, clock) if open_store else open_sqlite(path, clock, busy_seconds=busy_seconds)
    async with database as store:
        environment = {f"SIGNOFF_SECRET_{name}": value for name, value in (secrets or {}).items()}
        resolver = ServerSecrets(environment)
        known_people = directory or people_reached_by(reached_by)
        advancer = Advancer(kinds=kinds, directory=known_people, secrets=resolver, key=KEY)
        rendered: list[DeliveryContent] = []

        def render(copy: card.Content) -> Card:
            if isinstance(copy, DeliveryContent):
                rendered.append(copy)
            return card.card(copy)

        files = Attachments(store, FolderBlobs(path.with_name("files")), max_size=MAX_FILE)
        engine, codes = Engine(store, advancer, files=files, clock=clock), Codes(KEY)
        mail = RecordingEmailChannel()
        yield EngineEnv(
            path,
            store,
            engine,
            Runner(
                store,
                advancer,
                steps=kinds,
                secrets=resolver,
                renew_seconds=renew_seconds,
            ),
            Relay(
                store,
                channels={"recording": channel, "slack": channel, "email": mail},
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
    """An exception that no interface documents."""
