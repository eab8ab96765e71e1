"""Opens the database of the settings, on a file or on a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from urllib.parse import urlsplit

from bot.settings import Settings
from engine.errors import StoreError
from engine.ports import Clock
from engine.store import restored_backup, schema
from engine.store.connection import Connection
from engine.store.port import Store
from engine.system import RandomIds


class PackagesMissing(StoreError):
    """The packages for PostgreSQL are not installed."""


@asynccontextmanager
async def open_on_server(
    settings: Settings, clock: Clock, *, by: str = "", restored: bool = False
) -> AsyncIterator[Store]:
    """Open the PostgreSQL database of the settings while the body runs; its schema must be current.

    `restored`: use a database that may lack its latest events, as confirmed by `by`. Raises `StoreError` if it cannot
    be used, and `StoreRestored` if it may lack them.
    """
    assert settings.server_url is not None
    with explaining_packages():
        from engine.store import postgres, postgres_schema, server_marks
    engine = postgres.create(settings.server_url)
    try:
        await postgres_schema.check_current(engine)
    finally:
        await engine.dispose()
    async with postgres.opened(settings.server_url, clock=clock, ids=RandomIds(), restored=restored) as store:
        await server_marks.confirm(store, store.continuity, by=by)
        yield store


async def migrate_server(settings: Settings, now: datetime) -> tuple[str, bool]:
    """Bring the database on the server, and its queue, to this program's schema.

    Return where it is, and whether its schema was older. Raises `StoreError`.
    """
    assert settings.server_url is not None
    with explaining_packages():
        from engine.store import postgres, postgres_schema
        from engine.worker import distributed
    engine = postgres.create(settings.server_url)
    try:
        was_older = await postgres_schema.prepare(engine, now=now)
    finally:
        await engine.dispose()
    await distributed.prepare(libpq(settings.server_url))
    return place(settings), was_older


@contextmanager
def reading(settings: Settings) -> Iterator[Connection]:
    """Open a connection that reads the database, while servers go on. Raises `StoreError`."""
    if settings.server_url is None:
        with schema.reading(settings.database) as connection:
            yield connection
        return
    with explaining_packages():
        from engine.store import postgres_reader
    with postgres_reader.reading(settings.server_url) as blocking:
        yield blocking


def risks(settings: Settings) -> str:
    """Return what a database that may lack its latest events may do twice. Raises `StoreError`."""
    if settings.server_url is None:
        return restored_backup.outlook(settings.database)
    with reading(settings) as connection:
        return restored_backup.risks(connection)


def place(settings: Settings) -> str:
    """Return where the database is, without user and password."""
    if settings.server_url is None:
        return str(settings.database)
    return place_of_url(settings.server_url)


def place_of_url(url: str) -> str:
    """Return where the database at a URL is, without user and password."""
    parts = urlsplit(url)
    return f"{parts.path.strip('/')} on {parts.hostname or 'this machine'}"


def libpq(url: str) -> str:
    """Return the URL as PostgreSQL's own programs write it."""
    return url.replace("+asyncpg", "", 1)


@contextmanager
def explaining_packages() -> Iterator[None]:
    """Raise `PackagesMissing` if the body imports what only the extra `postgres` installs."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise PackagesMissing(
            f"PostgreSQL needs more packages ({error.name} is missing). Install them: pip install 'signoff[postgres]'"
        ) from None
