"""Ratings of those who decided: with the decision or after it, through the engine, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.presentation import decision_records, request_card
from bot.presentation.dates import written
from engine.audit_entries import EntryKind
from engine.domain import (
    DEFAULT_WORKSPACE,
    Address,
    Assurance,
    CannotRate,
    Decide,
    Decided,
    Erase,
    GiveRating,
    NotFound,
    Rated,
    Refusal,
    RequestState,
    Verdict,
)
from engine.requests.ratings import COMMENT_LENGTH
from engine.service import Engine
from engine.store import decision_export
from engine.store.connection import Connection
from tests.integration.test_decision_export import ALL
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, open_engine

KIM = Address("email", "kim@example.com")
FLOW = """
name: flow
owner: sam@example.com
steps:
  - {id: act, uses: played, with: {text: hello}, gate: {approvers: [lee@example.com, kim@example.com], KEYS}}
  - {id: tell, uses: played, with: {text: "{{ steps.act.decision.rating }} {{ steps.act.decision.comment }}"}}
"""


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        yield env


async def open_run(env: EngineEnv, keys: str = "feedback: true") -> str:
    await env.register(FLOW.replace("KEYS", keys))
    run = await env.start()
    await env.settle()
    return run


async def rate(env: EngineEnv, run: str, rating: int = 4, comment: str | None = None, by: Address = LEE) -> Any:
    env.pass_time(seconds=1)
    request = (await env.request(run)).id
    return await env.engine.rate(
        GiveRating(
            request=request,
            rating=rating,
            comment=comment,
            actor=by,
            origin=TERMINAL,
            assurance=Assurance.TERMINAL,
        )
    )


async def decide_with_rating(env: EngineEnv, run: str, rating: int, comment: str | None) -> Decided | Refusal:
    model = (await env.request(run)).model
    command = Decide(
        request=model.id,
        verdict=Verdict.APPROVE,
        actor=LEE,
        content_version=model.content_version,
        digest=model.digest,
        origin=TERMINAL,
        assurance=Assurance.TERMINAL,
    )
    return await env.engine.decide(replace(command, rating=rating, comment=comment))


async def given(env: EngineEnv, run: str) -> list[tuple[str, int, str | None]]:
    ratings = (await env.engine.requests_of_run(run))[0].model.ratings
    return [(one.person.label, one.rating, one.comment) for one in ratings]


async def test_who_decided_rates_it_once_and_may_change_that(env: EngineEnv) -> None:
    run = await open_run(env)
    request = await env.request(run)
    await env.decide(run)
    assert await rate(env, run, 4, " good ") == Rated(request=request.id, run=run, rating=4)
    assert await given(env, run) == [("lee@example.com", 4, "good")]
    await rate(env, run, 2)
    assert await given(env, run) == [("lee@example.com", 2, None)]
    entries = [entry for entry in await env.engine.story(run) if entry.kind == EntryKind.REQUEST_RATED]
    assert [entry.content and entry.content["rating"] for entry in entries] == [4, 2]
    card = request_card.request_card(await env.request(run))
    [fact] = [fact for fact in card.details if fact.label == "Rating by lee@example.com"]
    assert written(fact.text).startswith("2 of 5, ")


async def test_everyone_who_voted_rates_it_and_no_one_else(env: EngineEnv) -> None:
    run = await open_run(env, "feedback: true, policy: all")
    assert await rate(env, run) == CannotRate(why="not_yet")
    await env.decide(run)
    assert isinstance(await rate(env, run, 5), Rated)
    assert await rate(env, run, by=KIM) == CannotRate(why="not_yet")
    await env.decide(run, by=KIM)
    assert isinstance(await rate(env, run, 1, by=KIM), Rated)
    assert await given(env, run) == [("lee@example.com", 5, None), ("kim@example.com", 1, None)]
    for other in (ANN, SAM):
        assert await rate(env, run, by=other) == CannotRate(why="not_yours")


@pytest.mark.parametrize(
    ("rating", "comment", "why"),
    [(0, None, "rating"), (6, None, "rating"), (3, "x" * (COMMENT_LENGTH + 1), "too_long")],
)
async def test_a_rating_has_its_limits(env: EngineEnv, rating: int, comment: str | None, why: Any) -> None:
    run = await open_run(env)
    assert await decide_with_rating(env, run, rating, comment) == CannotRate(why=why)
    assert (await env.request(run)).model.state is RequestState.PENDING
    await env.decide(run)
    assert await rate(env, run, rating, comment) == CannotRate(why=why)
    assert await given(env, run) == []


async def test_a_gate_that_asks_for_no_feedback_takes_none(env: EngineEnv) -> None:
    source = FLOW.replace("KEYS", "edit: [text]").replace(".decision.rating", ".decision.reason")
    await env.register(source.replace(".decision.comment", ".decision.reason"))
    run = await env.start()
    await env.settle()
    assert await decide_with_rating(env, run, 3, None) == CannotRate(why="off")
    await env.decide(run)
    assert await rate(env, run) == CannotRate(why="off")
    command = GiveRating(request="no", rating=1, actor=LEE, origin=TERMINAL, assurance=Assurance.TERMINAL)
    assert isinstance(await env.engine.rate(command), NotFound)


async def test_later_steps_read_the_rating_that_came_with_the_decision(env: EngineEnv) -> None:
    run = await open_run(env)
    assert isinstance(await decide_with_rating(env, run, 3, "too long"), Decided)
    await rate(env, run, 5, "changed my mind")
    await env.settle()
    assert [params.text for params, _ in env.step.calls] == ["hello", "3 too long"]
    assert await given(env, run) == [("lee@example.com", 5, "changed my mind")]


async def test_a_rating_is_exported_and_its_comment_is_erased(env: EngineEnv) -> None:
    run = await open_run(env)
    await decide_with_rating(env, run, 3, "too long")
    await env.settle()

    def read(connection: Connection) -> list[dict[str, Any]]:
        return [*map(decision_records.record, decision_export.export(connection, DEFAULT_WORKSPACE, ALL))]

    [line] = await env.store.read(read)
    assert (line["rating"], line["comment"]) == (3, "too long")
    admin = Engine(env.store, env.advancer, admins=frozenset({SAM}))
    await admin.erase(Erase(run=run, reason="asked to", actor=SAM, origin=TERMINAL))
    [line] = await env.store.read(read)
    assert (line["rating"], line["comment"]) == (3, None)
    assert "too long" not in str(await env.rows("SELECT * FROM rating"))
    assert await rate(env, run, 5, "too long") == CannotRate(why="off"), "no comment comes to what was erased"
    assert await given(env, run) == [("lee@example.com", 3, None)]
    assert not (await env.request(run)).model.feedback, "no page asks for it"
