"""Opens the database of the settings, on a file or on a server."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from bot.setting_values import parse_key
from bot.settings import Settings
from engine.code_derivation import Codes
from engine.domain import DEFAULT_WORKSPACE
from engine.errors import StoreError
from engine.pace import Pace
from engine.ports import Clock
from engine.store import key_marks, restored_backup, schema
from engine.store.connection import Connection
from engine.store.port import Store
from engine.system import RandomIds

_TLS: Final = re.compile(r"([?&])ssl=")
log = logging.getLogger(__name__)


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


async def note_key(settings: Settings, store: Store) -> None:
    """Note which key this process has, for the others of its database, and warn if it is another one than before."""
    fingerprint = Codes(parse_key(settings.key.get_secret_value())).fingerprint
    before = await store.transact(lambda tx: key_marks.note(tx, DEFAULT_WORKSPACE, fingerprint))
    if before not in (None, fingerprint):
        log.warning(
            "SIGNOFF_KEY is not the key of the process that started before this one; codes and forms of one do not "
            "work at the other. Set the same for all, and restart them."
        )


@asynccontextmanager
async def open_pace(settings: Settings) -> AsyncIterator[Pace | None]:
    """Open the pace that all processes on the database share while the body runs; None if there is only one process."""
    if settings.server_url is None:
        yield None
        return
    from engine.store import postgres_pace

    async with postgres_pace.opened(settings.server_url) as pace:
        yield pace


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
    """Return the URL as PostgreSQL's own programs write it, which also name the use of TLS another way."""
    return _TLS.sub(r"\1sslmode=", url.replace("+asyncpg", "", 1))


@contextmanager
def explaining_packages() -> Iterator[None]:
    """Raise `PackagesMissing` if the body imports what only the extra `postgres` installs."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise PackagesMissing(
            f"PostgreSQL needs more packages ({error.name} is missing). Install them: pip install 'signoff[postgres]'"
        ) from None
