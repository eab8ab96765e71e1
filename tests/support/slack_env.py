"""A whole bot on a local Slack: the real engine on a real file, and deliveries over signed HTTP or over a socket."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.devtools.sandbox import RunningSandbox, sandbox
from bot.devtools.sandbox.delivery import Ack
from bot.devtools.sandbox.server import SimulatedPerson
from bot.presentation import card
from bot.slack.channel import SlackChannel
from bot.slack.client import SlackClient, open_client
from bot.slack.directory import SlackDirectory
from bot.slack.home_publisher import StaleHomes
from bot.slack.sender import SlackSender
from bot.slack.service import SlackService
from bot.slack.setup import SlackApp, SlackCredentials, serving
from bot.slack.transport import PATH
from bot.web import routes
from bot.web.server import listening
from engine.delivery.outbox import Relay
from engine.domain import DEFAULT_WORKSPACE, Address, Origin, Register, Registered, RequestState, Start, Started
from engine.ports import StepServices, StepType
from engine.read_models import RequestView, RunView
from engine.service import Engine
from engine.steps import registry
from engine.store import audit_log, schema
from engine.store.sqlite import SqliteStore
from engine.system import EnvironmentSecrets, RandomIds
from engine.worker.advance import Advancer
from engine.worker.runner import Runner
from tests.support.engine_env import Played
from tests.support.fakes import FakeClock
from tests.support.http_service import PATIENCE

logging.getLogger("slack_bolt").setLevel(logging.CRITICAL)
logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)
ASKS = """\
name: refund
title: Refund
inputs:
  amount: {type: number, default: 120}
  note: {type: long_text, required: false}
steps:
  - id: pay
    uses: played
    with: {text: "Pay {{ inputs.amount }} EUR", again: true}
    gate:
      title: "Refund {{ inputs.amount }} EUR?"
      approvers: [ada@example.com, ben@example.com]
      edit: [text]
