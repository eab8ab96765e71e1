"""The parts that make up a process, and the options with which it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console

from bot.executors import RunsWork
from bot.local.service import OperatorCommands
from bot.monitor import Monitor
from bot.roles.source import RolesFile
from bot.settings import Settings
from bot.slack.client import SlackClient
from bot.slack.home_publisher import StaleHomes
from bot.slack.rate_limit import RateLimiter
from bot.slack.service import SlackService
from bot.web.service import ReviewService
from engine.code_derivation import Codes
from engine.file_storage import BlobStore
from engine.language_model import LanguageModel
from engine.ports import Channel, Clock, Mailer, Sender, StepServices
from engine.server_secrets import ServerSecrets
from engine.service import Engine, SecretCommands
from engine.store.port import Store
from engine.system import SystemClock

if TYPE_CHECKING:
    from bot.traces import Traces


@dataclass(frozen=True, slots=True, kw_only=True)
class AppOptions:
    """The settings of a process, and further options for tests and other processes.

    `console` prints the copies for this machine's terminal; without one they are not printed. `slack_limiter` replaces
    the rate limits that Slack publishes. `restored` accepts a database that may be older than the latest events.
    `secrets`: those of the environment, if a log redacts what the process learns of others.
    """

    settings: Settings
    environment: Mapping[str, str]
    console: Console | None = None
    clock: Clock = field(default_factory=SystemClock)
    slack_limiter: RateLimiter | None = None
    restored: bool = False
    secrets: ServerSecrets | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """The implementations of the engine's ports that this process uses. An optional one is None if it is not set up.

    `slack` and `email` show copies; `sender` and `mailer` are what steps send with, and
    `language_model` what they ask. `console` prints the copies for
    this machine's terminal. `tracing` writes traces. `roles`: the roles file, loaded. `blobs`: where files are stored.
    """

    clock: Clock
    secrets: ServerSecrets
    console: Console | None = None
    slack: SlackClient | None = None
    email: Channel | None = None
    sender: Sender | None = None
    mailer: Mailer | None = None
    language_model: LanguageModel | None = None
    tracing: Traces | None = None
    roles: RolesFile = field(default_factory=RolesFile)
    blobs: BlobStore | None = None

    @property
    def services(self) -> StepServices:
        """Return the adapters that steps may use."""
        traceparent = self.tracing.traceparent if self.tracing is not None else None
        return StepServices(
            sender=self.sender,
            mailer=self.mailer,
            secrets=self.secrets,
            traceparent=traceparent,
            language_model=self.language_model,
        )


@dataclass(frozen=True, slots=True)
class SlackParts:
    """The parts of an app that serve Slack: its client, its use cases, and the Home tabs that are out of date."""

    client: SlackClient
    service: SlackService
    stale_homes: StaleHomes


@dataclass(frozen=True, slots=True)
class App:
    """All parts of a process. `slack` is None if Slack is not set up."""

    settings: Settings
    store: Store
    engine: Engine
    codes: Codes
    clock: Clock
    executor: RunsWork | None
    """Runs the work of runs and messages, or None if other processes do."""
    operator_commands: OperatorCommands
    slack: SlackParts | None
    review: ReviewService
    monitoring: Monitor
    """What this process tells about its work."""
    secrets: SecretCommands | None
    """The commands about secrets, or None in a trial."""
    at_stop: list[Callable[[], None]] = field(default_factory=list)
    """Called when the process is told to stop, before it finishes what it has begun."""
