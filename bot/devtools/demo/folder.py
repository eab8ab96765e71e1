"""The folder in which a demo that people play with is kept from one start to the next."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from engine.errors import StoreError, StoreLocked, StoreReadOnly

_DATABASE: Final = "signoff.db"
_BESIDE: Final = ("", "-wal", "-shm", "-journal", ".key", ".head")
"""What SQLite keeps beside a database, the key of its server, and the note of how far the log was."""


def default() -> Path:
    """In the user's data folder."""
    return platformdirs.user_data_path("signoff") / "demo"


@dataclass(frozen=True, slots=True)
class Folder:
    """Where each part of the demo keeps what it has."""

    path: Path

    @property
    def database(self) -> Path:
        return self.path / _DATABASE

    @property
    def world(self) -> Path:
        """The local Slack, and everybody’s mails."""
        return self.path / "slack.json"

    @property
    def effects(self) -> Path:
        """What was paid and deployed."""
        return self.path / "effects.json"

    @property
    def lock(self) -> Path:
        """Also the sign that the folder is a demo's."""
        return self.path / "demo.lock"

    def clear(self) -> None:
        """Forget everything. What others may have put into the folder stays."""
        for file in (*(self.path / f"{_DATABASE}{more}" for more in _BESIDE), self.world, self.effects):
            file.unlink(missing_ok=True)


@contextmanager
def held(path: Path) -> Iterator[Folder]:
    """The folder, made if need be, for this process alone. Raises `StoreError` where it cannot be had."""
    folder = Folder(path.expanduser().absolute())
    if folder.database.exists() and not folder.lock.exists():
        # It may be the database of a real server, and --fresh would take it away.
        raise StoreError(f"{folder.path} holds a database that is not a demo’s; name another folder with --folder.")
    try:
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreReadOnly(
            f"The folder {folder.path} cannot be written ({error.strerror}); name another one with --folder."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreLocked(
            f"Another `signoff demo` runs with the folder {folder.path}. Stop it, or name another one with --folder."
        ) from error
    try:
        yield folder
    finally:
        os.close(descriptor)
