"""The composition root: builds the engine with its channels and step types, and owns the tasks of a process.

`open_trial` and `open_app` run workflows; `open_server` also takes commands, Slack's events and HTTP requests; `serve`
does so until the process is told to stop.
"""

from __future__ import annotations

import asyncio
import getpass
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from bot import account_sign_in, databases, executors, monitor, page_urls, server_key, setting_values
from bot.app_parts import Adapters, App, AppOptions, SlackParts
from bot.email.directory import DirectoryWithEmail
from bot.email.setup import open_email
from bot.executors import RunsWork
from bot.local import server as command_server
from bot.local.service import OperatorCommands
from bot.local.socket_path import socket_path
from bot.monitor import Monitor
from bot.presentation import card
from bot.roles.directory import DirectoryWithRoles
from bot.roles.source import roles_file, watched
from bot.settings import Settings
from bot.slack import setup as slack_setup
from bot.slack import transport
from bot.slack.channel import SlackChannel
from bot.slack.client import SlackClient, open_client
from bot.slack.confirmations import Confirmations
from bot.slack.directory import SlackDirectory
from bot.slack.home_publisher import StaleHomes
from bot.slack.rate_limit import RateLimiter
from bot.slack.sender import SlackSender
from bot.slack.service import SlackService
from bot.slack.setup import SlackCredentials
from bot.step_types import load_step_types
from bot.terminal.channel import TerminalChannel
from bot.terminal.directory import TerminalDirectory
from bot.terminal.output import create_console, local_time
from bot.terminal.sender import TerminalMailer, TerminalSender
from bot.web import routes
from bot.web import server as http_server
from bot.web.connections import limits_for
from bot.web.routes import Handler, ReviewPages
from bot.web.service import ReviewService
from engine.code_derivation import Codes
from engine.delivery.outbox import Relay
from engine.domain import DEFAULT_WORKSPACE, Address
from engine.ports import Channel, Directory
from engine.read_models import PageQuery
from engine.service import Engine, Identity
from engine.store import account_separation, measurements, restored_backup, schema
from engine.store.measurements import Measurements
from engine.store.port import Store
from engine.store.punctual import PunctualStore
from engine.store.sqlite import SqliteStore
from engine.store.takeover import take_over
from engine.system import EnvironmentSecrets, RandomIds, calm_collector
from engine.worker.advance import Advancer
from engine.worker.embedded import Unit
from engine.worker.runner import Runner

if TYPE_CHECKING:
    from bot.metrics import Metrics

DRAIN_SECONDS: Final = 10.0
"""How long a process that stops waits for effects in progress, in seconds: a call that is cut off needs a person."""

_SET_UP: Final = {
    "slack": "Slack is not set up on this server: set SIGNOFF_SLACK_BOT_TOKEN, then register the file again.",
    "email": "Email is not set up on this server: set SIGNOFF_SMTP_URL, then register the file again.",
}
"""What to do about a channel that a gate names and that is not set up."""


# -- building -----------------------------------------------------------------------------------------------


