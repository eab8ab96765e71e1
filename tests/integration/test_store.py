from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, exc, insert, select, text, update

from engine import runs, verify_audit
from engine.audit import Entry
from engine.domain import (
    DEFAULT_WORKSPACE,
    Address,
    AlreadyDecided,
    Assurance,
    Decide,
    Decided,
    Person,
    RequestState,
    Start,
    Started,
    Verdict,
    Work,
)
from engine.errors import Conflict, DefinitionError, StoreError, StoreFull, StoreLocked, StoreLost, StoreReadOnly
from engine.ports import DirectoryPerson
from engine.requests import Request, Ruling
from engine.store import audit_log, delivery_leases, identities, lock, people, request_rows, run_rows, schema
from engine.store.port import Connection, Tx
from engine.store.sqlite import SqliteStore
from engine.store.sqlite_connection import SqliteConnection, connect
from engine.store.statements import Statement
from engine.store.tables import WorkspaceRow
from engine.system import RandomIds, SystemClock
from tests.support import stepwise_units
from tests.support.engine_env import LEE, SAM, TERMINAL, open_engine, until
from tests.support.fakes import START

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return stepwise_units.copy_empty_database(tmp_path / "signoff.db")


@contextmanager
def open_store(path: Path, **options: Any) -> Iterator[SqliteStore]:
    store = SqliteStore(path, clock=SystemClock(), ids=RandomIds(), **options)
    try:
        yield store
    finally:
        store.close()


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with open_store(path) as store:
        yield store


def keep(name: str, *, enqueues: bool = False) -> Callable[[Tx], str]:
    def unit(tx: Tx) -> str:
        tx.connection.execute(insert(WorkspaceRow), {"id": name, "name": name, "created_at": tx.now})
        if enqueues:
            tx.enqueue(Work("advance", name))
        return name

    return unit


def fail(name: str, error: BaseException) -> Callable[[Tx], str]:
    def unit(tx: Tx) -> str:
        keep(name, enqueues=True)(tx)
        tx.audit("default", Entry(kind="lost", run=None, request=None, step=None, actor=None, content={}))
        raise error

    return unit


def names(connection: Connection) -> set[str]:
    return set(connection.execute(text("SELECT id FROM workspace")).scalars()) - {"default"}


class Pause:
    """A unit that keeps the writer busy until it is released, so that units submitted meanwhile form one group."""

    def __init__(self) -> None:
        self._started, self._released = threading.Event(), threading.Event()

    def __call__(self, tx: Tx) -> str:
        self._started.set()
        assert self._released.wait(30)
        return "paused"

    async def wait_until_started(self) -> None:
        await asyncio.to_thread(self._started.wait, 30)

    def release(self) -> None:
        self._released.set()


async def grouped(store: SqliteStore, *units: Callable[[Tx], Any]) -> list[Any]:
    """Run the units as one group and return their results and exceptions."""
    pause = Pause()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(store.transact(pause))
        await pause.wait_until_started()
        waiting = asyncio.gather(*(store.transact(unit) for unit in units), return_exceptions=True)
        await asyncio.sleep(0)
        pause.release()
        results = await waiting
    assert first.result() == "paused"
    return results


# -- groups -------------------------------------------------------------------------------------------------


async def test_units_that_wait_together_share_one_commit(store: SqliteStore) -> None:
    before = store.commits
    results = await grouped(store, *(keep(f"w{number}") for number in range(100)))
    assert results == [f"w{number}" for number in range(100)]
    assert store.commits == before + 2
    assert len(await store.read(names)) == 100


async def test_the_units_of_a_group_have_one_moment_and_those_of_the_next_a_later_one(store: SqliteStore) -> None:
    first = await grouped(store, *[lambda tx: tx.now] * 20)
    second = await grouped(store, *[lambda tx: tx.now] * 20)
    assert len({*first}) == len({*second}) == 1
    assert first[0] < second[0]


async def test_a_unit_that_raises_keeps_nothing_and_the_others_of_its_group_keep_all(store: SqliteStore) -> None:
    results = await grouped(
        store, keep("a"), fail("b", ValueError("mine")), keep("c"), fail("d", Conflict("again")), keep("e")
    )
    assert [result for result in results if isinstance(result, str)] == ["a", "c", "e"]
    assert isinstance(results[1], ValueError)
    assert isinstance(results[3], Conflict)
    assert await store.read(names) == {"a", "c", "e"}
    assert await store.read(lambda connection: list(audit_log.export(connection, "default"))) == []


