"""Every migration over tables with rows, on both databases: it loses no row, column, constraint, index or trigger."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, exc, make_url, text

from bot.devtools.bench.postgres_server import run, wait_for
from engine.store import postgres, postgres_schema, schema
from engine.store.metadata import METADATA
from engine.store.postgres_calls import BEGIN
from tests.support import filled_tables, postgres_server
from tests.support.fakes import START
from tests.support.http_service import PATIENCE
from tests.support.rival_processes import connect

REVISIONS = schema.revisions(schema.HISTORY)
CHANGED = {
    "0002": {"column delivery.run"},
    "0014": {"index decision_once"},
    "0030": {"index run_workflow", "index request_run", "index decision_person"},
    "0033": {"index trigger_next"},
}
"""What a migration changes on purpose, of what was there before."""
ADDED_ROWS = {"0004": {"address_period"}, "0045": {"insight_times", "insight_hours"}}
"""Tables that a migration fills."""
REPLACED = {"0045": {"insight_time": "insight_times", "insight_hour": "insight_hours"}}
"""Tables of counts whose rows a migration writes into others, which count the same."""
EMPTIED = {"0054": "insight_"}
"""How tables begin whose counts a migration deletes, because what follows the audit log counts everything once more."""


Work: TypeAlias = Callable[[Connection], object]
Run: TypeAlias = Callable[[Work], Awaitable[None]]
"""Runs a function over a connection to a database."""


@contextlib.asynccontextmanager
async def on_file(path: Path) -> AsyncIterator[Run]:
    engine = create_engine(f"sqlite:///{path}")

    async def run_work(work: Work) -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA foreign_keys = ON")
            work(connection)

    yield run_work
    engine.dispose()


@contextlib.asynccontextmanager
async def on_server(url: str) -> AsyncIterator[Run]:
    server = postgres.create(url)

    async def run_work(work: Work) -> None:
        async with server.connect() as connection:
            await connection.run_sync(work)

    yield run_work
    await server.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
async def migrated(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Run]:
    """Yield what runs a function over a connection to an empty database."""
    if request.param == "sqlite":
        async with on_file(tmp_path / "signoff.db") as run_work:
            yield run_work
        return
    with postgres_server.empty(request.getfixturevalue("postgres_url")) as url:
        async with on_server(url) as run_work:
            yield run_work


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Return the file of a database at each revision."""
    path, found = tmp_path_factory.mktemp("revisions") / "signoff.db", []

    async def work() -> None:
        async with on_file(path) as run_work:
            for revision in REVISIONS:
                await run_work(partial(migrate, revision=revision))
                found.append(path.read_bytes())

    wait_for(work())
    return found


@pytest.fixture(scope="module")
def servers(postgres_url: str) -> Iterator[list[str]]:
    """Yield the name of a database on the server at each revision. Each is a copy of the one before, one step on."""
    found: list[str] = []
    with contextlib.ExitStack() as stack:
        for revision in REVISIONS:
            options = f"TEMPLATE {found[-1]}" if found else ""
            url = stack.enter_context(postgres_server.empty(postgres_url, options))
            wait_for(_migrate_server(url, revision))
            found.append(str(make_url(url).database))
        yield found


async def _migrate_server(url: str, revision: str) -> None:
    async with on_server(url) as run_work:
        await run_work(partial(migrate, revision=revision))


@pytest.fixture(params=["sqlite", "postgresql"])
async def before(request: pytest.FixtureRequest, tmp_path: Path, number: int) -> AsyncIterator[Run]:
    """Yield what runs a function over a connection to a database that lacks the revision of this number."""
    if request.param == "sqlite":
        path = tmp_path / "signoff.db"
        path.write_bytes(request.getfixturevalue("files")[number - 1])
        async with on_file(path) as run_work:
            yield run_work
        return
    template = request.getfixturevalue("servers")[number - 1]
    with postgres_server.empty(request.getfixturevalue("postgres_url"), f"TEMPLATE {template}") as url:
        async with on_server(url) as run_work:
            yield run_work


@cache
def history() -> ScriptDirectory:
    """Return all migrations: reading them takes longer than most of them."""
    config = Config()
    config.set_main_option("script_location", str(schema.HISTORY))
    return ScriptDirectory.from_config(config)


