"""Reads the tables of a campaign with plain SQL, without the code of the product, from a file or from PostgreSQL."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import asyncpg

SECONDS: Final = 5.0
"""Maximum time of a query, in seconds."""
_UNREADABLE: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)

T = TypeVar("T")
Row = Mapping[str, Any] | sqlite3.Row


class Unreadable(Exception):
    """The database cannot be read now."""


class Tables(Protocol):
    """The tables of the product, while servers work on them."""

    def rows(self, query: str, *values: object) -> Sequence[Any]:
        """Return the rows of a query with `?` for each value, times as SQLite keeps them. Raises `Unreadable`."""


class FileTables:
    """The tables in a database file."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        try:
            with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=10)) as connection:
                connection.row_factory = sqlite3.Row
                return connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise Unreadable(str(error)) from error


class ServerTables:
    """The tables in a PostgreSQL database. It waits on a thread, so that callers need not be coroutines."""

    def __init__(self, url: str) -> None:
        self._address = url.replace("+asyncpg", "", 1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._connection: asyncpg.Connection[Any] | None = None

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        return [{name: _plain(value) for name, value in row.items()} for row in self._do(self._fetch(query, values))]

    def execute(self, statement: str) -> None:
        """Run a statement. Raises `Unreadable`."""
        self._do(self._fetch(statement, ()))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result(3 * SECONDS)
        except _UNREADABLE as error:
            raise Unreadable(str(error) or type(error).__name__) from error

    async def _fetch(self, query: str, values: Sequence[object]) -> list[Any]:
        if self._connection is None or self._connection.is_closed():
            settings = {"application_name": "soak"}
            self._connection = await asyncpg.connect(
                self._address, timeout=SECONDS, command_timeout=SECONDS, server_settings=settings
            )
        first, *parts = query.split("?")
        return await self._connection.fetch(first + "".join(f"${n}{part}" for n, part in enumerate(parts, 1)), *values)

    @contextmanager
    def open(self) -> Iterator[ServerTables]:
        """Take queries while the body runs."""
        self._thread.start()
        try:
            yield self
        finally:
            if self._connection is not None:
                self._loop.call_soon_threadsafe(self._connection.terminate)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def copy_to(self, database: Path) -> None:
        """Write all tables of the product into a new SQLite file, for the checks, and for who looks at a finding."""
        tables = self.rows("SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'")
        with closing(sqlite3.connect(database)) as copy:
            for name in (table["name"] for table in tables if not table["name"].startswith("pgqueuer")):
                described = self.rows(
                    "SELECT column_name AS name FROM information_schema.columns "
                    "WHERE table_schema = 'public' AND table_name = ? ORDER BY ordinal_position",
                    name,
                )
                columns = [f'"{column["name"]}"' for column in described]
                copy.execute(f'CREATE TABLE "{name}" ({", ".join(columns)})')
                rows = [tuple(row.values()) for row in self.rows(f'SELECT {", ".join(columns)} FROM "{name}"')]
                copy.executemany(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(columns))})', rows)
            copy.commit()


def _plain(value: Any) -> Any:
    """Return a value as SQLite keeps it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    return int(value) if isinstance(value, bool) else value
