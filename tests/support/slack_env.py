"""A whole bot on a local Slack: the real engine on a real file. Slack delivers over signed HTTP or over a socket."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.devtools.sandbox import RunningSandbox, sandbox
from bot.devtools.sandbox.delivery import Ack
from bot.devtools.sandbox.server import SimulatedPerson
from bot.devtools.sandbox.world import User
from bot.files.folder import FolderBlobs
from bot.presentation import card, states
from bot.roles.directory import DirectoryWithRoles
from bot.roles.model import Roles
from bot.slack.channel import SlackChannel
from bot.slack.client import SlackClient, open_client
from bot.slack.directory import SlackDirectory
from bot.slack.home_publisher import HomeTiming, StaleHomes
from bot.slack.rate_limit import RateLimiter
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
from engine.service.attachments import Attachments
from engine.steps import registry
from engine.store import audit_log, schema
from engine.store.port import Store
from engine.store.punctual import PunctualStore
from engine.system import EnvironmentSecrets, RandomIds
from engine.worker.advance import Advancer
from engine.worker.runner import Runner
from tests.support.databases import OpenStore
from tests.support.engine_env import MAX_FILE, PlayedStep
from tests.support.fakes import FakeClock
from tests.support.http_service import PATIENCE

logging.getLogger("slack_bolt").setLevel(logging.CRITICAL)
logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)
REFUND_WORKFLOW = """\
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
    """The parts of one bot process. After a restart only the database file is the same."""

    store: Store
    engine: Engine
    runner: Runner
    relay: Relay
    client: SlackClient
    channel: SlackChannel
    directory: DirectoryWithRoles
    step: PlayedStep
    surface: SlackApp | None
    service: SlackService


@dataclass
class SlackEnv:
    """A local Slack and a bot on it. `transport`: "http" or "sockets"; `bot`: the process that runs now.

    `patience`: how long people wait for the database, in seconds; None: as long as it takes. `limiter`: of the calls to
    Slack; None: the rates that Slack publishes. `roles`: what the roles file says now.
    """

    slack: RunningSandbox
    path: Path
    transport: str
    clock: FakeClock
    builders: tuple[str, ...]
    open_store: OpenStore | None = None
    patience: float | None = None
    limiter: RateLimiter | None = None
    roles: Roles = field(default_factory=Roles)
    auditors: frozenset[Address] = frozenset()
    page_of: Callable[[str], str] | None = None
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
        """Start a bot process on the database file."""
        stack = AsyncExitStack()
        if self.open_store is not None:
            store = await stack.enter_async_context(self.open_store(self.path, self.clock))
        else:
            store = stack.enter_context(schema.owned(self.path, clock=self.clock, ids=RandomIds()))
        client = await stack.enter_async_context(
            open_client(token=self.slack.app.bot_token, api_url=self.slack.api_url, pace=self.limiter)
        )
        homes = StaleHomes(HomeTiming(first=0, again=0, late=0))
        accounts = SlackDirectory(client, now=lambda: self.clock.at.timestamp())
        directory = DirectoryWithRoles(accounts, lambda: self.roles)
        channel, played = SlackChannel(client, homes), PlayedStep()
        services = StepServices(sender=SlackSender(client))
        kinds: dict[str, StepType[Any]] = {**registry.builtin(services), "played": played}
        secrets = EnvironmentSecrets({})
        advancer = Advancer(kinds=kinds, directory=directory, secrets=secrets)
        files = Attachments(store, FolderBlobs(self.path.with_name("files")), max_size=MAX_FILE)
        engine = Engine(store, advancer, auditors=self.auditors, files=files)
        prompt = engine
        if self.patience is not None:
            prompt = Engine(PunctualStore(store, patience=self.patience), advancer, files=files)
        service = SlackService(prompt, kinds, directory, self.clock, self.builders, page_of=self.page_of)
        surface = None
        if listens:
            surface = await stack.enter_async_context(serving(client, service, self._credentials(), homes))
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
            relay=Relay(store, channels={"slack": channel}, directory=directory, render=card.with_pages(self.page_of)),
            client=client,
            channel=channel,
            directory=directory,
            step=played,
            surface=surface,
            service=service,
        )
        self._stack = stack

    def _credentials(self) -> SlackCredentials:
        if self.transport == "http":
            return SlackCredentials(signing_secret=self.slack.app.signing_secret)
        return SlackCredentials(app_token=self.slack.app.app_token)

    async def stop_bot(self) -> None:
        """End the bot process."""
        await self._stack.aclose()
        self._bot = None

    async def restart(self) -> None:
        """End the bot process, and start another one on the same file."""
        await self.stop_bot()
        if self.transport == "sockets":
            await self.slack.until(lambda: not self.slack.sockets.of(self.slack.app.id))
        await self.start_bot()

    # -- the engine's side --

    async def register(self, source: str = REFUND_WORKFLOW, by: str = "cleo") -> None:
        address = Address("slack", self.person(by).id)
        origin = Origin(surface="slack", place={"user": address.value})
        answer = await self.engine.register(Register(source=source.encode(), actor=address, origin=origin))
        assert isinstance(answer, Registered)

    async def start(self, workflow: str = "refund", *, by: str = "cleo", **inputs: Any) -> str:
        address = Address("slack", self.person(by).id)
        channel = self.slack.channel("general")
        details = {"user": address.value, "channel": channel}
        answer = await self.engine.start(
            Start(workflow=workflow, inputs=inputs, actor=address, origin=Origin(surface="slack", place=details))
        )
        assert isinstance(answer, Started)
        return answer.run

    async def request_approval(self, source: str = REFUND_WORKFLOW, *, by: str = "cleo", **inputs: Any) -> str:
        """Start a run, post the messages of its request, and return the id of the run."""
        await self.register(source)
        name = source.partition("\n")[0].removeprefix("name: ")
        run = await self.start(name, by=by, **inputs)
        await self.settle()
        return run

    async def settle(self) -> None:
        """Do all work that is due now, and the background work after it, until none is left."""
        await self.finish_background_work()
        while await self.do_due_work():
            await self.finish_background_work()

    async def do_due_work(self) -> bool:
        """Do the work that is due now, and return whether there was any."""
        units = {
            "advance": self.bot.runner.advance,
            "deliver": self.bot.relay.deliver,
            "process_due": self.engine.process_due,
        }
        works = await self.engine.due(self.clock.now())
        for work in works:
            await units[work.kind](work.id)
        return bool(works)

    async def finish_background_work(self) -> None:
        """Wait until the work after acknowledgements is done."""
        surface = self.bot.surface
        if surface is not None:
            async with asyncio.timeout(PATIENCE):
                while not (surface.later.idle and surface.homes.idle):  # noqa: ASYNC110 there is no event to await
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
        """Return the content of each entry of the audit log, with its kind."""
        with schema.reading(self.path) as connection:
            lines = [json.loads(line) for line in audit_log.export(connection, DEFAULT_WORKSPACE)]
        return [{**json.loads(line["content"]), "kind": json.loads(line["leaf"])["kind"]} for line in lines]

    def pass_time(self, **delta: float) -> None:
        """Move the clocks of the engine and of Slack forward."""
        self.clock.pass_time(timedelta(**delta))
        self.slack.time.advance(timedelta(**delta).total_seconds())


