"""The composition root: builds the engine with its channels and step types around a store."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from bot import account_sign_in, executors, page_urls, secret_key_file, server_key, setting_values
from bot.aap.notifications import write_resolved
from bot.api.ask_resources import AskWriter
from bot.app_parts import Adapters, App, SlackParts
from bot.callbacks import setup as callbacks_setup
from bot.email.directory import DirectoryWithEmail
from bot.files import setup as files_setup
from bot.lmtp import setup as lmtp_setup
from bot.local.service import OperatorCommands
from bot.monitor import Monitor
from bot.presentation import callback_card, card
from bot.presentation.callback_card import WriteBody
from bot.roles.directory import DirectoryWithRoles
from bot.settings import Settings
from bot.slack.channel import SlackChannel
from bot.slack.confirmations import Confirmations
from bot.slack.directory import SlackDirectory
from bot.slack.home_publisher import StaleHomes
from bot.slack.service import SlackService
from bot.step_types import load_step_types
from bot.terminal.channel import TerminalChannel
from bot.terminal.directory import TerminalDirectory
from bot.terminal.output import local_time
from bot.web.service import ReviewService
from engine.code_derivation import Codes
from engine.delivery.outbox import Relay
from engine.delivery.recent_answers import DirectoryWithRecentAnswers
from engine.domain import DEFAULT_WORKSPACE, Address
from engine.fields import FieldType
from engine.ports import Channel, Directory, StepType
from engine.server_secrets import REFRESH_SECONDS, ServerSecrets
from engine.service import Engine, Identity, SecretCommands, register
from engine.service.attachments import Attachments
from engine.service.instances import PROTOCOL
from engine.store.port import Store
from engine.store.punctual import PunctualStore
from engine.worker.advance import Advancer
from engine.worker.embedded import Unit
from engine.worker.runner import Runner

if TYPE_CHECKING:
    from bot.metrics import Metrics

_SET_UP: Final = {
    "slack": "Slack is not set up on this server: set SIGNOFF_SLACK_BOT_TOKEN, then register the file again.",
    "email": "Email is not set up on this server: set SIGNOFF_SMTP_URL, then register the file again.",
    "webhook": "This server has no address that others can call: set SIGNOFF_PUBLIC_URL, then register the file again.",
}
"""What to do about a channel that a gate names, or a webhook, if it is not set up."""


def build(store: Store, settings: Settings, adapters: Adapters, *, is_trial: bool = False) -> App:
    """Build all parts around the store. None of them runs yet. `is_trial`: see `engine.service.context`."""
    clock, secrets = adapters.clock, adapters.secrets
    files = _files(store, settings, adapters)
    kinds, login = load_step_types(settings, replace(adapters.services, files=files)), getpass.getuser()
    directory, stale_homes = _build_directory(adapters), StaleHomes()
    codes = _load_codes(settings)
    key = None if is_trial else codes.key
    advancer = Advancer(kinds=kinds, directory=directory, secrets=secrets, hours=settings.office_hours, key=key)
    monitoring = Monitor(_build_metrics(settings), adapters.tracing)
    build_engine = partial(
        Engine,
        advancer=advancer,
        admins=_admins(settings, login),
        auditors=frozenset(Address("email", email) for email in settings.auditors),
        missing={} if is_trial else _missing_parts(settings, adapters),
        telemetry=monitoring,
        unavailable={} if is_trial else dict(account_sign_in.unavailable_proofs(settings)),
        is_trial=is_trial,
        retention=settings.kept_for,
        files=files,
        clock=clock,
        protects_all=settings.protect_workflows,
    )
    # `prompt`: for people in Slack and on pages, who are told soon if the database does not answer.
    engine, prompt = build_engine(store), build_engine(PunctualStore(store))
    runner = Runner(store, advancer, steps=kinds, secrets=secrets, telemetry=monitoring)
    channels = _build_channels(settings, adapters, codes, stale_homes)
    render = card.with_pages(_page_of(settings), _bodies(settings))
    relay = Relay(store, channels=channels, directory=directory, render=render, codes=codes, telemetry=monitoring)
    units: dict[str, Unit] = {"advance": runner.advance, "deliver": relay.deliver, "process_due": engine.process_due}
    executor = executors.build_executor(settings, store, channels, units=units, due=engine.due, now=clock.now)
    own_secrets = None if is_trial else _connect_secrets(store, settings, engine, secrets)
    commands = OperatorCommands(
        engine,
        Identity(engine, codes, clock),
        kinds,
        operator=settings.operator,
        login=login,
        writer=local_time,
        monitoring=monitoring,
        endpoints=callbacks_setup.endpoints(settings, adapters.services, codes, engine),
        secrets=own_secrets,
    )
    slack = _slack_parts(settings, adapters, prompt, codes, stale_homes, own_secrets, directory=directory, kinds=kinds)
    review = ReviewService(prompt, Identity(prompt, codes, clock), settings.builders)
    return App(settings, store, engine, codes, clock, executor, commands, slack, review, monitoring, own_secrets)


def _connect_secrets(store: Store, settings: Settings, engine: Engine, known: ServerSecrets) -> SecretCommands:
    """Return the commands about secrets, and have them read from the database from now on."""
    keys = secret_key_file.keys_of(settings)
    refresh_seconds = None if settings.server_url is None else REFRESH_SECONDS
    known.connect(store, keys, workspace=DEFAULT_WORKSPACE, refresh_seconds=refresh_seconds)
    return SecretCommands(engine, known, keys)


def _slack_parts(
    settings: Settings,
    adapters: Adapters,
    prompt: Engine,
    codes: Codes,
    stale_homes: StaleHomes,
    secrets: SecretCommands | None,
    *,
    directory: Directory,
    kinds: Mapping[str, StepType[Any]],
) -> SlackParts | None:
    if adapters.slack is None:
        return None
    inbox = f"{settings.public_url}{page_urls.INBOX}" if settings.public_url else ""
    confirmations = Confirmations(prompt, Identity(prompt, codes, adapters.clock), settings.public_url)
    page_of = _page_of(settings)
    service = SlackService(prompt, kinds, directory, adapters.clock, settings.builders, inbox, confirmations, page_of)
    return SlackParts(adapters.slack, replace(service, secrets=secrets), stale_homes)


def _page_of(settings: Settings) -> Callable[[str], str] | None:
    """Return what gives the address of the page of a request, if pages are served."""
    return partial(page_urls.review_page, settings.public_url) if settings.public_url else None


def _bodies(settings: Settings) -> dict[str, WriteBody]:
    """Return what writes the body of a callback, by the protocol of its endpoint."""
    asks = callback_card.writes_asks(AskWriter.at(settings.public_url).write)
    return {"signoff": asks, PROTOCOL: write_resolved}


def _files(store: Store, settings: Settings, adapters: Adapters) -> Attachments:
    scanner = files_setup.scanner(settings)
    return Attachments(store, adapters.blobs, scanner=scanner, max_size=settings.largest_file)


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
    return DirectoryWithRecentAnswers(DirectoryWithRoles(directory, lambda: adapters.roles.current))


def _build_channels(
    settings: Settings, adapters: Adapters, codes: Codes, stale_homes: StaleHomes
) -> dict[str, Channel]:
    channels: dict[str, Channel] = {
        "terminal": TerminalChannel(adapters.console),
        "callback": callbacks_setup.channel(settings, adapters.services, codes, adapters.clock),
    }
    if adapters.slack is not None:
        channels["slack"] = SlackChannel(adapters.slack, stale_homes)
    if adapters.email is not None:
        channels["email"] = adapters.email
    return channels


def _missing_parts(settings: Settings, adapters: Adapters) -> dict[str, str]:
    """Return what a workflow can name and is not set up, each with what to do about it."""
    found = {"slack": adapters.slack, "email": adapters.email, "webhook": settings.public_url or None}
    no_files = files_setup.missing(settings)
    missing = {name: _SET_UP[name] for name, adapter in found.items() if adapter is None}
    if (no_emails := lmtp_setup.missing(settings)) is not None:
        missing[register.LMTP] = no_emails
    return missing if no_files is None else {**missing, FieldType.FILE: no_files}


def _admins(settings: Settings, login: str) -> frozenset[Address]:
    """Return the admins. This machine's user is one, but never an approver: the database file is theirs to change."""
    emails = [*settings.admins, *([settings.operator] if settings.operator else [])]
    return frozenset({Address("terminal", login), *(Address("email", email) for email in emails)})
