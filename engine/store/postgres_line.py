"""A line to PostgreSQL: one connection that is opened again after it was lost, and transactions on it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from engine.store import audit_log
from engine.store.postgres_calls import BEGIN, Calls
from engine.store.postgres_connection import PostgresConnection
from engine.store.postgres_errors import CommitUnknown, is_lost
from engine.store.server_marks import Head

LOOK_SECONDS: Final = 2.0
"""How long an unanswered commit is looked for while the database cannot be reached, in seconds."""
_PAUSE_SECONDS: Final = 0.1
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


async def look_for_commit(
    line: PostgresLine, unknown: CommitUnknown, heads: Mapping[str, Head], *, wrote: bool
) -> None:
    """Return if a transaction is durable whose commit was not answered. `heads`: its last entries, of which one tells.

    Raises `ConnectionResetError` if it is not, or if it wrote nothing, and `unknown` if that cannot be found out.
    """
    if not wrote:
        raise ConnectionResetError("the commit had nothing to save")
    try:
        async with asyncio.timeout(LOOK_SECONDS + IDLE_SECONDS):
            for workspace, (seq, hash_) in heads.items():
                if await _has_entry(line, workspace, seq, hash_):
                    return
                raise ConnectionResetError("the commit never came to the server")
    except TimeoutError:
        pass
    raise unknown


async def _has_entry(line: PostgresLine, workspace: str, seq: int, hash_: bytes) -> bool:
    """Return whether the chain has an entry, as soon as the database can be reached."""
    until = asyncio.get_running_loop().time() + LOOK_SECONDS
    while True:
        await line.drop()
        try:
            await line.open()
            await line.driver.execute("BEGIN")
            (function,) = await Calls(line.driver).run([lambda: _entry_hash(line, workspace, seq)])
            await line.driver.execute("ROLLBACK")
        except Exception as error:
            if not is_lost(error):
                raise
            if asyncio.get_running_loop().time() > until:
                raise TimeoutError from error
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            return bool(function.result == hash_.hex())


def _entry_hash(line: PostgresLine, workspace: str, seq: int) -> str | None:
    # The lost transaction holds this turn until it has ended in one way or the other.
    line.connection.take_turn(audit_turn(workspace))
    return audit_log.hash_of(line.connection, workspace, seq)


def audit_turn(workspace: str) -> str:
    """Return the turn of those who append to the chain of a workspace."""
    return f"audit {workspace}"
