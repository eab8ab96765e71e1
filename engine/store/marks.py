"""Marks in the header of the file, where SQLite leaves room for them: they need no table, and every schema has them.

`user_version`: 0 after the database was closed, 1 in a copy that `backup` made, anything else while it is in use.
`application_id`: set once the head of the log is noted beside the file, so that a missing note is noticed.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Final

from engine.ports import Ids

CLOSED: Final = 0
COPY: Final = 1
_NOTED: Final = int.from_bytes(b"Sign", "big")


def set_open(driver: sqlite3.Connection, ids: Ids) -> int:
    """Mark the file as in use, each time by another number, and return it. Where there is no room it stays as it is."""
    mark = int.from_bytes(ids.salt()[:4], "big") & 0x3FFFFFFF | 2
    with contextlib.suppress(sqlite3.OperationalError):
        driver.execute(f"PRAGMA user_version = {mark}")
        # Into the file itself, for whoever finds it without its log. Not TRUNCATE: an empty log would say nothing.
        driver.execute("PRAGMA wal_checkpoint(PASSIVE)")
    # Opens the files beside it, also where nothing could be written.
    driver.execute("SELECT 1 FROM sqlite_master").fetchone()
    return mark


def set_closed(driver: sqlite3.Connection) -> None:
    """Mark the file as closed, with everything in it."""
    with contextlib.suppress(sqlite3.Error):
        driver.execute(f"PRAGMA user_version = {CLOSED}")
    with contextlib.suppress(sqlite3.Error):
        driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def set_copy(driver: sqlite3.Connection) -> None:
    """Mark a copy as one, so that it is noticed when it takes the place of its original."""
    driver.execute(f"PRAGMA user_version = {COPY}")


def read(driver: sqlite3.Connection) -> int:
    """The mark of the file."""
    return int(driver.execute("PRAGMA user_version").fetchone()[0])


def set_noted(driver: sqlite3.Connection) -> None:
    """Mark the file as one whose head is noted beside it."""
    if not is_noted(driver):
        with contextlib.suppress(sqlite3.OperationalError):
            driver.execute(f"PRAGMA application_id = {_NOTED}")


def set_unnoted(driver: sqlite3.Connection) -> None:
    """Mark the file as one without a note: it is known to be whole, and its note may be gone."""
    with contextlib.suppress(sqlite3.OperationalError):
        driver.execute("PRAGMA application_id = 0")


def is_noted(driver: sqlite3.Connection) -> bool:
    """Whether the head of this file was ever noted beside it."""
    return bool(driver.execute("PRAGMA application_id").fetchone()[0] == _NOTED)
