"""Where a process takes commands, probes, Slack's events and HTTP requests, while it is open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.types import ASGIApp

from bot import account_sign_in
from bot.aap import application as aap
from bot.aap import setup as aap_setup
from bot.api import setup as api_setup
from bot.api.setup import OpenedApi
from bot.app_parts import App
from bot.lmtp.setup import open_lmtp
from bot.local import server as command_server
from bot.local.socket_path import socket_path
from bot.slack import setup as slack_setup
from bot.slack import transport
from bot.slack.setup import SlackCredentials
from bot.web import routes, webhook_endpoint
from bot.web import server as http_server
from bot.web.connections import limits_for
from bot.web.routes import Handler, ReviewPages
from bot.web.webhook_endpoint import WebhookEndpoint
from engine.store import measurements
from engine.store.measurements import Measurements


@asynccontextmanager
async def open_socket(app: App) -> AsyncIterator[None]:
    """Take the commands of this machine's terminal while the body runs. With a server, each command acts itself."""
    if app.settings.server_url is not None:
        yield
        return
    commands = app.operator_commands
    async with command_server.serving(commands.carry_out, socket_path(app.settings.database), commands.attach):
        yield


@asynccontextmanager
async def open_probes(app: App) -> AsyncIterator[None]:
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
        await stack.enter_async_context(open_lmtp(settings, app.engine, app.clock))
        if mounted or settings.public_url:
            api = await stack.enter_async_context(_open_api(app))
            site = routes.site(
                settings.public_url,
                mounted={**mounted, webhook_endpoint.PATH: WebhookEndpoint(app.engine.receive, app.clock)},
                review=await _open_pages(app, stack),
                proxies=settings.trusted_proxies,
                name=settings.name,
                monitoring=app.monitoring,
                apps=_apps(app, api),
                close=api.waits.close,
            )
            limits = limits_for(settings.max_connections, settings.max_api_connections)
            await stack.enter_async_context(
                http_server.listening(site, host=settings.host, port=settings.port, limits=limits, kept_for=mounted)
            )
        yield


@asynccontextmanager
async def _open_api(app: App) -> AsyncIterator[OpenedApi]:
    """Open the API for programs while the body runs. When the process is told to stop, those who wait are answered."""
    settings = app.settings
    is_shared = settings.server_url is not None
    async with api_setup.opened(
        app.review.engine, app.store, app.clock, settings.public_url, is_shared=is_shared
    ) as api:
        app.at_stop.append(api.waits.close)
        yield api


def _apps(app: App, api: OpenedApi) -> dict[str, ASGIApp]:
    """Return the applications for programs by the path below which they answer, the longest first."""
    engine = app.review.engine
    protocol = aap_setup.application(engine, api, app.codes, app.clock, app.settings.http_allow)
    return {aap.PREFIX: protocol, api_setup.PATH: api.app}


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
