"""Every executor keeps the contract of `engine.ports.Executor`: hints are followed, and lost hints only cost time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import asyncpg
import pytest
from sqlalchemy import make_url

from engine.domain import Work
from engine.errors import StoreError
from engine.worker import distributed
from engine.worker.distributed import Distributed, HintWriter
from engine.worker.embedded import CONCURRENT, Embedded
from tests.support.engine_env import until
from tests.support.fakes import START

KINDS = ("advance", "deliver", "process_due")


class Executor(Protocol):
    """What both executors offer to the composition root."""

    @property
    def idle(self) -> bool: ...

    def stop(self) -> None: ...

    async def run(self) -> None: ...


@dataclass
class Units:
    """Units that record what they were called with, and the work that a look into the tables finds."""

    done: list[Work] = field(default_factory=list)
    due: list[Work] = field(default_factory=list)
    acts: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)

    def unit(self, kind: str) -> Callable[[str], Awaitable[None]]:
        async def do(item: str) -> None:
            if act := self.acts.get(item):
                await act()
            self.done.append(Work(kind, item))  # type: ignore[arg-type]

        return do

    async def look(self, now: datetime, *, grace: timedelta = timedelta()) -> list[Work]:
        due, self.due = self.due, []
        return due

    def ids(self) -> list[str]:
        return sorted(work.id for work in self.done)


@dataclass
class ExecutorEnv:
    """An executor that runs `units`, and the way in which a commit hints at work."""

    units: Units
    executor: Executor
    hint: Callable[[Sequence[Work]], Awaitable[None]]


@asynccontextmanager
async def embedded_executor(request: pytest.FixtureRequest) -> AsyncIterator[ExecutorEnv]:
    units = Units()
    executor = Embedded(
        units={kind: units.unit(kind) for kind in KINDS}, due=units.look, now=lambda: START, tick_seconds=0.05
    )

    async def hint(works: Sequence[Work]) -> None:
        executor.submit(works)

    yield ExecutorEnv(units, executor, hint)


@asynccontextmanager
async def distributed_executor(request: pytest.FixtureRequest) -> AsyncIterator[ExecutorEnv]:
    address = libpq(request.getfixturevalue("postgres_database"))
    await distributed.prepare(address)
    units = Units()
    yield ExecutorEnv(units, worker(address, units), lambda works: commit(address, works))


def libpq(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def worker(address: str, units: Units) -> Distributed:
    return Distributed(address, units={kind: units.unit(kind) for kind in KINDS}, due=units.look, now=lambda: START)


async def commit(address: str, works: Sequence[Work], *, rolls_back: bool = False) -> None:
    """Write hints in a transaction, as the store does."""
    connection: asyncpg.Connection[Any] = await asyncpg.connect(address)
    try:
        await connection.execute("BEGIN")
        await HintWriter()(connection, works)
        await connection.execute("ROLLBACK" if rolls_back else "COMMIT")
    finally:
        await connection.close()


@asynccontextmanager
async def running(executor: Executor) -> AsyncIterator[asyncio.Future[None]]:
    run = asyncio.ensure_future(executor.run())
    try:
        yield run
    finally:
        executor.stop()
        await asyncio.wait_for(run, 30)


@pytest.fixture(params=[embedded_executor, distributed_executor], ids=["embedded", "distributed"])
async def env(request: pytest.FixtureRequest) -> AsyncIterator[ExecutorEnv]:
    async with request.param(request) as opened:
        yield opened


async def test_a_hint_of_each_kind_is_followed(env: ExecutorEnv) -> None:
    async with running(env.executor):
        await env.hint([Work("advance", "a"), Work("deliver", "b"), Work("process_due", "c")])
        await until(lambda: env.units.ids() == ["a", "b", "c"])
    assert set(env.units.done) == {Work("advance", "a"), Work("deliver", "b"), Work("process_due", "c")}


async def test_news_of_an_ask_are_no_work(env: ExecutorEnv) -> None:
    async with running(env.executor):
        await env.hint([Work("ask", "a"), Work("advance", "b")])
        await until(lambda: env.units.ids() == ["b"])
    assert env.units.done == [Work("advance", "b")]


async def test_hints_that_came_before_the_start_are_followed(env: ExecutorEnv) -> None:
    await env.hint([Work("advance", "early")])
    async with running(env.executor):
        await until(lambda: env.units.ids() == ["early"])


async def test_work_whose_hint_was_lost_is_found_in_the_tables(env: ExecutorEnv) -> None:
    async with running(env.executor):
        env.units.due = [Work("deliver", "lost")]
        await until(lambda: env.units.ids() == ["lost"])


async def test_a_hint_during_its_own_work_is_followed_once_more(env: ExecutorEnv) -> None:
    started, released = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        started.set()
        await released.wait()

    env.units.acts["a"] = wait
    async with running(env.executor):
        await env.hint([Work("advance", "a")])
        await started.wait()
        await env.hint([Work("advance", "a")])
        released.set()
        await until(lambda: env.units.ids() == ["a", "a"])


@pytest.mark.parametrize("error", [ValueError("a bug"), StoreError("The database is full.")])
async def test_a_unit_that_fails_stops_no_other(
    env: ExecutorEnv, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise error

    env.units.acts["bad"] = fail
    async with running(env.executor):
        await env.hint([Work("advance", "bad"), Work("advance", "good")])
        await until(lambda: env.units.ids() == ["good"] and bool(caplog.records))
        env.units.acts.clear()
        env.units.due = [Work("advance", "bad")]
        await until(lambda: env.units.ids() == ["bad", "good"])


async def test_slow_steps_do_not_keep_copies_and_deadlines_waiting(env: ExecutorEnv) -> None:
    released = asyncio.Event()

    async def wait() -> None:
        await released.wait()

    slow = [Work("advance", f"slow{number}") for number in range(CONCURRENT["advance"] + 20)]
    env.units.acts = {work.id: wait for work in slow}
    async with running(env.executor):
        await env.hint(slow)
        await env.hint([Work("deliver", "copy"), Work("process_due", "deadline")])
        await until(lambda: env.units.ids() == ["copy", "deadline"])
        released.set()
        await until(lambda: len(env.units.done) == len(slow) + 2)


async def test_work_in_progress_ends_before_run_returns(env: ExecutorEnv) -> None:
    started = asyncio.Event()

    async def act() -> None:
        started.set()
        await asyncio.sleep(0.2)

    env.units.acts["a"] = act
    async with running(env.executor):
        await env.hint([Work("advance", "a")])
        await started.wait()
        assert not env.executor.idle
    assert env.units.ids() == ["a"]
    assert env.executor.idle


# -- what only many processes have --------------------------------------------------------------------------


@pytest.fixture
async def address(postgres_database: str) -> str:
    address = libpq(postgres_database)
    await distributed.prepare(address)
    return address


async def test_the_tables_of_the_queue_can_be_prepared_again_and_by_several_at_once(postgres_database: str) -> None:
    address = libpq(postgres_database)
    await asyncio.gather(*(distributed.prepare(address) for _ in range(3)))
    await distributed.prepare(address)
    await commit(address, [Work("advance", "a")])


async def test_a_transaction_that_is_rolled_back_hints_at_nothing(address: str) -> None:
    units = Units()
    await commit(address, [Work("advance", "never")], rolls_back=True)
    async with running(worker(address, units)):
        await commit(address, [Work("advance", "after")])
        await until(lambda: bool(units.done))
    assert units.ids() == ["after"]


async def test_two_workers_share_the_work_and_each_hint_goes_to_one_of_them(address: str) -> None:
    first, second = Units(), Units()
    async with running(worker(address, first)), running(worker(address, second)):
        works = [Work("advance", f"{number:03}") for number in range(100)]
        for work in works:
            await commit(address, [work])
        await until(lambda: len(first.done) + len(second.done) == 100)
    assert sorted(first.ids() + second.ids()) == [work.id for work in works]


async def test_a_worker_goes_on_after_all_its_connections_were_dropped(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    units = Units()
    async with running(worker(address, units)):
        await commit(address, [Work("advance", "before")])
        await until(lambda: units.ids() == ["before"])
        await drop_connections(address)
        await commit(address, [Work("advance", "behind")])
        await until(lambda: units.ids() == ["before", "behind"])


async def test_a_worker_goes_on_after_a_loss_though_a_slow_step_still_runs(address: str) -> None:
    released = asyncio.Event()
    units = Units(acts={"slow": lambda: wait_for(released)})
    async with running(worker(address, units)) as run:
        await commit(address, [Work("advance", "slow"), Work("advance", "before")])
        await until(lambda: units.ids() == ["before"])
        await drop_connections(address)
        await commit(address, [Work("advance", "behind")])
        await until(lambda: units.ids() == ["before", "behind"])
        assert not run.done()
        released.set()


async def test_a_worker_goes_on_when_the_tables_of_its_queue_appear(
    postgres_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    address, units = libpq(postgres_database), Units()
    async with running(worker(address, units)):
        await until(lambda: "the queue in the database failed" in caplog.text)
        await distributed.prepare(address)
        await commit(address, [Work("advance", "after")])
        await until(lambda: units.ids() == ["after"])


async def test_a_worker_that_stops_gives_what_it_has_not_begun_to_others_at_once(address: str) -> None:
    released = asyncio.Event()
    slow = [Work("advance", f"slow{number}") for number in range(CONCURRENT["advance"])]
    first, second = Units(acts={work.id: lambda: wait_for(released) for work in slow}), Units()
    stopping = worker(address, first)
    async with running(stopping) as run:
        await commit(address, [*slow, *(Work("advance", f"next{number}") for number in range(20))])
        await until(lambda: not stopping.idle)
        await until_jobs(address, 0)
        async with running(worker(address, second)):
            stopping.stop()
            await until(lambda: len(second.done) == 20)
            assert not run.done()
            released.set()
            await run
    assert first.ids() == sorted(work.id for work in slow)


async def test_the_hint_of_a_look_that_a_killed_worker_had_taken_is_given_again(address: str) -> None:
    lost = Work("advance", "lost")
    looks = Units(due=[lost])
    never = Distributed(address, units={}, due=looks.look, now=lambda: START)
    async with running(never):
        await until_jobs(address, 1)
    connection: asyncpg.Connection[Any] = await asyncpg.connect(address)
    await connection.execute(
        "UPDATE pgqueuer SET status = 'picked', heartbeat = now(), queue_manager_id = gen_random_uuid()"
    )
    await connection.close()
    units = Units(due=[lost])
    later = Distributed(
        address, units={kind: units.unit(kind) for kind in KINDS}, due=units.look, now=lambda: START + distributed.SLOT
    )
    async with running(later):
        await until(lambda: units.ids() == ["lost"])


async def wait_for(event: asyncio.Event) -> None:
    await event.wait()


async def until_jobs(address: str, count: int) -> None:
    """Wait until the queue has so many jobs."""
    connection: asyncpg.Connection[Any] = await asyncpg.connect(address)
    try:
        async with asyncio.timeout(10):
            while await connection.fetchval("SELECT count(*) FROM pgqueuer") != count:  # noqa: ASYNC110 it is a table
                await asyncio.sleep(0.02)
    finally:
        await connection.close()


async def drop_connections(address: str) -> None:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(address)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.close()
