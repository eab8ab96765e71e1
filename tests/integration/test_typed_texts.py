"""Every text that a person types with a command is saved on both databases, whatever characters it has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from engine.domain import (
    AnswerQuestion,
    AskQuestion,
    Assurance,
    Cancel,
    Decide,
    Erase,
    EraseOld,
    ErasePerson,
    GiveRating,
    Reassign,
    Refusal,
    Verdict,
)
from engine.service import Engine, Erasures
from engine.store import audit_log
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, open_engine

FLOW = """
name: flow
owner: sam@example.com
steps:
  - id: act
    uses: played
    with: {text: hello}
    gate: {approvers: [lee@example.com, kim@example.com], feedback: true}
"""
TEXTS = ("a\0b", "half \ud83d of a pair", "\udfff\0", "\u202e\u200f😀")
BY_TERMINAL: dict[str, Any] = {"origin": TERMINAL, "assurance": Assurance.TERMINAL}
Command: TypeAlias = Callable[[EngineEnv, str, str], Awaitable[object]]


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        env.engine = Engine(env.store, env.advancer, admins=frozenset({SAM}))
        yield env


async def decide(env: EngineEnv, run: str, text: str) -> object:
    model = (await env.request(run)).model
    seen: dict[str, Any] = {"content_version": model.content_version, "digest": model.digest}
    rated: dict[str, Any] = {"reason": text, "rating": 3, "comment": text}
    return await env.engine.decide(
        Decide(request=model.id, verdict=Verdict.REJECT, actor=LEE, **seen, **rated, **BY_TERMINAL)
    )


async def rate(env: EngineEnv, run: str, text: str) -> object:
    await env.decide(run)
    request = (await env.request(run)).id
    return await env.engine.rate(GiveRating(request=request, rating=2, comment=text, actor=LEE, **BY_TERMINAL))


async def ask(env: EngineEnv, run: str, text: str) -> object:
    request = (await env.request(run)).id
    return await env.engine.ask_question(AskQuestion(request=request, text=text, actor=LEE, **BY_TERMINAL))


async def answer(env: EngineEnv, run: str, text: str) -> object:
    await ask(env, run, "Why?")
    request = (await env.request(run)).id
    command = AnswerQuestion(request=request, question=None, text=text, actor=ANN, **BY_TERMINAL)
    return await env.engine.answer_question(command)


async def pass_on(env: EngineEnv, run: str, text: str) -> object:
    request = (await env.request(run)).id
    return await env.engine.reassign(Reassign(request=request, to=SAM, reason=text, actor=LEE, **BY_TERMINAL))


async def cancel(env: EngineEnv, run: str, text: str) -> object:
    return await env.engine.cancel(Cancel(run=run, actor=ANN, origin=TERMINAL, reason=text))


async def erase(env: EngineEnv, run: str, text: str) -> object:
    await cancel(env, run, "no")
    await env.settle()
    return await env.engine.erase(Erase(run=run, reason=text, actor=SAM, origin=TERMINAL))


async def erase_old(env: EngineEnv, run: str, text: str) -> object:
    await cancel(env, run, "no")
    await env.settle()
    env.pass_time(days=3)
    before = env.clock.now() - timedelta(days=1)
    return await Erasures(env.engine).erase_old(EraseOld(before=before, reason=text, actor=SAM, origin=TERMINAL))


async def erase_person(env: EngineEnv, run: str, text: str) -> object:
    await cancel(env, run, "no")
    await env.settle()
    command = ErasePerson(person="ann@example.com", reason=text, actor=SAM, origin=TERMINAL)
    return await Erasures(env.engine).erase_person(command)


@pytest.mark.each_variation
@pytest.mark.parametrize(
    "command",
    [decide, rate, ask, answer, pass_on, cancel, erase, erase_old, erase_person],
    ids=lambda one: one.__name__,
)
async def test_no_character_that_a_person_types_breaks_a_command(env: EngineEnv, command: Command) -> None:
    for text in TEXTS:
        await env.register(FLOW)
        run = await env.start()
        await env.settle()
        result = await command(env, run, text)
        assert not isinstance(result, Refusal), (text, result)
        await env.settle()
    lines = await env.store.read(lambda connection: [*audit_log.export(connection, "default")])
    assert all("\\u0000" not in line and "\\ud83d " not in line for line in lines)
