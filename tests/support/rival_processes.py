"""Two stores on one PostgreSQL database, as two processes have them, and a table that holds both back for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import make_url

from engine.ports import Directory
from tests.support.databases import on_server
from tests.support.engine_env import EngineEnv, open_engine
from tests.support.fakes import FakeClock

SECONDS = 20.0
"""How long a unit may take to reach the table, in seconds."""


async def connect(url: str) -> asyncpg.Connection[Any]:
    """Return a bare connection to the database."""
    return await asyncpg.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))


@asynccontextmanager
async def two_processes(url: str, *, directory: Directory | None = None) -> AsyncIterator[tuple[EngineEnv, EngineEnv]]:
    """Open two engines on one database, with one clock."""
    clock = FakeClock()
    async with AsyncExitStack() as stack:
        first, second = [
            await stack.enter_async_context(
                open_engine(Path("unused"), clock=clock, directory=directory, open_store=on_server(url))
            )
            for _ in range(2)
        ]
        yield first, second


async def race(url: str, table: str, *units: Awaitable[Any]) -> list[Any]:
    """Run units that have read what they need before any of them may write to `table`. Return results or errors."""
    connection = await connect(url)
    try:
        await connection.execute(f"BEGIN; LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
        racing = asyncio.gather(*units, return_exceptions=True)
        await _until_all_wait(url, len(units), racing)
        await connection.execute("COMMIT")
        return await racing
    finally:
        await connection.close()


async def collected(unit: Awaitable[Any]) -> Any:
    """Return the result of a unit, or its error."""
    try:
        return await unit
    except Exception as error:  # noqa: BLE001 the test looks at it
        return error


async def overtake(url: str, table: str, slow: Awaitable[Any], fast: Awaitable[Any]) -> list[Any]:
    """Run `fast` to its end while `slow`, which has read what it needs, waits to write to `table`."""
    connection = await connect(url)
    try:
        await connection.execute(f"BEGIN; LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
        waiting = asyncio.ensure_future(collected(slow))
        await _until_all_wait(url, 1, waiting)
        first = await collected(fast)
        await connection.execute("COMMIT")
        return [await waiting, first]
    finally:
        await connection.close()


async def _until_all_wait(url: str, count: int, racing: asyncio.Future[Any]) -> None:
    """Wait until each unit is held back by the table, or by a unit that is."""
    connection = await connect(url)
    deadline = asyncio.get_running_loop().time() + SECONDS
    try:
        while not racing.done():
            waiting = await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if waiting >= count:
                return
            assert asyncio.get_running_loop().time() < deadline, f"only {waiting} of {count} units reached the table"
            await asyncio.sleep(0.01)
    finally:
        await connection.close()
