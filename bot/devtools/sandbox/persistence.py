"""The workspace on disk, so that the next start goes on with it.

Kept: people, usergroups, conversations, messages, files, apps, mails, and what ids and timestamps count on from. Not
kept, as when people restart their clients: open modals, Home tabs, and the failures that they were shown.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec

from bot.devtools.sandbox import seed
from bot.devtools.sandbox.clock import Time
from bot.devtools.sandbox.mail.records import Outsider, ReceivedMail
from bot.devtools.sandbox.seed import AppConfig
from bot.devtools.sandbox.slack import SlackSandbox
from bot.devtools.sandbox.world import Conversation, File, InstalledApp, Message, Team, User, Usergroup, World

VERSION: Final = 1
_EVERY_SECONDS: Final = 0.1
"""How long what people did may be in memory only."""
_IDLE: Final = 20
"""A workspace that has become large is looked at less often: this many times as long as it takes is nothing done."""

log = logging.getLogger(__name__)


class Unreadable(Exception):
    """What was kept cannot be used; the reason reads on after a colon."""


class Unwritable(Exception):
    """The workspace cannot be written down."""


class SavedWorkspace(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A workspace as it is written down. `ahead_seconds`: how far its clock was moved."""

    version: int
    ahead_seconds: float
    counters: dict[str, int]
    team: Team
    users: dict[str, User]
    usergroups: dict[str, Usergroup]
    channels: dict[str, Conversation]
    messages: dict[str, list[Message]]
    ephemerals: list[Message]
    files: dict[str, File]
    apps: dict[str, InstalledApp]
    # A workspace from before there was mail has neither.
    outsiders: list[Outsider] = msgspec.field(default_factory=seed.outsiders)
    mails: list[ReceivedMail] = []


def dumps(world: World) -> bytes:
    """The workspace as JSON."""
    kept = SavedWorkspace(
        version=VERSION,
        ahead_seconds=world.time.ahead.total_seconds(),
        counters=dict(world.counters),
        team=world.team,
        users=world.users,
        usergroups=world.usergroups,
        channels=world.channels,
        messages=world.messages,
        ephemerals=world.ephemerals,
        files=world.files,
        apps=world.apps,
        outsiders=world.outsiders,
        mails=world.mails,
    )
    # msgspec's own encoder refuses halves of surrogate pairs, which apps may send and Slack takes.
    return json.dumps(msgspec.to_builtins(kept), separators=(",", ":")).encode()


def loads(source: bytes, time: Time) -> World:
    """The workspace that `dumps` wrote; the clock goes on from where it was moved to. Raises `Unreadable`."""
    try:
        found = json.loads(source)
        if isinstance(found, dict) and found.get("version") != VERSION:
            raise Unreadable("another version of Signoff wrote it")
        kept = msgspec.convert(found, SavedWorkspace)
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error)) from None
    if not kept.apps or set(kept.messages) != set(kept.channels):
        raise Unreadable("parts of it are missing")
    world = World(time)
    time.ahead = timedelta(seconds=kept.ahead_seconds)
    world.counters = Counter(kept.counters)
    world.team, world.users, world.usergroups = kept.team, kept.users, kept.usergroups
    world.channels, world.messages, world.ephemerals = kept.channels, kept.messages, kept.ephemerals
    world.files, world.apps = kept.files, kept.apps
    world.outsiders, world.mails = kept.outsiders, kept.mails
    return world


def load(path: Path, time: Time, config: AppConfig) -> World:
    """The workspace in the file, with the app installed as it is configured now; where there is no file, a fresh one.

    Raises `Unreadable`.
    """
    try:
        source = path.read_bytes()
    except FileNotFoundError:
        return seed.fresh(time, config)
    except OSError as error:
        raise Unreadable(str(error.strerror)) from None
    world = loads(source, time)
    seed.reinstall(next(iter(world.apps.values())), config)
    return world


def write(path: Path, content: bytes) -> None:
    """The file has this content, or, whatever happens meanwhile, the one from before. Raises `OSError`."""
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Without this a power cut may undo the renaming.
        os.fsync(folder)
    finally:
        os.close(folder)


@asynccontextmanager
async def keeping(slack: SlackSandbox, path: Path) -> AsyncIterator[None]:
    """Whatever the app does in the workspace while the body runs is in the file before the app is answered.

    What people do is there a moment later, and everything at the end. Raises `Unwritable` if it cannot be written at
    the beginning or the end; between, it is logged and tried again.
    """
    keeper, end = _Keeper(slack, path), asyncio.Event()
    await keeper.write()
    slack.kept = keeper.try_
    going = asyncio.ensure_future(keeper.run(end))
    try:
        yield
    finally:
        end.set()
        await going
        await keeper.write()


class _Keeper:
    """Writes when something has changed, one at a time: who waits meanwhile shares the next write."""

    def __init__(self, slack: SlackSandbox, path: Path) -> None:
        self._slack, self._path = slack, path
        self._one = asyncio.Lock()
        self._written = b""
        self._failing = False

    async def write(self) -> None:
        """Raises `Unwritable`."""
        async with self._one:
            now = dumps(self._slack.world)
            if now == self._written:
                return
            try:
                await asyncio.to_thread(write, self._path, now)
            except OSError as error:
                raise Unwritable(f"{self._path} cannot be written: {error.strerror}") from error
            self._written = now

    async def try_(self) -> None:
        """The same, but what fails is logged, once."""
        try:
            await self.write()
        except Unwritable as error:
            if not self._failing:
                log.error("%s; trying again", error)
            self._failing = True
        else:
            self._failing = False

    async def run(self, end: asyncio.Event) -> None:
        """Write what nobody waits for."""
        clock, pause = asyncio.get_running_loop().time, _EVERY_SECONDS
        while not end.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await end.wait()
            begun = clock()
            await self.try_()
            pause = max(_EVERY_SECONDS, _IDLE * (clock() - begun))
