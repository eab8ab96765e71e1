"""Admins who decide about one workflow at the same moment, and one who is no admin any more. On both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.domain import Assurance, Decided, NotAllowed, Reassign, Refusal, Verdict
from engine.service import Engine
from engine.store import reconciliation
from tests.integration.test_new_versions import ADMINS, KIM, current, propose, register, source
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, open_engine


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        env.engine = Engine(env.store, env.advancer, admins=ADMINS, clock=env.clock)
        await register(env, 1)
        yield env


async def findings(env: EngineEnv) -> list[str]:
    return await env.store.transact(lambda tx: list(reconciliation.compare(tx.connection, "default")))


async def test_of_two_admins_who_agree_at_once_one_decides_and_one_version_comes_of_it(env: EngineEnv) -> None:
    run = await propose(env, 2)
    answers = await asyncio.gather(env.decide(run, by=KIM), env.decide(run, by=LEE))
    assert sorted(isinstance(answer, Decided) for answer in answers) == [False, True]
    await env.settle()
    assert await current(env) == (2, source(2))
    assert await findings(env) == []


async def test_of_an_admin_who_agrees_and_one_who_refuses_at_once_one_decides(env: EngineEnv) -> None:
    run = await propose(env, 2)
    answers = await asyncio.gather(env.decide(run, by=KIM), env.decide(run, Verdict.REJECT, by=LEE))
    (decided,) = [place for place, answer in enumerate(answers) if isinstance(answer, Decided)]
    await env.settle()
    assert await current(env) == ((2, source(2)), (1, source(1)))[decided]
    assert await findings(env) == []


async def test_of_two_changes_that_are_agreed_to_at_once_one_is_registered(env: EngineEnv) -> None:
    """Both were made to version 1: the second would take back the first, unseen by the person who agreed to it."""
    first, second = await propose(env, 2), await propose(env, 3, by=KIM)
    answers = await asyncio.gather(env.decide(first, by=LEE), env.decide(second, by=SAM))
    await env.settle()
    version, text = await current(env)
    assert version == 2
    assert text in (source(2), source(3))
    assert any(isinstance(answer, Decided) for answer in answers)
    assert [(await env.view(run)).status.ended for run in (first, second)] == [True, True]
    assert await findings(env) == []


async def test_who_is_no_admin_any_more_proposes_and_stops_nothing(env: EngineEnv) -> None:
    env.engine = Engine(env.store, env.advancer, admins=frozenset({LEE}), clock=env.clock)
    assert isinstance(await register(env, 2, by=KIM), Refusal)
    assert await current(env) == (1, source(1))
    run = await propose(env, 2)
    assert isinstance(await env.decide(run, by=KIM), Refusal)
    assert isinstance(await env.decide(run, by=LEE), Decided)


async def test_who_was_asked_as_an_admin_and_is_none_any_more_neither_decides_nor_hands_on(env: EngineEnv) -> None:
    run = await propose(env, 2)
    request = await env.request(run)
    assert {approver.person.addresses[0] for approver in request.approvers} == {KIM, LEE}
    env.engine = Engine(env.store, env.advancer, admins=frozenset({LEE}), clock=env.clock)
    for verdict in (Verdict.APPROVE, Verdict.REJECT):
        answer = await env.decide(run, verdict, by=KIM)
        assert isinstance(answer, NotAllowed)
        assert "you are no admin any more" in answer.why
    command = Reassign(
        request=request.id, to=ANN, reason="away", actor=KIM, origin=TERMINAL, assurance=Assurance.TERMINAL
    )
    assert isinstance(await env.engine.reassign(command), NotAllowed)
    assert await current(env) == (1, source(1))
    assert isinstance(await env.decide(run, by=LEE), Decided)
    await env.settle()
    assert await current(env) == (2, source(2))
