"""Asking for changes together with the other rules of a gate: quorums, chains, editors, deadlines, forms, erasure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.domain import (
    Address,
    AlreadyDecided,
    Assurance,
    Cancel,
    Cancelled,
    CannotTakeOver,
    Decided,
    Done,
    Reassign,
    RequestState,
    RunStatus,
    Verdict,
)
from engine.steps.form import FormStep
from tests.support.databases import OpenStore
from tests.support.engine_env import LEE, SAM, TERMINAL, EngineEnv, PlayedStep, echo, open_engine

KIM = Address("email", "kim@example.com")
FLOW = """
name: flow
owner: sam@example.com
inputs: {}
steps:
  - {id: draft, uses: set, with: {text: "text {{ review.comment }}"}}
  - id: send
    uses: played
    with: {text: "{{ steps.draft.text }}"}
    gate: {approvers: [lee@example.com, kim@example.com], edit: [text], revise: draft, KEYS}
""".replace("inputs: {}\n", "")


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        env.step.play = echo
        yield env


async def begin(env: EngineEnv, keys: str, source: str = FLOW) -> str:
    await env.register(source.replace("KEYS", keys))
    run = await env.start()
    await env.settle()
    return run


async def revise(env: EngineEnv, run: str, by: Address = LEE, comment: str = "shorter") -> object:
    env.pass_time(seconds=1)
    result = await env.decide(run, Verdict.REVISE, by=by, reason=comment)
    await env.settle()
    env.pass_time(seconds=1)
    return result


async def test_of_two_answers_at_once_exactly_one_counts(env: EngineEnv) -> None:
    run = await begin(env, "reason_required: never")
    seen = await env.request(run)
    answers = await asyncio.gather(
        env.decide(run, Verdict.REVISE, by=LEE, seen=seen),
        env.decide(run, Verdict.APPROVE, by=KIM, seen=seen),
        env.decide(run, Verdict.REVISE, by=LEE, seen=seen),
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["AlreadyDecided", "AlreadyDecided", "Decided"]


async def test_in_a_chain_only_the_people_whose_turn_it_is_ask_for_changes(env: EngineEnv) -> None:
    run = await begin(env, "policy: {chain: [[lee@example.com], [kim@example.com]]}", CHAIN)
    early = await revise(env, run, by=KIM)
    assert not isinstance(early, Decided)
    assert isinstance(await env.decide(run, by=LEE), Decided)
    await env.settle()
    assert isinstance(await revise(env, run, by=KIM), Decided)
    second = await env.request(run)
    assert (second.model.state, second.model.votes) == (RequestState.PENDING, ()), "approvals are of what was shown"
    assert not isinstance(await env.decide(run, by=KIM), Decided)


CHAIN = FLOW.replace("approvers: [lee@example.com, kim@example.com], ", "")


async def test_with_editors_excluded_the_owner_takes_the_place_in_a_chain(env: EngineEnv) -> None:
    run = await begin(env, "exclude: [editor], policy: {chain: [[lee@example.com], [kim@example.com]]}", CHAIN)
    assert isinstance(await revise(env, run, by=LEE), Decided)
    second = await env.request(run)
    assert second.model.state is RequestState.PENDING
    asked = {row.person.label: row.groups for row in second.model.approvers}
    assert asked == {"sam@example.com": (0, 1), "kim@example.com": (1,)}


async def test_an_owner_who_asked_for_changes_where_no_one_else_is_left_decides_nothing_alone(env: EngineEnv) -> None:
    run = await begin(env, "exclude: [editor]", FLOW.replace("lee@example.com, kim@example.com", "sam@example.com"))
    assert isinstance(await revise(env, run, by=SAM), Decided)
    second = await env.request(run)
    assert second.model.state is RequestState.PENDING
    assert not isinstance(await env.decide(run, by=SAM), Decided)
    assert await env.rows("SELECT topic FROM delivery WHERE kind = 'alert'") == [("short",)]


async def test_a_cancelled_run_takes_no_comment_and_a_comment_stops_no_cancel(env: EngineEnv) -> None:
    run = await begin(env, "reason_required: never")
    seen = await env.request(run)
    env.pass_time(seconds=1)
    assert isinstance(await env.engine.cancel(Cancel(run=run, actor=SAM, origin=TERMINAL)), Done)
    assert isinstance(await env.decide(run, Verdict.REVISE, seen=seen), Cancelled | AlreadyDecided)
    await env.settle()
    assert len(await env.engine.requests_of_run(run)) == 1
    again = await env.start()
    await env.settle()
    assert isinstance(await env.decide(again, Verdict.REVISE), Decided)
    assert isinstance(await env.engine.cancel(Cancel(run=again, actor=SAM, origin=TERMINAL)), Done)
    await env.settle()
    assert (await env.view(again)).status is RunStatus.CANCELLED
    assert len(await env.engine.requests_of_run(again)) == 1


async def test_deadlines_and_reminders_are_of_the_open_version(env: EngineEnv) -> None:
    run = await begin(env, "remind: {after: 30m, every: 1h, times: 2}, expires: 2h")
    env.pass_time(minutes=90)
    await env.settle()
    await revise(env, run)
    env.pass_time(minutes=90)
    await env.settle()
    states = [request.model.state for request in await env.engine.requests_of_run(run)]
    assert states == [RequestState.CHANGES_REQUESTED, RequestState.PENDING]
    env.pass_time(minutes=60)
    await env.settle()
    states = [request.model.state for request in await env.engine.requests_of_run(run)]
    assert states == [RequestState.CHANGES_REQUESTED, RequestState.EXPIRED]


FORM = """
name: flow
owner: sam@example.com
steps:
  - id: ask
    uses: form
    title: "Which text? {{ review.comment }}"
    approvers: [kim@example.com]
    fields: {text: {type: text, label: Text}}
  - id: send
    uses: played
    with: {text: "{{ steps.ask.text }}"}
    gate: {approvers: [lee@example.com], revise: ask, feedback: true}
