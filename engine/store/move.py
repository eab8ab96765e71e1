"""Moves everything from a SQLite file to an empty PostgreSQL database, with all that waits.

Buttons and links that are out keep working: rows keep their ids and digests. All rows are written in one transaction,
and what arrived is compared with what was read before it is committed.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection as CoreConnection
from sqlalchemy import Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from engine import verify_audit
from engine.domain import DEFAULT_WORKSPACE
from engine.errors import StoreError
from engine.store import audit_log, metadata
from engine.store.postgres import place_of
from engine.store.postgres_errors import translated
from engine.store.sqlite_connection import SqliteConnection
from engine.store.tables import WorkspaceRow

ROWS: Final = 5_000
"""Rows that are in memory at once."""
_TABLES: Final[Sequence[Table]] = metadata.METADATA.sorted_tables
"""In an order in which each row follows those that it refers to."""
_workspace = WorkspaceRow.__table__  # type: ignore[attr-defined]


class Moved(Struct, frozen=True):
    """What was moved: the number of rows of each table, and the last entry of the audit log."""

    rows: dict[str, int]
    head: tuple[int, str]


async def move(source: SqliteConnection, target: AsyncEngine) -> Moved:
    """Copy every row of `source` into `target`, whose schema is current and which holds nothing yet.

    No process may use the source meanwhile. Raises `StoreError` if the log of the source was changed, if the target is
    in use already, if a row arrived changed, or if a database fails; then the target is as it was.
    """
    place = place_of(target)
    with translated(place):
        async with target.connect() as connection:
            return await _move(source, connection, place)


async def _move(source: SqliteConnection, target: AsyncConnection, place: str) -> Moved:
    raw = await target.get_raw_connection()
    driver: Any = raw.driver_connection
    await driver.execute("BEGIN")
    try:
        _check_log(source)
        await _check_empty(target, place)
        await target.execute(_workspace.delete())  # the one of a new database; it comes with the others
        counts = {table.name: await _copy(source, driver, table) for table in _TABLES}
        await _compare(source, target, counts, place)
        head = audit_log.head(source, DEFAULT_WORKSPACE)
        await driver.execute("COMMIT")
    except BaseException:
        if not driver.is_closed():
            await driver.execute("ROLLBACK")
        raise
    return Moved(counts, head)


def _check_log(source: SqliteConnection) -> None:
    """Raise `StoreError` if the chain of the audit log is broken: afterwards it would seem that the move broke it."""
    log = verify_audit.Log()
    findings = chain.from_iterable(log.read(line) for line in audit_log.export(source, DEFAULT_WORKSPACE))
    if (finding := next(findings, None)) is not None:
        raise StoreError(f"The audit log was changed ({finding}), so nothing was moved. Look: signoff audit verify")


async def _check_empty(target: AsyncConnection, place: str) -> None:
    for table in _TABLES:
        if table is not _workspace and (await target.execute(select(1).select_from(table).limit(1))).first():
            raise StoreError(f"{place} is in use already (it has rows in {table.name}). Name an empty database.")


async def _copy(source: SqliteConnection, driver: Any, table: Table) -> int:
    """Copy the rows of one table through PostgreSQL's COPY, and return their number."""
    count = 0
    for rows in _read(source.core, table):
        await driver.copy_records_to_table(table.name, records=rows, columns=[column.name for column in table.c])
        count += len(rows)
        await asyncio.sleep(0)
    return count


def _read(core: CoreConnection, table: Table) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of a table as tuples, some thousands at a time, in the order of the key."""
    statement = select(table).order_by(*table.primary_key.columns).execution_options(yield_per=ROWS)
    for rows in core.execute(statement).partitions():
        yield [tuple(row) for row in rows]


async def _compare(source: SqliteConnection, target: AsyncConnection, counts: dict[str, int], place: str) -> None:
    """Raise `StoreError` if the target has other rows than the source."""
    for table in _TABLES:
        arrived = (await target.execute(select(func.count()).select_from(table))).scalar_one()
        if arrived != counts[table.name]:
            missing = f"{arrived} of {counts[table.name]} rows of {table.name} arrived in {place}"
            raise StoreError(f"{missing}. Nothing is kept there.")
        before = digest(row for rows in _read(source.core, table) for row in rows)
        if before != await target.run_sync(_digest_of, table):
            raise StoreError(f"Rows of {table.name} arrived changed in {place}. Nothing is kept there.")


def _digest_of(core: CoreConnection, table: Table) -> bytes:
    return digest(row for rows in _read(core, table) for row in rows)


def digest(rows: Iterable[tuple[Any, ...]]) -> bytes:
    """Return a digest of rows in any order: databases sort texts differently."""
    total = 0
    for row in rows:
        total += int.from_bytes(hashlib.sha256(repr(row).encode()).digest(), "big")
    return (total % 2**256).to_bytes(32, "big")