def hire(slack: RunningSandbox, count: int) -> list[str]:
    """Put new people into @finance-approvers, and return their names."""
    world = slack.world
    users = [
        User(id=world.new_id("U"), name=f"p{at}", real_name=f"P {at}", email=f"p{at}@example.com")
        for at in range(count)
    ]
    world.users |= {user.id: user for user in users}
    group = next(group for group in world.usergroups.values() if group.handle == "finance-approvers")
    group.users = [user.id for user in users]
    return [user.name for user in users]


def words(payload: Any) -> str:
    """Return all texts in a payload, joined by blanks."""
    if isinstance(payload, dict):
        values: Sequence[Any] = [value for key, value in payload.items() if key not in ("type", "value", "block_id")]
        return " ".join(filter(None, map(words, values)))
    if isinstance(payload, list):
        return " ".join(filter(None, map(words, payload)))
    return payload if isinstance(payload, str) else ""


def copy_of(person: SimulatedPerson, title: str = "Refund 120 EUR?") -> dict[str, Any]:
    """Return the newest message of a request that a person sees."""
    return next(message for message in reversed(person.sees()) if is_copy(message, title))


_SIGNS = tuple(states.ICONS.values())


def is_copy(message: dict[str, Any], title: str) -> bool:
    """Return whether a message is about a request with this question: in its heading, or below how it ended."""
    first, *_ = message.get("blocks") or [{"type": ""}]
    if first["type"] == "rich_text":
        return len(first["elements"]) > 1 and title in words(first["elements"][1])
    # The heading of a message about a run begins with the sign of its state.
    return first["type"] == "header" and title in words(first) and not words(first).startswith(_SIGNS)


def buttons(message: dict[str, Any]) -> list[str]:
    return [
        element["text"]["text"]
        for block in message["blocks"]
        for element in [*block.get("elements", []), *filter(None, [block.get("accessory")])]
        if element.get("type") == "button"
    ]


def last_message_of(person: SimulatedPerson, channel: str | None = None) -> str:
    """Return the text of the last message that a person sees in a channel."""
    return words(person.sees(channel)[-1]["blocks"])


def ephemeral_texts(slack: RunningSandbox, person: SimulatedPerson) -> list[str]:
    """Return the texts of all ephemeral messages to a person, oldest first."""
    return [words(message.blocks) for message in slack.world.ephemerals if message.seen_by == person.id]


def expect_ok(ack: Ack | None) -> Ack:
    """Return an acknowledgement, and fail unless Slack accepted it."""
    assert ack is not None
    assert ack.ok, ack
    return ack


@asynccontextmanager
async def open_slack(
    path: Path,
    transport: str,
    *,
    builders: tuple[str, ...] = ("cleo@example.com",),
    open_store: OpenStore | None = None,
    patience: float | None = None,
    limiter: RateLimiter | None = None,
    auditors: frozenset[Address] = frozenset(),
) -> AsyncIterator[SlackEnv]:
    """Open a local Slack and start a bot on it."""
    clock = FakeClock()
    async with sandbox() as slack:
        env = SlackEnv(slack, path, transport, clock, builders, open_store, patience, limiter, auditors=auditors)
        await env.start_bot()
        try:
            yield env
        finally:
            await env.stop_bot()