@pytest.mark.parametrize(("writes", "runs"), [(False, 1), (True, 2)])
async def test_the_others_of_a_group_run_again_only_where_one_failed_after_it_had_written(
    store: SqliteStore, writes: bool, runs: int
) -> None:
    ran: list[str] = []

    def counted(tx: Tx) -> str:
        ran.append("a")
        return keep("a")(tx)

    def failing(tx: Tx) -> str:
        if writes:
            keep("b")(tx)
        raise Conflict("again")

    results = await grouped(store, counted, failing, keep("c"))
    assert (results[0], type(results[1]), results[2]) == ("a", Conflict, "c")
    assert await store.read(names) == {"a", "c"}
    assert len(ran) == runs


async def test_a_unit_alone_that_raises_keeps_nothing(store: SqliteStore) -> None:
    with pytest.raises(ValueError, match="mine"):
        await store.transact(fail("a", ValueError("mine")))
    assert await store.transact(keep("b")) == "b"
    assert await store.read(names) == {"b"}


async def test_a_statement_that_fails_belongs_to_its_unit_alone(store: SqliteStore) -> None:
    results = await grouped(store, keep("a"), keep("a"), keep("b"))
    assert isinstance(results[1], exc.IntegrityError)
    assert "[SQL parameters hidden" in str(results[1])
    assert await store.read(names) == {"a", "b"}


@pytest.mark.parametrize("error", [StopIteration(), asyncio.CancelledError(), MemoryError()])
async def test_no_exception_of_a_unit_keeps_the_others_from_their_answers(
    store: SqliteStore, error: BaseException
) -> None:
    pause = Pause()
    first = asyncio.ensure_future(store.transact(pause))
    await pause.wait_until_started()
    waiting = [asyncio.ensure_future(store.transact(unit)) for unit in (fail("a", error), keep("b"))]
    await asyncio.sleep(0)
    pause.release()
    await asyncio.wait([first, *waiting])
    assert waiting[0].cancelled() or waiting[0].exception() is not None
    assert waiting[1].result() == "b"
    assert await store.read(names) == {"b"}


async def test_a_transaction_that_is_broken_off_fails_every_unit_of_the_group(store: SqliteStore) -> None:
    def break_off(tx: Tx) -> None:
        tx.connection.exec_driver_sql("ROLLBACK")
        raise ValueError("mine alone")

    announced: list[Work] = []
    store.on_commit(announced.extend)
    results = await grouped(store, keep("a", enqueues=True), break_off, keep("b", enqueues=True))
    assert announced == [], "nothing was committed"
    assert [type(result) for result in results] == [StoreError, ValueError, StoreError]
    assert results[0] is not results[2]
    assert await store.read(names) == set()
    assert await store.transact(keep("c")) == "c"


async def test_the_time_and_the_audit_of_a_unit_are_its_own(store: SqliteStore) -> None:
    def entry_writer(kind: str) -> Callable[[Tx], None]:
        entry = Entry(kind=kind, run=None, request=None, step=None, actor=None, content={})
        return lambda tx: tx.audit("default", entry)

    await grouped(store, *(entry_writer(f"k{number}") for number in range(5)))
    lines = await store.read(lambda connection: [json.loads(line) for line in audit_log.export(connection, "default")])
    assert [line["seq"] for line in lines] == [1, 2, 3, 4, 5]
    assert sorted(json.loads(line["leaf"])["kind"] for line in lines) == ["k0", "k1", "k2", "k3", "k4"]


@pytest.mark.parametrize("others", [0, 2])
async def test_an_entry_that_cannot_be_sealed_fails_its_unit_alone(store: SqliteStore, others: int) -> None:
    def write_invalid_entry(tx: Tx) -> None:
        keep("invalid")(tx)
        content: Any = {"what": object()}
        tx.audit("default", Entry(kind="odd", run=None, request=None, step=None, actor=None, content=content))

    def write_entry(tx: Tx) -> str:
        tx.audit("default", Entry(kind="said", run=None, request=None, step=None, actor=None, content={}))
        return "said"

    results = await grouped(store, *[write_entry] * others, write_invalid_entry, *[write_entry] * others)
    assert [type(result) for result in results] == [*[str] * others, TypeError, *[str] * others]
    lines = await store.read(lambda connection: [json.loads(line) for line in audit_log.export(connection, "default")])
    assert [line["seq"] for line in lines] == list(range(1, 2 * others + 1))
    assert await store.read(names) == set()


