"""A connection to a SQLite file, and how the file is opened."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import NoneType
from typing import Final
from urllib.parse import quote

from sqlalchemy import NullPool, create_engine

from engine.errors import StoreReadOnly
from engine.store.connection import Connection
from engine.store.sqlite_errors import translated

PAGE: Final = 8192
BUSY_SECONDS: Final = 5.0
"""How long to wait for another program's lock on the file, in seconds."""


def _unchanged(value: None) -> None:
    return value


# For a type without an adapter the driver formats an error, drops it and binds the value as it is, which costs more
# than an adapter. Times have none: adapters belong to the whole process, in which other step types may use SQLite too.
sqlite3.register_adapter(NoneType, _unchanged)
sqlite3.register_adapter(bytes, bytes)
sqlite3.register_adapter(bool, int)


class SqliteConnection(Connection):
    """A connection to a SQLite file."""

    __slots__ = ()
    driver: sqlite3.Connection

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See the database as it is now while the body runs, whatever a server writes meanwhile."""
        self.exec_driver_sql("BEGIN")
        try:
            yield
        finally:
            self.renew()
            self.exec_driver_sql("ROLLBACK")

    def overwrite_deleted(self) -> None:
        """Overwrite deleted and replaced data on the disk from now on."""
        self.exec_driver_sql("PRAGMA secure_delete = ON")


def connect(
    path: Path, *, writable: bool, busy_seconds: float = BUSY_SECONDS, untouched: bool = False
) -> SqliteConnection:
    """Open a connection in the driver's autocommit mode; transactions are begun by hand.

    `untouched`: no process changes the file meanwhile, so it is read without making files beside it.
    Raises `StoreError` when the file cannot be opened, or cannot be written though it should be.
    """
    mode = "rwc" if writable else "ro&immutable=1" if untouched else "ro"
    if writable and path.exists() and not os.access(path, os.W_OK):
        # SQLite would open it without an error, and refuse the first write.
        raise StoreReadOnly(f"The database {path} cannot be written; give this user the right to.")

    def opened() -> sqlite3.Connection:
        uri = f"file:{quote(str(path.absolute()))}?mode={mode}"
        driver = sqlite3.connect(uri, uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
        try:
            for pragma in _pragmas(writable=writable):
                driver.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            driver.close()
            raise
        return driver

    engine = create_engine(
        "sqlite+pysqlite://",
        creator=opened,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # otherwise an error would carry contents into the logs
    )
    with translated(path):
        return SqliteConnection(engine.connect())


def _pragmas(*, writable: bool) -> Iterator[str]:
    yield "foreign_keys=ON"
    yield "recursive_triggers=ON"  # otherwise INSERT OR REPLACE would bypass the triggers against deletion
    yield "cache_size=-16000"
    if writable:
        # Only of a new file. Most rows hold a text, and small pages would waste space beside it.
        yield f"page_size={PAGE}"
        yield "journal_mode=WAL"
        yield "synchronous=FULL"
        yield "journal_size_limit=67108864"
    else:
        yield "query_only=ON"