"""


@dataclass(kw_only=True)
class Bot:
    """One process of Signoff: killed and started again, only the file stays."""

    store: SqliteStore
    engine: Engine
    runner: Runner
    relay: Relay
    client: SlackClient
    channel: SlackChannel
    directory: SlackDirectory
    step: Played
    surface: SlackApp | None
    service: SlackService


@dataclass
class SlackEnv:
    """`slack`: the local Slack; `bot`: the process that runs now."""

    slack: RunningSandbox
    path: Path
    over: str
    clock: FakeClock
    builders: tuple[str, ...]
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _bot: Bot | None = None

    @property
    def bot(self) -> Bot:
        assert self._bot is not None
        return self._bot

    @property
    def engine(self) -> Engine:
        return self.bot.engine

    def person(self, name: str) -> SimulatedPerson:
        return self.slack.person(name)

    async def start_bot(self, *, listens: bool = True) -> None:
        """Start a process."""
        stack = AsyncExitStack()
        store = stack.enter_context(schema.owned(self.path, clock=self.clock, ids=RandomIds()))
        client = await stack.enter_async_context(
            open_client(token=self.slack.app.bot_token, api_url=self.slack.api_url)
        )
        homes = StaleHomes()
        directory = SlackDirectory(client, now=lambda: self.clock.at.timestamp())
        channel, played = SlackChannel(client, homes), Played()
        services = StepServices(sender=SlackSender(client))
        kinds: dict[str, StepType[Any]] = {**registry.builtin(services), "played": played}
        secrets = EnvironmentSecrets({})
        advancer = Advancer(kinds=kinds, directory=directory, secrets=secrets)
        engine = Engine(store, advancer)
        service = SlackService(engine, kinds, directory, self.clock, self.builders)
        surface = None
        if listens:
            surface = await stack.enter_async_context(serving(client, service, self._ways(), homes, debounce=0.0))
        if surface is not None and surface.door is not None:
            served = routes.site("", mounted={PATH: surface.door.events})
            _, port = await stack.enter_async_context(listening(served, host="127.0.0.1", port=0))
            self.slack.app.request_url = f"http://127.0.0.1:{port}{PATH}"
        elif surface is not None:
            await self.slack.until(lambda: self.slack.sockets.of(self.slack.app.id))
        self._bot = Bot(
            store=store,
            engine=engine,
            runner=Runner(store, advancer, steps=kinds, secrets=secrets),
            relay=Relay(store, channels={"slack": channel}, directory=directory, render=card.card),
            client=client,
            channel=channel,
            directory=directory,
            step=played,
            surface=surface,
            service=service,
        )
        self._stack = stack

    def _ways(self) -> SlackCredentials:
        if self.over == "http":
            return SlackCredentials(signing_secret=self.slack.app.signing_secret)
        return SlackCredentials(app_token=self.slack.app.app_token)

    async def stop_bot(self) -> None:
        """End the process."""
        await self._stack.aclose()
        self._bot = None

    async def restart(self) -> None:
        """The same file, another process."""
        await self.stop_bot()
        if self.over == "sockets":
            await self.slack.until(lambda: not self.slack.sockets.of(self.slack.app.id))
        await self.start_bot()

    # -- the engine's side --

    async def register(self, source: str = ASKS, by: str = "cleo") -> None:
        address = Address("slack", self.person(by).id)
        origin = Origin(surface="slack", place={"user": address.value})
        answer = await self.engine.register(Register(source=source.encode(), actor=address, origin=origin))
        assert isinstance(answer, Registered)

    async def start(self, workflow: str = "refund", *, by: str = "cleo", **inputs: Any) -> str:
        address = Address("slack", self.person(by).id)
        channel = self.slack.channel("general")
        place = {"user": address.value, "channel": channel}
        answer = await self.engine.start(
            Start(workflow=workflow, inputs=inputs, actor=address, origin=Origin(surface="slack", place=place))
        )
        assert isinstance(answer, Started)
        return answer.run

    async def asked(self, source: str = ASKS, *, by: str = "cleo", **inputs: Any) -> str:
        """A run whose copies are posted; its id."""
        await self.register(source)
        name = source.partition("\n")[0].removeprefix("name: ")
        run = await self.start(name, by=by, **inputs)
        await self.settle()
        return run

    async def settle(self) -> None:
        """Whatever is due now, and what goes on after deliveries, until nothing is left."""
        units = {
            "advance": self.bot.runner.advance,
            "deliver": self.bot.relay.deliver,
            "process_due": self.engine.process_due,
        }
        while True:
            await self.afterwards()
            works = await self.engine.due(self.clock.now())
            if not works:
                return
            for work in works:
                await units[work.kind](work.id)

    async def afterwards(self) -> None:
        """What goes on after acknowledgements is done."""
        surface = self.bot.surface
        if surface is not None:
            async with asyncio.timeout(PATIENCE):
                while not (surface.later.idle and surface.homes.idle):  # noqa: ASYNC110 what is waited for cannot be awaited
                    await asyncio.sleep(0.002)

    async def request(self, run: str) -> RequestView:
        return (await self.engine.requests_of_run(run))[-1]

    async def state(self, run: str) -> RequestState:
        return (await self.request(run)).model.state

    async def view(self, run: str) -> RunView:
        view = await self.engine.run(run)
        assert view is not None
        return view

    def entries(self) -> list[dict[str, Any]]:
        """The audit log: the content of each entry, with its kind."""
        with schema.reading(self.path) as connection:
            lines = [json.loads(line) for line in audit_log.export(connection, DEFAULT_WORKSPACE)]
        return [{**json.loads(one["content"]), "kind": json.loads(one["leaf"])["kind"]} for one in lines]

    def pass_(self, **delta: float) -> None:
        """Time passes for the engine and for Slack."""
        self.clock.pass_(timedelta(**delta))
        self.slack.time.advance(timedelta(**delta).total_seconds())


def words(whole: Any) -> str:
    """All texts in a payload."""
    if isinstance(whole, dict):
        found: Sequence[Any] = [value for key, value in whole.items() if key not in ("type", "value", "block_id")]
        return " ".join(filter(None, map(words, found)))
    if isinstance(whole, list):
        return " ".join(filter(None, map(words, whole)))
    return whole if isinstance(whole, str) else ""


def copy_of(person: SimulatedPerson, title: str = "Refund 120 EUR?") -> dict[str, Any]:
    """The copy of a request that a person sees."""
    return next(
        one
        for one in reversed(person.sees())
        if one.get("blocks") and one["blocks"][0]["type"] == "header" and title in words(one["blocks"][0])
    )


def buttons(whole: dict[str, Any]) -> list[str]:
    return [
        element["text"]["text"]
        for block in whole["blocks"]
        for element in [*block.get("elements", []), *filter(None, [block.get("accessory")])]
        if element.get("type") == "button"
    ]


def heard(person: SimulatedPerson, channel: str | None = None) -> str:
    """The last message that only they, or all, see there."""
    return words(person.sees(channel)[-1]["blocks"])


def whispered(slack: RunningSandbox, person: SimulatedPerson) -> list[str]:
    """All sentences that only this person was told, oldest first."""
    return [words(one.blocks) for one in slack.world.ephemerals if one.seen_by == person.id]


def fine(ack: Ack | None) -> Ack:
    assert ack is not None
    assert ack.ok, ack
    return ack


@asynccontextmanager
async def open_slack(
    path: Path, over: str, *, builders: tuple[str, ...] = ("cleo@example.com",)
) -> AsyncIterator[SlackEnv]:
    """Open a local Slack and start a bot on it."""
    clock = FakeClock()
    async with sandbox() as slack:
        here = SlackEnv(slack, path, over, clock, builders)
        await here.start_bot()
        try:
            yield here
        finally:
            await here.stop_bot()
