"""A run that failed is continued from the step that failed: through the engine, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from bot.presentation import advice
from engine.domain import (
    Address,
    Done,
    Erase,
    NotAllowed,
    NotFound,
    Refusal,
    RequestState,
    Resume,
    ResumeAnswer,
    RunStatus,
    StepStatus,
    TryAgain,
)
from engine.errors import StepError
from engine.ports import StepContext
from engine.service import Engine
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, PlayedParams, open_engine

FLOW = """
name: flow
owner: sam@example.com
inputs: {amount: {type: number, default: 5}}
steps:
  - {id: look, uses: played, with: {text: looked}}
  - {id: pay, uses: played, with: {text: "{{ steps.look.text }} {{ inputs.amount }}"}, KEYS}
  - {id: tell, uses: played, with: {text: "told {{ steps.pay.text }}"}}
"""
GATE = "gate: {approvers: [lee@example.com]}"


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        yield env


async def fails(params: PlayedParams, context: StepContext) -> Mapping[str, object]:
    if context.step == "pay":
        raise StepError("the bank is closed")
    return {"text": params.text}


async def works(params: PlayedParams, context: StepContext) -> Mapping[str, object]:
    return {"text": params.text}


async def failed_run(env: EngineEnv, keys: str = "idempotent: false") -> str:
    await env.register(FLOW.replace("KEYS", keys))
    env.step.play = fails
    run = await env.start(amount=7)
    await env.settle()
    if "gate" in keys:
        await env.decide(run)
        await env.settle()
    assert (await env.view(run)).status is RunStatus.FAILED
    return run


async def again(env: EngineEnv, run: str, by: Address = SAM) -> Done | Refusal:
    env.pass_time(seconds=1)
    result = await env.engine.try_again(TryAgain(run=run, actor=by, origin=TERMINAL))
    await env.settle()
    return result


@pytest.mark.parametrize("by", [ANN, SAM], ids=["requester", "owner"])
async def test_it_goes_on_from_the_failed_step_with_the_same_inputs_and_a_new_key(env: EngineEnv, by: Address) -> None:
    run = await failed_run(env)
    env.step.play = works
    assert await again(env, run, by) == Done(run=run)
    view = await env.view(run)
    assert (view.status, view.error) == (RunStatus.SUCCEEDED, None)
    assert [params.text for params, _ in env.step.calls] == ["looked", "looked 7", "looked 7", "told looked 7"]
    keys = [context.idempotency_key for _, context in env.step.calls]
    assert len(set(keys)) == len(keys), "an effect that failed is not taken for the new one"
    visits = [(step.step, step.visit, step.status) for step in view.steps if step.step == "pay"]
    assert visits == [("pay", 1, StepStatus.FAILED), ("pay", 2, StepStatus.SUCCEEDED)]
    kinds = await env.kinds(run)
    assert kinds.index("run.failed") < kinds.index("run.tried_again") < kinds.index("run.succeeded")


async def test_a_gate_asks_again_because_an_approval_is_for_one_call(env: EngineEnv) -> None:
    run = await failed_run(env, GATE)
    env.step.play = works
    await again(env, run)
    requests = await env.engine.requests_of_run(run)
    assert [view.model.state for view in requests] == [RequestState.APPROVED, RequestState.PENDING]
    assert [context.step for _, context in env.step.calls] == ["look", "pay"], "nothing runs before the new approval"
    await env.decide(run)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED


async def test_it_can_fail_and_be_tried_again_as_often_as_is_needed(env: EngineEnv) -> None:
    run = await failed_run(env)
    for _ in range(3):
        await again(env, run)
        assert (await env.view(run)).status is RunStatus.FAILED
    env.step.play = works
    await again(env, run)
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert isinstance(await again(env, run), NotAllowed)


async def test_only_people_of_the_run_may_and_only_if_it_failed(env: EngineEnv) -> None:
    run = await failed_run(env)
    assert isinstance(await again(env, run, LEE), NotAllowed)
    assert isinstance(await again(env, "none"), NotFound)
    env.step.play = works
    started = await env.start()
    assert isinstance(await again(env, started), NotAllowed), "it runs"


@pytest.mark.parametrize("keys", ["idempotent: false", GATE])
async def test_a_run_whose_contents_were_erased_is_not_repeated_with_others(env: EngineEnv, keys: str) -> None:
    run = await failed_run(env, keys)
    env.step.play = works
    assert advice.can_be_tried_again(await env.view(run))
    engine = Engine(env.store, env.advancer, admins=frozenset({SAM}))
    await engine.erase(Erase(run=run, reason="asked to", actor=SAM, origin=TERMINAL))
    calls = len(env.step.calls)
    refusal = await again(env, run)
    assert isinstance(refusal, NotAllowed)
    assert "start a new run" in refusal.why
    assert not advice.can_be_tried_again(await env.view(run)), "no page offers it"
    assert (len(env.step.calls), (await env.view(run)).status) == (calls, RunStatus.FAILED)


async def test_a_step_that_may_have_happened_is_not_repeated(env: EngineEnv) -> None:
    async def lost(params: PlayedParams, context: StepContext) -> Mapping[str, object]:
        if context.step == "pay":
            raise StepError("no answer", outcome_unknown=True)
        return {"text": params.text}

    await env.register(FLOW.replace("KEYS", "idempotent: false"))
    env.step.play = lost
    run = await env.start()
    await env.settle()
    await env.engine.resume(Resume(run=run, answer=ResumeAnswer.STOP, actor=SAM, origin=TERMINAL))
    assert (await env.view(run)).status is RunStatus.FAILED
    refusal = await again(env, run)
    assert isinstance(refusal, NotAllowed)
    assert "before it was clear" in refusal.why
