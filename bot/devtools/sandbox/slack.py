"""All of the local Slack in one value, for the Web API, the people and the scripting API to work on."""

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
from bot.devtools.sandbox.rates import Rates
from bot.devtools.sandbox.response_urls import ResponseUrls
from bot.devtools.sandbox.seed import AppConfig
from bot.devtools.sandbox.sockets import Sockets
from bot.devtools.sandbox.triggers import Triggers
from bot.devtools.sandbox.world import InstalledApp, World

Story: TypeAlias = Callable[[], Awaitable[Json | None]]
"""Asked for what the app did and why, in the shape of docs/sandbox-api.md; None: there is nothing to tell."""
Completions: TypeAlias = Callable[[], Awaitable[Sequence[tuple[str, str]]]]
"""Asked for lines that can be typed, each with what it does: `("/signoff list", "the workflows")`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """What to do next. `page`: a page of the sandbox that it opens; `line`: it puts this where people type."""

    text: str
    page: str | None = None
    line: str | None = None


Advice: TypeAlias = Mapping[str, Sequence[Hint]]
"""What stands where there is nothing yet: for the name of an account, or the address of a mailbox."""


@dataclass(kw_only=True)
class CallRecord:
    """A call of the Web API or of a response_url, for tests to look at. `outcome`: `ok`, an error, or a status."""

    method: str
    arguments: Json
    outcome: str
    at: float


async def _not_kept() -> None:
    """Nothing is written down."""


@dataclass(kw_only=True)
class SlackSandbox:
    """The state, the rules that need memory, and the way to the app."""

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
    story: Story | None = None
    completions: Completions | None = None
    advice: Advice = field(default_factory=dict)
    calls: list[CallRecord] = field(default_factory=list)
    kept: Callable[[], Awaitable[None]] = _not_kept
    """Returns when what happened so far will outlive a crash: apps are answered after that."""

    @property
    def app(self) -> InstalledApp:
        """The app under test."""
        return next(iter(self.world.apps.values()))

    def reset(self) -> None:
        """A fresh world. The app stays installed as configured, with its request URL and its sockets."""
        url = self.app.request_url
        self.world = seed.fresh(self.time, self.config)
        self.app.request_url = url
        self.triggers = Triggers(self.world)
        self.response_urls = ResponseUrls(self.world)
        self.faults.clear()
        self.mail_faults.clear()
        self.calls.clear()
        self.deliveries.log.clear()
        self.changes.moved()

    def record(self, method: str, arguments: Json, *, outcome: str) -> None:
        """Remember a call."""
        self.calls.append(CallRecord(method=method, arguments=arguments, outcome=outcome, at=self.time.seconds))
        self.changes.moved()
