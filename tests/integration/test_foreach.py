"""A foreach repeats its steps for each item of a list: in lanes, with a gate for each item, or with one for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from engine.domain import (
    Cancel,
    Decided,
    Done,
    ItemStatus,
    RequestState,
    Resume,
    ResumeAnswer,
    RunStatus,
    StepStatus,
    TryAgain,
    Verdict,
)
from engine.errors import StepError
from engine.ports import StepContext
from engine.read_models import PageQuery, RequestView
from engine.store import erasure
from engine.store.port import Tx
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, PlayedParams, open_engine

FLOW = """
name: flow
owner: sam@example.com
inputs: {names: {type: json, default: [ann, bob, cat, dan, eve]}}
steps:
  - {id: begin, uses: set, with: {greeting: Hello}}
  - id: each
    uses: foreach
    with: {over: "{{ inputs.names }}", parallel: 2}
    KEYS
    steps:
      - {id: words, uses: set, with: {text: "{{ steps.begin.greeting }} {{ item }} ({{ index }} of {{ run.id }})"}}
      - {id: send, uses: played, with: {text: "{{ steps.words.text }}"}, GATE}
  - {id: end, uses: set, with: {sent: "{{ steps.each.outputs }}", ok: "{{ steps.each.succeeded }}"}}
"""
TOGETHER = """
name: flow
owner: sam@example.com
inputs: {names: {type: json, default: [ann, bob, cat, dan, eve]}}
steps:
  - id: each
    uses: foreach
    with: {over: "{{ inputs.names }}", parallel: 2}
    KEYS
    gate: {title: "Write to {{ inputs.names | length }} people?", approvers: [lee@example.com]}
    steps:
      - {id: send, uses: played, when: "{{ item != 'nobody' }}", with: {text: "Hello {{ item }}"}}
