"""The roles file of the settings: read at the start, and again when it changes."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeAlias

from bot.roles import file
from bot.roles.model import Roles
from bot.settings import Settings, SettingsError
from bot.variable_checks import PREFIX
from engine.errors import DefinitionError
from engine.references import ROLE, parse

LOOK_SECONDS: Final = 1.0
"""Time between two looks at the file, in seconds. A change counts when two looks see the same file."""
_VARIABLE: Final = f"{PREFIX}ROLES"
_Version: TypeAlias = tuple[int, ...]

log = logging.getLogger(__name__)


class RolesFile:
    """The roles that are valid now. `needed`: references to roles in the settings, which the file must have.

    A change that cannot be used is logged, and the roles stay as they were.
    """

    def __init__(self, path: Path | None = None, *, needed: Sequence[str] = ()) -> None:
        self.current = Roles()
        self._path, self._needed = path, needed
        self._seen: _Version | None = None
        self._read: _Version | None = None

    @property
    def is_set(self) -> bool:
        """Return whether the settings name a file."""
        return self._path is not None

    def load(self) -> None:
        """Read the file. Raises `SettingsError` with every problem of it; then the roles stay as they are."""
        if self._path is None:
            self._check_needed(self.current)
            return
        self._read = _version(self._path)
        try:
            roles = file.read(self._path.read_bytes(), file=str(self._path))
        except OSError as error:
            raise SettingsError([f"{_VARIABLE}: {self._path} cannot be read: {error.strerror}."]) from None
        except DefinitionError as error:
            sentences = [problem.sentence(str(self._path)) for problem in error.problems]
            raise SettingsError([f"{_VARIABLE}: {sentence}" for sentence in sentences]) from None
        self._check_needed(roles)
        self.current = roles

    def look(self) -> None:
        """Read the file again if it has changed since, and is not being written any more."""
        assert self._path is not None
        before, self._seen = self._seen, _version(self._path)
        if self._seen == self._read or self._seen != before:
            return
        try:
            self.load()
        except SettingsError as error:
            advice = "Correct it; it is read again by itself. Until then the roles and people stay as they were."
            log.error("The changed roles file cannot be used. %s %s", " ".join(error.sentences), advice)
        else:
            counts = len(self.current.members), len(self.current.people)
            log.info("The roles file %s was read again: %d roles, %d people.", self._path, *counts)

    def _check_needed(self, roles: Roles) -> None:
        missing = [role for role in self._needed if role.partition(":")[2].lower() not in roles.members]
        advice = f"add it to {self._path}" if self._path is not None else f"set {_VARIABLE} to the file that has it"
        if missing:
            raise SettingsError([f"{PREFIX}BUILDERS: there is no {role}; {advice}." for role in missing])


def roles_file(settings: Settings) -> RolesFile:
    """Return the roles file of the settings, loaded. Raises `SettingsError` if it cannot be used."""
    path = Path(settings.roles).expanduser() if settings.roles else None
    named = [(builder, parse(builder)) for builder in settings.builders]
    needed = [builder for builder, reference in named if reference is not None and reference.kind == ROLE]
    roles = RolesFile(path, needed=needed)
    roles.load()
    return roles


@asynccontextmanager
async def watched(roles: RolesFile) -> AsyncIterator[None]:
    """Read the file again whenever it changes, while the body runs."""
    if not roles.is_set:
        yield
        return
    task = asyncio.ensure_future(_watch(roles))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _watch(roles: RolesFile) -> None:
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            # The disk may be slow, or on the network.
            await asyncio.to_thread(roles.look)
        except Exception:
            log.exception("The roles file could not be looked at.")


def _version(path: Path) -> _Version | None:
    """Return what changes whenever the file does, or None if it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
