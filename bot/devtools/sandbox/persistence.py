"""Saves the workspace to a file, so that the next start continues with it.

Saved: people, usergroups, conversations, messages, files, apps, emails, and the counters of ids and timestamps. Not
saved, as when people restart their clients: open modals, Home tabs, and the failures that were shown.
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
_SAVE_SECONDS: Final = 0.1
"""Maximum time for which actions of people are in memory only, in seconds."""
_PAUSE_FACTOR: Final = 20
"""The pause between writes, as a multiple of the duration of a write: a large workspace is saved less often."""

log = logging.getLogger(__name__)


class UnreadableFile(Exception):
    """A saved file cannot be used; the message follows a colon."""


class UnwritableFile(Exception):
    """The workspace cannot be saved."""


class SavedWorkspace(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A saved workspace. `ahead_seconds`: how far its clock was moved."""

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
    # Workspaces that were saved by versions without email have neither.
    outsiders: list[Outsider] = msgspec.field(default_factory=seed.outsiders)
    mails: list[ReceivedMail] = []


def dumps(world: World) -> bytes:
    """Return the workspace as JSON."""
    saved = SavedWorkspace(
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
    # msgspec's own encoder refuses unpaired surrogates, which apps may send and Slack accepts.
    return json.dumps(msgspec.to_builtins(saved), separators=(",", ":")).encode()


def loads(source: bytes, time: Time) -> World:
    """Parse a workspace; its clock continues with the saved offset. Raises `UnreadableFile`."""
    try:
        data = json.loads(source)
        if isinstance(data, dict) and data.get("version") != VERSION:
            raise UnreadableFile("another version of Signoff wrote it")
        saved = msgspec.convert(data, SavedWorkspace)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(str(error)) from None
    if not saved.apps or set(saved.messages) != set(saved.channels):
        raise UnreadableFile("parts of it are missing")
    world = World(time)
    time.ahead = timedelta(seconds=saved.ahead_seconds)
    world.counters = Counter(saved.counters)
    world.team, world.users, world.usergroups = saved.team, saved.users, saved.usergroups
    world.channels, world.messages, world.ephemerals = saved.channels, saved.messages, saved.ephemerals
    world.files, world.apps = saved.files, saved.apps
    world.outsiders, world.mails = saved.outsiders, saved.mails
    return world


def load(path: Path, time: Time, config: AppConfig) -> World:
    """Load the workspace from the file and configure the app anew; without a file, return a new workspace.

    Raises `UnreadableFile`.
    """
    try:
        source = path.read_bytes()
    except FileNotFoundError:
        return seed.new_world(time, config)
    except OSError as error:
        raise UnreadableFile(str(error.strerror)) from None
    world = loads(source, time)
    seed.reinstall(next(iter(world.apps.values())), config)
    return world


def write_file(path: Path, content: bytes) -> None:
    """Replace the content of a file; a crash leaves either the old or the new content. Raises `OSError`."""
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Without this, a power failure may undo the renaming.
        os.fsync(folder)
    finally:
        os.close(folder)


@asynccontextmanager
async def save_changes(slack: SlackSandbox, path: Path) -> AsyncIterator[None]:
    """Save the workspace whenever it changes. Calls of the app are saved before they are answered.

    Actions of people are saved a moment later, and everything at the end. Raises `UnwritableFile` if the file cannot be
    written at the beginning or the end; errors in between are logged, and the write is tried again.
    """
    saver, stop = _Saver(slack, path), asyncio.Event()
    await saver.write()
    slack.save = saver.try_
    task = asyncio.ensure_future(saver.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task
        await saver.write()


class _Saver:
    """Writes the workspace if it changed, one write at a time: callers that wait meanwhile share the next one."""

    def __init__(self, slack: SlackSandbox, path: Path) -> None:
        self._slack, self._path = slack, path
        self._lock = asyncio.Lock()
        self._written = b""
        self._failing = False

    async def write(self) -> None:
        """Write the workspace if it changed. Raises `UnwritableFile`."""
        async with self._lock:
            content = dumps(self._slack.world)
            if content == self._written:
                return
            try:
                await asyncio.to_thread(write_file, self._path, content)
            except OSError as error:
                raise UnwritableFile(f"{self._path} cannot be written: {error.strerror}") from error
            self._written = content

    async def try_(self) -> None:
        """Write the workspace, and log a failure once."""
        try:
            await self.write()
        except UnwritableFile as error:
            if not self._failing:
                log.error("%s; trying again", error)
            self._failing = True
        else:
            self._failing = False

    async def run(self, stop: asyncio.Event) -> None:
        """Write changes that no call waits for, until `stop` is set."""
        clock, pause = asyncio.get_running_loop().time, _SAVE_SECONDS
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await stop.wait()
            started = clock()
            await self.try_()
            pause = max(_SAVE_SECONDS, _PAUSE_FACTOR * (clock() - started))
