"""The export of decisions beside the running engine, on both databases, and in constant memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.devtools.bench import inbox_fill
from bot.devtools.bench.inbox_fill import InboxFillSize
from bot.presentation import decision_records
from engine.domain import DEFAULT_WORKSPACE, Address, AnswerQuestion, AskQuestion, Assurance, Decided, Erase, Verdict
from engine.errors import StepError
from engine.read_models import DecisionFilter
from engine.service import Engine
from engine.store import decision_export, schema
from engine.store.connection import Connection
from engine.store.decision_export import PAGE
from tests.support.databases import OpenStore
from tests.support.engine_env import ANN, LEE, SAM, TERMINAL, EngineEnv, open_engine

KIM = Address("email", "kim@example.com")
FLOW = """
name: flow
owner: sam@example.com
steps:
  - id: act
    uses: played
    with: {text: hello, headers: {Authorization: "{{ secret.BANK }}"}}
    gate: {edit: [text], approvers: [lee@example.com, kim@example.com], KEYS}
"""
EARLY = datetime.fromisoformat("2020-01-01T00:00:00Z")
ALL = DecisionFilter(since=EARLY)


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    secrets = {"BANK": "hunter2-hunter2"}
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, secrets=secrets) as env:
        yield env


async def open_run(env: EngineEnv, keys: str = "policy: any") -> str:
    await env.register(FLOW.replace("KEYS", keys))
    run = await env.start()
    await env.settle()
    return run


async def exported(env: EngineEnv, wanted: DecisionFilter = ALL) -> list[dict[str, Any]]:
    def read(connection: Connection) -> list[dict[str, Any]]:
        found = decision_export.export(connection, DEFAULT_WORKSPACE, wanted)
        return [decision_records.record(decision) for decision in found]

    return await env.store.read(read)


async def test_a_decision_of_several_is_one_line_with_all_votes_and_changes(env: EngineEnv) -> None:
    run = await open_run(env, "policy: all")
    env.pass_time(seconds=40)
    assert isinstance(await env.decide(run, edits={"text": "hello there"}), Decided)
    env.pass_time(seconds=20)
    assert await exported(env) == [], "an approval that others have to join decides nothing"
    assert isinstance(await env.decide(run, by=KIM), Decided)
    (line,) = await exported(env)
    assert (line["decided_by"]["name"], line["verdict"], line["seconds_to_decide"]) == (
        "kim@example.com",
        "approved",
        60,
    )
    assert (line["policy"], line["approvals_needed"]) == ("all", 2)
    assert [vote["name"] for vote in line["votes"]] == ["lee@example.com", "kim@example.com"]
    assert [(change["before"], change["after"]) for change in line["changes"]] == [("hello", "hello there")]
    assert (line["draft"]["text"], line["final"]["text"]) == ("hello", "hello there")


async def test_a_line_has_the_names_of_secrets_and_never_their_values(env: EngineEnv) -> None:
    run = await open_run(env)
    await env.decide(run)
    await env.settle()
    text = str(await exported(env))
    assert "BANK" in text
    assert "hunter2" not in text


async def test_a_line_says_what_was_asked_before_and_what_became_of_it(env: EngineEnv) -> None:
    async def fails(*_: object) -> dict[str, object]:
        raise StepError("the bank is closed", retryable=False)

    env.step.play = fails
    run = await open_run(env)
    request = (await env.request(run)).id
    about: dict[str, Any] = {"request": request, "origin": TERMINAL, "assurance": Assurance.TERMINAL}
    await env.engine.ask_question(AskQuestion(text="Why now?", actor=LEE, **about))
    await env.engine.answer_question(AnswerQuestion(question=None, text="It is late.", actor=ANN, **about))
    await env.decide(run)
    await env.settle()
    (line,) = await exported(env)
    (question,) = line["questions"]
    assert (question["text"], question["answer"], question["answered_by"]["name"]) == (
        "Why now?",
        "It is late.",
        "ann@example.com",
    )
    outcome = line["outcome"]
    assert (outcome["status"], outcome["error"], outcome["worked_later_at"]) == ("failed", "the bank is closed", None)
    admin = Engine(env.store, env.advancer, admins=frozenset({SAM}))
    await admin.erase(Erase(run=run, reason="asked for", actor=SAM, origin=TERMINAL))
    (erased,) = await exported(env)
    assert erased["erased"]
    assert not {"hello", "Why now?", "It is late.", "because", "the bank is closed"} & set(words_of(erased))


def words_of(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [word for part in value.values() for word in words_of(part)]
    if isinstance(value, list):
        return [word for part in value for word in words_of(part)]
    return [str(value)]


async def test_the_filter_takes_the_moment_of_the_decision_and_the_workflow(env: EngineEnv) -> None:
    first = await open_run(env)
    await env.decide(first, Verdict.REJECT)
    middle = env.clock.now() + timedelta(hours=1)
    second = await open_run(env)
    env.pass_time(hours=1)
    await env.decide(second)
    before, after = DecisionFilter(since=EARLY, until=middle), DecisionFilter(since=middle)
    assert [line["run"] for line in await exported(env, before)] == [first]
    assert [line["run"] for line in await exported(env, after)] == [second]
    assert await exported(env, DecisionFilter(since=EARLY, workflow="another")) == []


async def test_a_long_export_needs_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    path = tmp_path / "signoff.db"
    await inbox_fill.record(path)
    inbox_fill.fill(path, InboxFillSize(stored=10 * PAGE, pending=10, of_reader=5))
    with schema.reading(path) as connection:
        peak(connection, most=PAGE)
        short, few = peak(connection, most=2 * PAGE)
        long, many = peak(connection, most=10 * PAGE)
    assert (few, many > 3 * few) == (2 * PAGE, True)
    assert long < 1.3 * short


def peak(connection: Connection, *, most: int) -> tuple[int, int]:
    """Return the most memory that the export of some decisions takes, and how many there were."""
    count = 0
    tracemalloc.start()
    try:
        found = decision_export.export(connection, DEFAULT_WORKSPACE, ALL)
        for count, decision in enumerate(found, 1):
            decision_records.csv_row(decision_records.record(decision))
            if count == most:
                break
        return tracemalloc.get_traced_memory()[1], count
    finally:
        tracemalloc.stop()
