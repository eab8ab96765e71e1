"""Changes to protected workflows: who approves them, what is registered then, and what never is. On both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text

from engine.domain import Address, Decided, NotAllowed, NotAnApprover, Refusal, Register, Registered, Verdict
from engine.domain.gate_change_commands import GateChangeOpened, OpenGateChange
from engine.domain.workflow_commands import (
    ChangeWorkflowState,
    Proposed,
    RollBack,
    TransferWorkflow,
    WorkflowState,
    WorkflowStateChanged,
)
from engine.ports import DirectoryPerson
from engine.service import Engine
from engine.store import identities
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, open_engine
from tests.support.insight_rows import recommend_changes

KIM: Final = Address("email", "kim@example.com")
ADMINS: Final = frozenset({KIM, LEE})
FLOW: Final = """\
name: flow
owner: sam@example.com
protected: true
steps:
  - {id: pay, title: Pay the refund, uses: set, with: {amount: AMOUNT}, gate: {approvers: [ann@example.com]}}
"""


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        env.engine = Engine(env.store, env.advancer, admins=ADMINS, clock=env.clock)
        yield env


def source(amount: int, text: str = FLOW) -> bytes:
    return text.replace("AMOUNT", str(amount)).encode()


async def register(env: EngineEnv, amount: int, *, by: Address = SAM, text: str = FLOW) -> Any:
    answer = await env.engine.register(Register(source=source(amount, text), actor=by, origin=TERMINAL))
    await env.settle()
    return answer


async def propose(env: EngineEnv, amount: int, *, by: Address = SAM, text: str = FLOW) -> str:
    answer = await register(env, amount, by=by, text=text)
    assert isinstance(answer, Proposed), answer
    return answer.run


async def current(env: EngineEnv) -> tuple[int, bytes]:
    view = (await env.engine.versions("flow"))[0]
    return view.version, view.source


async def test_a_new_version_runs_only_when_another_person_approved_exactly_it(env: EngineEnv) -> None:
    assert isinstance(await register(env, 1), Registered)
    run = await propose(env, 2)
    assert await current(env) == (1, source(1))
    request = await env.request(run)
    content = request.model.content.value
    assert "Step “Pay the refund”, with, Amount: 2 (was 1)" in str(content["words"])
    assert "-  - {id: pay, title: Pay the refund, uses: set, with: {amount: 1}" in str(content["file"])
    assert isinstance(await env.decide(run, by=SAM), NotAllowed)
    assert isinstance(await env.decide(run, by=ANN), NotAnApprover)
    assert isinstance(await env.decide(run, by=KIM), Decided)
    await env.settle()
    assert await current(env) == (2, source(2))
    (view, _) = await env.engine.versions("flow")
    assert SAM in view.registered_by.addresses
    assert (await env.view(run)).status.ended


async def test_the_owner_decides_what_an_admin_proposes(env: EngineEnv) -> None:
    await register(env, 1)
    run = await propose(env, 2, by=KIM)
    assert isinstance(await env.decide(run, by=KIM), NotAllowed)
    assert isinstance(await env.decide(run, by=SAM), Decided)
    assert await current(env) == (2, source(2))


async def test_the_protection_is_protected_and_putting_it_on_too(env: EngineEnv) -> None:
    bare = FLOW.replace("protected: true\n", "")
    assert isinstance(await register(env, 1, text=bare), Registered)
    assert isinstance(await register(env, 2, text=bare), Registered)
    on = await propose(env, 2)
    assert isinstance(await env.decide(on, by=KIM), Decided)
    await propose(env, 2, text=bare)
    await propose(env, 2, text=bare.replace("steps:", "protected: false\nsteps:"))
    assert await current(env) == (3, source(2))


async def test_what_is_rejected_expires_or_is_withdrawn_leaves_the_version_that_runs(env: EngineEnv) -> None:
    await register(env, 1)
    run = await propose(env, 2)
    assert isinstance(await env.decide(run, Verdict.REJECT, by=KIM), Decided)
    expired = await propose(env, 3)
    env.pass_time(days=15)
    await env.settle()
    assert (await env.view(expired)).status.ended
    await propose(env, 4)
    latest = await propose(env, 5)  # in the place of the one before
    assert await current(env) == (1, source(1))
    assert isinstance(await env.decide(latest, by=KIM), Decided)
    assert await current(env) == (2, source(5))
    leaves = await env.rows("SELECT content FROM audit WHERE leaf LIKE '%workflow.refused%' ORDER BY seq")
    assert ["rejected" in str(leaf) or "expired" in str(leaf) for leaf in leaves] == [True, True]


async def test_the_same_change_is_asked_once_and_two_changes_stand_side_by_side(env: EngineEnv) -> None:
    await register(env, 1)
    both = await asyncio.gather(register(env, 2), register(env, 2))
    assert {one.run for one in both} == {both[0].run}
    assert sorted(one.was_open for one in both) == [False, True]
    other = await propose(env, 3, by=KIM)
    assert isinstance(await env.decide(other, by=SAM), Decided)
    await env.settle()
    assert await current(env) == (2, source(3))
    outdated = await env.decide(both[0].run, by=LEE)
    assert isinstance(outdated, Refusal)
    await env.settle()
    assert await current(env) == (2, source(3))
    assert (await env.view(both[0].run)).status.ended


async def test_the_author_does_not_decide_under_another_address_either(env: EngineEnv) -> None:
    await register(env, 1)
    run = await propose(env, 2)
    # The roles file says that Sam and the admin Kim are one human.
    both = DirectoryPerson("Sam", (SAM, KIM), joined=True)
    await env.store.transact(lambda tx: identities.adopt(tx, "default", both))
    assert isinstance(await env.decide(run, by=KIM), Refusal)
    assert await current(env) == (1, source(1))
    env.engine = Engine(env.store, env.advancer, admins=frozenset({KIM}), clock=env.clock)
    answer = await register(env, 3)  # only they themselves could approve it
    assert isinstance(answer, NotAllowed)


async def test_who_asks_for_a_recommended_change_of_a_protected_workflow_does_not_approve_it(env: EngineEnv) -> None:
    text = FLOW.replace("gate: {approvers: [ann@example.com]}", "gate: {approvers: [ann@example.com], expires: 8h}")
    assert isinstance(await register(env, 1, by=KIM, text=text), Registered)
    await recommend_changes(env, "flow", "pay")
    command = OpenGateChange(workflow="flow", step="pay", kind="sample", weeks=13, actor=SAM, origin=TERMINAL)
    opened = await env.engine.open_gate_change(command, env.clock.now())
    await env.settle()
    assert isinstance(opened, GateChangeOpened), opened
    assert isinstance(await env.decide(opened.run, by=SAM), Refusal)  # the owner, but they asked for it
    assert isinstance(await env.decide(opened.run, by=LEE), Decided)
    assert (await current(env))[0] == 2


async def test_no_one_is_asked_if_no_one_could_approve(env: EngineEnv) -> None:
    env.engine = Engine(env.store, env.advancer, admins=frozenset({SAM}), clock=env.clock)
    await register(env, 1)
    answer = await register(env, 2)
    assert isinstance(answer, NotAllowed)
    assert "no other admin is named" in answer.why
    assert await current(env) == (1, source(1))


async def test_a_protected_workflow_is_stopped_at_once_and_nothing_else_is(env: EngineEnv) -> None:
    await register(env, 1)

    async def change(state: WorkflowState) -> Any:
        answer = await env.engine.change_state(
            ChangeWorkflowState(workflow="flow", state=state, actor=SAM, origin=TERMINAL)
        )
        await env.settle()
        return answer

    assert isinstance(await change(WorkflowState.DISABLED), WorkflowStateChanged)
    enable = await change(WorkflowState.ACTIVE)
    assert isinstance(enable, Proposed)
    assert isinstance(await env.decide(enable.run, by=KIM), Decided)
    (view,) = await env.engine.workflows()
    assert view.state is WorkflowState.ACTIVE
    remove = await change(WorkflowState.DELETED)
    assert isinstance(remove, Proposed)
    assert isinstance(await env.decide(remove.run, by=SAM), NotAllowed)
    assert isinstance(await env.decide(remove.run, by=KIM), Decided)
    assert await env.engine.workflows() == []
    await propose(env, 2, text=FLOW.replace("protected: true\n", ""))  # deleting does not take the protection away


async def test_going_back_and_another_owner_wait_too(env: EngineEnv) -> None:
    await register(env, 1)
    assert isinstance(await env.decide(await propose(env, 2), by=KIM), Decided)
    back = await env.engine.roll_back(RollBack(workflow="flow", version=1, actor=SAM, origin=TERMINAL))
    assert isinstance(back, Proposed)
    assert isinstance(await env.decide(back.run, by=KIM), Decided)
    assert await current(env) == (3, source(1))
    given = await env.engine.transfer(
        TransferWorkflow(workflow="flow", to="ann@example.com", actor=SAM, origin=TERMINAL)
    )
    assert isinstance(given, Proposed)
    assert isinstance(await env.decide(given.run, by=KIM), Decided)
    assert b"owner: ann@example.com" in (await current(env))[1]


async def test_the_setting_protects_every_workflow_also_new_ones(env: EngineEnv) -> None:
    env.engine = Engine(env.store, env.advancer, admins=ADMINS, clock=env.clock, protects_all=True)
    bare = FLOW.replace("protected: true\n", "")
    run = await propose(env, 1, text=bare)
    assert await env.engine.versions("flow") == []
    assert isinstance(await env.decide(run, by=SAM), NotAllowed)
    assert isinstance(await env.decide(run, by=LEE), Decided)
    assert await current(env) == (1, source(1, bare))


async def test_what_does_not_fit_the_card_is_said_with_what_to_do(env: EngineEnv) -> None:
    await register(env, 1)
    comments = "".join(f"# {number % 110}\n" for number in range(40_000))
    run = await propose(env, 2, text=comments + FLOW)
    content = (await env.request(run)).model.content.value
    assert "more lines do not fit here. If you have to see them, reject this" in str(content["file"])
    assert "Amount: 2 (was 1)" in str(content["words"])


async def test_a_file_that_was_exchanged_in_the_database_is_not_registered(env: EngineEnv) -> None:
    await register(env, 1)
    run = await propose(env, 2)
    forged = text("UPDATE proposed_version SET source = :source WHERE run = :run")
    await env.store.transact(lambda tx: tx.connection.execute(forged, {"source": source(666), "run": run}) and None)
    answer = await env.decide(run, by=KIM)
    assert isinstance(answer, NotAllowed)
    assert "is not in the database as it was" in answer.why
    assert await current(env) == (1, source(1))


@pytest.mark.parametrize("owner", ["ann@example.com", "sam+2@example.com"])
async def test_who_writes_a_new_workflow_does_not_choose_who_approves_it(env: EngineEnv, owner: str) -> None:
    env.engine = Engine(env.store, env.advancer, admins=ADMINS, clock=env.clock, protects_all=True)
    chosen = FLOW.replace("owner: sam@example.com", f"owner: {owner}")
    run = await propose(env, 1, text=chosen)
    assert isinstance(await env.decide(run, by=Address("email", owner)), NotAnApprover)
    assert await env.engine.versions("flow") == []
    assert isinstance(await env.decide(run, by=LEE), Decided)
    assert await current(env) == (1, source(1, chosen))