"""


async def test_a_form_is_filled_in_again(tmp_path: Path) -> None:
    played = PlayedStep()
    played.play = echo
    async with open_engine(tmp_path / "signoff.db", steps={"form": FormStep(), "played": played}) as env:
        await check_form(env)


async def check_form(env: EngineEnv) -> None:
    run = await begin(env, "", FORM)
    assert isinstance(await env.decide(run, by=KIM, edits={"text": "one"}), Decided)
    env.pass_time(seconds=1)
    await env.settle()
    assert isinstance(await revise(env, run), Decided)
    asked = await env.request(run)
    assert (asked.model.subject.step, asked.title) == ("ask", "Which text? shorter")
    assert isinstance(await env.decide(run, by=KIM, edits={"text": "two"}), Decided)
    env.pass_time(seconds=1)
    await env.settle()
    latest = await env.request(run)
    assert latest.model.content.value["text"] == "two"
    assert latest.asked_to_change is not None
    assert latest.asked_to_change.content.value["text"] == "one"


async def test_secrets_stay_names_in_what_was_shown(tmp_path: Path) -> None:
    source = FLOW.replace("text {{ review.comment }}", "{{ review.content | json }}")
    source = source.replace('text: "{{ steps.draft.text }}"}', 'text: a, headers: {Key: "{{ secret.KEY }}"}}')
    async with open_engine(tmp_path / "signoff.db", secrets={"KEY": "s3cr3t"}) as env:
        env.step.play = echo
        run = await begin(env, "reason_required: never", source)
        await revise(env, run)
        request = await env.request(run)
        assert "s3cr3t" not in f"{await env.view(run)} {request}"
        assert request.asked_to_change is not None
        dumped = str(await env.rows("SELECT output, params FROM step_run"))
        assert "s3cr3t" not in dumped
        assert "KEY" in dumped


async def test_an_escalation_asks_no_one_who_asked_for_the_wording(env: EngineEnv) -> None:
    zoe = Address("email", "zoe@example.com")
    run = await begin(env, "exclude: [editor], escalate: {after: 1h, to: zoe@example.com}")
    env.pass_time(hours=2)
    await env.settle()
    assert isinstance(await revise(env, run, by=zoe), Decided)
    env.pass_time(hours=2)
    await env.settle()
    request = await env.request(run)
    assert [row.person.label for row in request.model.approvers] == ["lee@example.com", "kim@example.com"]
    passed_on = Reassign(
        request=request.id, to=zoe, actor=KIM, origin=TERMINAL, reason="away", assurance=Assurance.TERMINAL
    )
    assert await env.engine.reassign(passed_on) == CannotTakeOver(name="zoe@example.com", why="editor")


EXPIRING = """
name: flow
owner: sam@example.com
steps:
  - id: pay
    uses: played
    with: {text: paid}
    gate: {approvers: [lee@example.com], on_reject: tell, expires: 1h, on_expiry: reject}
  - id: tell
    uses: played
    when: "{{ steps.pay.decision.verdict | default('rejected') == 'rejected' }}"
    with: {text: told}
"""


async def test_an_expiry_that_rejects_goes_on_as_a_rejection_does(env: EngineEnv) -> None:
    run = await begin(env, "", EXPIRING)
    env.pass_time(hours=2)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert [params.text for params, _ in env.step.calls] == ["told"]
