"""A program asks people: it reads the answer, or acts on it exactly once and says how that went."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from msgspec.structs import replace

from bot.presentation.request_content import labelled
from engine.domain import (
    Address,
    Cancel,
    Decided,
    Erase,
    Erased,
    InvalidInputs,
    NotAllowed,
    NotFound,
    Origin,
    Resume,
    ResumeAnswer,
    RunStatus,
    Start,
    TryAgain,
    Verdict,
)
from engine.domain.asks import (
    AlreadyConsumed,
    ApprovalLapsed,
    ArgumentsChanged,
    Ask,
    AskCancelled,
    AskContent,
    Asked,
    AskOver,
    AskPage,
    AskStatus,
    AskUse,
    AskView,
    AskWorkflowMissing,
    CancelAsk,
    Consume,
    Consumed,
    IdempotencyConflict,
    InvalidAsk,
    NotApproved,
    NotConsumed,
    OnlyByAsk,
    OutcomeAlreadyKnown,
    OutcomeReported,
    OutcomeStatus,
    ReportOutcome,
)
from engine.store import run_rows
from tests.support.databases import OpenStore
from tests.support.engine_env import LEE, SAM, TERMINAL, EngineEnv, open_engine

API: Final = Origin(surface="api")
BOT, OTHER = Address("api", "key1"), Address("api", "key2")
FLOW: Final = f"""
name: approvals
title: Tool calls of agents
owner: {SAM.value}
steps:
  - id: call
    uses: ask
    with: {{valid_for: 30m, outcome_within: 10m}}
    gate:
      approvers: [{LEE.value}]
      expires: 4h
  - id: after
    uses: played
    with: {{text: "{{{{ steps.call.amount }}}} {{{{ steps.call.result | default('') }}}}", again: true}}
