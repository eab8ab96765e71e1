"""A step inside a foreach has failed for an item: people are asked about this item, while the others go on."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from engine.domain import DEFAULT_WORKSPACE, Decided, ItemStatus, RequestState, RunStatus, Verdict
from engine.errors import StepError
from engine.ports import StepContext
from engine.read_models import PageQuery, RequestView
from engine.store import reconciliation
from tests.support.databases import OpenStore
from tests.support.engine_env import LEE, SAM, EngineEnv, PlayedParams, open_engine

FLOW = """
name: flow
owner: sam@example.com
inputs: {names: {type: json, default: [ann, bob, cat]}}
steps:
  - id: each
    uses: foreach
    with: {over: "{{ inputs.names }}", parallel: 2}
    on_error: continue
    steps:
      - {id: send, uses: played, with: {text: "Hello {{ item }}"}, on_error: ask, KEYS}
      - {id: note, uses: set, with: {text: "{{ steps.send.text | default('not sent to ' ~ item) }}"}}
  - {id: end, uses: set, with: {sent: "{{ steps.each.outputs }}"}}
"""


class Post:
    """A service that refuses its first calls for Bob."""

    def __init__(self, refusals: int = 1) -> None:
        self.refusals = refusals

    async def __call__(self, params: PlayedParams, context: StepContext) -> Mapping[str, object]:
        if params.text == "Hello bob" and self.refusals > 0:
            self.refusals -= 1
            raise StepError("no such mailbox")
        return {"text": params.text}


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        env.step.play = Post()
        yield env


async def begin(env: EngineEnv, keys: str = "title: Send it") -> str:
    await env.register(FLOW.replace("KEYS", keys))
    run = await env.start()
    await env.settle()
    return run


async def pending(env: EngineEnv) -> list[RequestView]:
    found = await env.engine.requests(PageQuery(limit=20))
    return [view for view in found if view.model.state is RequestState.PENDING]


async def answer(env: EngineEnv, verdict: Verdict, **edits: str) -> None:
    (request,) = await pending(env)
    env.pass_time(seconds=1)
    by = LEE if any(LEE in approver.person.addresses for approver in request.approvers) else SAM
    decided = await env.decide(request.run, verdict, by=by, seen=request, edits=edits, reason=None)
    assert isinstance(decided, Decided), decided
    await env.settle()


async def sent(env: EngineEnv, run: str) -> list[object]:
    view = await env.view(run)
    assert view.status is RunStatus.SUCCEEDED, view
    output = view.steps[-1].output or {}
    assert await env.store.read(lambda c: [*reconciliation.compare(c, DEFAULT_WORKSPACE)]) == []
    return [item["text"] if item else None for item in output["sent"]]  # type: ignore[union-attr,index,call-overload]


async def test_the_others_go_on_while_one_item_waits(env: EngineEnv) -> None:
    run = await begin(env)
    assert Counter(params.text for params, _ in env.step.calls) == {"Hello ann": 1, "Hello bob": 1, "Hello cat": 1}
    (request,) = await pending(env)
    assert (request.reason, request.model.content.value["text"]) == ("no such mailbox", "Hello bob")
    await answer(env, Verdict.APPROVE)
    assert await sent(env, run) == ["Hello ann", "Hello bob", "Hello cat"]
    keys = [context.idempotency_key for params, context in env.step.calls if params.text == "Hello bob"]
    assert len(keys) == 2
    assert len(set(keys)) == 1


async def test_each_failure_of_an_item_asks_anew(env: EngineEnv) -> None:
    env.step.play = Post(refusals=3)
    run = await begin(env)
    for _ in range(3):
        await answer(env, Verdict.APPROVE)
    assert await sent(env, run) == ["Hello ann", "Hello bob", "Hello cat"]


async def test_an_item_is_skipped_at_the_step_that_failed(env: EngineEnv) -> None:
    run = await begin(env)
    await answer(env, Verdict.SKIP)
    assert await sent(env, run) == ["Hello ann", "not sent to bob", "Hello cat"]


async def test_an_item_that_is_stopped_has_failed_and_the_run_goes_on(env: EngineEnv) -> None:
    run = await begin(env)
    await answer(env, Verdict.REJECT)
    assert await sent(env, run) == ["Hello ann", None, "Hello cat"]
    statuses = await env.rows(f"SELECT number, status FROM item WHERE run = '{run}' ORDER BY number")
    assert statuses[1] == (2, ItemStatus.FAILED)


async def test_what_is_changed_for_an_item_is_asked_about_at_its_gate(env: EngineEnv) -> None:
    run = await begin(env, "gate: {approvers: [lee@example.com], edit: [text], when: \"{{ item == 'bob' }}\"}")
    await answer(env, Verdict.APPROVE)
    (failure,) = await pending(env)
    assert failure.at == "failed"
    await answer(env, Verdict.APPROVE, text="Hello Bob")
    (gate,) = await pending(env)
    assert (gate.at, gate.model.content.value["text"]) == ("before", "Hello Bob")
    assert "Hello Bob" not in [params.text for params, _ in env.step.calls]
    await answer(env, Verdict.APPROVE)
    assert await sent(env, run) == ["Hello ann", "Hello Bob", "Hello cat"]
