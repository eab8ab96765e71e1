"""The step `ai` through the engine, on both databases: what a model answers, what is recorded, and what it may use."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text as _text

from bot.cli import serialize
from bot.devtools.language_model import KEY, MODEL
from bot.presentation import card, model_calls
from bot.presentation.dates import written
from bot.web.run_page_view import run_page
from engine.access import Reader
from engine.domain import (
    Card,
    Decided,
    NotAllowed,
    Params,
    Refusal,
    Register,
    RequestState,
    ReviewPoint,
    RunStatus,
    StepStatus,
)
from engine.errors import Tampered
from engine.language_model import ModelCall, TokenPrices
from engine.ports import StepServices
from engine.read_models import DeliveryContent, StepView
from engine.steps import registry
from engine.steps.ai import AiStep
from tests.support.databases import OpenStore
from tests.support.engine_env import SAM, TERMINAL, EngineEnv, PlayedStep, open_engine, until
from tests.support.language_model import Writer, open_writer

PRICES = {MODEL: TokenPrices(Decimal("1"), Decimal("4"))}
ANSWER = {"subject": "Hello", "body": "Dear Ann,\nhello.", "why": "She asked.", "sure": "high"}
FIELDS = (
    "{subject: {type: text, label: Betreff, max_length: 20}, body: long_text, why: text, "
    "sure: {type: choice, options: [low, high]}}"
)
FLOW = """
name: flow
owner: sam@example.com
inputs: {who: {type: text, default: Ann}}
steps:
  - id: draft
    uses: ai
    title: Write the letter
    with: {prompt: "Write to {{ inputs.who }}.", output: FIELDS, MORE}
    STEP
  - id: send
    uses: played
    with: {text: "{{ steps.draft.subject }}: {{ steps.draft.body }}"}
    GATE
