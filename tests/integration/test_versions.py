"""Versions, states and owners of workflows: what runs, what is refused, and what the log has. On both databases."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from bot.presentation import refusals
from engine.domain import (
    Address,
    NotAllowed,
    NotFound,
    Origin,
    Refusal,
    Register,
    Registered,
    RunStatus,
    Start,
    Started,
)
from engine.domain.asks import Ask, AskContent
from engine.domain.workflow_commands import (
    ChangeWorkflowState,
    NewerVersion,
    RollBack,
    TransferWorkflow,
    WorkflowDisabled,
    WorkflowState,
    WorkflowStateChanged,
)
from engine.service import Engine
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, open_engine

ADMIN: Final = Address("email", "admin@example.com")
FLOW: Final = """\
name: flow
owner: sam@example.com  # the team
steps:
  - id: pay
    uses: set
    with: {amount: AMOUNT}
    gate: {approvers: [lee@example.com]}
"""


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        env.engine = Engine(env.store, env.advancer, admins=frozenset({ADMIN}), clock=env.clock)
        yield env


def source(amount: int, text: str = FLOW) -> bytes:
    return text.replace("AMOUNT", str(amount)).encode()


async def register(env: EngineEnv, amount: int, *, by: Address = SAM, text: str = FLOW) -> Any:
    return await env.engine.register(Register(source=source(amount, text), actor=by, origin=TERMINAL))


async def roll_back(env: EngineEnv, version: int | None = None, *, by: Address = SAM, name: str = "flow") -> Any:
    return await env.engine.roll_back(RollBack(workflow=name, version=version, actor=by, origin=TERMINAL))


async def change(env: EngineEnv, state: WorkflowState, *, by: Address = SAM, name: str = "flow") -> Any:
    return await env.engine.change_state(ChangeWorkflowState(workflow=name, state=state, actor=by, origin=TERMINAL))


async def transfer(env: EngineEnv, to: str, *, by: Address = SAM) -> Any:
    return await env.engine.transfer(TransferWorkflow(workflow="flow", to=to, actor=by, origin=TERMINAL))


async def kinds(env: EngineEnv) -> list[str]:
    leaves = [json.loads(leaf) for (leaf,) in await env.rows("SELECT leaf FROM audit ORDER BY seq")]
    return [leaf["kind"] for leaf in leaves if leaf["kind"].startswith(("workflow.", "trigger."))]


async def try_start(env: EngineEnv, workflow: str = "flow") -> Started | Refusal:
    return await env.engine.start(Start(workflow=workflow, inputs={}, actor=ANN, origin=TERMINAL))


async def sources(env: EngineEnv) -> list[tuple[int, bytes]]:
    return [(view.version, view.source) for view in await env.engine.versions("flow")]


async def test_a_rollback_is_the_next_version_with_the_old_bytes(env: EngineEnv) -> None:
    for amount in (1, 2, 3):
        await register(env, amount)
    answer = await roll_back(env)
    assert isinstance(answer, Registered), answer
    assert answer.version == 4
    assert await sources(env) == [(4, source(2)), (3, source(3)), (2, source(2)), (1, source(1))]
    assert isinstance(await roll_back(env, 1), Registered)
    views = await env.engine.versions("flow")
    assert [(view.is_current, view.registered_by.addresses[0]) for view in views[:2]] == [(True, SAM), (False, SAM)]
    assert (await kinds(env))[-2:] == ["workflow.registered", "workflow.rolled_back"]


async def test_a_rollback_to_nothing_is_refused_with_a_sentence(env: EngineEnv) -> None:
    await register(env, 1)
    for version, text in ((None, "only one version"), (1, "is the current one"), (7, "only one version")):
        answer = await roll_back(env, version)
        assert isinstance(answer, NotAllowed)
        assert text in answer.why
    assert isinstance(await roll_back(env, name="other"), NotFound)
    assert isinstance(await roll_back(env, 1, by=LEE), NotAllowed)
    assert await env.engine.versions("other") == []


async def test_nothing_starts_what_is_disabled_and_open_runs_go_on(env: EngineEnv) -> None:
    await register(env, 1)
    run = await env.start("flow")
    stopped = await change(env, WorkflowState.DISABLED)
    assert stopped == WorkflowStateChanged(workflow="flow", state=WorkflowState.DISABLED, changed=True, open_runs=1)
    refused = await try_start(env)
    assert isinstance(refused, WorkflowDisabled)
    assert "was disabled by sam@example.com" in refusals.sentence(refused)
    assert (await kinds(env))[-2:] == ["workflow.disabled", "trigger.skipped"]
    assert not isinstance(await env.decide(run, by=LEE), Refusal)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    again = await change(env, WorkflowState.DISABLED)
    assert not again.changed
    assert (await change(env, WorkflowState.ACTIVE)).changed
    assert isinstance(await try_start(env), Started)


async def test_neither_a_step_nor_a_program_starts_what_is_disabled(env: EngineEnv) -> None:
    await register(env, 1)
    await env.register("name: above\nsteps:\n  - {id: below, uses: run, with: {workflow: flow}}\n")
    await env.register("name: approvals\nrules:\n  - {tool: refund, gate: {approvers: [lee@example.com]}}\n")
    for name in ("flow", "approvals"):
        await change(env, WorkflowState.DISABLED, name=name)
    run = await env.start("above")
    await env.settle()
    view = await env.view(run)
    assert view.status is RunStatus.FAILED
    assert "The workflow flow was disabled. Enable it" in str(view.error)
    content = AskContent(title="Refund 12 EUR", tool="refund", arguments={"amount": 12})
    asked = await env.engine.ask(
        Ask(content=content, actor=Address("api_key", "bot"), agent="Bot", origin=Origin(surface="api"), key=None)
    )
    assert isinstance(asked, WorkflowDisabled)
    assert await env.engine.startable(["flow", "above"], SAM) == ["above"]


async def test_a_deleted_workflow_is_not_listed_and_keeps_its_history(env: EngineEnv) -> None:
    await register(env, 1)
    await register(env, 2)
    run = await env.start("flow")
    assert (await change(env, WorkflowState.DELETED)).open_runs == 1
    assert await env.engine.workflows() == []
    assert isinstance(await env.engine.workflow("flow"), NotFound)
    refused = await try_start(env)
    assert isinstance(refused, WorkflowDisabled)
    assert "was deleted by" in refusals.sentence(refused)
    assert isinstance(await change(env, WorkflowState.ACTIVE), NotAllowed)
    assert isinstance(await register(env, 2, by=LEE), NotAllowed)
    answer = await register(env, 2)  # the same bytes
    assert isinstance(answer, Registered)
    assert (answer.version, answer.changed) == (3, True)
    assert [number for number, _ in await sources(env)] == [3, 2, 1]
    assert (await env.view(run)).version == 2
    assert isinstance(await try_start(env), Started)


async def test_a_schedule_stops_with_its_workflow(env: EngineEnv) -> None:
    text = FLOW + 'triggers:\n  - schedule: "0 9 * * mon"\n'
    await register(env, 1, text=text)
    (view,) = await env.engine.workflows()
    assert view.next_at is not None
    await change(env, WorkflowState.DISABLED)
    await register(env, 2, text=text)
    (view,) = await env.engine.workflows()
    assert (view.next_at, view.state) == (None, WorkflowState.DISABLED)
    await change(env, WorkflowState.ACTIVE)
    (view,) = await env.engine.workflows()
    assert view.next_at is not None


async def test_a_transfer_is_a_version_that_says_so(env: EngineEnv) -> None:
    await register(env, 1)
    answer = await transfer(env, "ann@example.com")
    assert isinstance(answer, Registered), answer
    expected = source(1).replace(b"sam@example.com", b"ann@example.com")
    assert (await sources(env))[0] == (2, expected)
    (view,) = await env.engine.workflows()
    assert view.owner.addresses == (ANN,)
    assert isinstance(await transfer(env, "sam@example.com"), NotAllowed)
    assert (await kinds(env))[-1] == "workflow.transferred"
    assert isinstance(await transfer(env, "nonsense", by=ADMIN), NotAllowed)


async def test_of_two_who_change_the_same_version_at_once_one_is_told(env: EngineEnv) -> None:
    await env.engine.register(Register(source=source(1), actor=SAM, origin=TERMINAL))
    commands = [Register(source=source(n), actor=SAM, origin=TERMINAL, base=1) for n in (2, 2, 3)]
    answers = await asyncio.gather(*map(env.engine.register, commands))
    kinds = [type(answer) for answer in answers]
    assert sorted(kind.__name__ for kind in kinds) in (
        ["NewerVersion", "Registered", "Registered"],
        ["NewerVersion", "NewerVersion", "Registered"],
    )
    assert kinds[0] is kinds[1]  # the same bytes twice are one change
    assert len(await env.engine.versions("flow")) == 2


async def test_of_changes_to_one_version_at_once_one_is_made_and_the_others_hear_of_it(env: EngineEnv) -> None:
    await register(env, 1)
    commands = [Register(source=source(amount), actor=SAM, origin=TERMINAL, base=1) for amount in range(2, 6)]
    answers = await asyncio.gather(*map(env.engine.register, commands))
    (made,) = (answer for answer in answers if isinstance(answer, Registered))
    assert made.version == 2
    assert [answer for answer in answers if not isinstance(answer, Registered)] == [
        NewerVersion(workflow="flow", version=2)
    ] * 3
    back = RollBack(workflow="flow", version=1, actor=SAM, origin=TERMINAL, base=2)
    rolled = await asyncio.gather(*(env.engine.roll_back(back) for _ in range(3)))
    assert [answer.changed for answer in rolled if isinstance(answer, Registered)].count(True) == 1
    assert len(await env.engine.versions("flow")) == 3
    assert "flow has version 2 now, which you have not seen" in refusals.sentence(
        NewerVersion(workflow="flow", version=2)
    )


async def test_of_two_new_workflows_of_one_name_at_once_one_is_registered(env: EngineEnv) -> None:
    commands = [Register(source=source(amount), actor=SAM, origin=TERMINAL, base=0) for amount in (1, 2)]
    answers = await asyncio.gather(*map(env.engine.register, commands))
    assert sorted(type(answer).__name__ for answer in answers) == ["NewerVersion", "Registered"]
    await change(env, WorkflowState.DELETED)
    anew = await env.engine.register(Register(source=source(3), actor=SAM, origin=TERMINAL, base=0))
    assert isinstance(anew, Registered)
    same = await env.engine.register(Register(source=source(3), actor=SAM, origin=TERMINAL, base=1))
    assert isinstance(same, Registered)
    assert not same.changed


async def test_a_title_that_another_workflow_has_is_a_warning(env: EngineEnv) -> None:
    titled = FLOW.replace("name: flow", "name: flow\ntitle: Pay it")
    assert (await register(env, 1, text=titled)).warnings == ()
    other = titled.replace("name: flow\ntitle: Pay it", "name: other\ntitle: PAY IT")
    expected = "The workflow flow has the same title, so people cannot tell them apart in Slack. Change one title."
    assert (await register(env, 1, text=other)).warnings == (expected,)
    assert (await register(env, 2, text=other.replace("PAY IT", "Pay that"))).warnings == ()
    await change(env, WorkflowState.DISABLED)
    assert (await register(env, 3, text=other)).warnings == ()
