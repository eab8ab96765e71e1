"""The folder that keeps the interactive demo from one start to the next."""

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
_SUFFIXES: Final = ("", "-wal", "-shm", "-journal", ".key", ".head")
"""Suffixes of the database, of SQLite's files beside it, of the server's key, and of the head of the audit log."""


def default_folder() -> Path:
    """Return the folder of the demo in the user's data folder."""
    return platformdirs.user_data_path("signoff") / "demo"


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """The files of the demo."""

    path: Path

    @property
    def database(self) -> Path:
        return self.path / _DATABASE

    @property
    def world(self) -> Path:
        """The workspace of the local Slack, and all mailboxes."""
        return self.path / "slack.json"

    @property
    def effects(self) -> Path:
        """The ledger of the services."""
        return self.path / "effects.json"

    @property
    def agent_key(self) -> Path:
        """The API key for a program of the user."""
        return self.path / "agent.key"

    @property
    def lock(self) -> Path:
        """The lock file, which also marks the folder as a demo's."""
        return self.path / "demo.lock"

    def clear(self) -> None:
        """Delete the files of the demo, and keep all other files in the folder."""
        databases = (self.path / f"{_DATABASE}{more}" for more in _SUFFIXES)
        for file in (*databases, self.world, self.effects, self.agent_key):
            file.unlink(missing_ok=True)


@contextmanager
def lock_folder(path: Path) -> Iterator[DemoFolder]:
    """Create the folder if needed, and lock it for this process. Raises `StoreError` if that is impossible."""
    folder = DemoFolder(path.expanduser().absolute())
    if folder.database.exists() and not folder.lock.exists():
        # It may be the database of a real server, which --fresh would delete.
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
