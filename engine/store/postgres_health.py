"""The state of a PostgreSQL server and of our database on it, read without changing anything."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy
from msgspec import Struct
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from engine.domain import DEFAULT_WORKSPACE
from engine.ports import Clock
from engine.store import schema, server_marks
from engine.store.health import SchemaState
from engine.store.postgres import READERS, WRITERS, create, place_of
from engine.store.postgres_errors import translated
from engine.store.restored_backup import RestoreSuspicion

STORE_CONNECTIONS: Final = WRITERS + READERS + 1
"""Connections of the store of one process, and the one of `PostgresPace`."""
_FACTS: Final = text(
    """
    SELECT current_setting('server_version_num')::int AS version,
      current_setting('server_version') AS version_text,
      coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create,
      pg_is_in_recovery() OR current_setting('transaction_read_only')::bool AS is_read_only,
      coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false) AS is_encrypted,
      current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int AS connections,
      (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid())
        AS used_connections
    """
)
_RIGHTS: Final = text(
    """
    SELECT count(*) FROM pg_tables
    WHERE schemaname = current_schema() AND NOT (
      has_table_privilege(format('%I.%I', schemaname, tablename), 'SELECT')
      AND has_table_privilege(format('%I.%I', schemaname, tablename), 'INSERT')
      AND has_table_privilege(format('%I.%I', schemaname, tablename), 'UPDATE')
      AND has_table_privilege(format('%I.%I', schemaname, tablename), 'DELETE'))
    """
)


class ServerHealth(Struct, frozen=True, kw_only=True):
    """What is known of a server and of our database on it.

    `ahead`: how far the clock of this machine is ahead of the server's. `closed_tables`: tables in which this user may
    not read or write everything. `key_fingerprint`: of the key of the server process that started last.
    `suspicion`: why the database may lack its latest events.
    """

    place: str
    version: int
    version_text: str
    schema: SchemaState
    may_create: bool
    is_read_only: bool
    closed_tables: int
    is_encrypted: bool
    connections: int
    used_connections: int
    ahead: timedelta
    key_fingerprint: str | None
    suspicion: RestoreSuspicion | None


async def inspect_server(url: str, clock: Clock) -> ServerHealth:
    """Return the state of the database at a SQLAlchemy URL. Raises `StoreError` if it cannot be reached."""
    engine = create(url)
    place = place_of(engine)
    try:
        with translated(place):
            async with engine.connect() as connection:
                facts = (await connection.execute(_FACTS)).mappings().one()
                state = await connection.run_sync(_schema_state)
                is_current = state is SchemaState.CURRENT
                is_ours = state in (SchemaState.CURRENT, SchemaState.OLDER, SchemaState.NEWER)
                return ServerHealth(
                    place=place,
                    schema=state,
                    ahead=await _ahead(connection, clock),
                    closed_tables=(await connection.execute(_RIGHTS)).scalar_one() if is_ours else 0,
                    key_fingerprint=await _fingerprint(connection) if is_current else None,
                    suspicion=await _suspicion(connection) if is_current else None,
                    **{name: facts[name] for name in facts},
                )
    finally:
        await engine.dispose()


def _schema_state(connection: sqlalchemy.Connection) -> SchemaState:
    tables = inspect(connection).get_table_names()
    if "alembic_version" not in tables:
        return SchemaState.FOREIGN if {"run", "request"} & {*tables} else SchemaState.EMPTY
    revision: Any = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    known = schema.revisions(schema.HISTORY)
    if revision not in known:
        return SchemaState.NEWER
    return SchemaState.CURRENT if revision == known[-1] else SchemaState.OLDER


async def _ahead(connection: AsyncConnection, clock: Clock) -> timedelta:
    """Return how far our clock is ahead: the server's is read in the middle of the question and its answer."""
    before = clock.now()
    theirs: datetime = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
    return before + (clock.now() - before) / 2 - theirs


async def _fingerprint(connection: AsyncConnection) -> str | None:
    statement = text("SELECT key_fingerprint FROM workspace WHERE id = :id")
    fingerprint: str | None = (await connection.execute(statement, {"id": DEFAULT_WORKSPACE})).scalar_one_or_none()
    return fingerprint


async def _suspicion(connection: AsyncConnection) -> RestoreSuspicion | None:
    raw = await connection.get_raw_connection()
    driver: Any = raw.driver_connection
    return await server_marks.inspect(driver)