"""
CONTEXT = (
    "gate: {approvers: [lee@example.com], edit: [text], context: {reasoning: '{{ steps.draft.why }}', "
    "data: 'What {{ inputs.who }} wrote', impact: Ann gets a letter., confidence: '{{ steps.draft.sure }}'}}"
)


@pytest.fixture
async def writer() -> AsyncIterator[Writer]:
    async with open_writer(prices=PRICES) as opened:
        opened.answers(ANSWER)
        yield opened


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore, writer: Writer) -> AsyncIterator[EngineEnv]:
    played = PlayedStep()
    kinds = registry.builtin(StepServices(language_model=writer.client)) | {"played": played}
    async with open_engine(tmp_path / "signoff.db", open_store=open_database, steps=kinds) as env:
        env.step = played
        yield env


def flow(more: str = "", *, step: str = "", gate: str = "") -> str:
    source = FLOW.replace("FIELDS", FIELDS).replace(", MORE", f", {more}" if more else "")
    for place, text in (("STEP", step), ("GATE", gate)):
        source = source.replace(f"    {place}\n", f"    {text}\n" if text else "")
    return source


async def run_flow(env: EngineEnv, source: str, **inputs: Any) -> str:
    await env.register(source)
    run = await env.start(**inputs)
    await env.settle()
    return run


async def draft_of(env: EngineEnv, run: str) -> StepView:
    return (await env.view(run)).steps[0]


def without_times(call: ModelCall) -> tuple[Any, ...]:
    return call.number, call.attempt, call.model, call.answered_at is not None, call.problem


async def test_a_draft_is_the_output_of_its_step_and_recorded_with_model_tokens_and_cost(
    env: EngineEnv, writer: Writer
) -> None:
    run = await run_flow(env, flow(), who="Ann")
    view = await env.view(run)
    assert view.status is RunStatus.SUCCEEDED
    draft = view.steps[0]
    assert draft.output == ANSWER
    assert draft.params is not None
    assert draft.params.value["prompt"] == "Write to Ann."
    (call,) = draft.model_calls
    assert (call.model, call.problem) == (MODEL, None)
    assert call.input_tokens
    assert call.output_tokens
    assert call.cost == PRICES[MODEL].cost(call.input_tokens, call.output_tokens)
    assert env.step.calls[0][0].text == "Hello: Dear Ann,\nhello."
    (line,) = [written(phrase) for phrase in model_calls.lines(draft.model_calls)]
    assert f"{MODEL} answered. {call.input_tokens} tokens read, {call.output_tokens} written, cost 0.00" in line
    assert "step.model_asked" in await env.kinds(run)
    page = run_page(view, [], [], await env.engine.story(run), Reader(person=view.owner))
    assert [written(phrase) for phrase in page.steps[0].model_calls] == [line]
    assert ("Prompt", "Write to Ann.") in page.steps[0].given
    assert any(f"{MODEL} answered." in written(phrase) for phrase in page.history)
    facts: Any = serialize.run(view)
    (told,) = facts["steps"][0]["model_calls"]
    assert (told["model"], told["cost_usd"]) == (MODEL, call.cost)
    assert writer.service.calls[0]["messages"][-1]["content"] == "Write to Ann."


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({**ANSWER, "subject": None}, "subject is missing."),
        ({**ANSWER, "subject": "x" * 21}, "subject "),
        ({**ANSWER, "sure": "very"}, "sure is not one of: low, high."),
        ({**ANSWER, "body": 5}, "body "),
        ({**ANSWER, "more": "x"}, "Signoff does not know “more”"),
    ],
)
async def test_an_answer_that_does_not_fit_is_asked_for_again_with_the_reason(
    env: EngineEnv, writer: Writer, answer: dict[str, Any], reason: str
) -> None:
    writer.service.fault("other", answer=answer)
    run = await run_flow(env, flow())
    draft = await draft_of(env, run)
    assert draft.output == ANSWER
    assert [without_times(call)[:4] for call in draft.model_calls] == [(1, 1, MODEL, True), (2, 1, MODEL, True)]
    assert reason in (draft.model_calls[0].problem or "")
    first, said, complaint = (message["content"] for message in writer.service.calls[1]["messages"])
    assert first == "Write to Ann."
    assert json.loads(said) == answer
    assert reason in complaint


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("null", "gave no answer"),
        ("two", "gave 2 answers that contradict each other"),
        ("invalid", "is not a JSON object"),
    ],
)
async def test_no_answer_is_repaired_or_chosen(env: EngineEnv, writer: Writer, kind: str, reason: str) -> None:
    writer.service.fault(kind, times=2)
    run = await run_flow(env, flow("tries: 2"))
    draft = await draft_of(env, run)
    assert draft.status is StepStatus.FAILED
    assert reason in (draft.error or "")
    assert "the last of 2 answers" in (draft.error or "")
    assert len(draft.model_calls) == 2
    assert all(reason in (call.problem or "") for call in draft.model_calls)
    assert env.step.calls == []


@pytest.mark.parametrize("kind", ["twice", "text"])
async def test_the_same_answer_twice_or_in_the_text_is_one_answer(env: EngineEnv, writer: Writer, kind: str) -> None:
    writer.service.fault(kind)
    run = await run_flow(env, flow())
    assert (await draft_of(env, run)).output == ANSWER
    assert len(writer.service.calls) == 1


async def test_an_answer_that_was_cut_off_is_a_failed_attempt_and_retry_makes_another(
    env: EngineEnv, writer: Writer
) -> None:
    writer.service.fault("cut_off")
    await env.register(flow(step="retry: {attempts: 2, wait: 5s}"))
    run = await env.start()
    await env.settle()
    draft = await draft_of(env, run)
    assert (draft.status, draft.output) == (StepStatus.RETRYING, None)
    assert "was cut off at 4,000 tokens (`max_tokens`)" in (draft.error or "")
    env.pass_time(seconds=6)
    await env.settle()
    draft = await draft_of(env, run)
    assert draft.output == ANSWER
    assert [call.attempt for call in draft.model_calls] == [1, 2]


async def test_a_refusal_is_final(env: EngineEnv, writer: Writer) -> None:
    writer.service.fault("refusal")
    run = await run_flow(env, flow(step="retry: {attempts: 5}"))
    draft = await draft_of(env, run)
    assert draft.error == f"{MODEL} refused to answer: I cannot help with that."
    assert len(writer.service.calls) == 1


async def test_a_provider_that_wants_a_wait_gets_it_from_retry(env: EngineEnv, writer: Writer) -> None:
    writer.service.fault("limited", seconds=3600)
    run = await run_flow(env, flow(step="retry: {attempts: 2, wait: 1s}"))
    draft = await draft_of(env, run)
    assert draft.status is StepStatus.RETRYING
    assert draft.wakes_at is not None
    assert (draft.wakes_at - env.clock.now()).total_seconds() == 3600
    assert [without_times(call)[3] for call in draft.model_calls] == [False]
    env.pass_time(seconds=3600)
    await env.settle()
    assert (await draft_of(env, run)).output == ANSWER


async def test_an_answer_that_takes_too_long_is_given_up_and_asked_for_again(env: EngineEnv, writer: Writer) -> None:
    writer.service.fault("slow", seconds=30)
    run = await run_flow(env, flow(step="timeout: 1s\n    retry: {attempts: 2, wait: 1s}"))
    draft = await draft_of(env, run)
    assert (draft.status, draft.error) == (StepStatus.RETRYING, "It took longer than 1 second.")
    env.pass_time(seconds=2)
    await env.settle()
    draft = await draft_of(env, run)
    assert draft.output == ANSWER
    assert [without_times(call)[3] for call in draft.model_calls] == [False, True]


# -- budgets ------------------------------------------------------------------------------------------------


async def test_a_budget_of_tokens_counts_every_attempt(env: EngineEnv, writer: Writer) -> None:
    writer.service.fault("null", times=None)
    run = await run_flow(env, flow("tries: 10, budget: {tokens: 250}"))
    draft = await draft_of(env, run)
    spent = [call.counted_tokens for call in draft.model_calls]
    assert sum(spent[:-1]) < 250 <= sum(spent)
    assert draft.error == f"The budget of this step is used up: 250 tokens in {len(spent)} calls."
    asked = [call["max_completion_tokens"] for call in writer.service.calls]
    assert asked == [250 - sum(spent[:number]) for number in range(len(spent))]


async def test_a_budget_of_cost_counts_every_attempt(env: EngineEnv, writer: Writer) -> None:
    writer.service.fault("null", times=None)
    run = await run_flow(env, flow("tries: 10, budget: {cost: 0.0006}"))
    draft = await draft_of(env, run)
    costs = [call.cost or Decimal(0) for call in draft.model_calls]
    assert sum(costs[:-1]) < Decimal("0.0006")
    assert "The budget of this step is used up: 0.0006 US dollars" in (draft.error or "")


async def test_a_call_that_a_crash_cut_off_is_made_again_and_counts_with_all_it_may_have_written(
    env: EngineEnv, writer: Writer
) -> None:
    writer.service.fault("slow", seconds=60)
    await env.register(flow("budget: {tokens: 5000}"))
    run = await env.start()
    crashing = asyncio.ensure_future(env.runner.advance(run))
    await until(lambda: bool(writer.service.calls))
    crashing.cancel()
    await asyncio.gather(crashing, return_exceptions=True)
    env.pass_time(seconds=60)
    await env.settle()
    draft = await draft_of(env, run)
    assert draft.output == ANSWER
    lost, answered = draft.model_calls
    assert (lost.answered_at, lost.counted_tokens, lost.attempt) == (None, 4_000, 1)
    assert (answered.max_tokens, answered.attempt) == (1_000, 2)
    first, second = (written(phrase) for phrase in list(model_calls.lines(draft.model_calls))[:2])
    assert f"{MODEL} was asked, and no answer is known." in first
    assert f"{MODEL} answered." in second


# -- what people decide on ----------------------------------------------------------------------------------


async def shown_card(env: EngineEnv, run: str) -> Card:
    request, view = await env.request(run), await env.view(run)
    approver = request.approvers[0].person
    return card.card(
        DeliveryContent(delivery="d", kind=env.rendered[0].kind, topic=None, person=approver, run=view, request=request)
    )


async def test_a_card_says_which_model_drafted_why_from_what_and_what_follows(env: EngineEnv) -> None:
    run = await run_flow(env, flow(gate=CONTEXT))
    shown = await shown_card(env, run)
    assert ("Drafted by local-writer.",) in shown.lead
    assert [(note.label, written(note.text)) for note in shown.notes] == [
        ("Why", "She asked."),
        ("Made from", "What Ann wrote"),
        ("If approved", "Ann gets a letter."),
        ("Confidence", "high"),
    ]
    details = {fact.label: written(fact.text) for fact in shown.details}
    assert details["Drafted by"] == "local-writer (Write the letter)"
    assert details["Approving runs"] == "Send"
    (opened,) = [entry for entry in await env.engine.story(run) if entry.kind == "request.opened"]
    assert (opened.content or {})["models"] == [["Write the letter", MODEL]]


async def test_the_digest_covers_what_was_said_about_the_draft(env: EngineEnv) -> None:
    run = await run_flow(env, flow(gate=CONTEXT))
    model = (await env.request(run)).model
    assert model.content.context["reasoning"] == "She asked."
    assert model.subject.digest(model.content) == model.digest
    other = Params(model.content.value, model.content.secrets, {**model.content.context, "reasoning": "She did not."})
    with pytest.raises(Tampered):
        model.subject.check(other, model.digest)
    assert isinstance(await env.decide(run, edits={"text": "Shorter."}), Decided)
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert env.step.calls[0][0].text == "Shorter."


async def test_content_whose_context_was_changed_in_the_database_is_never_run(env: EngineEnv) -> None:
    run = await run_flow(env, flow(gate=CONTEXT))
    (content,) = (await env.rows("SELECT content FROM request"))[0]
    changed = str(content).replace("She asked.", "It is safe.")
    await env.store.transact(
        lambda tx: tx.connection.execute(_text("UPDATE request SET content = :content"), {"content": changed})
    )
    refused = await env.decide(run)
    assert isinstance(refused, NotAllowed)
    assert refused.why == "What is about to run is not what was approved, so nothing was run."
    await env.settle()
    assert env.step.calls == []


async def test_a_gate_after_the_draft_lets_people_edit_its_fields_by_their_types(env: EngineEnv) -> None:
    gate = "gate: {at: after, approvers: [lee@example.com], context: {confidence: '{{ steps.draft.sure }}'}}"
    run = await run_flow(env, flow(step=gate))
    request = await env.request(run)
    assert (request.at, request.models) == (ReviewPoint.AFTER, (("Write the letter", MODEL),))
    labels = {editable.path: editable.field.label or editable.field.type.value for editable in request.model.editable}
    assert labels == {("subject",): "Betreff", ("body",): "long_text", ("why",): "text", ("sure",): "choice"}
    too_long = await env.decide(run, edits={"subject": "x" * 21})
    assert isinstance(too_long, Refusal)
    assert isinstance(await env.decide(run, edits={"subject": "Hi", "sure": "low"}), Decided)
    await env.settle()
    assert env.step.calls[0][0].text == "Hi: Dear Ann,\nhello."
    assert (await env.request(run)).model.state is RequestState.APPROVED


async def test_nothing_that_a_model_writes_is_rendered(env: EngineEnv, writer: Writer) -> None:
    hostile = "{{ inputs.who }} {% raw %} <!channel> <b>x</b>"
    writer.answers({**ANSWER, "body": hostile, "why": hostile})
    run = await run_flow(env, flow(gate=CONTEXT))
    model = (await env.request(run)).model
    assert model.content.context["reasoning"] == hostile
    await env.decide(run)
    await env.settle()
    assert env.step.calls[0][0].text == f"Hello: {hostile}"


async def test_the_key_is_in_no_row_of_the_database(env: EngineEnv, writer: Writer) -> None:
    for fault in ({"kind": "echo"}, {"kind": "status", "status": 500}):
        writer.service.fault(**fault)
    run = await run_flow(env, flow(step="retry: {attempts: 3, wait: 1s}", more="tries: 1"))
    env.pass_time(seconds=5)
    await env.settle()
    env.pass_time(seconds=5)
    await env.settle()
    assert len(writer.service.calls) == 3
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    for table in ("run", "step_run", "model_call", "audit"):
        assert KEY not in str(await env.rows(f"SELECT * FROM {table}"))


# -- registering --------------------------------------------------------------------------------------------


async def register(env: EngineEnv, source: str) -> object:
    return await env.engine.register(Register(source=source.encode(), actor=SAM, origin=TERMINAL))


async def test_without_a_model_a_workflow_with_an_ai_step_is_refused(env: EngineEnv) -> None:
    env.advancer.kinds = {**env.advancer.kinds, "ai": AiStep(None, "Set SIGNOFF_AI_KEY on the server.")}
    refused = await register(env, flow())
    assert isinstance(refused, NotAllowed)
    assert refused.why == "The step draft (`ai`) cannot run here. Set SIGNOFF_AI_KEY on the server."


async def test_a_limit_of_cost_needs_known_prices(env: EngineEnv) -> None:
    refused = await register(env, flow("budget: {cost: 1}, model: nothing-like-it"))
    assert isinstance(refused, NotAllowed)
    assert "The prices of the model nothing-like-it are not known" in refused.why
    assert "SIGNOFF_AI_PRICES" in refused.why
    assert not isinstance(await register(env, flow("budget: {cost: 1}")), Refusal)
