"""Every store keeps the contract of `engine.store.port.Store`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from functools import partial
from typing import Any

import pytest
from sqlalchemy import insert, text
from sqlalchemy.dialects import mysql, postgresql, sqlite

from engine.audit_entries import EntryKind, entry
from engine.domain import DEFAULT_WORKSPACE, Work
from engine.errors import Conflict, StoreError
from engine.store import postgres, postgres_reader, workflows
from engine.store.dialect import Upsert
from engine.store.port import Connection, Store, Tx
from engine.store.punctual import PunctualStore
from engine.store.sqlite import SqliteStore
from engine.store.tables import StepRunRow, WorkspaceRow
from engine.system import RandomIds, SystemClock
from tests.support.databases import entries, names
from tests.support.http_service import PATIENCE
from tests.support.repeating_store import RepeatingStore
from tests.support.stepwise_units import copy_empty_database

VISIT: Any = StepRunRow.__table__  # type: ignore[attr-defined]


@asynccontextmanager
async def sqlite_store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    path = copy_empty_database(request.getfixturevalue("tmp_path") / "signoff.db")
    with closing(SqliteStore(path, clock=SystemClock(), ids=RandomIds())) as store:
        yield store


@asynccontextmanager
async def repeating_store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with sqlite_store(request) as store:
        yield RepeatingStore(store)


@asynccontextmanager
async def punctual_store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with sqlite_store(request) as store:
        yield PunctualStore(store, patience=PATIENCE)


@asynccontextmanager
async def postgres_store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    url: str = request.getfixturevalue("postgres_database")
    async with postgres.opened(url, clock=SystemClock(), ids=RandomIds()) as store:
        yield store


STORES = {
    "sqlite": sqlite_store,
    "repeating": repeating_store,
    "punctual": punctual_store,
    "postgresql": postgres_store,
}


@pytest.fixture(params=list(STORES.values()), ids=list(STORES))
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    async with request.param(request) as opened:
        yield opened


def keep(name: str, *, error: BaseException | None = None) -> Callable[[Tx], str]:
    """Return a unit that writes a row, an entry and a hint, and then raises `error` if there is one."""

    def unit(tx: Tx) -> str:
        tx.connection.execute(insert(WorkspaceRow), {"id": name, "name": name, "created_at": tx.now})
        tx.audit(DEFAULT_WORKSPACE, entry(EntryKind.RUN_STUCK, content={"name": name}))
        tx.enqueue(Work("advance", name))
        if error is not None:
            raise error
        return name

    return unit


async def test_a_unit_is_kept_whole_and_once(store: Store) -> None:
    announced: list[Work] = []
    also: list[Work] = []
    store.on_commit(announced.extend)
    store.on_commit(also.extend)
    assert await store.transact(keep("a")) == "a"
    assert await store.read(names) == {"a"}
    assert await store.read(entries) == 1
    assert announced == also == [Work("advance", "a")]


@pytest.mark.parametrize("error", [ValueError("no"), Conflict("moved"), StoreError("full"), KeyboardInterrupt()])
async def test_a_unit_that_fails_stores_nothing_and_no_listener_is_called(store: Store, error: BaseException) -> None:
    announced: list[Work] = []
    store.on_commit(announced.extend)
    with pytest.raises(type(error)):
        await store.transact(keep("lost", error=error))
    await store.transact(lambda tx: None)
    assert await store.read(names) == set()
    assert await store.read(entries) == 0
    assert announced == []


async def test_units_at_once_are_each_kept_or_failed_alone(store: Store) -> None:
    units: list[Callable[[Tx], Any]] = [
        keep(f"n{number}", error=ValueError() if number % 3 == 0 else None) for number in range(30)
    ]
    results = await asyncio.gather(*map(store.transact, units), return_exceptions=True)
    stored = {result for result in results if isinstance(result, str)}
    assert stored == {f"n{number}" for number in range(30) if number % 3}
    assert await store.read(names) == stored
    assert await store.read(entries) == len(stored)


async def test_units_that_hold_a_workflow_come_one_after_the_other(store: Store) -> None:
    def unit(name: str, tx: Tx) -> int:
        workflows.hold_version(tx, "refund", 1)
        before = len(names(tx.connection))
        keep(name)(tx)
        return before

    found = await asyncio.gather(*(store.transact(partial(unit, f"n{number}")) for number in range(12)))
    assert sorted(found) == [*range(12)]


async def test_a_unit_with_retry_is_stored_when_the_conflict_is_over(store: Store) -> None:
    failures = iter([Conflict("moved"), StoreError("full"), Conflict("moved")])

    def unit(tx: Tx) -> str:
        if (error := next(failures, None)) is not None:
            raise error
        return keep("recorded")(tx)

    assert await store.transact_with_retry(unit) == "recorded"
    assert await store.read(names) == {"recorded"}


async def test_a_read_sees_one_snapshot_and_cannot_write(store: Store) -> None:
    loop = asyncio.get_running_loop()

    def query(connection: Connection) -> tuple[set[str], set[str]]:
        before = names(connection)
        write = asyncio.run_coroutine_threadsafe(store.transact(keep("meanwhile")), loop)
        while not write.done():
            names(connection)  # a query in the loop lets it go on while it waits for the database
        return before, names(connection)

    assert await store.read(query) == (set(), set())
    assert await store.read(names) == {"meanwhile"}
    with pytest.raises(StoreError):
        await store.read(lambda connection: connection.execute(text("DELETE FROM workspace")).rowcount)


async def test_a_caller_that_gives_up_does_not_take_the_unit_back(store: Store) -> None:
    waiting = asyncio.ensure_future(store.transact(keep("kept")))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    deadline = asyncio.get_running_loop().time() + 30
    while await store.read(names) != {"kept"}:
        assert asyncio.get_running_loop().time() < deadline


@pytest.mark.parametrize("database", [sqlite, postgresql], ids=["sqlite", "postgresql"])
def test_a_row_is_replaced_by_its_key_in_the_dialect_of_each_database(database: Any) -> None:
    dialect = database.dialect()
    statement: Any = Upsert(VISIT, key=("run", "step", "visit"), replaces=("status",)).construct(dialect)
    words = "ON CONFLICT (run, step, visit) DO UPDATE SET status = excluded.status"
    assert words in str(statement.compile(dialect=dialect))


def test_a_database_that_the_store_is_not_written_for_is_named() -> None:
    with pytest.raises(KeyError, match="mysql"):
        Upsert(VISIT, key=("run",), replaces=("status",)).construct(mysql.dialect())


async def test_the_listener_gets_commits_in_their_order(store: Store) -> None:
    announced: list[str] = []
    store.on_commit(lambda works: announced.extend(work.id for work in works))
    for name in ("a", "b", "c"):
        await store.transact(keep(name))
    await asyncio.gather(*(store.transact(keep(f"d{number}")) for number in range(9)))
    assert announced[:3] == ["a", "b", "c"]
    assert announced[3:] == [f"d{number}" for number in range(9)]


async def test_a_unit_sees_no_more_in_its_memory_than_what_is_stored(store: Store) -> None:
    def read(tx: Tx) -> Any:
        name = tx.memory.get("name")
        if name is None:
            name = tx.connection.execute(text("SELECT name FROM workspace WHERE id = 'kept'")).scalar()
            if name is not None:
                tx.memory.keep("name", name)
        return name

    def spoil(tx: Tx) -> None:
        keep("kept")(tx)
        tx.memory.keep("name", "never stored")
        raise ValueError("spoilt")

    with pytest.raises(ValueError, match=r"^spoilt$"):
        await store.transact(spoil)
    assert await store.transact(read) is None
    await store.transact(keep("kept"))
    assert await store.transact(read) == "kept"
    assert await store.transact(read) == "kept"


def test_an_error_of_the_caller_is_none_of_the_database(postgres_database: str) -> None:
    with pytest.raises(OSError, match="the disk of the copy is full"), postgres_reader.reading(postgres_database):
        raise OSError("the disk of the copy is full")