def build(store: Store, settings: Settings, adapters: Adapters, *, is_trial: bool = False) -> App:
    """Build all parts around the store. None of them runs yet. `is_trial`: see `engine.service.context`."""
    clock, secrets = adapters.clock, adapters.secrets
    kinds, login = load_step_types(settings, adapters.services), getpass.getuser()
    directory, stale_homes = _build_directory(adapters), StaleHomes()
    advancer = Advancer(kinds=kinds, directory=directory, secrets=secrets, hours=settings.office_hours)
    monitoring = Monitor(_build_metrics(settings), adapters.tracing)
    build_engine = partial(
        Engine,
        advancer=advancer,
        admins=_admins(settings, login),
        auditors=frozenset(Address("email", email) for email in settings.auditors),
        missing={} if is_trial else _missing_channels(adapters),
        telemetry=monitoring,
        unavailable={} if is_trial else dict(account_sign_in.unavailable_proofs(settings)),
        is_trial=is_trial,
    )
    engine = build_engine(store)
    # For people in Slack and on pages, who are told soon if the database does not answer.
    prompt = build_engine(PunctualStore(store))
    runner = Runner(store, advancer, steps=kinds, secrets=secrets, telemetry=monitoring)
    codes = _load_codes(settings)
    channels = _build_channels(adapters, stale_homes)
    relay = Relay(store, channels=channels, directory=directory, render=card.card, codes=codes, telemetry=monitoring)
    units: dict[str, Unit] = {
        "advance": runner.advance,
        "deliver": relay.deliver,
        "process_due": engine.process_due,
    }
    executor = executors.build_executor(settings, store, units=units, due=engine.due, now=clock.now)
    identity = Identity(engine, codes, clock)
    commands = OperatorCommands(
        engine, identity, kinds, operator=settings.operator, login=login, writer=local_time, monitoring=monitoring
    )
    slack = None
    if adapters.slack is not None:
        inbox = f"{settings.public_url}{page_urls.INBOX}" if settings.public_url else ""
        confirmations = Confirmations(prompt, Identity(prompt, codes, clock), settings.public_url)
        service = SlackService(prompt, kinds, directory, clock, settings.builders, inbox, confirmations)
        slack = SlackParts(adapters.slack, service, stale_homes)
    review = ReviewService(prompt, Identity(prompt, codes, clock))
    return App(settings, store, engine, codes, clock, executor, commands, slack, review, monitoring)


def _load_codes(settings: Settings) -> Codes:
    """Return the codes of the key in the settings, or of the key beside the database file. Raises `KeyUnusable`."""
    if settings.server_url is None:
        return server_key.load_codes(settings.database)
    return Codes(setting_values.parse_key(settings.key.get_secret_value()))


def _build_metrics(settings: Settings) -> Metrics | None:
    if not settings.probe_port:
        return None
    # Imported here, because few installations need it.
    from bot.metrics import Metrics

    return Metrics()


def _build_directory(adapters: Adapters) -> Directory:
    directory: Directory = TerminalDirectory() if adapters.slack is None else SlackDirectory(adapters.slack)
    if adapters.email is not None:
        directory = DirectoryWithEmail(directory)
    return DirectoryWithRoles(directory, lambda: adapters.roles.current)


def _build_channels(adapters: Adapters, stale_homes: StaleHomes) -> dict[str, Channel]:
    channels: dict[str, Channel] = {"terminal": TerminalChannel(adapters.console)}
    if adapters.slack is not None:
        channels["slack"] = SlackChannel(adapters.slack, stale_homes)
    if adapters.email is not None:
        channels["email"] = adapters.email
    return channels


def _missing_channels(adapters: Adapters) -> dict[str, str]:
    """Return the channels that a gate can name and that are not set up, each with what to do about it."""
    found = {"slack": adapters.slack, "email": adapters.email}
    return {name: _SET_UP[name] for name, adapter in found.items() if adapter is None}


def _admins(settings: Settings, login: str) -> frozenset[Address]:
    """Return the admins. This machine's user is one, but never an approver: the database file is theirs to change."""
    emails = [*settings.admins, *([settings.operator] if settings.operator else [])]
    return frozenset({Address("terminal", login), *(Address("email", email) for email in emails)})


# -- running workflows --------------------------------------------------------------------------------------


@asynccontextmanager
async def open_app(options: AppOptions) -> AsyncIterator[App]:
    """Own the database, connect Slack and email, and run workflows while the body runs.

    Raises `StoreError` if the database cannot be used, and `StoreRestored` if it may be older than the latest events.
    """
    async with AsyncExitStack() as stack:
        store = await _open_store(options, stack, trial=False)
        if options.settings.server_url is not None:
            await databases.note_key(options.settings, store)
        adapters = await _connect_adapters(options, stack)
        app = build(store, options.settings, adapters)
        await stack.enter_async_context(watched(adapters.roles))
        await stack.enter_async_context(_run(app.executor))
        if app.executor is not None:
            app.at_stop.append(app.executor.stop)
        yield app


