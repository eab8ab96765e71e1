"""Sets up the Slack app: its handlers, and how deliveries reach them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from bot.monitor import Monitor
from bot.slack import home_tab, transport
from bot.slack.admission import Admission
from bot.slack.background import BackgroundTasks
from bot.slack.bolt_app import HANDLED_EVENTS, SHORTCUTS, build_bolt_app
from bot.slack.client import SlackClient
from bot.slack.context import SlackContext
from bot.slack.home_publisher import HomePublisher, StaleHomes
from bot.slack.installation import Installation
from bot.slack.replies import Replies
from bot.slack.service import SlackService
from bot.slack.transport import EventsEndpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackCredentials:
    """The secrets for receiving deliveries: over HTTP with a signing secret, over a socket with an app token."""

    signing_secret: str = ""
    app_token: str = ""


@dataclass(frozen=True, slots=True)
class SlackApp:
    """The running app. `door`: the endpoint for `transport.PATH`, for the HTTP server to mount."""

    later: BackgroundTasks
    door: EventsEndpoint | None
    homes: HomePublisher


@asynccontextmanager
async def serving(
    client: SlackClient,
    service: SlackService,
    credentials: SlackCredentials,
    stale: StaleHomes,
    *,
    monitoring: Monitor | None = None,
) -> AsyncIterator[SlackApp]:
    """Take deliveries while the body runs, and finish those under way at the end.

    `stale`: Home tabs that are published again.
    `monitoring` is told about each delivery that comes over a socket.
    """
    background = BackgroundTasks()
    installation = Installation(client)
    context = SlackContext(service, Replies(client), client, background, stale, installation)
    app = build_bolt_app(context, api_url=client.api_url)
    admission = Admission(app, installation, events=HANDLED_EVENTS, shortcuts=SHORTCUTS)
    homes = HomePublisher(stale, lambda user: home_tab.publish(context, user), pace=client.shared_pace)
    async with AsyncExitStack() as stack, _working(homes.run()):
        stack.push_async_callback(installation.close)
        stack.push_async_callback(background.drain, transport.DRAIN_SECONDS)
        endpoint = (
            EventsEndpoint(admission, signing_secret=credentials.signing_secret, later=background)
            if credentials.signing_secret
            else None
        )
        if credentials.app_token:
            sockets = transport.over_sockets(
                admission,
                app_token=credentials.app_token,
                api_url=client.api_url,
                later=background,
                monitoring=monitoring or Monitor(),
            )
            await stack.enter_async_context(sockets)
        # The first click need not wait for it.
        background.do(installation.learn())
        yield SlackApp(background, endpoint, homes)


@asynccontextmanager
async def _working(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run a task until the body ends."""
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
