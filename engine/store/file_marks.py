"""Marks in the header of the file, in fields that SQLite leaves to programs: they need no table in any schema.

`user_version`: 0 after the database was closed, 1 in a copy that `backup` made, 4 once everything
in it was moved to another database, anything else while it is in use.
`application_id`: set once the head of the log is noted beside the file, so that a missing note is noticed.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import struct
from pathlib import Path
from typing import Final

from engine.errors import StoreError
from engine.ports import Ids

CLOSED: Final = 0
COPY: Final = 1
MOVED: Final = 4
_AT: Final = 60
"""Where `PRAGMA user_version` stands in the file: https://sqlite.org/fileformat2.html"""
_NOTED: Final = int.from_bytes(b"Sign", "big")


def set_open(driver: sqlite3.Connection, ids: Ids) -> int:
    """Mark the file as in use with a new number, and return the number. If the disk is full, the mark stays.

    Raises `StoreError` where a copy cannot lose its mark because another process reads it.
    """
    was_copy = read(driver) == COPY
    mark = int.from_bytes(ids.salt()[:4], "big") & 0x3FFFFFFF | 2
    with contextlib.suppress(sqlite3.OperationalError):
        driver.execute(f"PRAGMA user_version = {mark}")
        # Into the file itself, for a process that finds it without its log. Not TRUNCATE: an empty log tells nothing.
        busy, *_ = driver.execute(f"PRAGMA wal_checkpoint({'FULL' if was_copy else 'PASSIVE'})").fetchone()
        if was_copy and busy:  # see `check_beside`
            raise StoreError("Another process reads the database that was restored. Try again in a moment.")
    # This opens the files beside it, even if nothing could be written.
    driver.execute("SELECT 1 FROM sqlite_master").fetchone()
    return mark


def set_closed(driver: sqlite3.Connection) -> None:
    """Mark the file as closed, with everything in it."""
    with contextlib.suppress(sqlite3.Error):
        driver.execute(f"PRAGMA user_version = {CLOSED}")
    with contextlib.suppress(sqlite3.Error):
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def set_copy(driver: sqlite3.Connection) -> None:
    """Mark a file as a copy, so that it is noticed if it replaces its original."""
    driver.execute(f"PRAGMA user_version = {COPY}")


def set_moved(driver: sqlite3.Connection) -> None:
    """Mark the file as moved: what happens from now on is written elsewhere."""
    driver.execute(f"PRAGMA user_version = {MOVED}")
    driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def check_not_moved(path: Path) -> None:
    """Raise `StoreError` if everything in the file was moved to another database. Call it before the file is opened."""
    with contextlib.suppress(FileNotFoundError):
        if _read_closed(path) == MOVED:
            raise StoreError(
                f"Everything in {path} was moved to another database. Set SIGNOFF_DATABASE_URL to that one; what "
                "happened since is only there."
            )


def check_beside(path: Path) -> None:
    """Raise `StoreError` if a copy is beside the log of another file, which SQLite would write into it.

    Call it before the file is opened. `set_open` removes the mark of a copy before the copy is used.
    """
    log = path.with_name(path.name + "-wal")
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size and _read_closed(path) == COPY:
            raise StoreError(
                f"{path} is a copy that `signoff backup` made, and {log} belongs to the database that was there before "
                f"and would damage the copy. Move {log} and {path}-shm away, and start again."
            )


def _read_closed(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return read_raw(descriptor)
    finally:
        os.close(descriptor)


def read_raw(descriptor: int) -> int | None:
    """Return the mark in the file itself, without its log."""
    mark = os.pread(descriptor, 4, _AT)
    return int(struct.unpack(">i", mark)[0]) if len(mark) == 4 else None


def read(driver: sqlite3.Connection) -> int:
    """Return the mark of the file."""
    return int(driver.execute("PRAGMA user_version").fetchone()[0])


def set_noted(driver: sqlite3.Connection) -> None:
    """Mark that the head of the file's log is noted beside it."""
    if not is_noted(driver):
        with contextlib.suppress(sqlite3.OperationalError):
            driver.execute(f"PRAGMA application_id = {_NOTED}")


def set_unnoted(driver: sqlite3.Connection) -> None:
    """Mark that there is no note: the file is known to be complete, and its note may be gone."""
    with contextlib.suppress(sqlite3.OperationalError):
        driver.execute("PRAGMA application_id = 0")


def is_noted(driver: sqlite3.Connection) -> bool:
    """Return whether the head of this file's log was ever noted beside it."""
    return bool(driver.execute("PRAGMA application_id").fetchone()[0] == _NOTED)
