"""A step runs another workflow: it waits for its run, takes what that returns, and both end together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine import json_values
from engine.domain import (
    Cancel,
    Decided,
    Done,
    NotAllowed,
    Refusal,
    Register,
    Registered,
    RequestState,
    Resume,
    ResumeAnswer,
    ReviewPoint,
    RunStatus,
    StepStatus,
    TryAgain,
    Verdict,
)
from engine.domain.workflow_commands import Proposed
from engine.errors import StepError
from engine.read_models import PageQuery, RunView
from engine.service import Engine
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, SAM, TERMINAL, EngineEnv, open_engine

BELOW = """
name: below
title: Below
owner: kim@example.com
inputs: {amount: integer, why: {type: text, default: none}}
MORE
steps:
  - {id: pay, uses: played, with: {text: "{{ inputs.amount }} for {{ inputs.why }}"}, GATE}
output: {receipt: "{{ steps.pay.text }}", twice: "{{ inputs.amount * 2 }}"}
"""
FLOW = """
name: flow
owner: sam@example.com
inputs: {amount: {type: integer, default: 4}}
steps:
  - {id: begin, uses: set, with: {why: lunch}}
  - id: call
    uses: run
    with: {workflow: below, inputs: {amount: "{{ inputs.amount }}", why: "{{ steps.begin.why }}"}}
    KEYS
  - {id: end, uses: played, with: {text: "{{ steps.call.receipt }}, {{ steps.call.twice }}"}}
