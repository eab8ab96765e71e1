"""Runs and bad news at the same instant, in two processes: what draws after the bad news is reviewed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from engine.domain import DEFAULT_WORKSPACE, RunStatus, Start, Started
from engine.domain.autonomy_commands import PlanTightened, TightenPlan
from engine.oversight.sampling_plan import PlanStage
from engine.service import Engine
from engine.store import reconciliation
from tests.integration.test_autonomy import KIM, flow, plan_of, relax
from tests.support.engine_env import ANN, SAM, TERMINAL, EngineEnv
from tests.support.rival_processes import race, two_processes

START = Start(workflow="flow", inputs={}, actor=ANN, origin=TERMINAL)


@pytest.fixture
async def processes(postgres_database: str) -> AsyncIterator[tuple[EngineEnv, EngineEnv]]:
    async with two_processes(postgres_database) as both:
        for env in both:
            env.engine = Engine(env.store, env.advancer, admins=frozenset({KIM}), clock=env.clock)
        await both[0].register(flow())
        await relax(both[0])
        yield both


async def tighten(env: EngineEnv) -> TightenPlan:
    return TightenPlan(plan=(await plan_of(env)).id, reason="It looks odd.", actor=SAM, origin=TERMINAL)


async def settled(env: EngineEnv) -> None:
    await env.settle()
    assert await env.store.read(lambda connection: list(reconciliation.compare(connection, DEFAULT_WORKSPACE))) == []
    assert (await plan_of(env)).state.stage is PlanStage.ALL


async def test_a_run_that_draws_after_the_bad_news_is_reviewed(
    processes: tuple[EngineEnv, EngineEnv], postgres_database: str
) -> None:
    """The bad news holds the plan, and waits to write its message; the run waits for the plan."""
    first, second = processes
    bad_news = first.engine.tighten(await tighten(first))
    tightened, started = await race(postgres_database, "delivery", bad_news, second.engine.start(START))
    assert isinstance(tightened, PlanTightened)
    assert isinstance(started, Started)
    await settled(first)
    assert (await first.view(started.run)).status is RunStatus.WAITING


async def test_runs_and_bad_news_in_any_order_leave_a_record_that_agrees(
    processes: tuple[EngineEnv, EngineEnv],
) -> None:
    """Whatever comes first, the record and the tables agree, and the next run is reviewed."""
    first, second = processes
    runs = [env.engine.start(START) for env in (first, second, first, second)]
    tightened, *started = await asyncio.gather(first.engine.tighten(await tighten(first)), *runs)
    assert isinstance(tightened, PlanTightened)
    assert all(isinstance(result, Started) for result in started)
    await settled(first)
    first.pass_time(seconds=1)
    run = await second.start()
    await second.settle()
    assert (await second.view(run)).status is RunStatus.WAITING


async def test_two_runs_at_once_are_drawn_each_by_itself(
    processes: tuple[EngineEnv, EngineEnv], postgres_database: str
) -> None:
    first, second = processes
    started = await race(postgres_database, "run", first.engine.start(START), second.engine.start(START))
    for result in started:
        assert isinstance(result, Started)
        kinds = await first.kinds(result.run)
        assert ("gate.sampled_out" in kinds) is not ("request.opened" in kinds)
    await first.settle()
    assert await first.store.read(lambda connection: list(reconciliation.compare(connection, DEFAULT_WORKSPACE))) == []