"""
REFUND: Final[dict[str, Any]] = {"amount": 12, "order": "A-1"}


@pytest_asyncio.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", open_store=open_database) as env:
        await env.register(FLOW)
        yield env


def an_ask(*, key: str | None = None, actor: Address = BOT, workflow: str = "approvals", **content: Any) -> Ask:
    """Return an ask for a refund. `content` replaces parts of it."""
    parts = {"title": "Refund 12 EUR", "tool": "refund", "arguments": REFUND, "use": AskUse.ONCE, **content}
    return Ask(content=AskContent(**parts), actor=actor, agent="Support agent", origin=API, key=key, workflow=workflow)


async def ask(env: EngineEnv, **content: Any) -> str:
    asked = await env.engine.ask(an_ask(**content))
    assert isinstance(asked, Asked), asked
    return asked.run


async def consume(env: EngineEnv, run: str, *, key: str | None = None, actor: Address = BOT, **given: Any) -> Any:
    return await env.engine.consume(Consume(ask=run, actor=actor, origin=API, key=key, **given))


async def report(
    env: EngineEnv, run: str, status: OutcomeStatus = OutcomeStatus.SUCCEEDED, actor: Address = BOT, **given: Any
) -> Any:
    command = ReportOutcome(ask=run, actor=actor, origin=API, status=status, **given)
    return await env.engine.report_outcome(command)


async def look(env: EngineEnv, run: str, actor: Address = BOT) -> AskView:
    view = await env.engine.ask_view(run, actor)
    assert isinstance(view, AskView)
    return view


async def granted(env: EngineEnv, **content: Any) -> str:
    """Return an ask that was approved."""
    run = await ask(env, **content)
    await env.settle()
    assert isinstance(await env.decide(run), Decided)
    await env.settle()
    return run


async def test_a_program_reads_the_answer(env: EngineEnv) -> None:
    run = await ask(env, use=AskUse.ANSWER, editable=("amount",), summary="The parcel was lost.", reasoning="Policy 3")
    await env.settle()
    view = await look(env, run)
    assert (view.status, view.title, view.tool, view.is_final) == (AskStatus.PENDING, "Refund 12 EUR", "refund", False)
    assert (view.waiting_for, view.editable, view.decision) == (("lee@example.com",), ("amount",), None)
    assert view.due_at is not None
    assert view.created_at + timedelta(hours=4) == view.due_at
    request = await env.request(run)
    assert (request.title, request.reason) == ("Refund 12 EUR", "The parcel was lost.")
    assert request.model.content.context == {"reasoning": "Policy 3"}
    assert request.requester.label == "Support agent"

    assert isinstance(await env.decide(run, edits={"amount": 10}, reason="Less"), Decided)
    await env.settle()

    view = await look(env, run)
    assert (view.status, view.is_final, view.arguments) == (AskStatus.APPROVED, True, {"amount": 10, "order": "A-1"})
    assert view.decision is not None
    assert (view.decision.verdict, view.decision.by, view.decision.reason) == ("approved", "lee@example.com", "Less")
    assert [(edit.path, edit.before, edit.after) for edit in view.decision.edits] == [("amount", 12, 10)]
    assert view.rev > 1
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert [params.text for params, _ in env.step.calls] == ["10 "], "later steps read the approved arguments"
    assert await consume(env, run) == NotApproved(status=AskStatus.APPROVED, answers=True)


async def test_a_program_acts_once_and_says_how_it_went(env: EngineEnv) -> None:
    run = await granted(env, editable=True)
    view = await look(env, run)
    assert (view.status, view.is_final) == (AskStatus.APPROVED, False)
    assert view.valid_until == env.clock.now() + timedelta(minutes=30)
    assert (await env.view(run)).status is RunStatus.WAITING

    taken = await consume(env, run, key="k", arguments=REFUND, digest=view.digest)
    assert isinstance(taken, Consumed)
    assert (taken.arguments, taken.digest, taken.again) == (REFUND, view.digest, False)
    again = await consume(env, run, key="k")
    assert (again.consumed_at, again.again) == (taken.consumed_at, True)
    assert await consume(env, run, key="other") == AlreadyConsumed(at=taken.consumed_at)
    assert await consume(env, run) == AlreadyConsumed(at=taken.consumed_at)

    reported = await report(env, run, note="Booked", result={"booking": "B-7"})
    assert reported == OutcomeReported(run=run, status=OutcomeStatus.SUCCEEDED)
    assert await report(env, run) == reported, "the same outcome may be reported again"
    await env.settle()
    assert [params.text for params, _ in env.step.calls] == ['12 {"booking":"B-7"}']
    view = await look(env, run)
    assert view.outcome is not None
    assert (view.outcome.status, view.outcome.note, view.is_final) == (OutcomeStatus.SUCCEEDED, "Booked", True)
    assert isinstance(await report(env, run, OutcomeStatus.FAILED), OutcomeAlreadyKnown)
    about = [kind for kind in await env.kinds(run) if kind.startswith("ask.")]
    assert about == ["ask.consumed", "ask.refused", "ask.refused", "ask.outcome"]


# -- before it is decided -----------------------------------------------------------------------------------


async def test_a_repeat_with_the_same_key_is_the_same_ask(env: EngineEnv) -> None:
    first = await env.engine.ask(an_ask(key="k"))
    assert isinstance(first, Asked)
    assert first.created
    assert await env.engine.ask(an_ask(key="k")) == Asked(run=first.run, created=False, status=AskStatus.PENDING)
    assert await env.engine.ask(an_ask(key="k", title="Refund 13 EUR")) == IdempotencyConflict(run=first.run)
    other = await env.engine.ask(an_ask(key="k", actor=OTHER))
    assert isinstance(other, Asked)
    assert other.run != first.run, "each program has keys of its own"
    named = await env.engine.ask(an_ask(external_id="theirs"))
    assert isinstance(named, Asked)
    assert (await look(env, "theirs")).id == named.run
    assert await env.engine.ask(an_ask(external_id="theirs")) == Asked(
        run=named.run, created=False, status=AskStatus.PENDING
    )
    asks = await asyncio.gather(*(env.engine.ask(an_ask(key="together")) for _ in range(20)))
    assert len({asked.run for asked in asks if isinstance(asked, Asked)}) == 1
    assert sum(asked.created for asked in asks if isinstance(asked, Asked)) == 1


async def test_what_is_wrong_with_an_ask_is_said_by_its_path(env: EngineEnv) -> None:
    wrong = an_ask(
        title=" ",
        risk="huge",
        arguments={"amount": "much", "": 1},
        fields={"amount": "number", "region": {"type": "choice"}, "file": "file"},
        editable=("order",),
        expires_in=timedelta(0),
        external_id="",
        tool="x" * 201,
    )
    refused = await env.engine.ask(wrong)
    assert isinstance(refused, InvalidAsk)
    assert {*refused.errors} == {
        "title",
        "risk",
        "arguments",
        "arguments.amount",
        "fields.region.options",
        "fields.file",
        "editable.order",
        "expires_in",
        "external_id",
        "tool",
    }
    too_long = await env.engine.ask(an_ask(arguments={"text": "x" * 300_000}))
    assert isinstance(too_long, InvalidAsk)
    assert await env.rows("SELECT count(*) FROM run") == [(0,)]


async def test_an_ask_needs_a_workflow_that_takes_asks(env: EngineEnv) -> None:
    assert await env.engine.ask(an_ask(workflow="none")) == AskWorkflowMissing(workflow="none")
    await env.register("name: flow\nowner: sam@example.com\nsteps: [{id: a, uses: set, with: {b: 1}}]\n")
    assert await env.engine.ask(an_ask(workflow="flow")) == AskWorkflowMissing(workflow="flow", takes_none=True)


async def test_only_an_ask_starts_such_a_workflow(env: EngineEnv) -> None:
    start = Start(workflow="approvals", inputs={}, actor=SAM, origin=TERMINAL)
    assert await env.engine.start(start) == OnlyByAsk(workflow="approvals")
    assert await env.engine.startable(["approvals"], SAM) == []
    await env.register(
        "name: flow\nowner: sam@example.com\nsteps:\n"
        "  - {id: below, uses: run, with: {workflow: approvals, inputs: {}}}\n"
    )
    run = await env.start()
    await env.settle()
    view = await env.view(run)
    assert view.status is RunStatus.FAILED
    assert "only an ask starts it" in (view.error or "")


async def test_people_fill_in_what_the_program_lacks(env: EngineEnv) -> None:
    fields = {"region": {"type": "choice", "options": ["EU", "US"]}, "note": {"type": "text", "required": False}}
    run = await ask(env, title="Which region?", arguments={}, fields=fields, use=AskUse.ANSWER, tool=None)
    await env.settle()
    request = await env.request(run)
    assert request.model.subject.is_form
    assert [place.label or place.path for place in request.model.editable] == ["Region", "Note"]
    assert not isinstance(await env.decide(run), Decided), "a required value is missing"
    assert isinstance(await env.decide(run, edits={"region": "EU"}), Decided)
    await env.settle()
    view = await look(env, run)
    assert (view.status, view.arguments) == (AskStatus.APPROVED, {"region": "EU", "note": None})


@pytest.mark.parametrize("when", ["false", '"{{ ask.arguments.amount > 100 }}"'])
async def test_what_is_left_to_people_is_asked_for_though_the_gate_does_not_apply(env: EngineEnv, when: str) -> None:
    await env.register(FLOW.replace("    gate:\n", f"    gate:\n      when: {when}\n"))
    run = await ask(env, fields={"region": {"type": "text"}})
    await env.settle()
    request = await env.request(run)
    assert list(request.notes) == ["The program left this to people: “region”."]
    assert isinstance(await env.decide(run, edits={"region": "EU"}), Decided)
    await env.settle()
    assert (await look(env, run)).arguments == {**REFUND, "region": "EU"}
    passed = await ask(env)
    await env.settle()
    assert (await look(env, passed)).decision.verdict == "not_asked"  # type: ignore[union-attr]


async def test_what_is_left_to_people_never_goes_on_without_them(env: EngineEnv) -> None:
    await env.register(FLOW.replace("expires: 4h", "expires: 4h\n      on_expiry: continue"))
    run, whole = await ask(env, fields={"region": {"type": "text"}}), await ask(env)
    await env.settle()
    env.pass_time(hours=5)
    await env.settle()
    assert (await look(env, run)).status is AskStatus.EXPIRED
    assert (await look(env, whole)).status is AskStatus.APPROVED


async def test_a_label_of_the_program_never_hides_which_argument_it_is_of(env: EngineEnv) -> None:
    labels = {"from": "To", "to": "From", "order_id": "Order ID", "amount": "Approved by Sam Smith " * 9, "why": "To"}
    fields = {name: {"type": "text", "label": label} for name, label in labels.items()}
    given = {"from": "A", "to": "B", "order_id": "7", "amount": "500"}
    run = await ask(env, arguments=given, fields=fields, editable=True)
    await env.settle()
    shown = {field.path: field.label for field in labelled(await env.request(run))}
    assert shown == {
        "from": "To (from)",
        "to": "From (to)",
        "order_id": "Order ID",
        "amount": "“Approved by Sam Smith Approved by Sam S… (amount)”",
        "why": "To (why)",
    }


@pytest.mark.parametrize(
    ("gate", "editable", "expected"),
    [
        ("", ("amount",), ["amount"]),
        ("", True, ["amount", "order"]),
        ("", False, []),
        ("      edit: [amount, other]\n", True, ["amount"]),
        ("      edit: [order]\n", ("amount",), []),
        ("      edit: [amount]\n", ("amount", "order"), ["amount"]),
        ("      edit: []\n", True, []),
    ],
)
async def test_people_change_what_both_the_program_and_the_gate_allow(
    env: EngineEnv, gate: str, editable: Any, expected: list[str]
) -> None:
    await env.register(FLOW.replace("      expires: 4h\n", gate))
    run = await ask(env, editable=editable)
    await env.settle()
    assert sorted((await look(env, run)).editable) == expected
    assert (await env.request(run)).notes == ()


@pytest.mark.parametrize(
    ("gate", "wanted", "hours", "then"),
    [
        ("expires: 4h", 2, 2, AskStatus.EXPIRED),
        ("expires: 4h", 8, 4, AskStatus.EXPIRED),
        ("feedback: false", 2, 2, AskStatus.EXPIRED),
        ("expires: 4h\n      on_expiry: continue", 2, 2, AskStatus.EXPIRED),
        ("expires: 4h\n      on_expiry: continue", 8, 4, AskStatus.APPROVED),
        ("expires: 4h\n      on_expiry: reject", 2, 2, AskStatus.REJECTED),
    ],
)
async def test_the_shorter_time_counts_and_never_approves_what_the_file_does_not(
    env: EngineEnv, gate: str, wanted: int, hours: int, then: AskStatus
) -> None:
    await env.register(FLOW.replace("expires: 4h", gate))
    run = await ask(env, expires_in=timedelta(hours=wanted))
    await env.settle()
    env.pass_time(hours=hours, minutes=-1)
    await env.settle()
    assert (await look(env, run)).status is AskStatus.PENDING
    env.pass_time(minutes=2)
    await env.settle()
    view = await look(env, run)
    assert view.status is then
    assert view.decision is not None
    assert (view.decision.verdict, view.is_final) == (then.value, then is not AskStatus.APPROVED)


async def test_a_rejection_says_why(env: EngineEnv) -> None:
    run = await ask(env)
    await env.settle()
    assert await consume(env, run) == NotApproved(status=AskStatus.PENDING)
    assert isinstance(await env.decide(run, Verdict.REJECT, reason="Too much"), Decided)
    await env.settle()
    view = await look(env, run)
    assert view.decision is not None
    assert (view.status, view.decision.reason, view.is_final) == (AskStatus.REJECTED, "Too much", True)
    assert await consume(env, run) == NotApproved(status=AskStatus.REJECTED)
    assert await report(env, run) == NotConsumed()


async def test_no_one_is_asked_where_no_gate_applies(env: EngineEnv) -> None:
    await env.register(FLOW.replace("      expires: 4h", '      when: "{{ ask.arguments.amount > 100 }}"'))
    run = await ask(env)
    view = await look(env, run)
    assert view.decision is not None
    assert (view.status, view.decision.verdict, view.request) == (AskStatus.APPROVED, "not_asked", None)
    started = (await env.engine.story(run))[0].content or {}
    assert started["arguments"] == REFUND, "what no request shows is on the record all the same"
    assert isinstance(await consume(env, run, digest=view.digest), Consumed)
    assert await env.engine.ask(an_ask(arguments={"order": "A"})) is not None
    big = await ask(env, arguments={**REFUND, "amount": 101})
    assert (await look(env, big)).status is AskStatus.PENDING
    unclear = await ask(env, arguments={"order": "A"})
    await env.settle()
    assert (await look(env, unclear)).status is AskStatus.PENDING, "the gate opens where its condition is unclear"
    assert "could not tell" in (await env.request(unclear)).notes[0]


async def test_a_workflow_refuses_with_its_sentence(env: EngineEnv) -> None:
    refuse = 'with: {refuse: "No {{ ask.tool }} by {{ ask.agent }}."}'
    await env.register(FLOW.replace("with: {valid_for: 30m, outcome_within: 10m}", refuse))
    run = await ask(env)
    view = await look(env, run)
    assert view.decision is not None
    assert (view.status, view.is_final) == (AskStatus.REJECTED, True)
    assert (view.decision.verdict, view.decision.reason) == ("rejected", "No refund by Support agent.")
    assert (await env.view(run)).status is RunStatus.REJECTED


async def test_the_person_for_whom_a_program_asks_is_the_requester(env: EngineEnv) -> None:
    await env.register(FLOW.replace("      expires: 4h", "      exclude: [requester]"))
    asked = await env.engine.ask(replace(an_ask(), acts_for=LEE))
    assert isinstance(asked, Asked)
    await env.settle()
    request = await env.request(asked.run)
    assert request.requester.email == LEE.value
    assert not isinstance(await env.decide(asked.run), Decided), "nobody approves what was asked in their own name"
    started = (await env.engine.story(asked.run))[0]
    assert started.content is not None
    assert "Support agent" in str(started.content)


# -- an approval is used once -------------------------------------------------------------------------------


async def test_an_approval_that_is_not_used_lapses(env: EngineEnv) -> None:
    run = await granted(env)
    until = (await look(env, run)).valid_until
    assert until is not None
    env.pass_time(minutes=30)
    assert await consume(env, run) == ApprovalLapsed(at=until), "also before the run has noticed"
    await env.settle()
    view = await look(env, run)
    assert (view.status, view.is_final, view.consumed_at) == (AskStatus.EXPIRED, True, None)
    assert view.decision is not None
    assert view.decision.verdict == "approved"
    assert (await env.view(run)).status is RunStatus.EXPIRED
    assert await consume(env, run) == ApprovalLapsed(at=until)
    assert "alert" not in [delivery.kind for delivery in await env.engine.deliveries(run=run)]


@pytest.mark.parametrize(
    "given",
    [
        {"arguments": {**REFUND, "amount": 13}},
        {"arguments": {"amount": 12}},
        {"arguments": {**REFUND, "more": 1}},
        {"arguments": {**REFUND, "amount": "12"}},
        {"digest": "0" * 64},
    ],
)
async def test_a_program_does_what_was_approved_or_nothing(env: EngineEnv, given: Mapping[str, Any]) -> None:
    run = await granted(env)
    assert isinstance(await consume(env, run, **given), ArgumentsChanged)
    view = await look(env, run)
    assert (view.status, view.consumed_at) == (AskStatus.APPROVED, None)
    assert "ask.refused" in await env.kinds(run)
    assert isinstance(await consume(env, run, arguments=REFUND), Consumed)


async def test_of_many_programs_at_once_one_gets_the_approval(env: EngineEnv) -> None:
    run = await granted(env)
    results = await asyncio.gather(*(consume(env, run, key=f"k{number}") for number in range(50)))
    taken = [result for result in results if isinstance(result, Consumed)]
    assert len(taken) == 1
    assert {type(result).__name__ for result in results} <= {"Consumed", "AlreadyConsumed", "Contested"}
    assert (await env.kinds(run)).count("ask.consumed") == 1
    together = await granted(env)
    repeats = await asyncio.gather(*(consume(env, together, key="same") for _ in range(20)))
    given = [result for result in repeats if isinstance(result, Consumed)]
    assert sum(not result.again for result in given) == 1
    assert (await env.kinds(together)).count("ask.consumed") == 1


async def test_another_program_never_learns_that_an_ask_exists(env: EngineEnv) -> None:
    run = await granted(env)
    unknown = NotFound(what="ask", name=run)
    assert await consume(env, run, actor=OTHER) == unknown
    assert await report(env, run, actor=OTHER) == unknown
    assert await env.engine.cancel_ask(CancelAsk(ask=run, actor=OTHER, origin=API)) == unknown
    assert await env.engine.ask_view(run, OTHER) == unknown
    assert await env.engine.ask_view("none", OTHER) == NotFound(what="ask", name="none")
    assert (await env.kinds(run)).count("ask.refused") == 4
    assert isinstance(await env.engine.ask_view(run, OTHER, reads_all=True), AskView)
    assert [view.id for view in await env.engine.asks(AskPage(), BOT)] == [run]
    assert await env.engine.asks(AskPage(), OTHER) == []
    assert await env.engine.asks(AskPage(status=AskStatus.PENDING), BOT) == []
    assert [view.id for view in await env.engine.asks(AskPage(status=AskStatus.APPROVED), BOT)] == [run]
    assert await env.engine.asks(AskPage(before=run), BOT) == []


# -- the outcome --------------------------------------------------------------------------------------------


async def test_an_effect_that_failed_fails_the_run_and_its_approver_hears_of_it(env: EngineEnv) -> None:
    run = await granted(env)
    await consume(env, run)
    assert isinstance(await report(env, run, OutcomeStatus.FAILED, note="No money"), OutcomeReported)
    await env.settle()
    view = await env.view(run)
    assert (view.status, view.error) == (RunStatus.FAILED, "Step “Call” failed: “No money”")
    topics = [delivery.topic for delivery in await env.engine.deliveries(run=run)]
    assert "approved_failed" in topics
    assert (await look(env, run)).is_final
    assert isinstance(await env.engine.try_again(TryAgain(run=run, actor=SAM, origin=TERMINAL)), NotAllowed)


@pytest.mark.parametrize("said", ["unknown", "nothing"])
@pytest.mark.parametrize("answer", ["done", "stop", "late success", "late failure"])
async def test_an_owner_or_the_program_says_what_became_of_an_unknown_outcome(
    env: EngineEnv, said: str, answer: str
) -> None:
    run = await granted(env)
    await consume(env, run)
    if said == "unknown":
        assert isinstance(await report(env, run, OutcomeStatus.UNKNOWN), OutcomeReported)
    else:
        env.pass_time(minutes=9)
        await env.settle()
        assert (await env.view(run)).status is RunStatus.WAITING
        env.pass_time(minutes=1)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.NEEDS_ATTENTION
    view = await look(env, run)
    assert view.outcome is not None
    assert (view.outcome.status, view.is_final) == (OutcomeStatus.UNKNOWN, False)

    def resume(how: ResumeAnswer) -> Resume:
        return Resume(run=run, answer=how, actor=SAM, origin=TERMINAL, output={"result": "found"})

    refused = await env.engine.resume(resume(ResumeAnswer.REPEAT))
    assert isinstance(refused, NotAllowed)
    assert "Only the program" in refused.why
    if answer == "done":
        await env.engine.resume(resume(ResumeAnswer.DONE))
    elif answer == "stop":
        await env.engine.resume(resume(ResumeAnswer.STOP))
    else:
        status = OutcomeStatus.SUCCEEDED if answer == "late success" else OutcomeStatus.FAILED
        assert isinstance(await report(env, run, status), OutcomeReported)
    await env.settle()
    view, works = await look(env, run), answer in ("done", "late success")
    assert view.outcome is not None
    assert view.is_final
    expected = OutcomeStatus.SUCCEEDED if works else OutcomeStatus.UNKNOWN if answer == "stop" else OutcomeStatus.FAILED
    assert view.outcome.status is expected
    assert (await env.view(run)).status is (RunStatus.SUCCEEDED if works else RunStatus.FAILED)
    assert [params.text for params, _ in env.step.calls] == (
        ["12 found"] if answer == "done" else ["12 "] if works else []
    )
    ended = (await env.view(run)).status
    later = await report(env, run, OutcomeStatus.SUCCEEDED)
    # An owner who stops the run does not know what became of it: what the program says then counts.
    assert isinstance(later, OutcomeReported if answer in ("late success", "stop") else OutcomeAlreadyKnown)
    await env.settle()
    view = await look(env, run)
    assert view.outcome is not None
    assert view.outcome.status is (OutcomeStatus.SUCCEEDED if answer == "stop" else expected)
    assert (await env.view(run)).status is ended


async def cancel(env: EngineEnv, run: str) -> Any:
    return await env.engine.cancel_ask(CancelAsk(ask=run, actor=BOT, origin=API, reason="No longer needed"))


async def test_an_ask_can_be_withdrawn_at_every_point(env: EngineEnv) -> None:
    asked = await ask(env)
    assert await cancel(env, asked) == AskCancelled(run=asked)
    assert await cancel(env, asked) == AskCancelled(run=asked)
    await env.settle()
    assert (await look(env, asked)).status is AskStatus.CANCELLED
    assert await cancel(env, asked) in (AskCancelled(run=asked), AskOver(status=AskStatus.CANCELLED))
    assert not isinstance(await env.decide(asked), Decided)

    waiting = await granted(env)
    await cancel(env, waiting)
    assert await consume(env, waiting) == NotApproved(status=AskStatus.CANCELLED), "also before the run has ended"
    await env.settle()
    view = await look(env, waiting)
    assert view.decision is not None
    assert (view.status, view.decision.verdict) == (AskStatus.CANCELLED, "approved")
    assert await consume(env, waiting) == NotApproved(status=AskStatus.CANCELLED)


@pytest.mark.parametrize("reported", ["succeeded", "failed", "unknown", None, "too late"])
async def test_what_is_under_way_when_it_is_withdrawn_ends_with_its_outcome(
    env: EngineEnv, reported: str | None
) -> None:
    run = await granted(env)
    taken = await consume(env, run, key="k")
    assert isinstance(await env.engine.cancel(Cancel(run=run, actor=SAM, origin=TERMINAL)), object)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.WAITING, "the program acts; how that goes is still heard"
    assert (await consume(env, run, key="k")).consumed_at == taken.consumed_at
    if reported in (None, "too late"):
        env.pass_time(minutes=10)
        await env.settle()
    if reported is not None:
        status = OutcomeStatus.SUCCEEDED if reported == "too late" else OutcomeStatus(reported)
        assert isinstance(await report(env, run, status), OutcomeReported)
        await env.settle()
    view = await look(env, run)
    assert (await env.view(run)).status.ended
    assert env.step.calls == [], "no later step runs"
    assert view.outcome is not None
    known = {"succeeded": "succeeded", "failed": "failed", "too late": "succeeded"}
    assert (view.outcome.status, view.status) == (known.get(reported or "", "unknown"), AskStatus.APPROVED)
    assert view.is_final


async def test_a_held_approval_can_be_consumed_after_its_hold(env: EngineEnv) -> None:
    await env.register(FLOW.replace("      expires: 4h", "      hold: 10m"))
    run = await granted(env)
    assert await consume(env, run) == NotApproved(status=AskStatus.PENDING)
    env.pass_time(minutes=10)
    await env.settle()
    assert isinstance(await consume(env, run), Consumed)


async def test_a_failure_that_the_file_expects_lets_the_run_go_on(env: EngineEnv) -> None:
    await env.register(
        FLOW.replace("    uses: ask\n", "    uses: ask\n    on_error: continue\n").replace(
            "{{ steps.call.amount }} {{ steps.call.result | default('') }}", "{{ steps.call.error }}"
        )
    )
    run = await granted(env)
    await consume(env, run)
    await report(env, run, OutcomeStatus.FAILED, note="No money")
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert [params.text for params, _ in env.step.calls] == ["“No money”"]
    view = await look(env, run)
    assert view.outcome is not None
    assert view.outcome.status is OutcomeStatus.FAILED


# -- afterwards ---------------------------------------------------------------------------------------------


async def test_the_contents_of_an_ask_are_erased_with_its_run(env: EngineEnv) -> None:
    secret = "the parcel of Mrs Smith"
    run = await granted(env, title=secret, summary=secret, arguments={"why": secret}, echo={"why": secret})
    await consume(env, run)
    await report(env, run, note=secret, result=secret)
    await env.settle()
    env.engine.context = dataclasses.replace(env.engine.context, admins=frozenset({SAM}))
    erased = await env.engine.erase(Erase(run=run, reason="asked to", actor=SAM, origin=TERMINAL))
    assert isinstance(erased, Erased)
    for table in ("ask", "run", "request", "step_run", "decision", "audit"):
        assert secret not in str(await env.rows(f"SELECT * FROM {table}")), table
    assert await env.rows("SELECT body FROM ask") == [("",)], "no hash is left by which the content could be guessed"
    view = await look(env, run)
    assert (view.status, view.title, view.arguments, view.echo) == (AskStatus.APPROVED, "(erased)", {}, None)
    assert view.outcome is not None
    assert (view.outcome.status, view.outcome.note) == (OutcomeStatus.SUCCEEDED, None)


async def test_the_copies_of_a_request_say_what_became_of_it(env: EngineEnv) -> None:
    run = await granted(env)
    copies = ["SELECT max(wanted_version) FROM delivery WHERE kind = 'request'"]
    seen = [await env.rows(copies[0])]
    for step in (consume, report):
        await step(env, run)
        seen.append(await env.rows(copies[0]))
    assert seen == sorted(seen)
    assert len({str(version) for version in seen}) == 3, "after the use, and after the outcome"


async def test_what_an_ask_wants_back_is_given_back_exactly(env: EngineEnv) -> None:
    echo: dict[str, Any] = {"b": [1, None, True], "a": {"€": "x"}, "n": Decimal("1.50")}
    view = await look(env, await ask(env, echo=echo, external_id="theirs"))
    assert (view.echo, view.external_id) == (echo, "theirs")
    assert list(view.echo or {}) == ["b", "a", "n"]


async def test_a_result_that_is_too_large_is_refused_and_can_be_reported_without_it(env: EngineEnv) -> None:
    run = await granted(env)
    await consume(env, run)
    refused = await report(env, run, result="x" * 1_600_000)
    assert isinstance(refused, InvalidInputs)
    assert isinstance(await report(env, run), OutcomeReported)
    assert await env.engine.ask_rev(run) == (await look(env, run)).rev
    assert [view.id for view in await env.engine.asks(AskPage(workflow="approvals"), BOT)] == [run]
    assert await env.engine.asks(AskPage(workflow="other"), BOT) == []


async def test_a_run_that_is_woken_early_goes_on_waiting_for_the_program(env: EngineEnv) -> None:
    run = await granted(env)
    until = (await look(env, run)).valid_until
    for take in (False, True):
        if take:
            await consume(env, run)
        await env.store.transact(lambda tx: run_rows.wake(tx, run))
        await env.settle()
        assert (await env.view(run)).status is RunStatus.WAITING
    view = await look(env, run)
    assert (view.valid_until, view.outcome) == (until, None)
    env.pass_time(minutes=10)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.NEEDS_ATTENTION, "and ends on time"


BRANCHED: Final = f"""
name: approvals
owner: {SAM.value}
steps:
  - id: way
    uses: branch
    paths:
      large:
        when: "{{{{ ask.arguments.amount > 100 }}}}"
        steps: [{{id: asked, uses: ask, gate: {{approvers: [{LEE.value}]}}}}]
    otherwise: [{{id: passed, uses: ask}}]
"""


async def test_each_path_of_a_branch_has_an_ask_of_its_own(env: EngineEnv) -> None:
    await env.register(BRANCHED)
    small, large = await ask(env), await ask(env, arguments={"amount": 101})
    assert (await look(env, small)).status is AskStatus.APPROVED
    assert isinstance(await consume(env, small), Consumed)
    await report(env, small)
    await env.settle()
    assert (await look(env, small)).is_final
    assert (await look(env, large)).status is AskStatus.PENDING
    unclear = await look(env, await ask(env, arguments={"amount": "much"}))
    assert (unclear.status, unclear.is_final) == (AskStatus.FAILED, True), "what cannot be told is never let through"
    assert unclear.decision is not None
    assert (unclear.decision.verdict, unclear.decision.by) == ("failed", None)
    assert await consume(env, unclear.id) == NotApproved(status=AskStatus.FAILED)
