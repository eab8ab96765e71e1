"""A process that is open: it owns the tasks, with the database and the connections that they need.

`open_trial` and `open_app` run workflows; `open_server` also takes commands, Slack's events and HTTP requests; `serve`
does so until the process is told to stop.
"""

from __future__ import annotations

import asyncio
import getpass
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import Final

from bot import composition, databases, endpoints, monitor
from bot.ai.setup import open_language_model
from bot.app_parts import Adapters, App, AppOptions
from bot.email.setup import open_email
from bot.executors import RunsWork
from bot.files.setup import open_blobs
from bot.roles.source import roles_file, watched
from bot.roles.stand_ins import StandIns
from bot.slack.client import SlackClient, open_client
from bot.slack.rate_limit import RateLimiter
from bot.slack.sender import SlackSender
from bot.terminal.output import create_console
from bot.terminal.sender import TerminalMailer, TerminalSender
from engine.domain import DEFAULT_WORKSPACE
from engine.read_models import PageQuery
from engine.server_secrets import ServerSecrets
from engine.service import Erasures
from engine.store import account_separation, restored_backup, schema
from engine.store.port import Store
from engine.store.sqlite import SqliteStore
from engine.store.takeover import take_over
from engine.system import RandomIds, calm_collector

DRAIN_SECONDS: Final = 10.0
"""How long a process that stops waits for effects in progress, in seconds: a call that is cut off needs a person."""
DELIVERY_SECONDS: Final = 10.0
"""How long a command without a server waits until the people it concerns are told, in seconds."""


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
        app = await _build(store, options, adapters)
        await Erasures(app.engine).begin_retention()
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
        yield await _build(store, options, await _connect_adapters(options, stack))


@asynccontextmanager
async def open_trial(options: AppOptions) -> AsyncIterator[App]:
    """Own a database of `signoff try`, and run workflows while the body runs.

    Slack and email are not connected: the messages of steps are printed and not sent. A language model is asked, if one
    is set up. Without a roles file, every role has made-up people. Raises `StoreError`.
    """
    async with AsyncExitStack() as stack:
        store = await _open_store(options, stack, trial=True)
        console = create_console()
        local = _local_adapters(options)
        if not local.roles.is_set:
            local.roles.current = StandIns()
        adapters = replace(
            local,
            sender=TerminalSender(console),
            mailer=TerminalMailer(console),
            language_model=await stack.enter_async_context(open_language_model(options.settings)),
            blobs=await stack.enter_async_context(open_blobs(options.settings)),
        )
        app = composition.build(store, options.settings, adapters, is_trial=True)
        await stack.enter_async_context(_run(app.executor))
        yield app


async def _build(store: Store, options: AppOptions, adapters: Adapters) -> App:
    app = composition.build(store, options.settings, adapters)
    assert app.secrets is not None
    await app.secrets.load()
    return app


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
        secrets=options.secrets or ServerSecrets(options.environment),
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
        language_model=await stack.enter_async_context(open_language_model(options.settings)),
        blobs=await stack.enter_async_context(open_blobs(options.settings)),
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


async def wait_for_deliveries(app: App) -> None:
    """Wait until the people are told what they are to know now, at most `DELIVERY_SECONDS`.

    What Slack or a mail server does not take by then, the next command or server sends.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(DELIVERY_SECONDS):
            while app.executor is not None and not app.executor.idle:  # noqa: ASYNC110 there is no event to await
                await asyncio.sleep(0.02)


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
        endpoints.open_socket(app),
        endpoints.open_probes(app),
        endpoints.open_endpoints(app),
    ):
        yield app


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
