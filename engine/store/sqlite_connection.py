"""A connection to a SQLite file, and how the file is opened."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import NoneType
from typing import Any, ClassVar, Final
from urllib.parse import quote

import sqlalchemy
from sqlalchemy import CursorResult, Executable, NullPool, create_engine

from engine.errors import StoreReadOnly
from engine.store.connection import CompiledStatement, Connection
from engine.store.sqlite_errors import translated

PAGE: Final = 8192
BUSY_SECONDS: Final = 5.0
"""How long to wait for another program's lock on the file, in seconds."""

_opened: Final[ContextVar[Callable[[], sqlite3.Connection]]] = ContextVar("opened")
"""Opens the file that is connected to."""
_ENGINE: Final = create_engine(
    "sqlite+pysqlite://",
    creator=lambda: _opened.get()(),
    poolclass=NullPool,
    isolation_level="AUTOCOMMIT",
    hide_parameters=True,  # otherwise an error would carry contents into the logs
)
"""The engine of all connections, whichever file they open: each engine compiles every statement for itself."""


def _unchanged(value: None) -> None:
    return value


# For a type without an adapter the driver formats an error, drops it and binds the value as it is, which costs more
# than an adapter. Times have none: adapters belong to the whole process, in which other step types may use SQLite too.
sqlite3.register_adapter(NoneType, _unchanged)
sqlite3.register_adapter(bytes, bytes)
sqlite3.register_adapter(bool, int)


class SqliteConnection(Connection):
    """The connection of one thread to a SQLite file. `driver` is the DB-API's; `cursor` runs compiled statements.

    Finding the driver behind SQLAlchemy's connection each time would take as long as a look-up by key.
    """

    __slots__ = ("cursor", "driver")
    has_rivals: ClassVar[bool] = False

    def __init__(self, core: sqlalchemy.Connection) -> None:
        super().__init__(core)
        driver: Any = core.connection.driver_connection
        self.driver: sqlite3.Connection = driver
        self.cursor = self.driver.cursor()

    def execute(self, statement: Executable, params: Any = None) -> CursorResult[Any]:
        """Run a statement through SQLAlchemy, for statements that are rare or differ each time."""
        return self.core.execute(statement, params)

    def exec_driver_sql(self, statement: str) -> CursorResult[Any]:
        """Run SQL text as it is."""
        return self.core.exec_driver_sql(statement)

    def fetch(self, statement: CompiledStatement, values: Sequence[Any]) -> Sequence[Iterable[Any]]:
        """Run a compiled statement, and return its rows as tuples."""
        # All rows are read: an unread row would keep the statement open, and with it the snapshot of the connection.
        rows: list[tuple[Any, ...]] = self.cursor.execute(statement.text, values).fetchall()
        return rows

    def change(self, statement: CompiledStatement, values: Sequence[Any]) -> int:
        """Run a compiled statement, and return the number of rows that it changed."""
        count: int = self.cursor.execute(statement.text, values).rowcount
        return count

    def change_all(self, statement: CompiledStatement, rows: Iterable[Sequence[Any]]) -> None:
        """Run a compiled statement once for each of the rows."""
        self.cursor.executemany(statement.text, rows)

    def renew(self) -> None:
        """Replace the cursor after a failure: an open statement would keep an old snapshot."""
        self.cursor.close()
        self.cursor = self.driver.cursor()

    def close(self) -> None:
        """Close the connection."""
        # The cursor first: an open statement would keep the file open, and the files beside it.
        self.cursor.close()
        self.core.close()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See the database as it is now while the body runs, whatever a server writes meanwhile."""
        self.exec_driver_sql("BEGIN")
        try:
            yield
        finally:
            self.renew()
            self.exec_driver_sql("ROLLBACK")

    def take_turn(self, key: str) -> None:
        """Do nothing: the file has one writer."""

    def work_alone(self) -> None:
        """Do nothing: the file has one writer."""

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

    token = _opened.set(opened)
    try:
        with translated(path):
            return SqliteConnection(_ENGINE.connect())
    finally:
        _opened.reset(token)


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
