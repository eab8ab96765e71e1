"""A statement that is run once for many units gives each unit what it would get if the statement were run for it alone.

Every statement of the store is tried with parameters at random, on a real server.
"""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any, Final

import asyncpg
import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Boolean, DateTime, Delete, Insert, Integer, LargeBinary, Select, Update, text
from sqlalchemy.dialects.postgresql import asyncpg as dialects

import engine.store
from engine.store import joined_people, people, postgres
from engine.store.columns import Utc
from engine.store.metadata import METADATA
from engine.store.postgres_calls import Calls
from engine.store.postgres_connection import PostgresConnection
from engine.store.statements import Statement
from tests.support import filled_tables
from tests.support.examples import example_count
from tests.support.fakes import START

DIALECT: Final[Any] = dialects.dialect()  # type: ignore[no-untyped-call]
SHAPED = """
UPDATE request SET state = 'pending' WHERE id <> 'id0';
UPDATE request SET state = 'approved', at = 'before' WHERE id = 'id0';
UPDATE delivery SET kind = 'alert', topic = 'needs_attention' WHERE id = 'id0';
UPDATE delivery SET kind = 'request', state = 'due', run = 'id1', request = 'id1' WHERE id <> 'id0';
UPDATE run SET key = 'key';
UPDATE address SET kind = 'slack';
UPDATE address_period SET kind = 'slack';
"""
"""Gives the rows states for which statements look."""


def statements() -> dict[str, Statement]:
    """Return every statement of the store by its module and name."""
    found: dict[str, Statement] = {}
    for module in pkgutil.iter_modules(engine.store.__path__, "engine.store."):
        if module.name.endswith("migrations"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, Statement):
                found[f"{module.name.rpartition('.')[2]}.{name}"] = value
    found |= {f"joined_people.{name}": statement for name, statement in joined_people.MOVES.items()}
    found |= {"people.by_ids": people._by_ids(2), "people.by_accounts": people._by_addresses(2)}  # noqa: SLF001
    # Copies: a statement is compiled for the names of its first parameters, and here those are all columns.
    return {name: Statement(statement._construct) for name, statement in found.items()}  # noqa: SLF001


# Each is compiled for the parameters of its first call, which are others in the store.
STATEMENTS: Final = {name: Statement(statement._construct) for name, statement in statements().items()}  # noqa: SLF001


@dataclass(repr=False)
class Bench:
    """A connection to a filled database, for the loop of this test."""

    runner: asyncio.Runner
    driver: asyncpg.Connection[Any]
    connection: PostgresConnection
    texts: tuple[str, ...] = field(repr=False)

    def run(self, statement: Statement, rows: list[Mapping[str, Any]], *, together: bool) -> Any:
        return self.runner.run(self._run(statement, rows, together=together))

    async def _run(self, statement: Statement, rows: list[Mapping[str, Any]], *, together: bool) -> Any:
        """Return the result for each row of parameters, and the table afterwards; the error if there is one."""
        await self.driver.execute("BEGIN")
        functions = [lambda row=row: self._ask(statement, row) for row in rows]
        try:
            if together:
                done = await Calls(self.driver).run(functions)
            else:
                done = [function for one in functions for function in await Calls(self.driver).run([one])]
            results = [function.result for function in done]
            return results, await self._table(statement)
        except asyncpg.CardinalityViolationError:
            return None  # two units replace one row: the store runs each again in a transaction of its own
        except asyncpg.PostgresError as error:
            return type(error)
        finally:
            await self.driver.execute("ROLLBACK")

    def _ask(self, statement: Statement, row: Mapping[str, Any]) -> Any:
        if returns(statement):
            rows = [tuple(found) for found in statement.all(self.connection, row)]
            return rows if is_ordered(statement) else sorted(rows, key=repr)
        return statement.write(self.connection, row)

    async def _table(self, statement: Statement) -> list[str]:
        construct = built(statement)
        if isinstance(construct, Select):
            return []
        rows = await self.driver.fetch(f"SELECT * FROM {construct.table.name}")
        return sorted(repr(tuple(row)) for row in rows)


