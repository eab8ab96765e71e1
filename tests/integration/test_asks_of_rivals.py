"""Two processes on one database, and programs that act in step: an approval is used once, and no word is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine.domain import RunStatus
from engine.domain.asks import (
    AlreadyConsumed,
    ApprovalLapsed,
    AskCancelled,
    Asked,
    CancelAsk,
    Consumed,
    NotApproved,
    OutcomeAlreadyKnown,
    OutcomeReported,
    OutcomeStatus,
)
from tests.integration.test_asks import API, BOT, FLOW, an_ask, consume, granted, look, report
from tests.support.engine_env import EngineEnv
from tests.support.fakes import people_reached_by
from tests.support.rival_processes import race, two_processes

Processes = tuple[EngineEnv, EngineEnv]


@pytest.fixture
async def processes(postgres_database: str) -> AsyncIterator[Processes]:
    async with two_processes(postgres_database, directory=people_reached_by("email")) as both:
        await both[0].register(FLOW)
        yield both


async def test_two_asks_with_one_key_are_one(processes: Processes, postgres_database: str) -> None:
    asks = [env.engine.ask(an_ask(key="k")) for env in processes]
    first, second = await race(postgres_database, "ask", *asks)
    assert isinstance(first, Asked)
    assert isinstance(second, Asked)
    assert (first.run, {first.created, second.created}) == (second.run, {True, False})
    assert len(await processes[0].rows("SELECT id FROM run")) == 1


@pytest.mark.parametrize("keys", [("a", "b"), ("same", "same"), (None, None)])
async def test_of_two_that_act_at_once_one_gets_the_approval(
    processes: Processes, postgres_database: str, keys: tuple[str | None, str | None]
) -> None:
    run = await granted(processes[0])
    both = [consume(env, run, key=key) for env, key in zip(processes, keys, strict=True)]
    results = await race(postgres_database, "run", *both)
    taken = [result for result in results if isinstance(result, Consumed)]
    if keys == ("same", "same"):
        assert sorted(result.again for result in taken) == [False, True]
    else:
        assert len(taken) == 1
        assert sum(isinstance(result, AlreadyConsumed) for result in results) == 1
    assert (await processes[0].kinds(run)).count("ask.consumed") == 1


async def test_an_approval_is_used_or_withdrawn_and_never_both(processes: Processes, postgres_database: str) -> None:
    first, second = processes
    run = await granted(first)
    withdrawal = second.engine.cancel_ask(CancelAsk(ask=run, actor=BOT, origin=API))
    taken, withdrawn = await race(postgres_database, "run", consume(first, run), withdrawal)
    assert withdrawn == AskCancelled(run=run)
    assert isinstance(taken, Consumed | NotApproved)
    await first.settle()
    if isinstance(taken, Consumed):
        assert (await first.view(run)).status is RunStatus.WAITING, "its outcome is heard"
        await report(second, run)
        await first.settle()
    assert (await first.view(run)).status is RunStatus.CANCELLED
    view = await look(second, run)
    assert (view.consumed_at is not None) is isinstance(taken, Consumed)


async def test_an_approval_lapses_or_is_used(processes: Processes, postgres_database: str) -> None:
    first, second = processes
    run = await granted(first)
    first.pass_time(minutes=30)
    taken, _ = await race(postgres_database, "run", consume(second, run), first.runner.advance(run))
    await first.settle()
    view = await look(first, run)
    assert isinstance(taken, Consumed | ApprovalLapsed)
    assert (view.consumed_at is not None) is isinstance(taken, Consumed)
    assert ((await first.view(run)).status is RunStatus.EXPIRED) is isinstance(taken, ApprovalLapsed)


@pytest.mark.parametrize("other", [OutcomeStatus.SUCCEEDED, OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN])
async def test_one_outcome_counts(processes: Processes, postgres_database: str, other: OutcomeStatus) -> None:
    first, second = processes
    run = await granted(first)
    await consume(first, run)
    results: list[Any] = await race(postgres_database, "run", report(first, run), report(second, run, other))
    assert {type(result) for result in results} <= {OutcomeReported, OutcomeAlreadyKnown}
    await first.settle()
    view = await look(second, run)
    assert view.outcome is not None
    assert view.is_final
    if other is not OutcomeStatus.FAILED:
        assert view.outcome.status is OutcomeStatus.SUCCEEDED
        assert (await first.view(run)).status is RunStatus.SUCCEEDED


async def test_a_report_and_the_end_of_the_time_for_it_agree(processes: Processes, postgres_database: str) -> None:
    first, second = processes
    run = await granted(first)
    await consume(first, run)
    first.pass_time(minutes=10)
    told, _ = await race(postgres_database, "run", report(second, run), first.runner.advance(run))
    assert isinstance(told, OutcomeReported), "a program that comes late is heard"
    await first.settle()
    assert (await first.view(run)).status is RunStatus.SUCCEEDED
