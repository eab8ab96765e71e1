from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest

from engine.domain import RunStatus, Work
from engine.errors import StoreError, StoreFull
from engine.store import log_followers
from engine.worker.embedded import CONCURRENT, Embedded
from tests.support.databases import OpenStore
from tests.support.engine_env import EngineEnv, open_engine, until
from tests.support.fakes import START


class Units:
    """Units that record their arguments, and a list of due work."""

    def __init__(self) -> None:
        self.done: list[Work] = []
        self.due: list[Work] = []
        self.looks = 0
        self.trouble: Exception | None = None
        self.acts: dict[str, Callable[[], Awaitable[None]]] = {}

    def unit(self, kind: str) -> Callable[[str], Awaitable[None]]:
        async def do(id_: str) -> None:
            if id_ in self.acts:
                await self.acts[id_]()
            self.done.append(Work(kind, id_))  # type: ignore[arg-type]

        return do

    async def look(self, now: datetime) -> list[Work]:
        self.looks += 1
        if self.trouble is not None:
            raise self.trouble
        due, self.due = self.due, []
        return due


def embedded(units: Units, *, tick_seconds: float = 0.01) -> Embedded:
    kinds = ("advance", "deliver", "process_due")
    return Embedded(
        units={kind: units.unit(kind) for kind in kinds},
        due=units.look,
        now=lambda: START,
        tick_seconds=tick_seconds,
    )


@asynccontextmanager
async def running(executor: Embedded) -> AsyncIterator[asyncio.Future[None]]:
    run = asyncio.ensure_future(executor.run())
    try:
        yield run
    finally:
        executor.stop()
        await run


def raising(error: BaseException) -> Callable[[], Awaitable[None]]:
    async def act() -> None:
        raise error

    return act


NEVER = 3600.0


async def test_a_hint_is_followed_without_a_tick() -> None:
    units = Units()
    executor = embedded(units, tick_seconds=NEVER)
    async with running(executor):
        executor.submit([Work("advance", "a"), Work("deliver", "b"), Work("process_due", "c")])
        await until(lambda: executor.idle)
    assert {work.id for work in units.done} == {"a", "b", "c"}
    assert units.looks == 1, "only the look at the start"


async def test_a_lost_hint_costs_no_more_than_a_tick() -> None:
    units = Units()
    async with running(embedded(units)):
        await until(lambda: units.looks > 1)
        units.due = [Work("advance", "a")]
        await until(lambda: units.done == [Work("advance", "a")])


async def test_a_queued_hint_is_not_queued_twice_and_a_hint_during_its_work_is_followed() -> None:
    units, released = Units(), asyncio.Event()
    executor = embedded(units, tick_seconds=NEVER)

    async def wait() -> None:
        await released.wait()

    units.acts["a"] = wait
    executor.submit([Work("advance", "a"), Work("advance", "a")])
    executor.submit([Work("advance", "a")])
    async with running(executor):
        await asyncio.sleep(0.02)
        executor.submit([Work("advance", "a")])
        released.set()
        await until(lambda: executor.idle)
    assert len(units.done) == 2


async def test_slow_steps_do_not_keep_copies_and_clocks_waiting() -> None:
    units, released = Units(), asyncio.Event()
    executor = embedded(units, tick_seconds=NEVER)
    slow = [Work("advance", f"slow{number}") for number in range(CONCURRENT["advance"] * 2)]

    async def wait() -> None:
        await released.wait()

    units.acts = {work.id: wait for work in slow}
    async with running(executor):
        executor.submit(slow)
        executor.submit([Work("deliver", "copy"), Work("process_due", "clock")])
        await until(lambda: len(units.done) == 2)
        assert {work.id for work in units.done} == {"copy", "clock"}
        assert not executor.idle
        released.set()
        await until(lambda: executor.idle)
    assert len(units.done) == len(slow) + 2


