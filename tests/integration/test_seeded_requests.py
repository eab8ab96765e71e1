"""Seeded requests: rare, disguised until the answer, without any effect, and told to the person alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.presentation import decision_records, seeded
from bot.presentation.request_card import request_card
from engine.domain import (
    Address,
    AskQuestion,
    Assurance,
    Away,
    Cancel,
    Decided,
    Done,
    NotAllowed,
    Person,
    Reassign,
    Reassigned,
    RequestState,
    SetAway,
    Verdict,
)
from engine.domain.oversight import OVERSIGHT_WORKFLOW
from engine.read_models import DecisionFilter, RequestView
from engine.service import Engine
from engine.store import decision_export, people, seeded_requests
from engine.store.port import Tx
from engine.store.seeded_requests import SeededResult, Seeding
from tests.support.databases import OpenStore
from tests.support.engine_env import LEE, SAM, TERMINAL, EngineEnv, open_engine

KIM = Address("email", "kim@example.com")
FLOW = """
name: flow
title: Refunds
owner: sam@example.com
SEEDED
inputs: {amount: money, note: text}
steps:
  - id: act
    title: Pay the refund
    uses: played
    with: {text: "{{ inputs.note }}"}
  - id: book
    title: Book the refund
    uses: set
    with: {amount: "{{ inputs.amount }}", note: "{{ inputs.note }}"}
    gate: {approvers: [lee@example.com, kim@example.com], title: "Refund {{ inputs.amount }}?", edit: [amount]}
