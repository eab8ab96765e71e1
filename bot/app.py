"""The composition root: builds the engine with its channels and steps, and owns the tasks of a process."""

from __future__ import annotations

import asyncio
import getpass
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from rich.console import Console

from bot import server_key
from bot.email import setup as mail
from bot.email.directory import DirectoryWithEmail
from bot.local import server
from bot.local.service import OperatorCommands
from bot.local.socket_path import socket_path
from bot.presentation import card
from bot.settings import Settings
from bot.slack import setup, transport
from bot.slack.channel import SlackChannel
from bot.slack.client import SlackClient, connected
from bot.slack.directory import SlackDirectory
from bot.slack.home_publisher import StaleHomes
from bot.slack.rate_limit import RateLimiter
from bot.slack.sender import SlackSender
from bot.slack.service import SlackService as SlackDesk
from bot.slack.setup import SlackCredentials
from bot.step_types import step_types
from bot.terminal import screen
from bot.terminal.channel import TerminalChannel
from bot.terminal.directory import TerminalDirectory
from bot.terminal.sender import TerminalMailer, TerminalSender
from bot.web import routes
from bot.web import server as http
from bot.web.connections import limits_for
from bot.web.routes import Handler, Reviewable
from bot.web.service import ReviewService as WebDesk
from engine.code_derivation import Codes
from engine.delivery.outbox import Relay
from engine.domain import DEFAULT_WORKSPACE, Address
from engine.ports import Channel, Clock, Directory, Mailer, Secrets, Sender, StepServices
from engine.read_models import PageQuery
from engine.service import Engine, Identity
from engine.store import identities, schema
from engine.store.restored_backup import record
from engine.store.sqlite import SqliteStore
from engine.store.takeover import take_over
from engine.system import EnvironmentSecrets, RandomIds, SystemClock, calm_collector
from engine.worker.advance import Advancer
from engine.worker.embedded import Embedded
from engine.worker.runner import Runner

DRAIN_SECONDS: Final = 10.0
"""How long a server that was told to stop waits for effects under way: a call cut off needs a person's attention."""


@dataclass(frozen=True, slots=True)
class SlackSide:
    """The client, who may ask what of the engine in Slack, and whose Home tabs have to be published."""

    client: SlackClient
    desk: SlackDesk
    homes: StaleHomes


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """The implementations of the engine's ports that this process uses; None: this one is not set up.

    `slack` and `email` show copies; `sender` and `mailer` are what steps send with. `console`: where copies for this
    machine's terminal are printed.
    """

    clock: Clock
    secrets: Secrets
    console: Console | None = None
    slack: SlackClient | None = None
    email: Channel | None = None
    sender: Sender | None = None
    mailer: Mailer | None = None

    @property
    def services(self) -> StepServices:
        """Return those that steps may use."""
        return StepServices(sender=self.sender, mailer=self.mailer, secrets=self.secrets)


@dataclass(frozen=True, slots=True)
class App:
    """Everything that a process of Signoff is made of."""

    settings: Settings
    store: SqliteStore
    engine: Engine
    identity: Identity
    codes: Codes
    clock: Clock
    executor: Embedded
    desk: OperatorCommands
    slack: SlackSide | None


def build(store: SqliteStore, settings: Settings, adapters: Adapters) -> App:
    """Bind everything to the store. Nothing runs yet."""
    clock, secrets, client, homes = adapters.clock, adapters.secrets, adapters.slack, StaleHomes()
    steps, login = step_types(settings, adapters.services), getpass.getuser()
    directory = _directory(adapters)
    advancer = Advancer(kinds=steps, directory=directory, secrets=secrets)
    engine = Engine(store, advancer, admins=_admins(settings, login))
    runner = Runner(store, advancer, steps=steps, secrets=secrets)
    codes = server_key.codes(settings.database)
    relay = Relay(store, channels=_channels(adapters, homes), directory=directory, render=card.card, codes=codes)
    executor = Embedded(
        units={"advance": runner.advance, "deliver": relay.deliver, "process_due": engine.process_due},
        due=engine.due,
        now=clock.now,
    )
    store.on_commit(executor.submit)
    identity = Identity(engine, codes, clock)
    desk = OperatorCommands(engine, identity, steps, operator=settings.operator, login=login)
    slack = None
    if client is not None:
        slack = SlackSide(client, SlackDesk(engine, steps, directory, clock, settings.builders), homes)
    return App(settings, store, engine, identity, codes, clock, executor, desk, slack)


def _directory(adapters: Adapters) -> Directory:
    directory: Directory = TerminalDirectory() if adapters.slack is None else SlackDirectory(adapters.slack)
    return directory if adapters.email is None else DirectoryWithEmail(directory)


def _channels(adapters: Adapters, homes: StaleHomes) -> dict[str, Channel]:
    channels: dict[str, Channel] = {"terminal": TerminalChannel(adapters.console)}
    if adapters.slack is not None:
        channels["slack"] = SlackChannel(adapters.slack, homes)
    if adapters.email is not None:
        channels["email"] = adapters.email
    return channels


def _admins(settings: Settings, login: str) -> frozenset[Address]:
    """Whoever can open the database file can change everything in it, so its user is an admin (never an approver)."""
    emails = [*settings.admins, *([settings.operator] if settings.operator else [])]
    return frozenset({Address("terminal", login), *(Address("email", one) for one in emails)})


