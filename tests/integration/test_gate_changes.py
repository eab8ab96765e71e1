"""Recommended changes of gates: who may ask, who decides, and what follows from the answer. On both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from engine.domain import (
    Address,
    Decided,
    NotAllowed,
    NotAnApprover,
    NotFound,
    Refusal,
    RunStatus,
    Start,
    Started,
    Verdict,
)
from engine.domain.gate_change_commands import GateChangeOpened, OpenGateChange
from engine.insights import GateEvidence, InsightQuery
from engine.recommendations import RecommendationKind, recommend
from engine.service import Engine
from engine.store import people, workflows
from engine.workflowfile import yaml_tree
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, open_engine
from tests.support.insight_rows import recommend_changes

ADMIN: Final = Address("email", "admin@example.com")
SAMPLE, DROP = RecommendationKind.SAMPLE, RecommendationKind.DROP_REMINDER
FLOW: Final = """\
name: flow  # ours
owner: sam@example.com
steps:
  - id: pay
    uses: set
    with: {amount: 12}
    gate:
      # two eyes
      approvers: [lee@example.com]
      expires: 8h
      remind: true  # often
"""


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        env.engine = Engine(env.store, env.advancer, admins=frozenset({ADMIN}), clock=env.clock)
        await env.register(FLOW)
        await recommend_changes(env, "flow", "pay")
        yield env


async def ask(
    env: EngineEnv, kind: str = SAMPLE, *, by: Address = SAM, workflow: str = "flow", step: str = "pay"
) -> GateChangeOpened | Refusal:
    command = OpenGateChange(workflow=workflow, step=step, kind=kind, weeks=13, actor=by, origin=TERMINAL)
    result = await env.engine.open_gate_change(command, env.clock.now())
    await env.settle()
    return result


async def opened(env: EngineEnv, kind: str = SAMPLE) -> str:
    result = await ask(env, kind)
    assert isinstance(result, GateChangeOpened), result
    return result.run


async def offered(env: EngineEnv) -> set[str]:
    return {one.kind for one in recommend(await env.engine.insights(InsightQuery(), env.clock.now()))}


async def current(env: EngineEnv) -> workflows.NewVersion:
    found = await env.store.read(lambda connection: workflows.load_workflow(connection, "default", "flow"))
    assert found is not None
    return found


async def test_an_approved_plan_is_a_new_version_with_the_text_of_the_author(env: EngineEnv) -> None:
    run = await opened(env)
    request = await env.request(run)
    change = request.model.content.value["change"]
    assert "+      autonomy: {clean: 100, sample: 10%, only_when: true}" in str(change)
    shown = dict(request.show)
    since = "since this version was registered or people last said no"
    assert shown["Evidence"] == f"Approved unchanged 400 of 400 times, {since}."
    assert "1 in 91" in shown["Worst case"]
    assert "1 in 12" in shown["If that changes"]
    assert isinstance(await env.decide(run, by=ADMIN), Decided)
    await env.settle()
    now = await current(env)
    plan = "      autonomy: {clean: 100, sample: 10%, only_when: true}\n"
    assert (now.version, now.source.decode()) == (2, f"{FLOW}{plan}")
    authors = await env.store.read(lambda connection: people.load_people(connection, [now.registered_by]))
    assert ADMIN in authors[now.registered_by].addresses
    assert (await env.view(run)).status.ended
    assert await offered(env) == set(), "a new version begins without evidence"


async def test_a_dropped_reminder_leaves_everything_else(env: EngineEnv) -> None:
    run = await opened(env, DROP)
    assert isinstance(await env.decide(run, by=ADMIN), Decided)
    assert (await current(env)).source.decode() == FLOW.replace("      remind: true  # often\n", "")
    assert await offered(env) == set()


async def test_a_wrong_person_can_neither_ask_nor_decide(env: EngineEnv) -> None:
    assert isinstance(await ask(env, by=LEE), NotAllowed)
    run = await opened(env)
    assert isinstance(await env.decide(run, by=LEE), NotAnApprover)
    assert isinstance(await env.decide(run, by=SAM), Refusal)  # the author
    assert (await current(env)).version == 1


async def test_what_is_not_recommended_is_not_asked(env: EngineEnv) -> None:
    assert isinstance(await ask(env, "nonsense"), NotAllowed)
    assert isinstance(await ask(env, step="other"), NotAllowed)
    assert isinstance(await ask(env, workflow="other"), NotFound)
    assert isinstance(await ask(env, workflow="signoff-oversight"), NotFound)


async def test_there_is_one_open_request_for_a_recommendation(env: EngineEnv) -> None:
    answers = await asyncio.gather(*(ask(env, by=person) for person in (SAM, ADMIN) * 6))
    assert all(isinstance(one, GateChangeOpened) for one in answers), answers
    assert len({one.run for one in answers if isinstance(one, GateChangeOpened)}) == 1
    again = await ask(env)
    assert isinstance(again, GateChangeOpened)
    assert again.was_open
    assert await opened(env, DROP) != again.run


async def test_a_change_of_an_older_version_is_refused_with_a_sentence_and_asked_for_anew(env: EngineEnv) -> None:
    run = await opened(env)
    await env.register(FLOW.replace("# two eyes", "# four eyes"))
    refused = await env.decide(run, by=ADMIN)
    assert isinstance(refused, NotAllowed)
    assert "newer version" in refused.why
    assert (await current(env)).version == 2
    await recommend_changes(env, "flow", "pay")
    other = await opened(env)
    assert other != run
    await env.settle()
    assert (await env.view(run)).status is RunStatus.CANCELLED
    assert isinstance(await env.decide(other, by=ADMIN), Decided)
    assert "# four eyes" in (await current(env)).source.decode()
    assert (await current(env)).version == 3


async def test_of_two_changes_of_one_version_the_second_is_asked_for_anew(env: EngineEnv) -> None:
    plan, drop = await opened(env), await opened(env, DROP)
    answers = await asyncio.gather(env.decide(plan, by=ADMIN), env.decide(drop, by=ADMIN))
    assert sorted(isinstance(answer, Decided) for answer in answers) == [False, True]
    assert (await current(env)).version == 2


async def test_what_people_refuse_is_not_recommended_again_for_90_days(env: EngineEnv) -> None:
    run = await opened(env)
    assert isinstance(await env.decide(run, Verdict.REJECT, by=ADMIN), Decided)
    assert (await current(env)).version == 1
    assert await offered(env) == {DROP}
    assert isinstance(await ask(env), NotAllowed)
    env.pass_time(days=91)
    await env.settle()
    assert await offered(env) == {DROP}, "the evidence that was refused is not shown again"
    await recommend_changes(env, "flow", "pay")
    assert SAMPLE in await offered(env)
    assert await opened(env) != run


async def test_what_people_refuse_stays_away_for_90_days_whatever_comes(env: EngineEnv) -> None:
    run = await opened(env)
    assert isinstance(await env.decide(run, Verdict.REJECT, by=ADMIN), Decided)
    env.pass_time(days=89)
    await env.settle()
    await recommend_changes(env, "flow", "pay")
    assert await offered(env) == {DROP}
    env.pass_time(days=2)
    assert SAMPLE in await offered(env)


async def test_the_evidence_is_what_the_log_says_of_this_version(env: EngineEnv) -> None:
    """Neither the weeks that are asked for, nor an older version, nor a request of one's own changes it."""
    await env.register(FLOW.replace("# two eyes", "# four eyes"))
    for verdict, by in ((Verdict.APPROVE, ANN), (Verdict.APPROVE, ANN), (Verdict.REJECT, ANN), (Verdict.APPROVE, LEE)):
        env.pass_time(seconds=1)
        started = await env.engine.start(Start(workflow="flow", inputs={}, actor=by, origin=TERMINAL))
        assert isinstance(started, Started)
        await env.settle()
        assert isinstance(await env.decide(started.run, verdict), Decided)
        await env.settle()
    for weeks in (1, 13):
        counted = await env.engine.insights(InsightQuery(weeks=weeks), env.clock.now())
        assert [*counted.evidence.values()] == [GateEvidence(decided=3, corrected=1)]
    await env.register(FLOW)
    assert (await env.engine.insights(InsightQuery(), env.clock.now())).evidence == {}


async def test_what_lapses_may_be_asked_for_again(env: EngineEnv) -> None:
    run = await opened(env)
    env.pass_time(days=15)
    await env.settle()
    assert (await current(env)).version == 1
    assert await offered(env) == {SAMPLE, DROP}
    assert await opened(env) != run


async def test_a_file_that_cannot_be_changed_safely_is_left_to_its_author(env: EngineEnv) -> None:
    await env.register(f"{FLOW}#{'x' * (yaml_tree.MAX_BYTES - len(FLOW) - 1)}")
    await recommend_changes(env, "flow", "pay")
    answer = await ask(env)
    assert isinstance(answer, NotAllowed)
    assert "by hand" in answer.why
    assert (await current(env)).version == 2