"""


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        yield env


async def begin(
    env: EngineEnv, *, gate: str = "", more: str = "", keys: str = "on_error: stop", flow: str = FLOW
) -> str:
    await env.register(BELOW.replace(", GATE", f", {gate}" if gate else "").replace("MORE", more))
    await env.register(flow.replace("KEYS", keys))
    run = await env.start()
    await env.settle()
    return run


async def below(env: EngineEnv, run: str, index: int = -1) -> RunView:
    """Return the run that a step of this run started last."""
    rows = await env.rows(f"SELECT id FROM run WHERE parent = '{run}' ORDER BY id")
    return await env.view(rows[index][0])


def texts(env: EngineEnv) -> list[str]:
    return [params.text for params, _ in env.step.calls]


async def call_of(env: EngineEnv, run: str) -> Any:
    return [step for step in (await env.view(run)).steps if step.step == "call"][-1]


GATE = "gate: {approvers: [lee@example.com]}"


async def test_a_step_runs_a_workflow_and_takes_what_it_returns(env: EngineEnv) -> None:
    run = await begin(env)
    view, child = await env.view(run), await below(env, run)
    assert (view.status, child.status) == (RunStatus.SUCCEEDED, RunStatus.SUCCEEDED)
    assert texts(env) == ["4 for lunch", "4 for lunch, 8"]
    assert (await call_of(env, run)).output == {
        "receipt": "4 for lunch",
        "twice": 8,
        "run": child.id,
        "status": "succeeded",
    }
    assert (child.requester, child.owner.label, child.origin.surface) == (view.requester, "kim@example.com", "run")


async def test_without_a_declared_output_the_step_has_the_id_and_the_status(env: EngineEnv) -> None:
    await env.register("name: below\nsteps: [{id: pay, uses: played}]")
    await env.register("name: flow\nsteps: [{id: call, uses: run, with: {workflow: below}}]")
    run = await env.start()
    await env.settle()
    assert (await call_of(env, run)).output == {"run": (await below(env, run)).id, "status": "succeeded"}


async def test_the_run_waits_as_long_as_people_decide_below(env: EngineEnv) -> None:
    run = await begin(env, gate=GATE)
    child = await below(env, run)
    assert [(await env.view(id_)).status for id_ in (run, child.id)] == [RunStatus.WAITING] * 2
    assert (await call_of(env, run)).status is StepStatus.IN_RUNS
    assert isinstance(await env.decide(child.id), Decided)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED


async def test_people_review_the_inputs_before_the_run_starts(env: EngineEnv) -> None:
    run = await begin(env, keys=GATE)
    assert await env.rows("SELECT id FROM run WHERE parent IS NOT NULL") == []
    request = await env.request(run)
    assert request.model.content.value == {"workflow": "below", "inputs": {"amount": 4, "why": "lunch"}}
    edited = await env.decide(run, edits={"inputs.amount": 7})
    assert isinstance(edited, Decided)
    await env.settle()
    assert (await below(env, run)).inputs == {"amount": 7, "why": "lunch"}
    assert texts(env)[-1] == "7 for lunch, 14"


@pytest.mark.parametrize(
    ("how", "words"),
    [("fail", "failed: Step “Pay” failed: no money"), ("reject", "was rejected."), ("cancel", "was cancelled.")],
)
async def test_the_step_fails_with_a_sentence_that_names_the_run(env: EngineEnv, how: str, words: str) -> None:
    async def fail(*_: object) -> Any:
        raise StepError("no money")

    env.step.play = fail
    run = await begin(env, gate="" if how == "fail" else GATE)
    child = await below(env, run)
    if how == "reject":
        await env.decide(child.id, Verdict.REJECT)
    if how == "cancel":
        assert isinstance(await env.engine.cancel(Cancel(run=child.id, actor=ANN, origin=TERMINAL)), Done)
    await env.settle()
    view = await env.view(run)
    assert view.status is RunStatus.FAILED
    assert view.error == f"Step “Call” failed: “Below” (run {child.id}) {words}"


async def test_an_expired_request_below_fails_the_step_and_on_error_goes_on(env: EngineEnv) -> None:
    flow = FLOW.replace("{{ steps.call.receipt }}, {{ steps.call.twice }}", "{{ steps.call.error }}")
    gate = "gate: {approvers: [lee@example.com], expires: 1h}"
    run = await begin(env, gate=gate, keys="on_error: continue", flow=flow)
    child = await below(env, run)
    env.pass_time(hours=2)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert texts(env) == [f"“Below” (run {child.id}) expired without a decision."]


async def test_cancelling_a_run_cancels_all_that_it_started(env: EngineEnv) -> None:
    await env.register(BELOW.replace(", GATE", f", {GATE}").replace("MORE", ""))
    await env.register(FLOW.replace("name: flow", "name: middle").replace("KEYS", "on_error: stop"))
    await env.register("name: flow\nsteps: [{id: call, uses: run, with: {workflow: middle}}]")
    run = await env.start()
    await env.settle()
    middle = await below(env, run)
    lowest = await below(env, middle.id)
    assert isinstance(await env.engine.cancel(Cancel(run=run, actor=ANN, origin=TERMINAL, reason="enough")), Done)
    await env.settle()
    assert [(await env.view(id_)).status for id_ in (run, middle.id, lowest.id)] == [RunStatus.CANCELLED] * 3
    assert (await env.request(lowest.id)).model.state is RequestState.CANCELLED
    asked = [entry for entry in await env.engine.story(lowest.id) if entry.kind == "run.cancel_asked"]
    assert [dict(entry.content or {}) for entry in asked] == [
        {"reason": "enough", "actor_name": "ann@example.com", "parent": middle.id}
    ]
    assert env.step.calls == []


async def test_a_running_step_below_a_cancelled_run_finishes_and_is_the_last(env: EngineEnv) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(*_: object) -> Any:
        entered.set()
        await leave.wait()
        return {"text": "done"}

    env.step.play = slow
    await env.register(BELOW.replace(", GATE", "").replace("MORE", ""))
    await env.register(FLOW.replace("KEYS", "on_error: stop"))
    run = await env.start()
    await env.runner.advance(run)
    child = await below(env, run)
    async with asyncio.TaskGroup() as group:
        group.create_task(env.runner.advance(child.id))
        await entered.wait()
        await env.engine.cancel(Cancel(run=run, actor=ANN, origin=TERMINAL))
        await env.runner.advance(run)
        assert (await env.view(run)).status is RunStatus.CANCELLED
        assert (await env.view(child.id)).cancelled
        leave.set()
    await env.settle()
    assert (await env.view(child.id)).status is RunStatus.CANCELLED


async def test_a_run_that_needs_attention_below_asks_its_owner(env: EngineEnv) -> None:
    async def lose(*_: object) -> Any:
        raise StepError("no answer", outcome_unknown=True)

    env.step.play = lose
    run = await begin(env)
    child = await below(env, run)
    assert child.status is RunStatus.NEEDS_ATTENTION
    assert (await env.view(run)).status is RunStatus.WAITING
    resumed = await env.engine.resume(
        Resume(run=child.id, answer=ResumeAnswer.STOP, actor=child.owner.addresses[0], origin=TERMINAL)
    )
    assert isinstance(resumed, Done)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.FAILED


async def test_trying_again_starts_another_run_and_the_first_stays_as_it_ended(env: EngineEnv) -> None:
    async def fail(*_: object) -> Any:
        raise StepError("no money")

    play, env.step.play = env.step.play, fail
    run = await begin(env)
    child = await below(env, run)
    env.step.play = play
    refused = await env.engine.try_again(TryAgain(run=child.id, actor=ANN, origin=TERMINAL))
    assert isinstance(refused, NotAllowed)
    assert run in refused.why
    env.pass_time(seconds=1)
    assert isinstance(await env.engine.try_again(TryAgain(run=run, actor=ANN, origin=TERMINAL)), Done)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    again = await below(env, run)
    assert (again.id != child.id, again.status) == (True, RunStatus.SUCCEEDED)


async def test_a_failure_below_that_is_asked_about_starts_another_run_after_its_gate(env: EngineEnv) -> None:
    async def fail(*_: object) -> Any:
        raise StepError("no money")

    play, env.step.play = env.step.play, fail
    run = await begin(env, keys=f"{GATE}\n    on_error: ask")
    env.pass_time(seconds=1)
    await env.decide(run)
    await env.settle()
    child, failure = await below(env, run), await env.request(run)
    assert (failure.at, failure.confirm is not None) == (ReviewPoint.FAILED, True)
    assert failure.reason == f"“Below” (run {child.id}) failed: Step “Pay” failed: no money"
    env.step.play = play
    env.pass_time(seconds=1)
    assert isinstance(await env.decide(run, by=SAM), Decided)
    await env.settle()
    assert (await env.request(run)).at is ReviewPoint.BEFORE
    env.pass_time(seconds=1)
    assert isinstance(await env.decide(run), Decided)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert (await below(env, run)).id != child.id


async def test_the_person_who_started_it_needs_the_right_to_start_what_is_below(env: EngineEnv) -> None:
    run = await begin(env, more="may_run: [lee@example.com]")
    view = await env.view(run)
    assert view.error == (
        "Step “Call” failed: ann@example.com started this run, and may not start below. It is for lee@example.com."
    )
    assert await env.rows("SELECT id FROM run WHERE parent IS NOT NULL") == []


async def test_inputs_that_do_not_fit_fail_the_step(env: EngineEnv) -> None:
    run = await begin(env, flow=FLOW.replace("{{ inputs.amount }}", "{{ steps.begin.why }}"))
    assert (await env.view(run)).error == (
        "Step “Call” failed: below cannot be run with these inputs: Amount must be a whole number."
    )


async def register(env: EngineEnv, source: str) -> Registered | Proposed | Refusal:
    return await env.engine.register(Register(source=source.encode(), actor=SAM, origin=TERMINAL))


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("{workflow: belo}", "The step call runs belo, and there is no workflow of this name here. Register it first."),
        ("{workflow: below}", "The step call runs below, whose input amount is missing."),
        (
            "{workflow: below, inputs: {amount: many}}",
            "The step call runs below, whose input amount must be a whole number.",
        ),
        (
            "{workflow: below, inputs: {amount: 1, sum: 2}}",
            "The step call gives below the input sum, which it does not have. It has `amount` and `why`.",
        ),
    ],
)
async def test_what_can_never_run_is_refused_when_it_is_registered(env: EngineEnv, call: str, why: str) -> None:
    await env.register(BELOW.replace(", GATE", "").replace("MORE", ""))
    refused = await register(env, f"name: flow\nsteps: [{{id: call, uses: run, with: {call}}}]")
    assert refused == NotAllowed(why=why)


async def test_workflows_that_run_each_other_are_refused(env: EngineEnv) -> None:
    calling = "name: {}\nsteps: [{{id: call, uses: run, with: {{workflow: {}}}}}]"
    await register(env, "name: a\nsteps: [{id: pay, uses: played}]")
    await register(env, calling.format("b", "a"))
    await register(env, calling.format("c", "b"))
    assert await register(env, calling.format("a", "c")) == NotAllowed(
        why="a would run itself and never end: a runs c, c runs b, b runs a."
    )


async def test_runs_are_at_most_eight_deep(env: EngineEnv) -> None:
    await register(env, "name: w0\nsteps: [{id: pay, uses: played}]")
    for depth in range(1, 9):
        await register(env, f"name: w{depth}\nsteps: [{{id: call, uses: run, with: {{workflow: w{depth - 1}}}}}]")
    run = await env.start("w8")
    await env.settle()
    assert "Runs may start each other only 8 deep, and w0 would be deeper." in str((await env.view(run)).error)
    assert env.step.calls == []
    run = await env.start("w7")
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED


async def test_an_output_that_cannot_be_made_fails_the_run_and_its_steps_are_not_repeated(env: EngineEnv) -> None:
    await env.register("name: flow\nsteps: [{id: pay, uses: played}]\noutput: {sum: '{{ steps.pay.nothing + 1 }}'}")
    run = await env.start()
    await env.settle()
    view = await env.view(run)
    assert view.status is RunStatus.FAILED
    assert str(view.error).startswith("Every step is done, but the run has no output: ")
    assert isinstance(await env.engine.try_again(TryAgain(run=run, actor=ANN, origin=TERMINAL)), NotAllowed)


async def test_a_lost_hint_costs_only_time(env: EngineEnv) -> None:
    """Whatever process dies: the tables say what is to be done."""
    await env.register(BELOW.replace(", GATE", "").replace("MORE", ""))
    await env.register(FLOW.replace("KEYS", "on_error: stop"))
    run = await env.start()
    for _ in range(20):
        works = await env.engine.due(env.clock.now())
        if not works:
            break
        await env.runner.advance(works[0].id)
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert len(await env.engine.runs(PageQuery())) == 2


# -- a run for each item of a foreach -----------------------------------------------------------------------

EACH = """
name: flow
owner: sam@example.com
inputs: {amounts: {type: json, default: [1, 2, 3, 4, 5]}}
steps:
  - id: each
    uses: foreach
    with: {over: "{{ inputs.amounts }}", parallel: 2}
    on_error: continue
    KEYS
    steps:
      - {id: call, uses: run, with: {workflow: below, inputs: {amount: "{{ item }}", why: "item {{ index }}"}}}