@asynccontextmanager
async def opened(
    settings: Settings,
    environment: Mapping[str, str],
    console: Console | None,
    *,
    trial: bool = False,
    pace: RateLimiter | None = None,
    clock: Clock | None = None,
    restored: bool = False,
) -> AsyncIterator[App]:
    """An app that owns the database, at work while the body runs. Raises `StoreError` where it cannot.

    `pace`: of calls to Slack, where its limits are others than the published ones. `clock`: default, the machine's.
    `restored`: use a database that may be older than what has happened since; else `StoreRestored` is raised.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        owning = schema.owned(settings.database, clock=clock, ids=RandomIds(), trial=trial, restored=restored)
        store = stack.enter_context(owning)
        if (doubt := store.doubt) is not None:
            await store.transact(lambda tx: record(tx, doubt, by=f"terminal:{getpass.getuser()}"))
        await store.transact(take_over)
        await store.transact(lambda tx: identities.separate(tx, DEFAULT_WORKSPACE))
        adapters = Adapters(clock=clock, secrets=EnvironmentSecrets(environment), console=console)
        adapters = _on_trial(adapters) if trial else await _connected(adapters, settings, stack, pace)
        app = build(store, settings, adapters)
        working = asyncio.ensure_future(app.executor.run())
        try:
            yield app
        finally:
            await _drain(app.executor, working)


def _on_trial(adapters: Adapters) -> Adapters:
    """Return the adapters of a trial: what steps send is printed, and goes nowhere."""
    console = screen.console()
    return replace(adapters, sender=TerminalSender(console), mailer=TerminalMailer(console))


async def _connected(
    adapters: Adapters, settings: Settings, stack: AsyncExitStack, pace: RateLimiter | None
) -> Adapters:
    """Return the adapters with those for Slack and email that are set up, open until the stack is left."""
    client = await _to_slack(settings, stack, pace)
    mails = await stack.enter_async_context(mail.open_email(settings, adapters.clock.now))
    return replace(
        adapters,
        slack=client,
        sender=SlackSender(client) if client is not None else None,
        email=mails.channel if mails is not None else None,
        mailer=mails.mailer if mails is not None else None,
    )


async def _to_slack(settings: Settings, stack: AsyncExitStack, pace: RateLimiter | None) -> SlackClient | None:
    if not settings.slack_bot_token:
        return None
    token = settings.slack_bot_token.get_secret_value()
    return await stack.enter_async_context(connected(token=token, api_url=settings.slack_api_url, pace=pace))


@asynccontextmanager
async def _reached(app: App) -> AsyncIterator[None]:
    """Take what comes from outside while the body runs: Slack's deliveries, and people's browsers."""
    settings = app.settings
    async with AsyncExitStack() as stack:
        mounted: dict[str, Handler] = {}
        if app.slack is not None:
            ways = SlackCredentials(
                signing_secret=settings.slack_signing_secret.get_secret_value(),
                app_token=settings.slack_app_token.get_secret_value(),
            )
            side = app.slack
            took = await stack.enter_async_context(setup.serving(side.client, side.desk, ways, side.homes))
            if took.door is not None:
                mounted[transport.PATH] = took.door.events
        if mounted or settings.public_url:
            served = routes.site(
                settings.public_url, mounted=mounted, review=_reviewable(app), proxies=settings.trusted_proxies
            )
            limits = limits_for(settings.max_connections)
            await stack.enter_async_context(
                http.listening(served, host=settings.host, port=settings.port, limits=limits, kept_for=mounted)
            )
        yield


def _reviewable(app: App) -> Reviewable | None:
    if not app.settings.public_url:
        return None
    return Reviewable(WebDesk(app.engine, app.identity), app.clock, app.codes.key)


async def _drain(executor: Embedded, working: asyncio.Future[None]) -> None:
    executor.stop()
    _, late = await asyncio.wait({working}, timeout=DRAIN_SECONDS)
    for one in late:
        one.cancel()
    await asyncio.gather(working, return_exceptions=True)


@asynccontextmanager
async def serving(
    settings: Settings,
    environment: Mapping[str, str],
    console: Console,
    *,
    pace: RateLimiter | None = None,
    clock: Clock | None = None,
    restored: bool = False,
) -> AsyncIterator[App]:
    """An app at work that takes commands of this machine, deliveries of Slack and browsers while the body runs."""
    async with (
        opened(settings, environment, console, pace=pace, clock=clock, restored=restored) as app,
        server.serving(app.desk, socket_path(settings.database)),
        _reached(app),
    ):
        yield app


async def serve(
    settings: Settings,
    environment: Mapping[str, str],
    console: Console,
    ready: Callable[[int], None],
    *,
    pace: RateLimiter | None = None,
    clock: Clock | None = None,
    restored: bool = False,
) -> None:
    """Serve until the process is told to stop (SIGINT, SIGTERM). `ready` is given the number of open requests.

    Raises `StoreLost` when the files of the database are moved, removed or replaced meanwhile.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with serving(settings, environment, console, pace=pace, clock=clock, restored=restored) as app:
        app.store.on_loss(lambda: _set_from_thread(loop, stop))
        ready(len(await app.engine.requests(PageQuery(limit=1000, open_only=True))))
        with calm_collector():
            await stop.wait()


def _set_from_thread(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    loop.call_soon_threadsafe(event.set)


async def settle(app: App, run: str) -> None:
    """Wait until the run waits for people or time, or has ended."""
    while True:
        view = await app.engine.run(run)
        if view is None or view.ready_at is None or view.status.ended:
            if app.executor.idle:
                return
        elif view.status.value == "waiting" and app.executor.idle:
            return
        await asyncio.sleep(0.02)