"""


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        yield env


async def begin(
    env: EngineEnv, source: str = FLOW, *, keys: str = "on_error: stop", gate: str = "", **inputs: Any
) -> str:
    await env.register(source.replace("KEYS", keys).replace(", GATE", f", {gate}" if gate else ""))
    run = await env.start(**inputs)
    await env.settle()
    return run


def texts(env: EngineEnv) -> list[str]:
    return [params.text.split(" (")[0] for params, _ in env.step.calls]


async def statuses(env: EngineEnv, run: str) -> Counter[str]:
    return Counter(row[0] for row in await env.rows(f"SELECT status FROM item WHERE run = '{run}'"))


async def pending(env: EngineEnv) -> list[RequestView]:
    found = await env.engine.requests(PageQuery(limit=200))
    return sorted((one for one in found if one.model.state is RequestState.PENDING), key=lambda one: one.id)


async def each_of(env: EngineEnv, run: str) -> Any:
    return [step for step in (await env.view(run)).steps if step.step == "each"][-1]


ALL = [f"Hello {name}" for name in ("ann", "bob", "cat", "dan", "eve")]
GATE = "gate: {approvers: [lee@example.com]}"


async def test_the_steps_run_once_for_each_item_and_later_steps_read_what_they_returned(env: EngineEnv) -> None:
    run = await begin(env)
    view = await env.view(run)
    assert view.status is RunStatus.SUCCEEDED, view.error
    assert sorted(texts(env)) == ALL
    end = view.steps[-1].output
    assert end is not None
    assert [output["text"] for output in end["sent"]] == [  # type: ignore[union-attr,index,call-overload]
        f"{text} ({number} of {run})" for number, text in enumerate(ALL, 1)
    ]
    assert end["ok"] == 5
    keys = [context.idempotency_key for _, context in env.step.calls]
    assert len(set(keys)) == 5
    assert await statuses(env, run) == {ItemStatus.SUCCEEDED: 5}


async def test_lanes_are_in_no_list_of_runs(env: EngineEnv) -> None:
    run = await begin(env)
    assert [view.id for view in await env.engine.runs(PageQuery())] == [run]
    assert len(await env.rows(f"SELECT id FROM run WHERE parent = '{run}'")) == 2


async def test_an_empty_list_is_done_at_once(env: EngineEnv) -> None:
    run = await begin(env, names=[])
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert (await each_of(env, run)).output == {
        "outputs": [],
        "succeeded": 0,
        "failed": 0,
        "rejected": 0,
        "skipped": 0,
    }


async def test_what_is_no_list_fails_the_step(env: EngineEnv) -> None:
    run = await begin(env, names="ann")
    assert "list" in str((await env.view(run)).error)


async def test_each_item_has_a_request_and_a_rejection_ends_only_that_item(env: EngineEnv) -> None:
    run = await begin(env, gate=GATE)
    assert (await env.view(run)).status is RunStatus.WAITING
    assert (await each_of(env, run)).status is StepStatus.IN_RUNS
    decided = 0
    while waiting := await pending(env):
        assert len(waiting) <= 2
        verdict = Verdict.REJECT if decided == 1 else Verdict.APPROVE
        assert isinstance(await env.decide(waiting[0].run, verdict, seen=waiting[0]), Decided)
        decided += 1
        env.pass_time(seconds=1)
        await env.settle()
    output = (await each_of(env, run)).output
    assert output is not None
    assert (output["succeeded"], output["rejected"], len(env.step.calls)) == (4, 1, 4)
    assert [item is None for item in output["outputs"]].count(True) == 1
    assert (await env.view(run)).status is RunStatus.SUCCEEDED


async def fail_for(env: EngineEnv, name: str) -> None:
    async def play(params: PlayedParams, context: StepContext) -> Mapping[str, object]:
        if name in params.text:
            raise StepError("no such mailbox")
        return {"text": params.text}

    env.step.play = play


async def test_after_a_failed_item_no_new_one_begins_and_the_step_names_it(env: EngineEnv) -> None:
    await fail_for(env, "bob")
    run = await begin(env)
    view = await env.view(run)
    assert view.error == "Step “Each” failed: Item 2 failed: Step “Send” failed: no such mailbox"
    assert len(env.step.calls) <= 3
    assert (await statuses(env, run))[ItemStatus.WAITING] >= 2


async def test_on_error_continue_goes_on_with_the_others(env: EngineEnv) -> None:
    await fail_for(env, "bob")
    run = await begin(env, keys="on_error: continue")
    output = (await each_of(env, run)).output
    assert output is not None
    assert (output["succeeded"], output["failed"]) == (4, 1)
    assert output["outputs"][1] is None
    assert (await env.view(run)).status is RunStatus.SUCCEEDED


async def test_a_step_inside_may_fail_and_its_item_goes_on(env: EngineEnv) -> None:
    await fail_for(env, "bob")
    run = await begin(env, gate="on_error: continue")
    assert (await each_of(env, run)).output["succeeded"] == 5


async def test_trying_again_begins_with_all_items_anew(env: EngineEnv) -> None:
    play = env.step.play
    await fail_for(env, "bob")
    run = await begin(env)
    env.step.play = play
    env.step.calls.clear()
    env.pass_time(seconds=1)
    assert isinstance(await env.engine.try_again(TryAgain(run=run, actor=ANN, origin=TERMINAL)), Done)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert sorted(texts(env)) == ALL


async def test_cancelling_the_run_ends_all_lanes(env: EngineEnv) -> None:
    run = await begin(env, gate=GATE)
    assert len(await pending(env)) == 2
    assert isinstance(await env.engine.cancel(Cancel(run=run, actor=ANN, origin=TERMINAL)), Done)
    await env.settle()
    assert await pending(env) == []
    rows = await env.rows(f"SELECT status FROM run WHERE id = '{run}' OR parent = '{run}'")
    assert {row[0] for row in rows} == {"cancelled"}
    assert await statuses(env, run) == {ItemStatus.CANCELLED: 2, ItemStatus.WAITING: 3}
    assert env.step.calls == []


async def test_a_lane_of_unknown_outcome_asks_the_owner_and_goes_on(env: EngineEnv) -> None:
    async def play(params: PlayedParams, context: StepContext) -> Mapping[str, object]:
        if "cat" in params.text:
            raise StepError("no answer", outcome_unknown=True)
        return {"text": params.text}

    env.step.play = play
    run = await begin(env)
    assert (await env.view(run)).status is RunStatus.WAITING
    (asking,) = await env.engine.runs_waiting_for((await env.view(run)).owner.id)
    done = Resume(run=asking.id, answer=ResumeAnswer.DONE, actor=SAM, origin=TERMINAL, output={"text": "sent"})
    assert isinstance(await env.engine.resume(done), Done)
    await env.settle()
    output = (await each_of(env, run)).output
    assert output["outputs"][2] == {"text": "sent"}
    assert sorted(texts(env)) == ALL


REVISED = """
name: flow
owner: sam@example.com
steps:
  - id: each
    uses: foreach
    with: {over: [ann, bob]}
    steps:
      - {id: draft, uses: played, with: {text: "{{ item }} {{ review.comment }}"}}
      - id: send
        uses: played
        with: {text: "Send {{ steps.draft.text }}"}
        gate: {approvers: [lee@example.com], revise: draft}
