"""An approval is held, and can be undone until the hold ends: then a new request asks the same again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from engine.domain import (
    DEFAULT_WORKSPACE,
    Address,
    AlreadyUndone,
    ApprovalUndone,
    Assurance,
    Cancel,
    CannotUndo,
    Decide,
    Decided,
    Done,
    Refusal,
    RequestState,
    RunStatus,
    StepStatus,
    Undo,
    Verdict,
)
from engine.errors import StepError
from engine.ports import StepContext
from engine.read_models import PageQuery, RequestView
from engine.store import reconciliation
from engine.store.port import Connection
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, PlayedParams, open_engine

KIM = Address("email", "kim@example.com")
FLOW = """
name: flow
owner: sam@example.com
inputs:
  text: {type: text, default: hello}
steps:
  - id: pay
    uses: played
    with: {text: "{{ inputs.text }}"}
    gate: {approvers: [lee@example.com, kim@example.com], hold: 10m, KEYS}
  - {id: end, uses: set, with: {said: "{{ steps.pay.text }}"}}
"""


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        yield env


async def begin(env: EngineEnv, keys: str = "edit: [text]", source: str = FLOW) -> str:
    await env.register(source.replace("KEYS", keys))
    run = await env.start()
    await env.settle()
    return run


async def approve(env: EngineEnv, run: str, by: Address = LEE, **more: Any) -> RequestView:
    """Approve the latest request, and return it as it is then."""
    env.pass_time(seconds=1)
    seen = await env.request(run)
    assert isinstance(await env.decide(run, by=by, **more), Decided)
    await env.settle()
    view = await env.engine.request(seen.id)
    assert view is not None
    return view


async def undo(env: EngineEnv, request: str, by: Address = LEE) -> ApprovalUndone | Refusal:
    command = Undo(request=request, actor=by, origin=TERMINAL, assurance=Assurance.TERMINAL)
    result = await env.engine.undo(command)
    await env.settle()
    return result


def texts(env: EngineEnv) -> list[str]:
    return [params.text for params, _ in env.step.calls]


async def test_the_effect_starts_when_the_hold_ends_and_not_before(env: EngineEnv) -> None:
    run = await begin(env)
    held = await approve(env, run)
    assert held.model.state is RequestState.APPROVED
    assert (await env.view(run)).status is RunStatus.WAITING
    env.pass_time(minutes=9, seconds=59)
    await env.settle()
    assert texts(env) == []
    env.pass_time(seconds=1)
    await env.settle()
    assert texts(env) == ["hello"]
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert "step.held" in await env.kinds(run)


async def test_an_undo_asks_the_same_again_of_everyone(env: EngineEnv) -> None:
    run = await begin(env)
    first = await approve(env, run, edits={"text": "edited"})
    env.pass_time(minutes=5)
    assert await undo(env, first.id) == ApprovalUndone(request=first.id, run=run)
    env.pass_time(minutes=60)
    await env.settle()
    assert texts(env) == []
    before, after = await env.engine.requests_of_run(run)
    assert (before.model.state, after.model.state) == (RequestState.UNDONE, RequestState.PENDING)
    assert after.model.content == first.model.content
    assert after.model.digest != first.model.digest
    assert [row.person.label for row in after.approvers] == ["lee@example.com", "kim@example.com"]
    await approve(env, run, by=KIM)
    env.pass_time(minutes=10)
    await env.settle()
    assert texts(env) == ["hello"]
    visits = [(step.step, step.visit, step.status) for step in (await env.view(run)).steps]
    done = StepStatus.SUCCEEDED
    assert visits == [("pay", 1, StepStatus.STOPPED), ("pay", 2, done), ("end", 1, done)]
    kinds = await env.kinds(run)
    assert kinds.count("request.undone") == 1
    assert kinds.count("request.approved") == 2


async def test_a_reviewed_output_is_asked_about_again_without_another_call(env: EngineEnv) -> None:
    run = await begin(env, "at: after, edit: [text]")
    first = await approve(env, run, edits={"text": "edited"})
    assert isinstance(await undo(env, first.id), ApprovalUndone)
    second = await env.request(run)
    assert second.id != first.id
    assert second.model.state is RequestState.PENDING
    assert second.model.content.value["text"] == "hello"
    await approve(env, run, by=KIM)
    env.pass_time(minutes=10)
    await env.settle()
    view = await env.view(run)
    assert (view.status, texts(env)) == (RunStatus.SUCCEEDED, ["hello"])
    assert view.steps[-1].output == {"said": "hello"}


async def test_only_those_whose_approval_counted_and_the_owner_can_undo_it(env: EngineEnv) -> None:
    run = await begin(env)
    first = await approve(env, run)
    for other in (KIM, ANN, Address("email", "eve@example.com")):
        assert await undo(env, first.id, other) == CannotUndo(
            why="not_yours", names=("lee@example.com", "sam@example.com")
        )
    assert isinstance(await undo(env, first.id, SAM), ApprovalUndone)
    lee = await undo(env, first.id)
    assert isinstance(lee, AlreadyUndone)
    assert (lee.by.label, lee.by_you) == ("sam@example.com", False)
    again = await undo(env, first.id, SAM)
    assert isinstance(again, AlreadyUndone)
    assert again.by_you


async def test_every_approval_that_counted_can_be_taken_back(env: EngineEnv) -> None:
    run = await begin(env, "policy: all")
    await approve(env, run)
    assert await undo(env, (await env.request(run)).id) == CannotUndo(why="not_approved")
    first = await approve(env, run, by=KIM)
    assert isinstance(await undo(env, first.id), ApprovalUndone)
    second = await env.request(run)
    assert (second.model.tally.needed, second.model.tally.votes) == (2, ())
    await approve(env, run)
    await approve(env, run, by=KIM)
    env.pass_time(minutes=10)
    await env.settle()
    assert texts(env) == ["hello"]


async def test_it_is_too_late_once_the_step_has_started(env: EngineEnv) -> None:
    run = await begin(env)
    first = await approve(env, run)
    ends = first.model.hold_ends_at
    env.pass_time(minutes=10)
    await env.settle()
    assert await undo(env, first.id) == CannotUndo(why="over", at=ends)
    assert texts(env) == ["hello"]


async def test_as_long_as_the_step_has_not_started_the_moment_does_not_matter(env: EngineEnv) -> None:
    run = await begin(env)
    first = await approve(env, run)
    env.pass_time(hours=3)
    assert isinstance(await undo(env, first.id), ApprovalUndone)
    assert texts(env) == []


async def test_a_cancelled_run_has_nothing_to_undo(env: EngineEnv) -> None:
    run = await begin(env)
    first = await approve(env, run)
    cancel = Cancel(run=run, actor=SAM, origin=TERMINAL, reason="no")
    assert await env.engine.cancel(cancel) == Done(run=run)
    assert await undo(env, first.id) == CannotUndo(why="cancelled", at=first.model.hold_ends_at)
    await env.settle()
    assert await undo(env, first.id) == CannotUndo(why="cancelled", at=first.model.hold_ends_at)
    env.pass_time(minutes=10)
    await env.settle()
    assert texts(env) == []
    assert (await env.view(run)).status is RunStatus.CANCELLED


async def test_what_is_not_held_or_not_approved_cannot_be_undone(env: EngineEnv) -> None:
    run = await begin(env)
    pending = await env.request(run)
    assert await undo(env, pending.id) == CannotUndo(why="not_approved")
    await env.decide(run, Verdict.REJECT)
    await env.settle()
    assert await undo(env, pending.id) == CannotUndo(why="not_approved")
    run = await begin(env, source=FLOW.replace("hold: 10m, KEYS", "reason: x"))
    first = await approve(env, run)
    assert await undo(env, first.id) == CannotUndo(why="off")
    assert texts(env) == ["hello"]


async def test_an_expiry_that_continues_is_no_approval_and_is_not_held(env: EngineEnv) -> None:
    run = await begin(env, "expires: 1h, on_expiry: continue")
    env.pass_time(hours=1, seconds=1)
    await env.settle()
    assert texts(env) == ["hello"]
    assert "gate.unanswered" in await env.kinds(run)


TOGETHER = """
name: flow
owner: sam@example.com
steps:
  - id: each
    uses: foreach
    with: {over: [ann, bob, cat], parallel: 2}
    gate: {approvers: [lee@example.com], hold: 10m}
    steps:
      - {id: send, uses: played, with: {text: "Hello {{ item }}"}}
