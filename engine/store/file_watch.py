"""Notices that the files of an open database were moved, removed or replaced, and rescues their contents.

SQLite goes on writing to a file that was moved or removed, without an error. So the writer checks the files after each
commit, before it answers, and readers check them now and then.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import Final, TypeAlias

from engine.store import file_marks, lock
from engine.store.files import create_private, free, sync_folder

_Identity: TypeAlias = tuple[int, int]


STALE_SECONDS: Final = 0.25
"""How long readers rely on the last check, in seconds: a check for each short read would slow it down."""


class FileLoss(Enum):
    """What happened to the files of an open database."""

    FILE = "file"
    """The file is no longer at its path: it was moved, removed or replaced."""
    CONTENT = "content"
    """Another program wrote into the file."""
    BESIDE = "beside"
    """A file beside it that belongs to it was removed or replaced."""


class FileWatch:
    """The files as they were when they were opened. Close it after every connection: see `lock.own`."""

    def __init__(self, path: Path, *, mark: int) -> None:
        """`mark`: the mark that was set when the file was opened; it may still be in the log only."""
        self._path, self.real = path, lock.real_path(path)
        self._descriptor = os.open(self.real, os.O_RDONLY | os.O_CLOEXEC)
        self._file = _identity(self._descriptor)
        self._marks = {mark, self._mark()}
        self._beside = {}
        for file in (
            self.real.with_name(self.real.name + "-wal"),
            self.real.with_name(self.real.name + "-shm"),
            lock.lock_path(path),
        ):
            if file.exists():
                self._beside[file] = _identity(file)
        self._missing: Path | None = None
        self._looked_at = -STALE_SECONDS

    @property
    def is_stale(self) -> bool:
        """Whether the last check is too old to rely on."""
        return time.monotonic() - self._looked_at > STALE_SECONDS

    def look(self) -> FileLoss | None:
        """Return what happened to the files, or None."""
        self._looked_at = time.monotonic()
        if _identity(self._path) != self._file:
            return FileLoss.FILE
        if self._mark() not in self._marks:
            return FileLoss.CONTENT
        for file, identity in self._beside.items():
            if _identity(file) != identity:
                self._missing = file
                return FileLoss.BESIDE
        return None

    def close(self) -> None:
        os.close(self._descriptor)

    def sentence(self, loss: FileLoss) -> str:
        """Return a sentence for the operator about a loss."""
        match loss:
            case FileLoss.FILE:
                return (
                    f"The database {self._path} was moved, removed or replaced while it was in use, so Signoff stops."
                )
            case FileLoss.CONTENT:
                return (
                    f"Something else was written into the database {self._path} while in use, so Signoff stops. "
                    "The file may be damaged: restore a backup while no server runs, and start again."
                )
            case FileLoss.BESIDE:
                return (
                    f"The file {self._missing} was removed or replaced while it was in use, so Signoff stops. "
                    f"Nothing is lost: all that was saved is in {self._path}. "
                    "Start again, and leave the files beside the database alone."
                )

    def rescue(self, driver: sqlite3.Connection) -> str:
        """Save all that was committed to a file, after `FileLoss.FILE`, and return a sentence that says where."""
        if os.fstat(self._descriptor).st_nlink:
            where = self._moved_to()
            location = f"in {where}" if where else "in the file that was moved"
            return f"All that was saved is {location}. Move it back to {self.real}, and start again."
        try:
            target = self._copy(driver)
        except (OSError, sqlite3.Error) as error:
            return f"What it held could not be saved anywhere ({error}); restore a backup."
        return f"All that was saved is in {target}. Move it to {self.real}, and start again."

    def _moved_to(self) -> str | None:
        """Return where the file is now, or None. Linux only."""
        try:
            return os.readlink(f"/proc/self/fd/{self._descriptor}")
        except OSError:
            return None

    def _copy(self, driver: sqlite3.Connection) -> Path:
        """Copy the removed file, and return the path of the copy."""
        folder = self.real.parent
        if not folder.is_dir():
            folder = Path(tempfile.mkdtemp(prefix="signoff-rescued-"))
        target = free(folder / f"{self.real.name}.rescued")
        os.close(create_private(target))
        with closing(sqlite3.connect(target)) as copy:
            driver.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        sync_folder(folder)
        return target

    def _mark(self) -> int | None:
        return file_marks.read_raw(self._descriptor)


def _identity(file: Path | int) -> _Identity | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_dev, status.st_ino
