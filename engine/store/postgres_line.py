"""A line to PostgreSQL: one connection that is opened again after it was lost, and transactions on it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from engine.store.postgres_calls import BEGIN
from engine.store.postgres_connection import PostgresConnection
from engine.store.postgres_errors import CommitUnknown, is_lost

IDLE_SECONDS: Final = 5.0
"""How long a process may do nothing in a transaction, in seconds: then one that was stopped holds up no other."""


Check = Callable[["asyncpg.Connection[Any]"], Awaitable[None]]
"""Raises if a new connection may not be used."""


class PostgresLine:
    """One connection to the database, opened when it is needed, and again after it was lost."""

    def __init__(self, engine: AsyncEngine, check: Check) -> None:
        self._engine, self._check = engine, check
        self._core: AsyncConnection | None = None
        self.driver: asyncpg.Connection[Any]
        self.connection: PostgresConnection

    async def open(self) -> None:
        if self._core is not None and not self.driver.is_closed():
            return
        await self.drop()
        core = await self._engine.connect()
        raw = await core.get_raw_connection()
        driver: Any = raw.driver_connection
        sync = core.sync_connection
        assert sync is not None
        self._core, self.driver, self.connection = core, driver, PostgresConnection(sync)
        try:
            await driver.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS:.0f}s'")
            await self._check(driver)
        except BaseException:
            await self.drop()
            raise

    async def drop(self) -> None:
        """Close the connection without waiting for the other end."""
        core, self._core = self._core, None
        if core is None:
            return
        self.driver.terminate()
        with contextlib.suppress(Exception):
            await core.close()


@asynccontextmanager
async def transaction(line: PostgresLine, begin: str = BEGIN) -> AsyncIterator[None]:
    """Commit what the body does, or roll it back if it raises."""
    try:
        await line.driver.execute(begin)
        yield
    except BaseException as error:
        if not is_lost(error):
            await line.driver.execute("ROLLBACK")
        raise
    try:
        await line.driver.execute("COMMIT")
    except Exception as error:
        if is_lost(error):
            raise CommitUnknown from error
        raise