"""
TOGETHER = "gate: {title: 'Pay all?', approvers: [lee@example.com]}"


def each(parallel: int, amounts: str = "[1, 2, 3, 4, 5]") -> str:
    return EACH.replace("parallel: 2", f"parallel: {parallel}").replace("[1, 2, 3, 4, 5]", amounts)


async def approve_all(env: EngineEnv, run: str, keys: str) -> None:
    if keys:
        await env.decide(run)
        await env.settle()


async def items_of(env: EngineEnv, run: str) -> list[tuple[int, str, Any]]:
    rows = await env.rows(f"SELECT number, status, output FROM item WHERE run = '{run}' ORDER BY number")
    return [(row[0], row[1], json_values.loads(row[2]) if row[2] else None) for row in rows]


@pytest.mark.parametrize("keys", ["", TOGETHER])
@pytest.mark.parametrize("parallel", [1, 2, 7])
async def test_each_item_has_its_own_run(env: EngineEnv, parallel: int, keys: str) -> None:
    run = await begin(env, keys=keys, flow=each(parallel, "[1, none, 3, 4, 5]"))
    await approve_all(env, run, keys)
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert sorted(texts(env)) == [f"{number} for item {number}" for number in (1, 3, 4, 5)]
    for number, status, output in await items_of(env, run):
        assert status == ("failed" if number == 2 else "succeeded")
        assert output is None or output["receipt"] == f"{number} for item {number}"


@pytest.mark.parametrize("keys", ["", TOGETHER])
@pytest.mark.parametrize("parallel", [1, 3])
async def test_cancelling_ends_the_run_of_each_item(env: EngineEnv, parallel: int, keys: str) -> None:
    run = await begin(env, gate=GATE, keys=keys, flow=each(parallel))
    await approve_all(env, run, keys)
    waiting = await env.rows("SELECT id FROM request WHERE state = 'pending'")
    assert len(waiting) == parallel
    assert isinstance(await env.engine.cancel(Cancel(run=run, actor=SAM, origin=TERMINAL)), Done)
    await env.settle()
    assert {row[0] for row in await env.rows("SELECT status FROM run")} == {"cancelled"}
    assert await env.rows("SELECT id FROM request WHERE state = 'pending'") == []
    assert env.step.calls == []


async def test_a_trial_says_that_a_workflow_is_in_no_file(env: EngineEnv) -> None:
    trial = Engine(env.store, env.advancer, is_trial=True)
    source = b"name: flow\nsteps: [{id: call, uses: run, with: {workflow: below}}]"
    refused = await trial.register(Register(source=source, actor=SAM, origin=TERMINAL))
    assert isinstance(refused, NotAllowed)
    assert "no file beside it has this name" in refused.why
