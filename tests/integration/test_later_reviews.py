"""Later reviews: a part of what went through without review is looked at, and a flag brings the full review back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from engine.domain import Cancel, Decided, Done, Erase, NotAllowed, NotAnApprover, RequestState, RunStatus, Verdict
from engine.oversight.sampling_plan import PlanStage
from engine.read_models import RequestView
from engine.service import Engine
from engine.store import reconciliation
from tests.integration.test_autonomy import KIM, flow, plan_of, relax, start_until
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, TERMINAL, EngineEnv, open_engine

LATER = "review_after: 50%"


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        env.engine = Engine(env.store, env.advancer, admins=frozenset({KIM}), files=env.engine.files, clock=env.clock)
        await env.register(flow().replace(LATER, "review_after: 90%"))
        await relax(env)
        yield env


async def went_through(env: EngineEnv, **inputs: Any) -> tuple[str, RequestView]:
    """Let a run go through without review. Return it, and the request that asks about it afterwards."""
    asked = None
    while asked is None:
        run = await start_until(env, reviewed=False, **inputs)
        ((asked,),) = await env.rows(f"SELECT later FROM gate_draw WHERE run = '{run}'")
    return run, await env.request(asked)


async def topics(env: EngineEnv) -> list[str]:
    return [row[0] for row in await env.rows("SELECT topic FROM delivery WHERE kind = 'alert' ORDER BY created_at, id")]


async def differences(env: EngineEnv) -> list[str]:
    return await env.store.read(lambda connection: list(reconciliation.compare(connection, "default")))


async def test_people_look_at_what_went_through_and_hold_nothing_up(env: EngineEnv) -> None:
    run, request = await went_through(env, text="Dear Kim")
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert request.title == "Was this right? Pay"
    assert request.model.content.value == {"text": "Dear Kim"}
    assert [row.person.email for row in request.approvers] == [LEE.value]
    assert (request.approve_label, request.reject_label) == ("Looks right", "Something is wrong")
    assert request.model.editable == ()
    assert request.oversight is not None
    assert request.oversight.about.run == run
    calls = len(env.step.calls)
    assert isinstance(await env.decide(request.run), Decided)
    await env.settle()
    assert len(env.step.calls) == calls
    assert (await plan_of(env)).state.stage is PlanStage.SAMPLE
    assert await differences(env) == []


@pytest.mark.parametrize("end", ["withdrawn", "expired"])
async def test_who_tries_again_until_it_goes_through_is_seen_all_the_same(env: EngineEnv, end: str) -> None:
    await env.register(flow().replace("edit: [text]", "edit: [text], expires: 1d"))
    await relax(env)
    drawn = await start_until(env, reviewed=True, text="All the money")
    if end == "withdrawn":
        assert isinstance(await env.engine.cancel(Cancel(run=drawn, actor=ANN, origin=TERMINAL)), Done)
    else:
        env.pass_time(days=2)
    await env.settle()
    ((asked,),) = await env.rows(f"SELECT later FROM gate_draw WHERE run = '{drawn}'")
    request = await env.request(asked)
    assert request.title == "Was this right? Pay"
    assert request.reason is not None
    assert "drawn for review" in request.reason
    assert request.model.content.value == {"text": "All the money"}
    assert [row.person.email for row in request.approvers] == [LEE.value]
    await start_until(env, reviewed=False, text="Nothing but harmless")
    assert isinstance(await env.decide(asked, by=ANN), NotAllowed | NotAnApprover)
    assert isinstance(await env.decide(asked, Verdict.REJECT, reason="Never."), Decided)
    plan = await plan_of(env)
    assert (plan.state.stage, plan.state.clean) == (PlanStage.ALL, 0)
    assert await differences(env) == []


async def test_a_flag_brings_the_full_review_back_at_once(env: EngineEnv) -> None:
    run, request = await went_through(env)
    before = await topics(env)
    flagged = await env.decide(request.run, Verdict.REJECT, reason="It was paid twice.")
    assert isinstance(flagged, Decided)
    plan = await plan_of(env)
    assert (plan.state.stage, plan.state.clean) == (PlanStage.ALL, 0)
    reviewed = await env.start()
    await env.settle()
    assert (await env.view(reviewed)).status is RunStatus.WAITING
    kinds = await env.kinds(run)
    assert {"run.incident", "autonomy.tightened"} <= set(kinds)
    assert "tightened.flagged.pay" in (await topics(env))[len(before) :]
    assert await differences(env) == []


async def test_a_flag_tells_the_owner_also_where_everything_is_reviewed_already(env: EngineEnv) -> None:
    _, first = await went_through(env)
    _, second = await went_through(env)
    await env.decide(first.run, Verdict.REJECT)
    await env.decide(second.run, Verdict.REJECT)
    await env.settle()
    assert "flagged.pay" in await topics(env)
    assert (await plan_of(env)).state.stage is PlanStage.ALL


async def test_no_answer_changes_nothing(env: EngineEnv) -> None:
    _, request = await went_through(env)
    before = (await plan_of(env)).state
    env.pass_time(days=14, seconds=1)
    await env.settle()
    assert (await env.request(request.run)).model.state is RequestState.EXPIRED
    assert (await plan_of(env)).state.stage is before.stage


async def test_who_started_the_run_does_not_look_at_it(env: EngineEnv) -> None:
    _, request = await went_through(env)
    refused = await env.decide(request.run, by=ANN)
    assert isinstance(refused, NotAllowed)


async def test_each_is_asked_once_and_only_what_was_drawn(env: EngineEnv) -> None:
    run, _ = await went_through(env)
    for _ in range(3):
        env.pass_time(minutes=10)
        await env.settle()
    about = f"SELECT count(*) FROM oversight_request WHERE about_run = '{run}'"
    assert await env.rows(about) == [(1,)]
    unasked = "SELECT count(*) FROM gate_draw WHERE later IS NOT NULL AND (request IS NOT NULL OR NOT is_later)"
    assert await env.rows(unasked) == [(0,)]


async def test_erasing_a_run_erases_what_was_asked_about_it(env: EngineEnv) -> None:
    run, request = await went_through(env, text="A-1007")
    await env.decide(request.run)
    await env.settle()
    await env.engine.erase(Erase(run=run, actor=KIM, origin=TERMINAL, reason="on request"))
    await env.settle()
    assert (await env.request(request.run)).model.content.value == {}
    assert await differences(env) == []


async def test_only_exactly_what_went_through_is_asked_about(env: EngineEnv) -> None:
    run, _ = await went_through(env)
    forged = f"UPDATE gate_draw SET digest = 'another', later = NULL WHERE run = '{run}'"
    await env.store.transact(lambda tx: tx.connection.execute(text(forged)) and None)
    await env.settle()
    assert await env.rows(f"SELECT later FROM gate_draw WHERE run = '{run}'") == [("-",)]
    assert await env.rows(f"SELECT count(*) FROM oversight_request WHERE about_run = '{run}'") == [(1,)]


async def test_a_share_of_what_goes_through_is_drawn(tmp_path: Path) -> None:
    """Which part is looked at is drawn with the visit, so that no one who asks can foresee it."""
    async with open_engine(tmp_path / "signoff.db") as env:
        env.engine = Engine(env.store, env.advancer, admins=frozenset({KIM}), files=env.engine.files, clock=env.clock)
        await env.register(flow())
        await relax(env)
        for _ in range(30):
            await start_until(env, reviewed=False)
        drawn = await env.rows("SELECT is_later, later FROM gate_draw WHERE request IS NULL")
        later = [row for row in drawn if row[0]]
        assert 5 <= len(later) <= 25
        assert all((row[1] is not None) == bool(row[0]) for row in drawn)
