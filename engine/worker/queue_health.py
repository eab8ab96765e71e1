"""The state of PgQueuer's queue in a database, read without changing anything."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import asyncpg
from msgspec import Struct
from pgqueuer import AsyncpgDriver, Queries

from engine.errors import StoreError

QUEUE_CONNECTIONS: Final = 4
"""Connections that the queue of one process takes at most."""
STUCK: Final = timedelta(minutes=1)
"""After this time a job that no worker took, or whose worker gave no sign of life, is stuck: ten seconds are normal."""
SECONDS: Final = 5.0
"""Maximum time to connect, and of one statement, in seconds."""


class QueueHealth(Struct, frozen=True, kw_only=True):
    """Counts of jobs: no worker took them (`untaken`), their worker is gone (`abandoned`), they failed (`held`)."""

    is_installed: bool
    untaken: int = 0
    abandoned: int = 0
    held: int = 0


async def inspect_queue(address: str) -> QueueHealth:
    """Return the state of the queue. `address`: the database, as libpq takes it. Raises `StoreError`."""
    try:
        connection = await asyncpg.connect(address, timeout=SECONDS, command_timeout=SECONDS)
        try:
            queries = Queries(AsyncpgDriver(connection))
            if not await queries.schema_is_installed():
                return QueueHealth(is_installed=False)
            row = await connection.fetchrow(_COUNTS.format(table=queries.qbe.settings.queue_table), STUCK)
        finally:
            await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StoreError(f"The queue in the database cannot be read ({error or type(error).__name__}).") from error
    assert row is not None
    return QueueHealth(is_installed=True, **dict(row))


_COUNTS: Final = """
SELECT
  count(*) FILTER (WHERE status = 'queued' AND greatest(created, execute_after) < now() - $1::interval) AS untaken,
  count(*) FILTER (WHERE status = 'picked' AND heartbeat < now() - $1::interval) AS abandoned,
  count(*) FILTER (WHERE status = 'failed') AS held
FROM {table}
"""
