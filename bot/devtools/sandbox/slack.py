"""The parts of one local Slack in one value, which the Web API, the people and the scripting API use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from bot.devtools.sandbox import seed
from bot.devtools.sandbox.changes import Changes
from bot.devtools.sandbox.clock import Time
from bot.devtools.sandbox.delivery import Deliveries
from bot.devtools.sandbox.faults import Faults
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.mail.faults import MailFaults
from bot.devtools.sandbox.openid_keys import OpenIdState
from bot.devtools.sandbox.rates import Rates
from bot.devtools.sandbox.response_urls import ResponseUrls
from bot.devtools.sandbox.seed import AppConfig
from bot.devtools.sandbox.sockets import Sockets
from bot.devtools.sandbox.triggers import Triggers
from bot.devtools.sandbox.world import InstalledApp, World

Story: TypeAlias = Callable[[], Awaitable[Json | None]]
"""Returns the events of the app in the shape of docs/sandbox-api.md, or None if there are none."""
Completions: TypeAlias = Callable[[], Awaitable[Sequence[tuple[str, str]]]]
"""Returns lines that people can type, each with its help: `("/signoff list", "the workflows")`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """A hint for people. `page`: a page of the sandbox that it opens; `line`: text that it puts into the input."""

    text: str
    page: str | None = None
    line: str | None = None


Advice: TypeAlias = Mapping[str, Sequence[Hint]]
"""Hints for an empty page, by the name of an account or the address of a mailbox."""


@dataclass(kw_only=True)
class CallRecord:
    """A recorded call of the Web API or of a response_url. `outcome`: `ok`, an error, or a status."""

    method: str
    arguments: Json
    outcome: str
    at: float


async def _save_nothing() -> None:
    """Save nothing."""


@dataclass(kw_only=True)
class SlackSandbox:
    """The state, the rules with state, and the deliveries to the app."""

    time: Time
    config: AppConfig
    faults: Faults
    rates: Rates
    sockets: Sockets
    deliveries: Deliveries
    base_url: str
    world: World
    triggers: Triggers
    response_urls: ResponseUrls
    changes: Changes
    mail_faults: MailFaults = field(default_factory=MailFaults)
    openid: OpenIdState = field(default_factory=OpenIdState)
    story: Story | None = None
    completions: Completions | None = None
    advice: Advice = field(default_factory=dict)
    calls: list[CallRecord] = field(default_factory=list)
    save: Callable[[], Awaitable[None]] = _save_nothing
    """Saves the workspace; calls of the app are answered after that."""

    @property
    def app(self) -> InstalledApp:
        """The app under test."""
        return next(iter(self.world.apps.values()))

    def reset(self) -> None:
        """Start with a new workspace. The app stays installed, with its request URL and its sockets."""
        url = self.app.request_url
        self.world = seed.new_world(self.time, self.config)
        self.app.request_url = url
        self.triggers = Triggers(self.world)
        self.response_urls = ResponseUrls(self.world)
        self.faults.clear()
        self.mail_faults.clear()
        self.openid = OpenIdState()
        self.calls.clear()
        self.deliveries.log.clear()
        self.changes.count_change()

    def record(self, method: str, arguments: Json, *, outcome: str) -> None:
        """Record a call."""
        self.calls.append(CallRecord(method=method, arguments=arguments, outcome=outcome, at=self.time.seconds))
        self.changes.count_change()