@asynccontextmanager
async def open_for_commands(options: AppOptions) -> AsyncIterator[App]:
    """Open the app for a command of the terminal: on a file it also runs workflows, on a server other processes do."""
    if options.settings.server_url is None:
        async with open_app(options) as app:
            yield app
        return
    async with AsyncExitStack() as stack:
        store = await _open_store(options, stack, trial=False)
        yield build(store, options.settings, await _connect_adapters(options, stack))


@asynccontextmanager
async def open_trial(options: AppOptions) -> AsyncIterator[App]:
    """Own a database of `signoff try`, and run workflows while the body runs.

    Slack and email are not connected: the messages of steps are printed and not sent. Raises `StoreError`.
    """
    async with AsyncExitStack() as stack:
        store = await _open_store(options, stack, trial=True)
        console = create_console()
        adapters = replace(_local_adapters(options), sender=TerminalSender(console), mailer=TerminalMailer(console))
        app = build(store, options.settings, adapters, is_trial=True)
        await stack.enter_async_context(_run(app.executor))
        yield app


async def _open_store(options: AppOptions, stack: AsyncExitStack, *, trial: bool) -> Store:
    """Open the database until the stack is left, and bring it up to date after another process or version."""
    settings = options.settings
    if settings.server_url is not None and not trial:
        opened = databases.open_on_server(settings, options.clock, by=_operator(), restored=options.restored)
        store: Store = await stack.enter_async_context(opened)
    else:
        store = await stack.enter_async_context(_own_file(options, trial=trial))
    await store.transact(lambda tx: account_separation.separate(tx, DEFAULT_WORKSPACE))
    return store


@asynccontextmanager
async def _own_file(options: AppOptions, *, trial: bool) -> AsyncIterator[SqliteStore]:
    """Own the database file while the body runs, with the work that the last owner had claimed."""
    ownership = schema.owned(
        options.settings.database, clock=options.clock, ids=RandomIds(), trial=trial, restored=options.restored
    )
    with ownership as store:
        if (suspicion := store.suspicion) is not None:
            await store.transact(lambda tx: restored_backup.record(tx, suspicion, by=_operator()))
        await store.transact(take_over)
        yield store


def _operator() -> str:
    """Return the user of this machine, as the audit log names them."""
    return f"terminal:{getpass.getuser()}"


def _local_adapters(options: AppOptions) -> Adapters:
    """Return the adapters that need no connection. Raises `SettingsError` for a roles file that cannot be used."""
    return Adapters(
        clock=options.clock,
        secrets=EnvironmentSecrets(options.environment),
        console=options.console,
        roles=roles_file(options.settings),
    )


async def _connect_adapters(options: AppOptions, stack: AsyncExitStack) -> Adapters:
    """Return the local adapters and those for Slack and email that are set up, open until the stack is left."""
    client = await _connect_slack(options, stack)
    email = await stack.enter_async_context(open_email(options.settings, options.clock.now))
    return replace(
        _local_adapters(options),
        slack=client,
        tracing=stack.enter_context(monitor.open_traces(options.settings, options.environment, options.clock)),
        sender=SlackSender(client) if client is not None else None,
        email=email.channel if email is not None else None,
        mailer=email.mailer if email is not None else None,
    )


async def _connect_slack(options: AppOptions, stack: AsyncExitStack) -> SlackClient | None:
    settings = options.settings
    if not settings.slack_bot_token:
        return None
    token = settings.slack_bot_token.get_secret_value()
    pace = await stack.enter_async_context(databases.open_pace(settings))
    limiter = (options.slack_limiter or RateLimiter()).sharing(pace)
    client = open_client(token=token, api_url=settings.slack_api_url, pace=limiter)
    return await stack.enter_async_context(client)


@asynccontextmanager
async def _run(executor: RunsWork | None) -> AsyncIterator[None]:
    """Run the executor while the body runs. At the end, let the work in progress finish for `DRAIN_SECONDS`."""
    if executor is None:
        yield
        return
    task = asyncio.ensure_future(executor.run())
    try:
        yield
    finally:
        executor.stop()
        _, unfinished = await asyncio.wait({task}, timeout=DRAIN_SECONDS)
        for late in unfinished:
            late.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def wait_for_run(app: App, run_id: str) -> None:
    """Wait until the run has ended, or waits for a person or for a time."""
    while True:
        view = await app.engine.run(run_id)
        idle = app.executor is None or app.executor.idle
        if view is None or view.ready_at is None or view.status.ended:
            if idle:
                return
        elif view.status.value == "waiting" and idle:
            return
        await asyncio.sleep(0.02)