# -- the cache ----------------------------------------------------------------------------------------------

ANN = Address("email", "ann@example.com")


async def test_a_person_is_cached_and_not_read_again(store: SqliteStore) -> None:
    await store.transact(lambda tx: people.need_person(tx, "default", ANN, name="Ann"))

    def asked(tx: Tx) -> list[str]:
        assert isinstance(tx.connection, SqliteConnection)
        driver = tx.connection.driver
        statements: list[str] = []
        driver.set_trace_callback(statements.append)
        person = people.find_person_cached(tx, "default", ANN)
        driver.set_trace_callback(None)
        assert person is not None
        assert person.name == "Ann"
        return statements

    assert len(await store.transact(asked)) == 1
    assert await store.transact(asked) == []


@pytest.mark.parametrize("fails", [False, True])
async def test_a_cached_person_is_shared_with_the_next_unit_unless_it_was_rolled_back(
    store: SqliteStore, fails: bool
) -> None:
    await store.transact(lambda tx: people.need_person(tx, "default", ANN, name="Ann"))
    await store.transact(lambda tx: people.find_person_cached(tx, "default", ANN))
    slack = Address("slack", "U07ANN")

    def learn(tx: Tx) -> None:
        assert identities.adopt(tx, "default", DirectoryPerson("Ann Lee", (slack, ANN))).name == "Ann Lee"
        assert people.find_person_cached(tx, "default", slack) is not None
        if fails:
            raise ValueError("taken back")

    with pytest.raises(ValueError, match="taken back") if fails else contextlib.nullcontext():
        await store.transact(learn)
    known, account = await store.transact(
        lambda tx: (people.find_person_cached(tx, "default", ANN), people.find_person_cached(tx, "default", slack))
    )
    assert known is not None
    assert (known.name, account) == (("Ann", None) if fails else ("Ann Lee", known))


@pytest.mark.parametrize("others", [0, 1])
async def test_rolled_back_changes_of_a_group_are_not_cached(store: SqliteStore, others: int) -> None:
    def make(tx: Tx) -> None:
        people.need_person(tx, "default", ANN, name="Ann")
        assert people.find_person_cached(tx, "default", ANN) is not None
        raise Conflict("again")

    await grouped(store, *[keep("a")] * others, make)
    assert await store.transact(lambda tx: people.find_person_cached(tx, "default", ANN)) is None


async def test_a_failed_commit_leaves_nothing_in_the_cache(store: SqliteStore) -> None:
    def broken(tx: Tx) -> None:
        people.need_person(tx, "default", ANN, name="Ann")
        people.find_person_cached(tx, "default", ANN)
        tx.connection.exec_driver_sql("ROLLBACK")

    with pytest.raises(StoreError):
        await store.transact(broken)
    assert await store.transact(lambda tx: people.find_person_cached(tx, "default", ANN)) is None


async def test_two_people_who_are_joined_are_one_for_the_next_reader(store: SqliteStore) -> None:
    slack = Address("slack", "U07ANN")

    def both(tx: Tx) -> list[Person | None]:
        return [people.find_person_cached(tx, "default", address) for address in (ANN, slack)]

    await store.transact(lambda tx: [people.need_person(tx, "default", address) for address in (ANN, slack)])
    first, second = await store.transact(both)
    assert first != second
    await store.transact(lambda tx: identities.adopt(tx, "default", DirectoryPerson("", (ANN, slack))))
    first, second = await store.transact(both)
    assert first == second