def migrate(connection: Connection, revision: str) -> None:
    config, scripts = Config(), history()
    config.attributes["connection"] = connection

    def steps(current: Any, _: MigrationContext) -> list[Any]:
        return scripts._upgrade_revs(revision, current)  # noqa: SLF001 as the command of alembic does

    with EnvironmentContext(config, scripts, fn=steps, destination_rev=revision):
        scripts.run_env()
    if connection.in_transaction():
        connection.commit()


Contents = tuple[dict[str, list[dict[str, Any]]], dict[str, str]]


def contents(connection: Connection) -> Contents:
    return filled_tables.rows(connection), filled_tables.objects(connection)


def _counts(rows: list[dict[str, Any]]) -> int:
    return sum(number for row in rows for name, number in row.items() if "decided" in name)


def check(revision: str, before: Contents, after: Contents) -> None:
    """Check that all that was there is there after the step, unless the step is about it."""
    (rows, objects), (rows_after, objects_after) = before, after
    replaced = REPLACED.get(revision, {})
    kept_objects = {name: what for name, what in objects.items() if not replaced.keys() & {*re.split(r"\W", name)}}
    changed = {name for name, what in kept_objects.items() if objects_after.get(name) != what}
    # SQLite names an index alone, PostgreSQL with its table.
    assert {re.sub(r"^index \w+\.", "index ", name) for name in changed} == CHANGED.get(revision, set())
    for table, rows_before in rows.items():
        if revision in EMPTIED and table.startswith(EMPTIED[revision]):
            assert rows_after[table] == []
            continue
        if table in replaced:
            assert _counts(rows_after[replaced[table]]) == _counts(rows_before)
            continue
        columns = rows_before[0].keys()
        kept = [{column: row[column] for column in columns} for row in rows_after[table]]
        assert sorted(kept, key=repr) == rows_before, table
    assert {table for table in rows_after.keys() - rows.keys() if rows_after[table]} == ADDED_ROWS.get(revision, set())


@pytest.mark.parametrize("number", range(1, len(REVISIONS)), ids=REVISIONS[1:])
async def test_a_migration_loses_nothing(before: Run, number: int) -> None:
    found: list[Contents] = []

    def fill(connection: Connection) -> None:
        filled_tables.fill(connection)
        found.append(contents(connection))
        connection.commit()

    await before(fill)
    await before(lambda connection: migrate(connection, REVISIONS[number]))
    await before(lambda connection: found.append(contents(connection)))
    assert all(found[0][0].values()), "every table has rows"
    check(REVISIONS[number], *found)


_NOTED = REVISIONS.index("0054")
_CLOSE = {
    "pending": "state = 'pending', closed_at = NULL, closed_by = NULL",
    "approved": "state = 'approved', closed_at = opened_at, closed_by = (SELECT MIN(id) FROM person)",
    "expired": "state = 'expired', closed_at = opened_at, closed_by = NULL",
    "withdrawn": "state = 'cancelled', closed_at = opened_at, closed_by = (SELECT MIN(id) FROM person)",
}


@pytest.mark.parametrize("end", _CLOSE)
@pytest.mark.parametrize("number", [_NOTED])
async def test_what_was_drawn_and_left_undecided_is_noted_after_an_upgrade(before: Run, end: str) -> None:
    """Such a run may go on for days, and until it is noted everything of its plan is reviewed."""
    found: list[Any] = []

    def fill(connection: Connection) -> None:
        filled_tables.fill(connection)
        of_draw = "(SELECT MIN(request) FROM gate_draw WHERE request IS NOT NULL)"
        connection.execute(text(f"UPDATE request SET {_CLOSE[end]} WHERE id = {of_draw}"))
        connection.execute(text("UPDATE gate_draw SET is_later = false, later = NULL"))
        connection.execute(text(f"UPDATE sampling_plan SET stage = 'sample', owed = 0, waits_for = {of_draw}"))
        connection.execute(text("UPDATE sampling_plan SET stage = 'all' WHERE id <> 'id0'"))
        connection.commit()

    def look(connection: Connection) -> None:
        found.extend(
            connection.execute(text("SELECT owed, waits_for IS NULL FROM sampling_plan WHERE id = 'id0'")).one()
        )
        found.append(
            connection.execute(text("SELECT MAX(CASE WHEN is_later THEN 1 ELSE 0 END) FROM gate_draw")).scalar()
        )

    await before(fill)
    await before(lambda connection: migrate(connection, "0054"))
    await before(look)
    is_undecided = end in ("expired", "withdrawn")
    assert found == [int(is_undecided), is_undecided, int(is_undecided)]


