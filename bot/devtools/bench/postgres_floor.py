"""The floor on PostgreSQL: the rows of one lifecycle, written by bare asyncpg, one transaction for each unit.

As for `bot.devtools.bench.floor`, the statements come from the tables before and after each unit of a real lifecycle.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final, TypeAlias

import asyncpg
from msgspec.structs import replace

from bot.databases import libpq
from bot.devtools.bench.engine_load import WORKFLOW
from bot.devtools.bench.floor import FOLLOWED, STAGES, TABLES, Batch, Recording, Replay, Row, TableShape
from bot.devtools.bench.postgres_load import open_engine

CONNECTIONS: Final = 8
EXPIRES_AFTER: Final = timedelta(days=30)
"""When the requests of a filled database expire."""
_FILLED_AT_ONCE: Final = 5000
"""Runs that are built in memory and copied into the tables at once."""
_COLUMNS: Final = """
    SELECT a.attname, coalesce(array_position(i.indkey::int2[], a.attnum), -1) AS key
    FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
    WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_HEAD: Final = "SELECT seq, hash FROM audit ORDER BY workspace DESC, seq DESC LIMIT 1"  # by the key of the table
_UNCHECKED: Final = "SET session_replication_role = replica"
"""Leaves foreign keys unchecked, in the session that fills the tables."""
_NOTHING_TO_SHOW: Final = "UPDATE delivery SET next_at = NULL"

Driver: TypeAlias = "asyncpg.Connection[Any]"
Unit = list[tuple[str, list[Row]]]
"""Statements in order, each with the rows that it runs for."""


async def read_tables(driver: Driver) -> list[tuple[TableShape, dict[Row, Row]]]:
    """Read the tables of a lifecycle, each row under its key."""
    tables = []
    for name in TABLES:
        columns = await driver.fetch(_COLUMNS, name)
        key = sorted((column["key"], at) for at, column in enumerate(columns) if column["key"] >= 0)
        names = tuple(column["attname"] for column in columns)
        table = TableShape(name, names, tuple(at for _, at in key), mark="${}".format)
        tables.append((table, table.by_key(map(tuple, await driver.fetch(f"SELECT * FROM {name}")))))  # noqa: S608
    return tables


async def record_lifecycle(url: str, source: bytes = WORKFLOW) -> Replay:
    """Record the writes of one lifecycle in an empty database, stage by stage."""
    async with open_engine(url) as env, connected(url, 1) as (driver,):
        await env.register(source)
        for _ in range(2):  # The first lifecycle creates persons, so the second is recorded.
            recording = Recording()
            recording.add(await read_tables(driver))
            run = await env.start()
            recording.add(await read_tables(driver))
            view = await env.engine.request((await env.read_button(run))[0])
            await env.decide(run)
            recording.add(await read_tables(driver))
            await env.advance(run)
            recording.add(await read_tables(driver))
    assert view is not None
    model = view.model

    def rename(renamed: Mapping[Any, Any]) -> Mapping[Any, Any]:
        """Return the digest of the request, which covers its run."""
        return {model.digest: replace(model.subject, run=renamed[run]).digest(model.content)}

    return Replay(recording, rename)


@asynccontextmanager
async def connected(url: str, connections: int) -> AsyncIterator[list[Driver]]:
    """Open bare connections to a database."""
    async with AsyncExitStack() as stack:
        drivers = []
        for _ in range(connections):
            drivers.append(await asyncpg.connect(libpq(url)))
            stack.push_async_callback(drivers[-1].close)
        yield drivers


@asynccontextmanager
async def open_floor(url: str, replay: Replay) -> AsyncIterator[PostgresFloor]:
    """Open a floor on a database in which the lifecycle was recorded."""
    async with connected(url, CONNECTIONS) as drivers:
        yield PostgresFloor(drivers, replay)


