"""Reads a PostgreSQL database from plain code, for commands that only read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import CursorResult, Executable

from engine.store import postgres, postgres_schema
from engine.store.connection import CompiledStatement, Connection
from engine.store.postgres_calls import Calls
from engine.store.postgres_connection import PostgresConnection
from engine.store.postgres_errors import translated

T = TypeVar("T")


class BlockingConnection(Connection):
    """A connection whose methods wait for the database, each in turns of a loop of its own."""

    __slots__ = ("_driver", "_inner", "_loop", "_place")

    def __init__(
        self,
        inner: PostgresConnection,
        driver: asyncpg.Connection[Any],
        loop: asyncio.AbstractEventLoop,
        place: str,
    ) -> None:
        super().__init__(inner.core)
        self._inner, self._driver, self._loop, self._place = inner, driver, loop, place

    def execute(self, statement: Executable, params: Any = None) -> CursorResult[Any]:
        """Run a statement through SQLAlchemy, for statements that are rare or differ each time."""
        return self._wait(lambda: self._inner.execute(statement, params))

    def exec_driver_sql(self, statement: str) -> CursorResult[Any]:
        """Run SQL text as it is."""
        return self._wait(lambda: self._inner.exec_driver_sql(statement))

    def fetch(self, statement: CompiledStatement, values: Sequence[Any]) -> Sequence[Iterable[Any]]:
        """Run a compiled statement, and return its rows as tuples."""
        return self._wait(lambda: self._inner.fetch(statement, values))

    def change(self, statement: CompiledStatement, values: Sequence[Any]) -> int:
        """Run a compiled statement, and return the number of rows that it changed."""
        return self._wait(lambda: self._inner.change(statement, values))

    def change_all(self, statement: CompiledStatement, rows: Iterable[Sequence[Any]]) -> None:
        """Run a compiled statement once for each of the rows."""
        self._wait(lambda: self._inner.change_all(statement, rows))

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """See the database as it is now while the body runs: the whole connection reads one snapshot."""
        yield

    def take_turn(self, key: str) -> None:
        """Wait until no unit of work, of any process, has this turn."""
        self._wait(lambda: self._inner.take_turn(key))

    def work_alone(self) -> None:
        """Do nothing: the connection cannot write."""

    def overwrite_deleted(self) -> None:
        """Do nothing: the connection cannot write."""

    def _wait(self, function: Callable[[], T]) -> T:
        with translated(self._place):
            (ended,) = self._loop.run_until_complete(Calls(self._driver).run([function]))
            if ended.error is not None:
                raise ended.error
        result: T = ended.result
        return result


@contextmanager
def reading(url: str) -> Iterator[BlockingConnection]:
    """Open a connection that reads one snapshot of the database, while other processes go on.

    Raises `StoreError` if it cannot be reached, and `StoreOutdated` for another schema. Not for code in an event loop.
    """
    engine = postgres.create(url)
    place = postgres.place_of(engine)
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        try:
            # Only the database's own errors: the body may fail to write a file, which is no error of the database.
            with translated(place):
                runner.run(postgres_schema.check_current(engine))
                core = runner.run(_connect(engine))
                driver: Any = runner.run(core.get_raw_connection()).driver_connection
                runner.run(driver.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            try:
                yield BlockingConnection(PostgresConnection(core.sync_connection), driver, loop, place)
            finally:
                runner.run(core.close())
        finally:
            runner.run(engine.dispose())


async def _connect(engine: Any) -> Any:
    return await engine.connect()
