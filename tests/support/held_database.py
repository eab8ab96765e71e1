"""Another process that holds a database, so that nothing can be written, or nothing at all."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path

import asyncpg

Hold = Callable[[], AbstractAsyncContextManager[None]]


def of_file(path: Path) -> Hold:
    """Return what holds the write lock of a database file."""

    @asynccontextmanager
    async def hold() -> AsyncIterator[None]:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")

    return hold


def on_server(url: str) -> Hold:
    """Return what locks the requests of a database on a server, against reading as well."""

    @asynccontextmanager
    async def hold() -> AsyncIterator[None]:
        connection = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
        try:
            async with connection.transaction():
                await connection.execute("LOCK TABLE request IN ACCESS EXCLUSIVE MODE")
                yield
        finally:
            await connection.close()

    return hold