async def test_the_migrations_make_what_the_tables_declare(migrated: Run) -> None:
    def work(connection: Connection) -> None:
        migrate(connection, "head")
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []

    await migrated(work)


def without_brackets(condition: str) -> str:
    """Return a condition as both databases write it: one of them adds brackets."""
    return re.sub(r"[()]", "", condition)


async def test_an_index_of_some_rows_is_of_the_same_rows_in_both_databases(postgres_database: str) -> None:
    declared = {
        str(index.name): without_brackets(str(index.dialect_options["sqlite"]["where"]).removesuffix(" = 1"))
        for table in METADATA.sorted_tables
        for index in table.indexes
        if index.dialect_options["sqlite"]["where"] is not None
    }
    query = """SELECT relname, pg_get_expr(indpred, indrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        WHERE indpred IS NOT NULL AND relnamespace = current_schema()::regnamespace"""
    engine = postgres.create(postgres_database)
    async with engine.connect() as connection:
        rows = (await connection.execute(text(query))).all()
    await engine.dispose()
    # PostgreSQL writes (state = 'pending'::text) for state = 'pending'.
    plain = {name: without_brackets(re.sub(r"::\w+( varying)?", "", condition)) for name, condition in rows}
    assert {name: condition for name, condition in plain.items() if name in declared} == declared


async def test_every_text_of_postgresql_is_in_the_order_of_its_bytes(postgres_database: str) -> None:
    engine = postgres.create(postgres_database)
    async with engine.connect() as connection:
        collations = await connection.run_sync(filled_tables.collations)
    await engine.dispose()
    texts = {f"{table.name}.{column.name}" for table in METADATA.sorted_tables for column in table.columns}
    assert collations.keys() <= texts
    assert len(collations) > 100
    assert {name for name, collation in collations.items() if collation != "C"} == set()


async def test_a_migration_that_units_get_in_the_way_of_is_begun_anew(postgres_url: str) -> None:
    """A unit has changed a request and goes on to its run, and the migration locks these tables the other way round."""
    with postgres_server.empty(postgres_url) as url:
        await run(url, f"ALTER DATABASE {make_url(url).database} SET deadlock_timeout = '300ms'")
        engine, unit = postgres.create(url), await connect(url)
        async with engine.connect() as connection:
            await connection.run_sync(migrate, "0011")
        await unit.execute(f"{BEGIN}; UPDATE request SET rev = rev")
        migrating = asyncio.ensure_future(postgres_schema.prepare(engine, now=START))
        async with asyncio.timeout(PATIENCE):
            while not await unit.fetchval("SELECT 1 FROM pg_locks WHERE NOT granted AND relation IS NOT NULL"):
                assert not migrating.done()
        with contextlib.suppress(asyncpg.DeadlockDetectedError):  # on a slow machine it may be the one that is ended
            await unit.execute("UPDATE run SET rev = rev")
        await unit.execute("ROLLBACK")
        assert await migrating
        await postgres_schema.check_current(engine)
        await unit.close()
        await engine.dispose()


@pytest.mark.parametrize("table", ["audit", "decision"])
@pytest.mark.parametrize("migrated", ["postgresql"], indirect=True)
async def test_what_is_append_only_in_a_file_is_so_on_a_server(migrated: Run, table: str) -> None:
    def work(connection: Connection) -> None:
        migrate(connection, "head")
        filled_tables.fill(connection)
        columns = METADATA.tables[table].columns
        changes = [f"UPDATE {table} SET {column.name} = {_other(column)}" for column in columns]
        for statement in (f"DELETE FROM {table}", f"TRUNCATE {table}", *changes):
            with pytest.raises(exc.IntegrityError, match="append-only"):
                connection.execute(text(statement))
        connection.execute(text(f"UPDATE {table} SET {ERASED[table]}"))

    await migrated(work)


ERASED = {"audit": "salt = NULL, content = NULL", "decision": "reason = NULL, edits = NULL, record = '{}'"}
"""What may be changed, because contents may be erased."""


def _other(column: sqlalchemy.Column[Any]) -> str:
    """Return another value for a column, as SQL."""
    types = {"BLOB": "decode('01', 'hex')", "INTEGER": "9", "DATETIME": "now()"}
    return types.get(str(column.type.compile()), "'forged'")