@pytest.mark.parametrize("error", [ValueError("oh"), asyncio.CancelledError(), ExceptionGroup("oh", [ValueError()])])
async def test_a_unit_that_fails_is_logged_and_stops_nothing(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    units = Units()
    executor = embedded(units, tick_seconds=NEVER)
    failing = [Work("process_due", f"bad{number}") for number in range(CONCURRENT["process_due"] * 2)]
    units.acts = {work.id: raising(error) for work in failing}
    with caplog.at_level(logging.ERROR):
        async with running(executor):
            executor.submit(failing)
            await until(lambda: executor.idle)
            executor.submit([Work("process_due", "good")])
            await until(lambda: units.done == [Work("process_due", "good")])
    assert len(caplog.records) == len(failing)
    assert all(record.exc_info for record in caplog.records)


async def test_a_full_disk_is_logged_once_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    units = Units()
    executor = embedded(units, tick_seconds=NEVER)
    units.acts = {f"bad{number}": raising(StoreFull("no room")) for number in range(50)}
    with caplog.at_level(logging.ERROR):
        async with running(executor):
            executor.submit([Work("advance", id_) for id_ in units.acts])
            await until(lambda: executor.idle)
            executor.submit([Work("advance", "good")])
            await until(lambda: executor.idle)
            executor.submit([Work("advance", "bad1")])
            await until(lambda: executor.idle)
    assert [record.getMessage() for record in caplog.records] == ["no room", "no room"]
    assert units.done == [Work("advance", "good")]


@pytest.mark.parametrize("trouble", [StoreError("the disk is gone"), ValueError("a bug")])
async def test_a_failed_tick_is_logged_and_the_next_one_looks_again(
    trouble: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    units = Units()
    units.trouble = trouble
    with caplog.at_level(logging.ERROR):
        async with running(embedded(units)):
            await until(lambda: units.looks > 3)
            units.due, units.trouble = [Work("advance", "a")], None
            await until(lambda: units.done == [Work("advance", "a")])
    assert "cannot read due work" in caplog.records[0].getMessage()
    if isinstance(trouble, StoreError):
        assert len(caplog.records) == 1


async def test_stopping_starts_nothing_more_and_waits_for_running_work() -> None:
    units, started, released = Units(), asyncio.Event(), asyncio.Event()
    executor = embedded(units, tick_seconds=NEVER)

    async def wait() -> None:
        started.set()
        await released.wait()

    units.acts["slow"] = wait
    run = asyncio.ensure_future(executor.run())
    executor.submit([Work("advance", "slow")])
    await started.wait()
    executor.stop()
    executor.submit([Work("advance", "late"), Work("deliver", "late")])
    await asyncio.sleep(0.02)
    assert not run.done()
    released.set()
    await run
    assert units.done == [Work("advance", "slow")]


async def test_cancellation_cuts_off_running_work() -> None:
    units, started = Units(), asyncio.Event()
    executor = embedded(units, tick_seconds=NEVER)

    async def wait() -> None:
        started.set()
        await asyncio.Event().wait()

    units.acts["slow"] = wait
    run = asyncio.ensure_future(executor.run())
    executor.submit([Work("advance", "slow")])
    await started.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert units.done == []


# -- with the real units ------------------------------------------------------------------------------------

FLOW = """
name: flow
owner: sam@example.com
steps:
  - {id: act, uses: played, with: {text: hello}}
  - {id: ask, uses: set, with: {text: hello}, gate: {approvers: [lee@example.com]}}
  - {id: last, uses: played, with: {text: "{{ steps.ask.text }}"}}
"""


async def due_but_search(env: EngineEnv) -> list[Work]:
    """Return the work that is due. What makes requests found by their words may come later."""
    due = await env.engine.due(env.clock.now())
    return [work for work in due if not log_followers.is_following(work)]


@asynccontextmanager
async def running_engine(env: EngineEnv, *, hints: bool) -> AsyncIterator[Embedded]:
    executor = Embedded(
        units={"advance": env.runner.advance, "deliver": env.relay.deliver, "process_due": env.engine.process_due},
        due=env.engine.due,
        now=env.clock.now,
        tick_seconds=NEVER if hints else 0.02,
    )

    def lose_hint(works: Sequence[Work]) -> None:
        """Lose every hint."""

    env.store.on_commit(executor.submit if hints else lose_hint)
    async with running(executor):
        yield executor


@pytest.mark.parametrize("hints", [True, False])
async def test_runs_reach_their_end_by_hints_alone_and_by_ticks_alone(
    tmp_path: Path, open_database: OpenStore, hints: bool
) -> None:
    engine = open_engine(tmp_path / "signoff.db", open_store=open_database)
    async with engine as env, running_engine(env, hints=hints) as executor:
        await env.register(FLOW)
        started = await asyncio.gather(*(env.start() for _ in range(10)))
        await until(lambda: len(env.channel.posted) == 10 and executor.idle)
        await asyncio.gather(*(env.decide(run) for run in started))
        posted = env.channel.posted.values()
        await until(lambda: all(post.card.outcome for post in posted) and len(env.step.calls) == 20 and executor.idle)
        assert {(await env.view(run)).status for run in started} == {RunStatus.SUCCEEDED}
        assert await due_but_search(env) == []


async def test_idle_means_that_no_work_is_due(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db") as env, running_engine(env, hints=True) as executor:
        await env.register(FLOW)
        for _ in range(10):
            run = await env.start()
            assert not executor.idle
            await until(lambda: executor.idle)
            assert await due_but_search(env) == []
            assert (await env.view(run)).status is RunStatus.WAITING


@pytest.mark.parametrize("ends", ["cancelled", "stopped"])
async def test_a_tick_that_the_end_interrupts_is_no_failed_job(ends: str, caplog: pytest.LogCaptureFixture) -> None:
    units, looking = Units(), asyncio.Event()

    async def look(now: datetime) -> list[Work]:
        units.looks += 1
        if units.looks > 1:
            looking.set()
            await asyncio.Event().wait()
        return []

    kinds = ("advance", "deliver", "process_due")
    executor = Embedded(
        units={kind: units.unit(kind) for kind in kinds}, due=look, now=lambda: START, tick_seconds=0.01
    )
    run = asyncio.ensure_future(executor.run())
    await looking.wait()
    if ends == "stopped":
        executor.stop()
    else:
        run.cancel()
    await asyncio.wait([run])
    # The scheduler writes about its jobs after they have ended.
    for _ in range(5):
        await asyncio.sleep(0)
    assert caplog.records == []