def built(statement: Statement) -> Any:
    return statement._for(DIALECT)  # noqa: SLF001 what the store compiles


# SQLAlchemy takes longer to write a statement than the server to run it, so each answer is kept for all examples.
@cache
def is_ordered(statement: Statement) -> bool:
    return " ORDER BY " in str(built(statement))


@cache
def returns(statement: Statement) -> bool:
    construct = built(statement)
    return isinstance(construct, Select) or bool(construct._returning)  # noqa: SLF001 there is no other way to see it


@pytest.fixture(scope="module")
def bench(postgres_url: str) -> Iterator[Bench]:
    from tests.support import postgres_server

    with postgres_server.empty(postgres_url) as url, asyncio.Runner() as runner:
        yield from _benches(runner, url)


def _benches(runner: asyncio.Runner, url: str) -> Iterator[Bench]:
    server = postgres.create(url)
    core = runner.run(_prepared(server))
    raw: Any = runner.run(core.get_raw_connection())
    sync = core.sync_connection
    assert sync is not None
    driver = raw.driver_connection
    yield Bench(runner, driver, PostgresConnection(sync), runner.run(_texts(driver)))
    runner.run(core.close())
    runner.run(server.dispose())


async def _prepared(server: Any) -> Any:
    core = await server.connect()
    await core.run_sync(_fill)
    await core.close()
    return await server.connect()


def _fill(connection: sqlalchemy.Connection) -> None:
    from engine.store import schema

    schema.apply_migrations(connection)
    filled_tables.fill(connection)
    for statement in filter(str.strip, SHAPED.split(";")):
        connection.execute(text(statement))


async def _texts(driver: asyncpg.Connection[Any]) -> tuple[str, ...]:
    """Return every short text in the tables."""
    found: set[str] = {"x"}
    for table in METADATA.sorted_tables:
        for row in await driver.fetch(f"SELECT * FROM {table.name}"):
            found |= {value for value in row if isinstance(value, str)}
    return tuple(sorted(found))


def values(kind: Any, texts: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """Return values of a type, most of them in the tables."""
    if isinstance(kind, Utc | DateTime):
        return st.integers(-1, 3).map(lambda minutes: START + timedelta(minutes=minutes))
    if isinstance(kind, LargeBinary):
        return st.integers(0, 3).map(lambda number: bytes([number, 0, 255]))
    if isinstance(kind, Boolean):
        return st.booleans()
    if isinstance(kind, Integer):
        return st.integers(0, 3)
    return st.one_of(st.sampled_from(["id0", "id1", "id2"]), st.sampled_from(texts))


@cache
def rows_of(statement: Statement, texts: tuple[str, ...]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(row_of(statement, texts), min_size=2, max_size=5)


def row_of(statement: Statement, texts: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    construct = built(statement)
    if isinstance(construct, Insert):
        fixed = {str(getattr(column, "name", column)) for column in construct._values or {}}  # noqa: SLF001
        columns = [column for column in construct.table.columns if column.name not in fixed]
        ids = st.sampled_from(["id0", "id1", "id2"])
        return st.fixed_dictionaries(
            {column.name: ids if column.foreign_keys else values(column.type, texts) for column in columns}
        )
    binds = construct.compile(dialect=DIALECT).binds
    free = {name: bind for name, bind in binds.items() if bind.required}
    return st.fixed_dictionaries({name: values(bind.type, texts) for name, bind in free.items()})


# There are about three hundred statements, each with rows of two to five units.
@pytest.mark.parametrize("name", STATEMENTS)
@settings(
    max_examples=example_count(6), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
def test_units_together_get_what_each_gets_alone(bench: Bench, name: str, data: st.DataObject) -> None:
    statement = STATEMENTS[name]
    assert isinstance(built(statement), Select | Insert | Update | Delete)
    rows = data.draw(rows_of(statement, bench.texts))
    together = bench.run(statement, [*rows], together=True)
    assert together in (None, bench.run(statement, [*rows], together=False))
