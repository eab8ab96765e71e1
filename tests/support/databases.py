"""The stores that a test may run on: SQLite, SQLite with every unit run twice, and PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from sqlalchemy import text

from engine.domain import DEFAULT_WORKSPACE
from engine.ports import Clock
from engine.store import audit_log, postgres, schema
from engine.store.connection import Connection
from engine.store.port import Store
from engine.system import RandomIds
from tests.support.repeating_store import RepeatingStore
from tests.support.stepwise_units import copy_empty_database

OpenStore = Callable[[Path, Clock], AbstractAsyncContextManager[Store]]
"""Opens the database of a test. A path names a file; a database on a server has its name already."""


@asynccontextmanager
async def open_sqlite(path: Path, clock: Clock, *, busy_seconds: float = 5.0) -> AsyncIterator[Store]:
    """Own the file at `path`. A missing file is created as an empty database."""
    copy_empty_database(path)
    with schema.owned(path, clock=clock, ids=RandomIds(), busy_seconds=busy_seconds) as store:
        yield store


@asynccontextmanager
async def open_repeating(path: Path, clock: Clock) -> AsyncIterator[Store]:
    """Own the file at `path`, and run every unit twice."""
    async with open_sqlite(path, clock) as store:
        yield RepeatingStore(store)


def on_server(url: str) -> OpenStore:
    """Return what opens the database at this URL, whatever the path."""

    @asynccontextmanager
    async def open_postgres(path: Path, clock: Clock) -> AsyncIterator[Store]:
        async with postgres.opened(url, clock=clock, ids=RandomIds()) as store:
            yield store

    return open_postgres


def names(connection: Connection) -> set[str]:
    """Return the workspaces that a test has written."""
    return set(connection.execute(text("SELECT id FROM workspace")).scalars()) - {DEFAULT_WORKSPACE}


def entries(connection: Connection) -> int:
    """Return the number of entries in the audit log."""
    return audit_log.head(connection, DEFAULT_WORKSPACE)[0]