"""


async def test_changes_are_asked_for_of_one_item(env: EngineEnv) -> None:
    run = await begin(env, REVISED)
    (first,) = await pending(env)
    env.pass_time(seconds=1)
    await env.decide(first.run, Verdict.REVISE, seen=first, reason="shorter")
    await env.settle()
    for _ in range(2):
        env.pass_time(seconds=1)
        (asked,) = await pending(env)
        assert isinstance(await env.decide(asked.run, seen=asked), Decided)
        await env.settle()
    assert texts(env) == ["ann ", "ann shorter", "Send ann shorter", "bob ", "Send bob "]
    assert (await env.view(run)).status is RunStatus.SUCCEEDED


# -- one gate for all items ---------------------------------------------------------------------------------


async def test_people_are_asked_once_about_all_items_and_exactly_these_run(env: EngineEnv) -> None:
    run = await begin(env, TOGETHER, names=["ann", "bob", "nobody", "cat", "dan"])
    (request,) = await pending(env)
    assert request.title == "Write to 5 people?"
    content = request.model.content.value
    assert content["items"] == 4
    assert [content[f"item_{number}"] for number in (1, 2, 3)] == [
        {"text": f"Hello {name}"} for name in ("ann", "bob", "cat")
    ]
    assert request.model.editable == ()
    assert env.step.calls == []
    assert isinstance(await env.decide(run), Decided)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert sorted(texts(env)) == [f"Hello {name}" for name in ("ann", "bob", "cat", "dan")]
    output = (await each_of(env, run)).output
    assert (output["succeeded"], output["skipped"]) == (4, 1)


async def test_a_rejection_runs_no_item(env: EngineEnv) -> None:
    run = await begin(env, TOGETHER)
    assert isinstance(await env.decide(run, Verdict.REJECT), Decided)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.REJECTED
    assert env.step.calls == []


@pytest.mark.parametrize(
    "change",
    [
        """UPDATE item SET params = '{"value":{"text":"Hello mallory"}}' WHERE number = 2""",
        """UPDATE item SET digest = '0' WHERE number = 2""",
        "DELETE FROM item WHERE number = 5",
    ],
)
async def test_what_was_not_approved_does_not_run(env: EngineEnv, change: str) -> None:
    run = await begin(env, TOGETHER)
    await env.decide(run)
    await env.store.transact(lambda tx: tx.connection.execute(text(change)).rowcount)
    await env.settle()
    view = await env.view(run)
    assert view.status is RunStatus.FAILED
    assert "not what was approved" in str(view.error)
    assert not any("mallory" in said for said in texts(env))


async def test_an_item_that_cannot_be_evaluated_fails_before_anyone_is_asked(env: EngineEnv) -> None:
    source = TOGETHER.replace("Hello {{ item }}", "Hello {{ item.name }}").replace("item != 'nobody'", "true")
    run = await begin(env, source, names=[{"name": "ann"}, "bob"])
    assert "Item 2 failed" in str((await env.view(run)).error)
    assert await pending(env) == []


async def test_many_items_are_written_down_in_parts(env: EngineEnv) -> None:
    run = await begin(env, TOGETHER, names=[f"n{number}" for number in range(1300)])
    assert (await env.request(run)).model.content.value["items"] == 1300
    await env.decide(run, by=LEE)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert len(set(texts(env))) == 1300


async def test_erasing_a_run_erases_its_items_and_lanes(env: EngineEnv) -> None:
    run = await begin(env, gate=GATE)
    await env.engine.cancel(Cancel(run=run, actor=ANN, origin=TERMINAL))
    await env.settle()

    def erase(tx: Tx) -> list[int]:
        return erasure.erase_run(tx, "default", run)

    assert await env.store.transact(erase)
    for query in (
        "SELECT value, params, output, error FROM item",
        "SELECT params, output, error, NULL FROM step_run",
        "SELECT error, output, NULL, NULL FROM run",
    ):
        assert {value for row in await env.rows(query) for value in row} == {None}
    contents = await env.rows("SELECT content FROM audit WHERE run IS NOT NULL AND content IS NOT NULL")
    assert contents == []
    titles = await env.rows("SELECT DISTINCT title FROM request")
    assert titles == [("(erased)",)]
