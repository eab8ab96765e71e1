"""The schema of a PostgreSQL database: its migrations, and checks of what it is."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import sqlalchemy
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from engine.errors import StoreError, StoreOutdated
from engine.store import schema
from engine.store.postgres import create, place_of
from engine.store.postgres_calls import TURN_SPACE, UNITS_EXCLUDED
from engine.store.postgres_errors import is_again, translated
from engine.store.tables import WorkspaceRow

_workspace = WorkspaceRow.__table__  # type: ignore[attr-defined]
_MIGRATING: Final = 1
"""The second key of the advisory lock of migrations: chains have other numbers."""


async def prepare(engine: AsyncEngine, *, now: datetime) -> bool:
    """Bring the database to this program's schema. Return whether that was necessary.

    Processes that start at the same time wait for each other. Either all migrations are applied or none. Processes of
    the version before may work meanwhile, and go on with the new schema. Raises `StoreOutdated` for a database of a
    newer version, and `StoreError` for one that cannot be used.
    """
    place = place_of(engine)
    patient = create(engine.url, seconds=None)  # a migration of many rows takes long, and others wait for it
    try:
        with translated(place):
            try:
                return await _prepare_on(patient, now, place, alone=False)
            except Exception as error:
                if not is_again(error):
                    raise
                # A unit and a migration had locked the same tables in another order, and the server ended this one.
                return await _prepare_on(patient, now, place, alone=True)
    finally:
        await patient.dispose()


async def _prepare_on(engine: AsyncEngine, now: datetime, place: str, *, alone: bool) -> bool:
    async with engine.connect() as connection:
        return await connection.run_sync(_prepare, now, place, alone)


async def check_current(engine: AsyncEngine) -> None:
    """Raise `StoreOutdated` unless the database has this program's schema, and `StoreError` if it cannot be reached."""
    place = place_of(engine)
    with translated(place):
        async with engine.connect() as connection:
            revision = await connection.run_sync(_revision, place)
    if revision is None:
        raise StoreError(f"There are no tables in {place} yet. Make them: signoff migrate")
    if revision != schema.revisions(schema.HISTORY)[-1]:
        raise StoreOutdated(
            f"{place} has another schema than this version of Signoff. Bring it up to date: signoff migrate"
        )


def _prepare(connection: sqlalchemy.Connection, now: datetime, place: str, alone: bool) -> bool:
    """Apply the migrations. `alone`: while no unit of any process runs."""
    known = schema.revisions(schema.HISTORY)
    if _revision(connection, place) == known[-1]:
        return False
    # The connection commits each statement by itself, so the transaction is begun by hand.
    connection.exec_driver_sql("BEGIN")
    try:
        if alone:
            connection.exec_driver_sql(UNITS_EXCLUDED)
        connection.execute(text("SELECT pg_advisory_xact_lock(:space, :key)"), {"space": TURN_SPACE, "key": _MIGRATING})
        revision = _revision(connection, place)
        if revision is not None and revision not in known:
            raise StoreOutdated(f"{place} was written by a newer Signoff. Install that version to use it.")
        schema.apply_migrations(connection)
        schema.create_workspace(connection, now)
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")
    return True


def _revision(connection: sqlalchemy.Connection, place: str) -> str | None:
    """Return the schema of the database, or None if it is empty. Raises `StoreError` for one of another program."""
    tables = inspect(connection).get_table_names()
    if "alembic_version" not in tables:
        if "run" in tables or "request" in tables:
            raise StoreError(f"{place} has tables of another program. Use a database of its own for Signoff.")
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return revision