async def test_a_run_that_is_started_after_a_registration_is_of_the_new_version(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db") as env:
        versions = []
        for value in ("one", "two"):
            await env.register(f"name: flow\nsteps:\n  - {{id: say, uses: set, with: {{text: {value}}}}}\n")
            for _ in range(2):
                started = await env.engine.run(await env.start())
                assert started is not None
                versions.append(started.version)
    assert versions == [1, 1, 2, 2]


async def test_a_run_of_a_file_that_would_now_be_refused_continues(tmp_path: Path) -> None:
    source = """
name: flow
inputs: {amount: {type: money}}
steps:
  - {id: pay, uses: set, with: {a: 1}, gate: {approvers: [lee@example.com], when: "{{ inputs.amount | number > 100 }}"}}
"""
    older = source.replace(" | number", "").encode()
    async with open_engine(tmp_path / "signoff.db") as env:
        with pytest.raises(DefinitionError, match="is money"):
            await env.register(older.decode())
        await env.register(source)
        with contextlib.closing(sqlite3.connect(env.path)) as connection:
            connection.execute("UPDATE workflow_version SET source = ?", (older,))
            connection.commit()
        run = await env.start(amount={"amount": "5", "currency": "EUR"})
        (request,) = [await env.request(run)]
        assert "compares money with a number only" in " ".join(request.notes)


# -- hints --------------------------------------------------------------------------------------------------


async def test_only_committed_work_is_announced_and_after_the_commit(store: SqliteStore, path: Path) -> None:
    announced: list[str] = []
    committed: list[set[str]] = []

    def listener(works: Any) -> None:
        announced.extend(work.id for work in works)
        with sqlite3.connect(path) as other:
            committed.append({id_ for (id_,) in other.execute("SELECT id FROM workspace")})
        other.close()

    store.on_commit(listener)
    await grouped(store, keep("a", enqueues=True), fail("b", ValueError()), keep("c"), keep("d", enqueues=True))
    assert announced == ["a", "d"]
    assert committed == [{"default", "a", "c", "d"}]


async def test_a_caller_that_is_cancelled_takes_nothing_from_the_others(store: SqliteStore) -> None:
    announced: list[Work] = []
    store.on_commit(announced.extend)
    pause = Pause()
    first = asyncio.ensure_future(store.transact(pause))
    await pause.wait_until_started()
    cancelled, other = (asyncio.ensure_future(store.transact(keep(name, enqueues=True))) for name in ("a", "b"))
    await asyncio.sleep(0)
    cancelled.cancel()
    pause.release()
    assert await other == "b"
    assert await first == "paused"
    assert cancelled.cancelled()
    assert {work.id for work in announced} == {"a", "b"}, "a cancelled caller does not stop the hint"
    assert await store.read(names) == {"a", "b"}


# -- reading and closing ------------------------------------------------------------------------------------


async def test_a_reading_connection_cannot_write(store: SqliteStore) -> None:
    with pytest.raises(StoreReadOnly):
        await store.read(lambda connection: connection.execute(text("DELETE FROM workspace")))
    assert await store.read(names) == set()


WORKSPACE: Any = WorkspaceRow.__table__  # type: ignore[attr-defined]

ALL = Statement(select(WORKSPACE.c.name).order_by(WORKSPACE.c.id))
ONE = Statement(select(WORKSPACE.c.name).where(WORKSPACE.c.id == bindparam("id")))


async def test_a_reader_sees_what_is_new_after_a_row_that_could_not_be_read(store: SqliteStore) -> None:
    def damage(tx: Tx) -> None:
        keep("a")(tx)
        keep("b")(tx)
        tx.connection.exec_driver_sql("UPDATE workspace SET name = CAST(x'ff41' AS TEXT) WHERE id = 'b'")

    await store.transact(damage)
    for _ in range(8):
        with pytest.raises(sqlite3.OperationalError, match="UTF-8"):
            await store.read(lambda connection: ALL.all(connection, {}))
    with pytest.raises(sqlite3.OperationalError, match="UTF-8"):
        await store.transact(lambda tx: ALL.all(tx.connection, {}))
    renamed = update(WORKSPACE).where(WORKSPACE.c.id == "a").values(name="new")
    await store.transact(lambda tx: tx.connection.execute(renamed).rowcount)
    rows = [await store.read(lambda connection: ONE.one(connection, {"id": "a"})) for _ in range(8)]
    assert [row.name for row in rows if row is not None] == ["new"] * 8


def test_a_closed_connection_releases_the_file(path: Path) -> None:
    connection = connect(path, writable=True)
    rename = Statement(update(WORKSPACE).where(WORKSPACE.c.id == bindparam("old")).values(name=bindparam("new")))
    rename.write_all(connection, [{"old": "default", "new": "a"}, {"old": "default", "new": "b"}])
    assert path.with_name("signoff.db-wal").exists()
    connection.close()
    assert not path.with_name("signoff.db-wal").exists(), "otherwise a backup and the next owner would find it"


def test_other_databases_of_the_process_write_moments_as_ever(path: Path) -> None:
    with closing(connect(path, writable=True)), closing(sqlite3.connect(":memory:")) as other:
        other.execute("CREATE TABLE kept (at TEXT)")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # The warning of Python's own adapter is intended.

            other.execute(
                "INSERT INTO kept VALUES (?)", (datetime(2026, 3, 2, 9, 5, tzinfo=timezone(timedelta(hours=2))),)
            )
        assert other.execute("SELECT at FROM kept").fetchone() == ("2026-03-02 09:05:00+02:00",)


async def test_a_wrong_query_is_not_a_failure_of_the_database(store: SqliteStore) -> None:
    with pytest.raises(exc.OperationalError, match="no such table"):
        await store.read(lambda connection: connection.execute(text("SELECT 1 FROM nowhere")))
    with pytest.raises(exc.OperationalError, match="no such table"):
        await store.transact_with_retry(lambda tx: tx.connection.execute(text("SELECT 1 FROM nowhere")))


async def test_closing_finishes_queued_units_and_refuses_later_ones(path: Path) -> None:
    store = SqliteStore(path, clock=SystemClock(), ids=RandomIds())
    waiting = [asyncio.ensure_future(store.transact(keep(f"w{number}"))) for number in range(300)]
    await asyncio.sleep(0)
    store.close()
    store.close()
    assert [await task for task in waiting] == [f"w{number}" for number in range(300)]
    for late in (store.transact(keep("late")), store.transact_with_retry(keep("late")), store.read(names)):
        with pytest.raises(StoreError, match="is closed"):
            await late
    with open_store(path) as again:
        assert len(await again.read(names)) == 300


async def test_a_conflict_in_a_mandatory_write_is_retried(store: SqliteStore) -> None:
    tries = iter([Conflict("not yet"), Conflict("not yet"), None])

    def unit(tx: Tx) -> str:
        if error := next(tries):
            raise error
        return keep("a")(tx)

    assert await store.transact_with_retry(unit) == "a"


# -- races --------------------------------------------------------------------------------------------------

GATED = """
name: flow
owner: sam@example.com
steps:
  - {id: ask, uses: set, with: {text: hello}, gate: {approvers: [lee@example.com, owner]}}
"""


@pytest.mark.parametrize("clicks", [20, 200])
async def test_of_simultaneous_decisions_exactly_one_wins(tmp_path: Path, clicks: int) -> None:
    async with open_engine(tmp_path / "signoff.db") as env:
        await env.register(GATED)
        run = await env.start()
        answers = await asyncio.gather(*(env.decide(run, by=(LEE, SAM)[number % 2]) for number in range(clicks)))
        won = [answer for answer in answers if isinstance(answer, Decided)]
        assert len(won) == 1
        assert sum(isinstance(answer, AlreadyDecided) for answer in answers) == clicks - 1
        assert (await env.kinds(run)).count("request.approved") == 1
        rows = await env.store.read(
            lambda connection: connection.execute(text("SELECT id FROM decision")).scalars().all()
        )
        assert rows == [won[0].decision]


async def test_a_conditional_write_loses_against_an_earlier_write(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db") as env:
        await env.register(GATED)
        run = await env.start()
        early = (await env.request(run)).model
        loaded = await env.store.transact(lambda tx: run_rows.load_run(tx, run))
        assert loaded is not None
        (copy,) = [
            delivery for delivery in await env.engine.deliveries(run=run) if delivery.person.email == "lee@example.com"
        ]
        first = await env.store.transact(lambda tx: delivery_leases.claim_delivery(tx, copy.id))
        assert first is not None
        assert await env.store.transact(lambda tx: delivery_leases.claim_delivery(tx, copy.id)) is None
        await env.settle()
        assert isinstance(await env.decide(run), Decided)
        await env.settle()
        late_request = (await env.request(run)).model
        progress = runs.proceed(env.advancer.compiled(GATED.encode()), loaded.state, now=env.clock.now())

        def lost(tx: Tx) -> list[bool]:
            return [
                request_rows.try_expire(tx, early, RequestState.EXPIRED),
                request_rows.try_expire(tx, late_request, RequestState.EXPIRED),
                request_rows.try_set_deadlines(tx, early, early.deadlines.after_shown(tx.now)),
                request_rows.try_set_deadlines(tx, late_request, late_request.deadlines.after_shown(tx.now)),
                run_rows.try_save_run(tx, loaded, progress),
                run_rows.try_renew(tx, run, loaded.rev),
            ]

        assert await env.store.transact(lost) == [False] * 6
        assert (await env.request(run)).model == late_request


async def test_starts_with_one_key_are_one_run_also_at_once(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db") as env:
        await env.register(GATED)
        command = Start(workflow="flow", inputs={}, actor=LEE, origin=TERMINAL, key="twice")
        answers = await asyncio.gather(*(env.engine.start(command) for _ in range(5)))
        started = [answer for answer in answers if isinstance(answer, Started)]
        assert [start.created for start in started] == [True, False, False, False, False]
        assert len({start.run for start in started}) == 1


async def test_the_entries_of_one_unit_are_chained_to_each_other_and_to_earlier_ones(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db") as env:
        await env.register(GATED)
        run = await env.start()
        assert isinstance(await env.decide(run), Decided)
        await env.settle()
        lines = await env.store.read(lambda connection: list(audit_log.export(connection, DEFAULT_WORKSPACE)))
        assert len(await env.kinds(run)) > 3
        assert verify_audit.verify(lines).findings == ()


async def test_a_wake_while_a_run_is_being_moved_leaves_it_ready(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db") as env:
        await env.register(GATED)
        run = await env.start()
        loaded = await env.store.transact(lambda tx: run_rows.load_run(tx, run))
        assert loaded is not None
        progress = runs.proceed(env.advancer.compiled(GATED.encode()), loaded.state, now=env.clock.now())
        assert progress.ready_at is None
        await env.store.transact(lambda tx: run_rows.wake(tx, run))
        assert await env.store.transact(lambda tx: run_rows.try_save_run(tx, loaded, progress))
        assert (await env.view(run)).ready_at == env.clock.now()


async def test_a_request_that_moved_since_it_was_loaded_or_is_past_due_is_not_decided(tmp_path: Path) -> None:
    """The rules have checked both before. The write checks again, for stores in which others write in between."""
    async with open_engine(tmp_path / "signoff.db") as env:
        await env.register(GATED.replace("owner]", "owner], expires: 1h"))
        run = await env.start()
        before_it_was_shown = (await env.request(run)).model
        await env.settle()
        request = (await env.request(run)).model
        assert (request.state, request.rev) == (RequestState.PENDING, before_it_was_shown.rev + 1)

        def decide(tx: Tx, loaded: Request) -> str | None:
            ruling = Ruling(state=RequestState.APPROVED, approver=loaded.approvers[0], approved_digest=loaded.digest)
            return request_rows.try_decide(tx, loaded, approval(loaded), ruling, {})

        assert await env.store.transact(lambda tx: decide(tx, before_it_was_shown)) is None
        lapsed = await env.store.transact(
            lambda tx: request_rows.try_expire(tx, before_it_was_shown, RequestState.EXPIRED)
        )
        assert not lapsed
        env.pass_time(hours=1)
        assert await env.store.transact(lambda tx: decide(tx, request)) is None
        assert (await env.request(run)).model == request
        env.pass_time(microseconds=-1)
        assert await env.store.transact(lambda tx: decide(tx, request)) is not None


def approval(request: Request) -> Decide:
    return Decide(
        request=request.id,
        verdict=Verdict.APPROVE,
        actor=LEE,
        content_version=request.content_version,
        digest=request.digest,
        origin=TERMINAL,
        assurance=Assurance.TERMINAL,
    )


# -- disk space ---------------------------------------------------------------------------------------------


class Process:
    """A process of `tests.support.store_process` that works on a file."""

    def __init__(self, path: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.store_process", str(path), *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        self.log_entries: list[str] = []
        self.first = self.answer()

    def answer(self) -> dict[str, Any]:
        """Return the next answer, and keep the log entries before it in `log_entries`."""
        assert self.process.stdout is not None
        while True:
            answer: dict[str, Any] = json.loads(self.process.stdout.readline())
            if "log" not in answer:
                return answer
            self.log_entries.append(answer["log"])

    def log(self) -> str:
        """Return the next entry of its log."""
        assert self.process.stdout is not None
        entry: str = json.loads(self.process.stdout.readline())["log"]
        return entry

    def ask(self, line: str) -> dict[str, Any]:
        self.send(line)
        return self.answer()

    def send(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def allow(self, size: int) -> None:
        """Limit the size of each file of the process to `size` from now on."""
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def end(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


@contextmanager
def process(path: Path, *arguments: str) -> Iterator[Process]:
    started = Process(path, *arguments)
    try:
        yield started
    finally:
        started.end()


FULL = "Free space on its disk. Signoff then continues by itself."


@pytest.mark.parametrize("room", [0, 200_000])
def test_a_full_disk_fails_the_whole_group_keeps_nothing_of_it_and_is_over_when_there_is_room(
    path: Path, room: int
) -> None:
    with process(path) as owner:
        assert owner.ask("write early 5 100")["kept"] == [f"early{number}" for number in range(5)]
        wal = path.with_name(path.name + "-wal").stat().st_size
        owner.allow(wal + room if room else 0)
        answer = owner.ask("write lost 60 20000")
        assert answer["kept"] == []
        assert [kind for kind, _ in answer["failed"]] == ["StoreFull"] * 60
        assert all(FULL in sentence and str(path) in sentence for _, sentence in answer["failed"])
        assert owner.ask("count")["rows"] == _rows("early", 5)
        assert owner.ask("write more 3 20000000")["kept"] == []
        assert len(owner.log_entries) == 1, "it is logged once, not for every unit"
        owner.allow(resource.RLIM_INFINITY)
        assert len(owner.ask("write late 5 20000")["kept"]) == 5
        assert "can be written again" in owner.log_entries[-1]
        assert owner.ask("count")["rows"] == sorted([*_rows("early", 5), *_rows("late", 5)])
    with sqlite3.connect(path) as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    file.close()


def _rows(name: str, count: int) -> list[str]:
    extra = ["default"] if name == "early" else []
    return sorted([*extra, *(f"{name}{number}-{part}" for number in range(count) for part in "ab")])


def test_a_mandatory_write_waits_for_disk_space(path: Path) -> None:
    with process(path) as owner:
        owner.allow(0)
        owner.send("transact_with_retry kept 5000")
        assert FULL in owner.log()
        owner.allow(resource.RLIM_INFINITY)
        assert owner.answer() == {"insisted": "kept"}
        assert owner.ask("count")["rows"] == ["default", "kept-a", "kept-b"]


def test_committed_rows_survive_a_kill_on_a_full_disk(path: Path) -> None:
    with process(path) as owner:
        assert len(owner.ask("write early 5 30000")["kept"]) == 5
        owner.allow(path.with_name(path.name + "-wal").stat().st_size + 50_000)
        assert owner.ask("write lost 20 30000")["kept"] == []
        owner.process.send_signal(signal.SIGKILL)
        owner.process.wait(30)
    with process(path) as owner:
        assert owner.ask("count")["rows"] == _rows("early", 5)
        assert len(owner.ask("write late 2 100")["kept"]) == 2


async def test_a_database_at_its_own_limit_is_full_and_goes_on_when_the_limit_is_raised(store: SqliteStore) -> None:
    def limit(pages: int) -> Callable[[Tx], None]:
        return lambda tx: tx.connection.exec_driver_sql(f"PRAGMA max_page_count={pages}").close()

    def large(tx: Tx) -> str:
        tx.connection.execute(insert(WorkspaceRow), {"id": "large", "name": "x" * 100_000, "created_at": tx.now})
        return "large"

    await store.transact(limit(1))
    results = await grouped(store, keep("a"), large, keep("b"))
    assert [type(result) for result in results] == [StoreFull] * 3
    assert all("database or disk is full" in str(result) and FULL in str(result) for result in results)
    assert await store.read(names) == set()
    await store.transact(limit(1_000_000))
    assert await store.transact(large) == "large"


# -- files that cannot be used ------------------------------------------------------------------------------


def open_refused(path: Path) -> StoreError:
    with pytest.raises(StoreError) as raised, schema.owned(path, clock=SystemClock(), ids=RandomIds()):
        pytest.fail("it was opened")
    assert str(path) in str(raised.value) or str(path.parent) in str(raised.value)
    assert str(raised.value).endswith(".")
    return raised.value


def test_a_second_process_is_refused_while_the_first_lives_and_not_after_it_was_killed(path: Path) -> None:
    with process(path) as owner:
        assert "Another Signoff process uses" in str(open_refused(path))
        owner.process.send_signal(signal.SIGKILL)
        owner.process.wait(30)
    with schema.owned(path, clock=SystemClock(), ids=RandomIds()):
        pass


def test_two_links_to_one_file_are_one_owner(path: Path) -> None:
    link = path.with_name("link.db")
    link.symlink_to(path)
    with lock.own(path):
        assert isinstance(open_refused(link), StoreLocked)


@pytest.mark.parametrize("gone", ["file", "-wal", "-shm"])
async def test_writes_into_a_removed_file_are_not_acknowledged(path: Path, gone: str) -> None:
    """Acknowledged writes are in the file that the error names. Other writes may be."""
    with pytest.raises(StoreLost, match="so Signoff stops") as error:  # noqa: PT012, SIM117 closing tells where it is
        with open_store(path) as store:
            assert await store.transact(keep("before")) == "before"
            removed = path if gone == "file" else path.with_name(path.name + gone)
            removed.unlink()
            with pytest.raises(StoreLost, match="removed or replaced"):
                await store.transact(keep("after"))
            with pytest.raises(StoreLost, match="removed or replaced"):
                await store.transact(keep("later"))
            with pytest.raises(StoreLost, match="removed or replaced"):
                await store.read(names)
            assert await store.transact_with_retry(keep("happened")) == "happened"
    saved = path.with_name(f"{path.name}.rescued") if gone == "file" else path
    assert f"is in {saved}." in str(error.value)
    with open_store(saved) as store:
        assert {"before", "happened"} <= await store.read(names)
        assert "later" not in await store.read(names)


async def test_a_write_of_another_program_is_waited_for_and_then_reported(path: Path) -> None:
    with open_store(path, busy_seconds=0.05) as store:
        other_connection = sqlite3.connect(path, isolation_level=None)
        other_connection.execute("BEGIN IMMEDIATE")
        results = await asyncio.gather(*(store.transact(keep(name)) for name in "ab"), return_exceptions=True)
        assert [type(result) for result in results] == [StoreLocked] * 2
        assert "locked by another program" in str(results[0])
        assert await store.read(names) == set(), "reading still works"
        other_connection.execute("ROLLBACK")
        other_connection.close()
        assert await store.transact(keep("c")) == "c"


def test_a_path_that_leads_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert isinstance(open_refused(tmp_path / "file" / "sub" / "signoff.db"), StoreReadOnly)


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "signoff.db").mkdir()
    assert "is a folder, not a database" in str(open_refused(tmp_path / "signoff.db"))


def test_a_file_of_something_else_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "signoff.db"
    path.write_bytes(b"These are my notes. " * 500)
    assert "not a Signoff database" in str(open_refused(path))
    assert path.read_bytes() == b"These are my notes. " * 500


def test_a_database_of_another_program_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "cookies.db"
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE cookies (name TEXT)")
    file.close()
    before = path.read_bytes()
    assert "of another program" in str(open_refused(path))
    assert path.read_bytes() == before


def test_a_damaged_file_is_refused(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes(len(content) - 100))
    assert "damaged" in str(open_refused(path))


async def test_damage_found_later_is_reported_in_a_sentence(path: Path) -> None:
    with open_store(path) as store:
        await store.transact(keep("a"))
    with path.open("r+b") as file:
        page = sqlite3.connect(path).execute("PRAGMA page_size").fetchone()[0]
        root = sqlite3.connect(path).execute("SELECT rootpage FROM sqlite_master WHERE name = 'person'").fetchone()[0]
        file.seek((root - 1) * page)
        file.write(b"\xff" * page)
    with open_store(path) as store:
        with pytest.raises(StoreError, match="is damaged"):
            await store.read(lambda connection: connection.execute(text("SELECT * FROM person")).all())
        assert await store.transact(keep("b")) == "b"


@pytest.mark.parametrize("locked", ["file", "folder"])
def test_a_file_that_may_only_be_read_is_refused_when_it_is_opened(locked: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "signoff.db"
    schema.prepare(path, now=START)
    path.chmod(0o444 if locked == "file" else 0o666)
    folder.chmod(0o777 if locked == "file" else 0o555)
    before = path.read_bytes()
    try:
        with process(path, "bound") as owner:
            assert owner.first["refused"] == "StoreReadOnly"
            assert str(path.parent) in owner.first["sentence"]
    finally:
        folder.chmod(0o700)
    assert path.read_bytes() == before


async def test_one_reader_that_fails_leaves_the_others(store: SqliteStore) -> None:
    await store.transact(keep("a"))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(store.read(names)) for _ in range(20)]
    assert all(task.result() == {"a"} for task in tasks)
    await until(lambda: store.commits == 1)