"""
CAUGHT = "This was a test, and you caught it, "
REVEALED = (CAUGHT, ". “Amount” was 10 times the real one")


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        yield env


async def register(env: EngineEnv, key: str = "seeded: 1 in 50") -> None:
    await env.register(FLOW.replace("SEEDED", key))


async def ask(env: EngineEnv, note: str = "hello") -> str:
    env.pass_time(seconds=1)
    run = await env.start(amount={"amount": "120.50", "currency": "EUR"}, note=note)
    await env.settle()
    env.pass_time(seconds=5)
    return run


async def person(env: EngineEnv, address: Address = LEE) -> Person:
    found = await env.engine.person(address)
    assert found is not None
    return found


async def seeded_runs(env: EngineEnv) -> list[str]:
    return [str(run) for (run,) in await env.rows("SELECT run FROM oversight_request ORDER BY run")]


async def open_seeded(env: EngineEnv, keys: str = "", *, away: Away | None = None) -> RequestView:
    """Let the time of a seeded request come after one past request, and return it. `keys`: more keys of the gate.

    `away`: who is away then.
    """
    await env.register(FLOW.replace("SEEDED", "seeded: 1 in 50").replace("edit: [amount]", f"edit: [amount]{keys}"))
    assert isinstance(await env.decide(await ask(env)), Decided)
    await env.settle()

    lee, kim = await person(env), await person(env, KIM)
    for one in (lee, kim):
        await env.store.transact(partial(come_for, one=one))
    if away is not None:
        assert isinstance(await env.engine.set_away(away), SetAway)
        await ask(env)
        assert await seeded_runs(env) == [], "who stands in gets none before their own time has come"
        stand_in = await person(env, SAM)
        await env.store.transact(partial(come_for, one=stand_in))
    await ask(env)
    (run,) = await seeded_runs(env)
    return await env.request(run)


def come_for(tx: Tx, one: Person) -> None:
    """Let the time of a person come."""
    (workflow,) = [str(row) for row in _WORKFLOW(tx)]
    seeding = seeded_requests.load_seeding(tx, workflow, one.id)
    assert seeding is not None
    assert 50 <= seeding.gap < 100
    assert seeded_requests.try_go_on(tx, workflow, one.id, seeding, Seeding(seeding.since, 0))


def _WORKFLOW(tx: Tx) -> list[Any]:
    from sqlalchemy import text

    return [*tx.connection.execute(text("SELECT id FROM workflow WHERE name = 'flow'")).scalars()]


async def answer(env: EngineEnv, request: RequestView, verdict: Verdict, **edits: Any) -> None:
    assert isinstance(await env.decide(request.run, verdict, seen=request, edits=edits), Decided)
    await env.settle()


async def again(env: EngineEnv, request: RequestView) -> RequestView:
    found = await env.engine.request(request.id)
    assert found is not None
    return found


async def detection(env: EngineEnv) -> tuple[int, int]:
    def read(tx: Tx) -> tuple[int, int]:
        return seeded_requests.detection(tx.connection, str(_WORKFLOW(tx)[0]))

    return await env.store.transact(read)


async def test_at_most_one_in_fifty_is_seeded_and_none_without_the_owners_word(env: EngineEnv) -> None:
    await register(env)
    decided = 0
    while not await seeded_runs(env):
        assert isinstance(await env.decide(await ask(env)), Decided)
        decided += 1
    assert 50 <= decided <= 101
    await register(env, "")
    assert isinstance(await env.decide(await ask(env)), Decided)


async def test_it_looks_like_the_request_that_it_imitates_until_the_answer(env: EngineEnv) -> None:
    request = await open_seeded(env)
    lee = await person(env)
    assert (request.workflow, request.workflow_title, request.requester.label) == ("flow", "Refunds", "ann@example.com")
    assert request.title == "Refund 120.50 EUR?"
    real = request_card((await env.engine.requests_of_run((await _real_run(env))))[-1], lee)
    card = request_card(request, lee)
    assert [field.text for field in card.values] != [field.text for field in real.values]
    assert "1205.00 EUR" in str(card.values)
    assert [(field.label, field.type) for field in card.values] == [(field.label, field.type) for field in real.values]
    assert (card.lead, card.actions, card.may_ask, card.notes) == (real.lead, real.actions, real.may_ask, real.notes)
    assert [fact.label for fact in card.details] == [fact.label for fact in real.details]
    assert {copy.address for copy in env.channel.posted.values()} == {LEE.value, KIM.value}


async def _real_run(env: EngineEnv) -> str:
    rows = await env.rows(
        "SELECT run.id FROM run JOIN workflow ON workflow.id = run.workflow "
        "WHERE workflow.name = 'flow' ORDER BY run.id"
    )
    return str(rows[-1][0])


async def test_the_person_alone_is_told_and_every_copy_is_closed(env: EngineEnv) -> None:
    request = await open_seeded(env)
    await answer(env, request, Verdict.REJECT)
    closed = await again(env, request)
    lee, kim = request_card(closed, await person(env)), request_card(closed, await person(env, KIM))
    assert lee.outcome is not None
    assert (lee.outcome.line[0], lee.outcome.line[-1]) == REVEALED
    assert kim.outcome is not None
    assert kim.outcome.line[0] == "This was a test of Signoff, and it is over, "
    assert "because" not in str(kim.outcome), "not the reason either"
    assert await detection(env) == (1, 1)
    copies = [copy for copy in env.channel.posted.values() if copy.card.request == request.id]
    assert [bool(copy.card.actions) for copy in copies] == [False, False]


@pytest.mark.parametrize(
    ("verdict", "edits", "is_caught", "told"),
    [
        (Verdict.APPROVE, {}, False, "This was a test, and you approved it, "),
        (
            Verdict.APPROVE,
            {"amount": {"amount": "120.50", "currency": "EUR"}},
            True,
            "This was a test, and you caught it, ",
        ),
        (Verdict.REJECT, {}, True, CAUGHT),
    ],
    ids=["missed", "put right", "rejected"],
)
async def test_nothing_ever_runs_from_it(
    env: EngineEnv, verdict: Verdict, edits: dict[str, Any], is_caught: bool, told: str
) -> None:
    request = await open_seeded(env)
    calls = len(env.step.calls)
    await answer(env, request, verdict, **edits)
    env.pass_time(days=1)
    await env.settle()
    assert len(env.step.calls) == calls
    assert await detection(env) == (int(is_caught), 1)
    outcome = request_card(await again(env, request), await person(env)).outcome
    assert outcome is not None
    assert outcome.line[0] == told
    assert ("Nothing was done." in str(outcome.line[-1])) is not is_caught
    effects = await env.rows(f"SELECT step, status FROM step_run WHERE run = '{request.run}'")
    assert [step for step, _ in effects] == ["answer"], "its only step keeps a value"


async def test_who_gets_it_passed_on_has_the_test(env: EngineEnv) -> None:
    """Passing it on is allowed as for the request that it imitates. The person who answers is told, and counted."""
    request = await open_seeded(env)
    calls = len(env.step.calls)
    command = Reassign(
        request=request.id, to=SAM, reason="away", actor=LEE, origin=TERMINAL, assurance=Assurance.TERMINAL
    )
    assert isinstance(await env.engine.reassign(command), Reassigned)
    await env.settle()
    assert (await again(env, request)).workflow == "flow", "it still looks like the one that it imitates"
    assert isinstance(await env.decide(request.run, Verdict.REJECT, seen=request, by=SAM), Decided)
    await env.settle()
    outcome = request_card(await again(env, request), await person(env, SAM)).outcome
    assert outcome is not None
    assert (outcome.line[0], outcome.line[-1]) == REVEALED
    ((who,),) = await env.rows("SELECT person FROM seeded_result")
    assert who == (await person(env, SAM)).id
    assert len(env.step.calls) == calls


async def test_a_delegate_gets_it_beside_the_real_one(env: EngineEnv) -> None:
    away = Away(
        actor=LEE,
        origin=TERMINAL,
        assurance=Assurance.TERMINAL,
        ends_at=env.clock.now() + timedelta(days=30),
        delegate=SAM,
    )
    request = await open_seeded(env, away=away)
    asked = {str(approver.person.email) for approver in request.approvers}
    assert asked == {str(approver.person.email) for approver in (await env.request(await _real_run(env))).approvers}
    assert SAM.value in asked
    assert isinstance(await env.decide(request.run, Verdict.APPROVE, seen=request, by=SAM), Decided)
    await env.settle()
    assert await detection(env) == (0, 1)
    outcome = request_card(await again(env, request), await person(env, SAM)).outcome
    assert outcome is not None
    assert outcome.line[0] == "This was a test, and you approved it, "


async def test_a_question_ends_it_and_reaches_no_one(env: EngineEnv) -> None:
    request = await open_seeded(env)
    posted = len(env.channel.posted)
    command = AskQuestion(
        request=request.id, text="Is this right?", actor=LEE, origin=TERMINAL, assurance=Assurance.TERMINAL
    )
    answered = await env.engine.ask_question(command)
    assert isinstance(answered, NotAllowed)
    assert "This was a test of Signoff" in answered.why
    await env.settle()
    assert (await again(env, request)).model.state is RequestState.CANCELLED
    assert await detection(env) == (0, 0)
    assert len(env.channel.posted) == posted


async def test_one_that_expires_or_that_no_one_answers_counts_for_nothing(env: EngineEnv) -> None:
    request = await open_seeded(env, ", expires: 2d")
    env.pass_time(days=3)
    await env.settle()
    assert (await again(env, request)).model.state is not RequestState.PENDING
    assert await detection(env) == (0, 0)


@pytest.mark.parametrize(
    "by", [LEE, KIM, SAM, Address("email", "ann@example.com"), Address("email", "eve@example.com")]
)
async def test_who_cancels_it_makes_nothing_happen_and_learns_nothing_of_the_run_behind_it(
    env: EngineEnv, by: Address
) -> None:
    env.engine = Engine(env.store, env.advancer, admins=frozenset({SAM}), clock=env.clock)
    request = await open_seeded(env)
    calls = len(env.step.calls)
    result = await env.engine.cancel(Cancel(run=request.run, actor=by, origin=TERMINAL))
    await env.settle()
    assert isinstance(result, Done) == (by == SAM), result
    assert OVERSIGHT_WORKFLOW not in repr(result)
    assert (len(env.step.calls), await detection(env)) == (calls, (0, 0))
    effects = await env.rows(f"SELECT step FROM step_run WHERE run = '{request.run}' AND status = 'succeeded'")
    assert effects == []


async def test_exports_and_the_log_say_what_it_was(env: EngineEnv) -> None:
    request = await open_seeded(env)
    kinds = [entry.kind for entry in await env.engine.story(request.run)]
    assert "oversight.opened" in kinds or request.model.state is RequestState.PENDING
    await answer(env, request, Verdict.REJECT)
    everything = DecisionFilter(since=request.started_at.replace(year=2020))
    export = decision_export.export
    found = await env.store.read(lambda connection: [*export(connection, "default", everything)])
    marks = {line["request"]: line["oversight"] for line in map(decision_records.record, found)}
    assert marks[request.id] == "seeded"
    assert (await again(env, request)).workflow == OVERSIGHT_WORKFLOW


async def test_an_owner_is_told_of_at_least_five_people_together(env: EngineEnv) -> None:
    request = await open_seeded(env)
    await answer(env, request, Verdict.REJECT)
    sam = await person(env, SAM)
    found = await env.engine.shared_detection("flow", sam.id)
    assert found is None
    assert seeded.shared(found) == "How many tests are caught is shown once at least 5 people besides you had one."
    assert seeded.shared((3, 4)) == "People caught 3 of 4 tests."


async def test_what_people_catch_is_evidence_once_five_of_them_had_a_test(env: EngineEnv) -> None:
    request = await open_seeded(env)
    await answer(env, request, Verdict.REJECT)

    def told(tx: Tx) -> tuple[int, int] | None:
        return seeded_requests.told_detection(tx.connection, str(_WORKFLOW(tx)[0]))

    def add(tx: Tx) -> None:
        for number, one in enumerate(others):
            result = SeededResult(
                run=runs[number], workflow=str(_WORKFLOW(tx)[0]), person=one.id, kind="ten_times", is_caught=number > 0
            )
            seeded_requests.insert_result(tx, result)

    assert await env.store.transact(told) is None
    runs = [await ask(env) for _ in range(4)]
    others = [await env.store.transact(partial(_known, number)) for number in range(4)]
    await env.store.transact(add)
    assert await env.store.transact(told) == (4, 5)
    assert await env.engine.shared_detection("flow", (await person(env)).id) is None


def _known(number: int, tx: Tx) -> Person:
    return people.need_person(tx, "default", Address("email", f"p{number}@example.com"), evidence="test")
