"""A failure in Slack: its message, the buttons Try again, Edit, Skip and Stop, and their forms."""

from __future__ import annotations

from collections.abc import Mapping

from engine.domain import RequestState, RunStatus
from engine.errors import StepError
from engine.ports import StepContext
from tests.support.engine_env import PlayedParams
from tests.support.slack_env import SlackEnv, buttons, copy_of, expect_ok, words

SOURCE = """\
name: refund
title: Refund
owner: cleo@example.com
inputs:
  amount: {type: number, default: 120}
steps:
  - id: pay
    title: Send the refund
    uses: played
    with: {text: "Pay {{ inputs.amount }} EUR"}
    gate: {approvers: [ben@example.com], edit: [text], when: false}
    on_error: ask
    approvers: [ada@example.com, ben@example.com]
"""
DOWN = "The bank did not answer"
TITLE = "Send the refund failed. Try again, skip it, or stop the run?"


class Bank:
    """A system that refuses its first calls."""

    def __init__(self, refusals: int = 1) -> None:
        self.refusals = refusals

    async def __call__(self, params: PlayedParams, context: StepContext) -> Mapping[str, object]:
        self.refusals -= 1
        if self.refusals >= 0:
            raise StepError(DOWN)
        return {"text": params.text}


async def failed_run(env: SlackEnv, refusals: int = 1) -> str:
    env.bot.step.play = Bank(refusals)
    run = await env.request_approval(SOURCE)
    env.pass_time(seconds=1)
    return run


async def test_the_message_says_what_failed_and_why_and_offers_the_answers(env: SlackEnv) -> None:
    await failed_run(env)
    ada = env.person("ada")
    message = copy_of(ada, TITLE)
    assert buttons(message) == ["Try again", "Edit", "Skip", "Stop", "Ask", "Details"]
    text = words(message)
    assert f"{DOWN}." in text
    assert "Pay 120 EUR" in text
    assert "asks" not in text
    assert not ada.troubles


async def test_try_again_asks_whether_it_happened_and_calls_once_more(env: SlackEnv) -> None:
    run = await failed_run(env)
    ada, ben = env.person("ada"), env.person("ben")
    expect_ok(await ada.click("Try again"))
    await env.settle()
    assert (await env.view(run)).status is RunStatus.SUCCEEDED
    assert len(env.bot.step.calls) == 2
    assert "Tried again by Ada Approver" in words(copy_of(ben, TITLE))
    assert "Send the refund: done" in words(copy_of(ben, TITLE))
    assert not ada.troubles


async def test_edited_parameters_are_asked_about_at_the_gate(env: SlackEnv) -> None:
    run = await failed_run(env)
    ada, ben = env.person("ada"), env.person("ben")
    expect_ok(await ada.click("Edit"))
    await env.slack.until(lambda: ada.modal)
    assert ada.modal is not None
    assert "Edit, then try again" in words(ada.modal)
    expect_ok(await ada.submit({"Text": "Pay 99 EUR"}))
    await env.settle()
    gate = (await env.engine.requests_of_run(run))[-1]
    assert gate.model.content.value["text"] == "Pay 99 EUR"
    assert len(env.bot.step.calls) == 1
    assert "Ada Approver changed this after the step had failed." in words(copy_of(ben, "Send the refund"))
    expect_ok(await ben.click("Approve"))
    await env.settle()
    assert [params.text for params, _ in env.bot.step.calls] == ["Pay 120 EUR", "Pay 99 EUR"]


async def test_skip_and_stop_ask_for_a_reason_that_may_be_empty(env: SlackEnv) -> None:
    for label, reason, state, end in (
        ("Skip", "Paid by hand.", RequestState.SKIPPED, RunStatus.SUCCEEDED),
        ("Stop", "", RequestState.REJECTED, RunStatus.FAILED),
    ):
        run = await failed_run(env)
        ada = env.person("ada")
        expect_ok(await ada.click(label))
        await env.slack.until(lambda: env.person("ada").modal)
        follows = "The run goes on without this step." if label == "Skip" else "The run ends as failed."
        assert follows in words(ada.modal)
        expect_ok(await ada.submit({"Reason": reason}))
        await env.settle()
        request = (await env.engine.requests_of_run(run))[-1]
        assert (request.model.state, (await env.view(run)).status) == (state, end)
        assert request.decision is not None
        assert (request.decision.verdict, request.decision.reason) == (label, reason or None)
        assert not ada.troubles
        outcome = words(env.person("cleo").sees("general")[-1])
        assert f"{'Done' if label == 'Skip' else 'Failed'}: Refund · 120" in outcome
        assert "Send the refund failed." in outcome
        assert f"{'Skipped' if label == 'Skip' else 'Stopped'} by Ada Approver" in outcome
        assert "Try again, skip it" not in outcome
    assert "Stopped by Ada Approver" in words(copy_of(env.person("ben"), TITLE))


async def test_the_second_of_two_answers_is_refused_in_a_sentence(env: SlackEnv) -> None:
    run = await failed_run(env)
    ada, ben = env.person("ada"), env.person("ben")
    for person in (ada, ben):
        expect_ok(await person.click("Skip"))
    await env.slack.until(lambda: ada.modal and ben.modal)
    expect_ok(await ben.submit({"Reason": ""}))
    await ada.submit({"Reason": ""})
    await env.settle()
    assert len(await env.engine.requests_of_run(run)) == 1
    assert "Ben Approver already skipped this step" in words(ada.modal or {})


async def test_each_delivery_made_twice_answers_once(env: SlackEnv) -> None:
    env.slack.fault("deliver:interactive", "duplicate", times=None)
    run = await failed_run(env, refusals=2)
    expect_ok(await env.person("ada").click("Try again"))
    await env.settle()
    first, second = await env.engine.requests_of_run(run)
    assert (first.model.state, second.model.state) == (RequestState.APPROVED, RequestState.PENDING)
    assert len(env.bot.step.calls) == 2