class PostgresFloor:
    """A database like the engine's, written by bare asyncpg: as durable, without any checks of ours."""

    def __init__(self, drivers: Sequence[Driver], replay: Replay) -> None:
        self._drivers, self._replay = drivers, replay

    async def head(self) -> tuple[int, bytes]:
        """Return number and hash of the last entry of the chain."""
        row = await self._drivers[0].fetchrow(_HEAD)
        assert row is not None
        return row["seq"], row["hash"]

    async def lifecycles_per_second(self, count: int) -> float:
        """Write lifecycles on all connections, one transaction for each unit, and return how many a second."""
        lifecycles = iter(await self._lifecycles(count))

        async def write(driver: Driver) -> None:
            for units in lifecycles:
                for unit in units:
                    await _write(driver, unit)

        started = time.perf_counter()
        await asyncio.gather(*map(write, self._drivers))
        return count / (time.perf_counter() - started)

    async def commit_seconds(self, count: int) -> list[float]:
        """Write lifecycles on one connection, and return the seconds of each COMMIT."""
        return [await _write(self._drivers[0], unit) for units in await self._lifecycles(count) for unit in units]

    async def _lifecycles(self, count: int) -> list[list[Unit]]:
        """Prepare the units of some lifecycles, the units of each in their order."""
        stages = self._replay.lifecycles(count, after=await self.head())
        return [[_grouped(stages[at][number]) for at in range(len(STAGES))] for number in range(count)]

    async def fill(self, count: int) -> None:
        """Write `count` runs with pending requests, whose copies were shown."""
        driver, tables = self._drivers[0], {table.name: table for table, _ in await read_tables(self._drivers[0])}
        await driver.execute(_NOTHING_TO_SHOW)
        with suppress(asyncpg.InsufficientPrivilegeError):  # Then it takes longer.
            await driver.execute(_UNCHECKED)
        for offset in range(0, count, _FILLED_AT_ONCE):
            size = min(_FILLED_AT_ONCE, count - offset)
            (batches,) = self._replay.lifecycles(size, after=await self.head(), stages=1)
            for name, rows in _by_table(batch for batches in batches for batch in batches).items():
                shape = tables[name]
                records = [_shown(shape, row) for row in rows]
                await driver.copy_records_to_table(name, columns=shape.columns, records=records)
        for statement in FOLLOWED:
            await driver.execute(statement)
        await driver.execute("VACUUM ANALYZE", timeout=None)


def _grouped(batch: Batch) -> Unit:
    return [(sql, [row for _, row in writes]) for sql, writes in groupby(batch, key=lambda write: write[0])]


async def _write(driver: Driver, unit: Unit) -> float:
    """Write a unit, and return the seconds of its COMMIT."""
    await driver.execute("BEGIN")
    for sql, rows in unit:
        if len(rows) == 1:
            await driver.execute(sql, *rows[0])
        else:
            await driver.executemany(sql, rows)
    started = time.perf_counter()
    await driver.execute("COMMIT")
    return time.perf_counter() - started


def _by_table(writes: Iterable[tuple[str, Row]]) -> dict[str, list[Row]]:
    """Return the inserted rows by table, in the order in which the tables may be filled."""
    tables: dict[str, list[Row]] = {name: [] for name in TABLES}
    for sql, row in writes:
        tables[sql.removeprefix("INSERT INTO ").partition(" ")[0]].append(row)
    return {name: rows for name, rows in tables.items() if rows}


def _shown(table: TableShape, row: Row) -> Row:
    """Return the row as it is once every copy was shown."""
    if table.name not in ("delivery", "request"):
        return row
    values = dict(zip(table.columns, row, strict=True))
    if table.name == "delivery":
        values |= {"state": "shown", "receipt": "{}", "shown_version": 1, "shown_at": values["created_at"]}
        values["next_at"] = None
    else:
        opened: datetime = values["opened_at"]
        values |= {"first_shown_at": opened, "expires_at": opened + EXPIRES_AFTER, "check_at": opened + EXPIRES_AFTER}
        values["expires_after"] = EXPIRES_AFTER // timedelta(microseconds=1)
    return tuple(values.values())
