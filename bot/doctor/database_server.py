"""Checks of a database on a PostgreSQL server: the server, its clock, rights, the key of all processes, the queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from bot import databases
from bot.databases import explaining_packages
from bot.doctor.context import NETWORK_SECONDS, CheckContext
from bot.doctor.finding import Finding, ok, problem, warning
from bot.setting_values import is_loopback, parse_key
from engine.code_derivation import Codes
from engine.errors import StoreError
from engine.store.health import SchemaState

if TYPE_CHECKING:
    from engine.store.postgres_health import ServerHealth

OLDEST, NEWEST = 14, 18
"""Versions of PostgreSQL that the tests run with, and those between them."""
_SKEW: Final = timedelta(seconds=1)
"""Difference between two clocks that people notice."""
_DANGEROUS_SKEW: Final = timedelta(seconds=4)
"""Difference at which leases of eight seconds are taken over while their owner still works."""
_FEW: Final = 2
"""Processes for which there should be room at least: during an upgrade, old and new ones run."""


async def server(context: CheckContext) -> AsyncIterator[Finding]:
    """Check that the server can be used, and everything that it knows about itself."""
    url = context.server_url
    if url is None:
        return
    try:
        with explaining_packages():
            from engine.store.postgres_health import inspect_server
        async with asyncio.timeout(NETWORK_SECONDS):
            health = await inspect_server(url, context.clock)
    except (StoreError, TimeoutError) as error:
        said = str(error) or f"The database does not answer within {NETWORK_SECONDS:.0f} seconds."
        yield problem("database.server", said, "Correct that, or set SIGNOFF_DATABASE_URL to another database.")
        return
    for check in SERVER_CHECKS:
        for finding in check(context, health):
            yield finding


def version(_: CheckContext, health: ServerHealth) -> Iterator[Finding]:
    """Check that this version of PostgreSQL is supported."""
    major = health.version // 10_000
    if major < OLDEST:
        yield problem(
            "database.server",
            f"{health.place} is on PostgreSQL {health.version_text}, which is too old.",
            f"Upgrade that server to version {NEWEST}; Signoff needs {OLDEST} or newer.",
        )
    elif major > NEWEST:
        yield warning(
            "database.server",
            f"{health.place} is on PostgreSQL {health.version_text}, which this version was not tested with.",
            f"Use a version from {OLDEST} to {NEWEST}, or upgrade Signoff.",
        )
    else:
        yield ok("database.server", f"The database is {health.place}, PostgreSQL {health.version_text}.")


def schema(_: CheckContext, health: ServerHealth) -> Iterator[Finding]:
    """Check that the database has the schema of this version."""
    match health.schema:
        case SchemaState.CURRENT:
            yield ok("database.schema", "The database has the schema of this version.")
        case SchemaState.OLDER:
            yield warning(
                "database.schema",
                f"{health.place} has the schema of an older version.",
                "Back it up with pg_dump and run `signoff migrate`; processes of the version before go on meanwhile.",
            )
        case SchemaState.NEWER:
            yield problem(
                "database.schema", f"{health.place} was written by a newer Signoff.", "Install that version here."
            )
        case SchemaState.FOREIGN:
            yield problem(
                "database.schema",
                f"{health.place} has tables of another program.",
                "Create a database for Signoff alone, and set SIGNOFF_DATABASE_URL to it.",
            )
        case _:
            yield warning("database.schema", f"There are no tables in {health.place} yet.", "Run `signoff migrate`.")


def rights(_: CheckContext, health: ServerHealth) -> Iterator[Finding]:
    """Check what the user of the database may do."""
    if health.is_read_only:
        yield problem(
            "database.rights",
            f"{health.place} is read-only: it is a standby server, or its owner said so.",
            "Set SIGNOFF_DATABASE_URL to the primary server.",
        )
    elif health.closed_tables:
        yield problem(
            "database.rights",
            f"This user may not read and write all tables of {health.place}.",
            "Make the user of SIGNOFF_DATABASE_URL the owner of the tables, or grant it all rights on them.",
        )
    elif not health.may_create:
        yield problem(
            "database.rights",
            f"This user may not create tables in {health.place}, so migrations fail.",
            "As the owner of the database: GRANT CREATE ON SCHEMA public TO the user of SIGNOFF_DATABASE_URL",
        )
    else:
        yield ok("database.rights", "This user may read, write and create tables.")


def clock(_: CheckContext, health: ServerHealth) -> Iterator[Finding]:
    """Check that this machine and the database have the same time."""
    seconds = abs(health.ahead.total_seconds())
    where = "ahead of" if health.ahead > timedelta() else "behind"
    advice = "Let NTP keep the clocks of all machines right: work is leased to one process for eight seconds."
    said = f"The clock of this machine is {seconds:.1f} seconds {where} that of the database."
    if abs(health.ahead) >= _DANGEROUS_SKEW:
        yield problem("database.clock", said, advice)
    elif abs(health.ahead) >= _SKEW:
        yield warning("database.clock", said, advice)
    else:
        yield ok("database.clock", "This machine and the database have the same time.")


def connections(context: CheckContext, health: ServerHealth) -> Iterator[Finding]:
    """Check that there are connections for more processes."""
    from engine.store.postgres_health import STORE_CONNECTIONS
    from engine.worker.queue_health import QUEUE_CONNECTIONS

    needed = STORE_CONNECTIONS + (QUEUE_CONNECTIONS if context.settings.role == "worker" else 0)
    room = max(0, health.connections - health.used_connections) // needed
    said = (
        f"The server takes {health.connections} connections, and {health.used_connections} are used. A process like "
        f"this one takes up to {needed}, so there is room for {room} more."
    )
    advice = "Raise max_connections of the server, or stop what uses them."
    if room == 0:
        yield problem("database.connections", said, advice)
    elif room < _FEW:
        yield warning("database.connections", said, advice)
    else:
        yield ok("database.connections", said)


def encryption(context: CheckContext, health: ServerHealth) -> Iterator[Finding]:
    """Check that contents do not travel readably over a network."""
    assert context.server_url is not None
    if health.is_encrypted:
        yield ok("database.tls", "The connection to the database is encrypted.")
    elif is_local(context.server_url):
        yield ok("database.tls", "The database is on this machine, so its connection need not be encrypted.")
    else:
        yield warning(
            "database.tls",
            f"The connection to {health.place} is not encrypted, so contents travel readably over the network.",
            "Turn on TLS on that server, and add ?ssl=require to SIGNOFF_DATABASE_URL.",
        )


def is_local(url: str) -> bool:
    """Return whether the database at this URL is on this machine: over a socket or the loopback."""
    parts = urlsplit(url)
    host = parts.hostname or parse_qs(parts.query).get("host", [""])[0]
    return not host or host.startswith("/") or is_loopback(host)


def key(context: CheckContext, health: ServerHealth) -> Iterator[Finding]:
    """Check that this process has the key of the others."""
    secret = context.settings.key.get_secret_value()
    if not secret or health.schema is not SchemaState.CURRENT:
        return  # The checks of the settings and of the schema report it.
    fingerprint = Codes(parse_key(secret)).fingerprint
    if health.key_fingerprint is None:
        yield ok("database.key", "SIGNOFF_KEY is set. No server has started with this database yet.")
    elif health.key_fingerprint == fingerprint:
        yield ok("database.key", "SIGNOFF_KEY is the key of the server that started last.")
    else:
        yield problem(
            "database.key",
            "SIGNOFF_KEY is not the key of the server that started last.",
            "Set the same key for all processes and restart them: codes and forms of one do not work at another.",
        )


def restored_backup(_: CheckContext, health: ServerHealth) -> Iterator[Finding]:
    """Check whether the database may lack its latest events."""
    if health.schema is not SchemaState.CURRENT:
        return
    if health.suspicion is None:
        yield ok("database.latest", "There is no sign that the database is an older copy.")
    else:
        yield warning(
            "database.latest",
            f"{health.place} may be an older copy. {health.suspicion.why}",
            "Start `signoff serve`, which shows what may happen twice, and asks before it uses the database.",
        )


async def queue(context: CheckContext) -> AsyncIterator[Finding]:
    """Check that the queue between bots and workers is there, and that its jobs are done."""
    url = context.server_url
    if url is None:
        return
    try:
        with explaining_packages():
            from engine.worker.queue_health import inspect_queue
        async with asyncio.timeout(NETWORK_SECONDS):
            health = await inspect_queue(databases.libpq(url))
    except (StoreError, TimeoutError):
        return  # The check of the server reports it.
    if not health.is_installed:
        yield warning(
            "database.queue", "The tables of the queue are missing.", "Run `signoff migrate`, which makes them."
        )
    elif health.untaken:
        yield problem(
            "database.queue",
            f"Jobs that no worker took for over a minute: {health.untaken}.",
            "Start `signoff worker`, one or more: processes with SIGNOFF_ROLE=bot only take clicks.",
        )
    elif health.abandoned or health.held:
        yield warning(
            "database.queue",
            f"Jobs whose worker is gone: {health.abandoned}; jobs that failed and are kept: {health.held}.",
            "Look for errors in the logs of the workers. No work is lost: workers find it in the tables.",
        )
    else:
        yield ok("database.queue", "The queue is there, and no job is stuck.")


SERVER_CHECKS: Final = (version, schema, rights, clock, connections, encryption, key, restored_backup)
CHECKS: Final = (server, queue)