# -- serving ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def open_server(options: AppOptions) -> AsyncIterator[App]:
    """Open the app, and take this machine's commands, Slack's events and HTTP requests while the body runs."""
    async with (
        open_app(options) as app,
        _open_socket(app),
        _open_probes(app),
        open_endpoints(app),
    ):
        yield app


@asynccontextmanager
async def _open_socket(app: App) -> AsyncIterator[None]:
    """Take the commands of this machine's terminal while the body runs. With a server, each command acts itself."""
    if app.settings.server_url is not None:
        yield
        return
    async with command_server.serving(app.operator_commands.carry_out, socket_path(app.settings.database)):
        yield


@asynccontextmanager
async def _open_probes(app: App) -> AsyncIterator[None]:
    """Answer probes while the body runs, if a port is set."""
    counted = app.monitoring.metrics
    if counted is None:
        yield
        return
    from bot import probes
    from bot.metrics import counting_errors

    async def measure() -> Measurements:
        return await app.store.read(lambda connection: measurements.measure(connection, app.clock.now()))

    async def ask() -> None:
        await app.store.read(measurements.ask)

    handlers = probes.Probes(measure, ask, counted)
    app.at_stop.append(handlers.stop)
    async with probes.serving(handlers, host=app.settings.host, port=app.settings.probe_port):
        with counting_errors(counted):
            yield


@asynccontextmanager
async def open_endpoints(app: App) -> AsyncIterator[None]:
    """Take Slack's events and HTTP requests while the body runs, as far as they are set up."""
    settings = app.settings
    if settings.role == "worker":
        yield
        return
    async with AsyncExitStack() as stack:
        mounted = await _open_slack(app, stack)
        if mounted or settings.public_url:
            site = routes.site(
                settings.public_url,
                mounted=mounted,
                review=await _open_pages(app, stack),
                proxies=settings.trusted_proxies,
                name=settings.name,
                monitoring=app.monitoring,
            )
            limits = limits_for(settings.max_connections)
            await stack.enter_async_context(
                http_server.listening(site, host=settings.host, port=settings.port, limits=limits, kept_for=mounted)
            )
        yield


async def _open_slack(app: App, stack: AsyncExitStack) -> dict[str, Handler]:
    """Take Slack's events until the stack is left. Return the handlers of those that come over HTTP, by path."""
    slack, settings = app.slack, app.settings
    if slack is None:
        return {}
    credentials = SlackCredentials(
        signing_secret=settings.slack_signing_secret.get_secret_value(),
        app_token=settings.slack_app_token.get_secret_value(),
    )
    served = await stack.enter_async_context(
        slack_setup.serving(slack.client, slack.service, credentials, slack.stale_homes, monitoring=app.monitoring)
    )
    return {} if served.door is None else {transport.PATH: served.door.events}


async def _open_pages(app: App, stack: AsyncExitStack) -> ReviewPages | None:
    if not app.settings.public_url:
        return None
    return ReviewPages(app.review, app.clock, app.codes.key, await account_sign_in.open_provider(app, stack))


async def serve(options: AppOptions, on_ready: Callable[[int], None]) -> None:
    """Serve until the process is told to stop (SIGINT, SIGTERM). Pass the number of open requests to `on_ready`.

    Raises `StoreLost` if the files of the database are moved, removed or replaced meanwhile.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with open_server(options) as app:
        # The store reports a loss from its own thread.
        if isinstance(app.store, SqliteStore):
            app.store.on_loss(lambda: _set_from_thread(loop, stop))
        on_ready(len(await app.engine.requests(PageQuery(limit=1000, open_only=True))))
        with calm_collector():
            await stop.wait()
        # At once: nothing new is begun here while requests under way are answered, and load balancers look elsewhere.
        for notify in app.at_stop:
            notify()


def _set_from_thread(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    loop.call_soon_threadsafe(event.set)