"""
ONE_EACH = """
name: flow
owner: sam@example.com
steps:
  - id: each
    uses: foreach
    with: {over: [ann, bob], parallel: 2}
    steps:
      - id: send
        uses: played
        with: {text: "Hello {{ item }}"}
        gate: {approvers: [lee@example.com], hold: 10m}
"""


async def test_the_approval_of_all_items_together_is_undone_and_asked_again(env: EngineEnv) -> None:
    run = await begin(env, source=TOGETHER)
    first = await approve(env, run)
    env.pass_time(minutes=5)
    assert texts(env) == []
    assert isinstance(await undo(env, first.id), ApprovalUndone)
    env.pass_time(hours=1)
    await env.settle()
    assert texts(env) == []
    await approve(env, run)
    env.pass_time(minutes=10)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert sorted(texts(env)) == ["Hello ann", "Hello bob", "Hello cat"]


async def test_each_item_is_held_and_undone_for_itself(env: EngineEnv) -> None:
    run = await begin(env, source=ONE_EACH)
    for _ in range(20):
        for view in await env.engine.requests(PageQuery(limit=50)):
            if view.model.state is RequestState.PENDING:
                env.pass_time(seconds=1)
                assert isinstance(await env.decide(run, seen=view), Decided)
        await env.settle()
        held = [view for view in await env.engine.requests(PageQuery(limit=50)) if view.is_held]
        if not held and (await env.view(run)).status.ended:
            break
        undone = [
            one for one in await env.engine.requests(PageQuery(limit=50)) if one.model.state is RequestState.UNDONE
        ]
        if held and not undone:
            assert isinstance(await undo(env, held[0].id), ApprovalUndone)
        env.pass_time(minutes=11)
        await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert sorted(texts(env)) == ["Hello ann", "Hello bob"]


async def test_approvals_given_together_are_held_and_undone_one_by_one(env: EngineEnv) -> None:
    runs = [await begin(env), await begin(env)]
    views = [await env.request(run) for run in runs]
    env.pass_time(seconds=1)
    commands = [
        Decide(
            request=view.id,
            verdict=Verdict.APPROVE,
            actor=LEE,
            content_version=view.model.content_version,
            digest=view.model.digest,
            origin=TERMINAL,
            assurance=Assurance.TERMINAL,
        )
        for view in views
    ]
    assert all(isinstance(answer, Decided) for answer in await env.engine.decide_together(commands))
    await env.settle()
    assert isinstance(await undo(env, views[0].id), ApprovalUndone)
    env.pass_time(minutes=10)
    await env.settle()
    assert [(await env.view(run)).status for run in runs] == [RunStatus.WAITING, RunStatus.SUCCEEDED]


async def test_a_chain_begins_anew(env: EngineEnv) -> None:
    run = await begin(
        env,
        "policy: {chain: [[lee@example.com], [kim@example.com]]}",
        FLOW.replace("approvers: [lee@example.com, kim@example.com], ", ""),
    )
    await approve(env, run)
    first = await approve(env, run, by=KIM)
    assert isinstance(await undo(env, first.id, KIM), ApprovalUndone)
    again = await env.request(run)
    assert [row.person.label for row in again.model.tally.waiting] == ["lee@example.com"]


async def test_the_log_and_the_tables_agree_about_an_undo(env: EngineEnv) -> None:
    run = await begin(env)
    first = await approve(env, run)
    await undo(env, first.id)

    def problems(connection: Connection) -> list[str]:
        return [*reconciliation.compare(connection, DEFAULT_WORKSPACE)]

    assert await env.store.read(problems) == []
    forged = f"UPDATE request SET state = 'approved' WHERE id = '{first.id}'"
    await env.store.transact(lambda tx: tx.connection.execute(text(forged)).close())
    (found,) = await env.store.read(problems)
    assert found == f"request {first.id} was undone by its entries, and is approved in the tables"


async def test_who_changed_the_parameters_after_a_failure_does_not_approve_them_after_an_undo(env: EngineEnv) -> None:
    async def refuse(params: PlayedParams, context: StepContext) -> Mapping[str, object]:
        if params.text == "hello":
            raise StepError("The bank did not answer.", retryable=False)
        return {"text": params.text}

    env.step.play = refuse
    keys = "edit: [text], exclude: [editor]"
    asking = "\n    on_error: ask\n    approvers: [lee@example.com]"
    source = FLOW.replace("hold: 10m, KEYS}", f"hold: 10m, {keys}}}{asking}").replace(
        "lee@example.com, kim", "sam@example.com, lee@example.com, kim"
    )
    run = await begin(env, source=source)
    await approve(env, run)
    env.pass_time(minutes=10)
    await env.settle()
    await approve(env, run, edits={"text": "changed"})
    gate = await approve(env, run, by=KIM)
    assert gate.is_held
    assert isinstance(await undo(env, gate.id, KIM), ApprovalUndone)
    again = await env.request(run)
    assert again.model.content.value["text"] == "changed"
    assert [row.person.label for row in again.approvers] == ["sam@example.com", "kim@example.com"]
    await approve(env, run, by=KIM)
    env.pass_time(minutes=10)
    await env.settle()
    assert texts(env) == ["hello", "changed"]
