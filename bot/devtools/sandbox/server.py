"""Starts and stops the local Slack."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from bot.devtools.sandbox import people, seed
from bot.devtools.sandbox.changes import Changes
from bot.devtools.sandbox.clock import Time
from bot.devtools.sandbox.delivery import Ack, AppDelivery, Deliveries
from bot.devtools.sandbox.faults import Fault, FaultKind, Faults
from bot.devtools.sandbox.mail.config import MailConfig
from bot.devtools.sandbox.mail.mailbox_page import MailboxPage
from bot.devtools.sandbox.mail.server import MailServer
from bot.devtools.sandbox.openid_pages import OpenIdPages
from bot.devtools.sandbox.page_files import PageFiles
from bot.devtools.sandbox.people import SimulatedPerson
from bot.devtools.sandbox.rates import Rates
from bot.devtools.sandbox.response_urls import ResponseUrls
from bot.devtools.sandbox.scripting_api import ScriptApi
from bot.devtools.sandbox.seed import AppConfig
from bot.devtools.sandbox.slack import Advice, Completions, SlackSandbox, Story
from bot.devtools.sandbox.sockets import DisconnectReason, Sockets
from bot.devtools.sandbox.triggers import Triggers
from bot.devtools.sandbox.web_api import WebApi
from bot.devtools.sandbox.world import InstalledApp, World
from engine.ports import Clock

_MEGABYTE = 1024 * 1024


class Tasks:
    """Background tasks, which end by themselves or when the server stops."""

    def __init__(self) -> None:
        self.running: set[asyncio.Future[None]] = set()

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a coroutine as a task."""
        task = asyncio.ensure_future(work)
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    async def stop(self) -> None:
        """Cancel all tasks."""
        tasks = list(self.running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(kw_only=True)
class RunningSandbox:
    """A running local Slack: its addresses, and handles for tests in the same process."""

    slack: SlackSandbox
    tasks: Tasks
    mail: MailServer

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:PORT`"""
        return self.slack.base_url

    @property
    def api_url(self) -> str:
        """The `base_url` for slack_sdk's clients; it ends in `/api/`."""
        return f"{self.slack.base_url}/api/"

    @property
    def script_url(self) -> str:
        """The URL of `/sandbox/api`; it ends in a slash."""
        return f"{self.slack.base_url}/sandbox/api/"

    @property
    def page_url(self) -> str:
        """The page for people; `?as=ada` shows it to Ada."""
        return f"{self.slack.base_url}/sandbox"

    @property
    def world(self) -> World:
        """The state."""
        return self.slack.world

    @property
    def app(self) -> InstalledApp:
        """The app under test. Set its `request_url` when the bot's port is known."""
        return self.slack.app

    @property
    def time(self) -> Time:
        """The clock."""
        return self.slack.time

    @property
    def faults(self) -> Faults:
        """Faults on demand."""
        return self.slack.faults

    @property
    def rates(self) -> Rates:
        """The rate limits."""
        return self.slack.rates

    @property
    def sockets(self) -> Sockets:
        """The app's Socket Mode connections."""
        return self.slack.sockets

    @property
    def deliveries(self) -> list[AppDelivery]:
        """All deliveries to the app, oldest first."""
        return self.slack.deliveries.log

    def trigger(self, person: SimulatedPerson) -> str:
        """Issue a trigger id as if this person had just acted, in their open modal if there is one."""
        top = person.modal
        return self.slack.triggers.issue(app_id=self.app.id, user=person.id, view=top["id"] if top else None)

    def person(self, name: str) -> SimulatedPerson:
        """Return a person by name or id. Raises `KeyError`."""
        user = self.world.user_named(name)
        if user is None:
            raise KeyError(name)
        return SimulatedPerson(self.slack, user.id)

    def fault(self, on: str, kind: FaultKind, **details: Any) -> Fault:
        """Arm a fault: `fault("chat.update", "error", code="fatal_error", times=2)`."""
        return self.faults.add(Fault(on=on, kind=kind, **details))

    def channel(self, name: str) -> str:
        """Return the id of a channel. Raises `KeyError`."""
        channel = self.world.channel_named(name)
        if channel is None:
            raise KeyError(name)
        return channel.id

    def calls(self, method: str) -> list[dict[str, Any]]:
        """Return the arguments of all successful calls of a method (or `response_url`)."""
        return [call.arguments for call in self.slack.calls if call.method == method and call.outcome == "ok"]

    async def verify_request_url(self) -> bool:
        """Send the challenge of a new request URL, and return whether the app answered it."""
        return await self.slack.deliveries.verify_url(self.app)

    async def disconnect(self, reason: DisconnectReason = "refresh_requested") -> None:
        """Disconnect the app's sockets."""
        await self.slack.sockets.disconnect(self.app.id, reason)

    def deactivate(self, name: str, *, deactivated: bool = True) -> None:
        """Deactivate the account of a person, or activate it again."""
        people.deactivate(self.slack, self.person(name).user, deactivated=deactivated)

    def uninstall(self) -> None:
        """Remove the app from the workspace."""
        people.uninstall(self.slack)

    def revoke(self) -> None:
        """Revoke the app's token."""
        people.revoke(self.slack)

    def tell(
        self, *, story: Story | None = None, completions: Completions | None = None, advice: Advice | None = None
    ) -> None:
        """Set the story, the completions and the hints that the page shows besides Slack."""
        self.slack.story, self.slack.completions, self.slack.advice = story, completions, advice or {}

    async def until(self, condition: Callable[[], object], *, seconds: float = 30.0) -> None:
        """Wait in real time until the condition holds. Raises `TimeoutError`."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 the condition is about any state
                await asyncio.sleep(0.002)


def _check_loopback(host: str) -> str:
    """Return the host. Raises `ValueError` unless it is a loopback address, because callers can act as any person."""
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return host
    raise ValueError(f"the sandbox is bound to loopback addresses only, not to {host!r}")


def _build(
    time: Time, config: AppConfig, session: aiohttp.ClientSession, *, world: World, mail: MailConfig
) -> RunningSandbox:
    faults, tasks, changes = Faults(), Tasks(), Changes()
    sockets = Sockets(time, tasks.keep)
    deliveries = Deliveries(
        time=time, faults=faults, sockets=sockets, session=session, keep=tasks.keep, changes=changes
    )
    slack = SlackSandbox(
        time=time,
        config=config,
        faults=faults,
        rates=Rates(time),
        sockets=sockets,
        deliveries=deliveries,
        base_url="",
        world=world,
        triggers=Triggers(world),
        response_urls=ResponseUrls(world),
        changes=changes,
    )
    return RunningSandbox(slack=slack, tasks=tasks, mail=MailServer(slack, mail, tasks.keep))


@asynccontextmanager
async def sandbox(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    clock: Clock | None = None,
    app: AppConfig | None = None,
    story: Story | None = None,
    completions: Completions | None = None,
    world: Callable[[Time, AppConfig], World] = seed.new_world,
    mail: MailConfig | None = None,
) -> AsyncIterator[RunningSandbox]:
    """Run a local Slack. Raises `ValueError` for a host that is not loopback.

    `clock`: any clock, to which `time.advance` adds; default: the machine's.
    `story`, `completions`: see `slack`; `RunningSandbox.tell` sets them once the app runs.
    `world`: builds the workspace; default: a new one. `mail`: the configuration of the mail server.
    """
    address = _check_loopback(host)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        time, config = Time(clock), app or AppConfig()
        running = _build(time, config, session, world=world(time, config), mail=mail or MailConfig())
        running.tell(story=story, completions=completions)
        application = web.Application(client_max_size=32 * _MEGABYTE)
        application.add_routes(WebApi(running.slack).routes())
        application.add_routes(ScriptApi(running.slack, running.mail).routes())
        application.add_routes(PageFiles(running.slack).routes())
        application.add_routes(MailboxPage(running.slack).routes())
        application.add_routes(OpenIdPages(running.slack).routes())
        application.add_routes([web.get("/link/", running.slack.sockets.serve)])
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, address, port)
            await site.start()
            url_host = f"[{address}]" if ":" in address else address
            running.slack.base_url = f"http://{url_host}:{runner.addresses[0][1]}"
            async with running.mail.serving(address):
                yield running
        finally:
            await _stop(running, runner)


async def _stop(running: RunningSandbox, runner: web.AppRunner) -> None:
    await running.tasks.stop()
    await running.slack.sockets.close()
    await runner.cleanup()


__all__ = ["Ack", "AppConfig", "RunningSandbox", "SimulatedPerson", "sandbox"]
