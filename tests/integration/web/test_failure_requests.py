"""The page of a request about a failure, without its script."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from engine.domain import DeliveryKind, RequestState, RunStatus
from engine.errors import StepError
from engine.ports import StepContext
from engine.read_models import RequestView
from tests.support.engine_env import PlayedParams, PlayedStep
from tests.support.web_env import ADA, WebEnv

SOURCE = """name: refund
owner: sam@example.com
inputs: {amount: {type: number, default: 120}}
steps:
  - id: pay
    title: Send the refund
    uses: played
    with: {text: "Pay {{ inputs.amount }} EUR"}
    gate: {approvers: [ben@example.com], edit: [text], when: false, assurance: link}
    on_error: ask
    approvers: [ada@example.com]
"""


async def refuses(params: PlayedParams, context: StepContext) -> Mapping[str, object]:
    if context.attempt == 1 and params.text == "Pay 120 EUR":
        raise StepError("The bank did not answer.")
    return {"text": params.text}


async def failed(env: WebEnv, source: str = SOURCE) -> RequestView:
    step = env.engine_env.advancer.kinds["played"]
    assert isinstance(step, PlayedStep)
    step.play = refuses
    request = await env.request_approval(source=source)
    env.engine_env.pass_time(seconds=1)
    return request


async def test_the_page_says_what_failed_and_tries_it_again_after_a_question(env: WebEnv) -> None:
    request = await failed(env)
    browser, page = await env.open_link()
    for text in ("Send the refund failed.", "The bank did not answer.", "What was tried", "Pay 120 EUR"):
        assert text in page.page.text
    assert [name for name in ("Try again", "Skip", "Stop") if name in page.page.text] == ["Try again", "Skip", "Stop"]
    question = await browser.send(page.page.form, "approve")
    assert "This step may have happened." in question.page.text
    receipt = await browser.send(question.page.form, "approve")
    assert "tried this again" in receipt.page.text
    await env.engine_env.settle()
    assert (await env.engine_env.view(request.run)).status is RunStatus.SUCCEEDED
    _, later = await env.open_link(browser=browser)
    assert "Send the refund: done" in later.page.text


@pytest.mark.parametrize(
    ("verdict", "state", "end", "says"),
    [
        ("skip", RequestState.SKIPPED, RunStatus.SUCCEEDED, "The run goes on without this step."),
        ("reject", RequestState.REJECTED, RunStatus.FAILED, "The run failed."),
    ],
)
async def test_skip_and_stop_take_a_reason_or_none(
    env: WebEnv, verdict: str, state: RequestState, end: RunStatus, says: str
) -> None:
    request = await failed(env)
    browser, page = await env.open_link()
    asked = await browser.send(page.page.form, verdict)
    assert "Reason (optional)" in " ".join(asked.page.text.split())
    receipt = await browser.send(asked.page.form, verdict, reason="")
    assert says in receipt.page.text
    await env.engine_env.settle()
    assert (await env.reload(request)).model.state is state
    assert (await env.engine_env.view(request.run)).status is end
    twice = await browser.send(asked.page.form, verdict, reason="")
    assert twice.status == 200
    other = await browser.send(asked.page.form, "reject" if verdict == "skip" else "skip", reason="")
    assert other.status == 409


async def test_what_is_changed_on_the_page_goes_to_the_gate(env: WebEnv) -> None:
    request = await failed(env)
    browser, page = await env.open_link()
    name = next(name for name, value in page.page.form.fields if value == "Pay 120 EUR")
    question = await browser.send(page.page.form, "approve", typed={name: "Pay 99 EUR"})
    await browser.send(question.page.form, "approve")
    env.engine_env.pass_time(seconds=1)
    await env.engine_env.settle()
    gate = await env.engine_env.request(request.run)
    assert (gate.model.content.value["text"], gate.model.state) == ("Pay 99 EUR", RequestState.PENDING)


async def test_a_code_says_that_it_skips_the_step(env: WebEnv) -> None:
    request = await failed(env, SOURCE.replace("assurance: link", "confirm_with: code"))
    browser, page = await env.open_link()
    asked = await browser.send(page.page.form, "skip")
    at_code = await browser.send(asked.page.form, "skip", reason="Paid by hand.")
    await env.engine_env.settle()
    assert env.engine_env.mail.to(ADA, DeliveryKind.CODE)[-1].title == "Your code to skip the step"
    receipt = await env.enter_code(browser, at_code)
    assert "skipped this" in receipt.page.text
    view = await env.reload(request)
    assert [signature.meaning for signature in view.signatures] == [f"Skipped: {request.title}"]


async def test_the_list_answers_no_failure_and_finds_what_was_skipped(env: WebEnv) -> None:
    request = await failed(env)
    browser = await env.sign_in()
    page = await browser.get("/inbox")
    assert request.title in page.page.text
    assert "Skip" not in [label for label in page.page.text.split("\n") if label.strip() == "Skip"]
    _, opened = await env.open_link(browser=browser)
    asked = await browser.send(opened.page.form, "skip")
    await browser.send(asked.page.form, "skip", reason="")
    found = {}
    for state in ("skipped", "rejected"):
        part = await browser.get(f"/inbox?part=decided&status={state}")
        found[state] = request.title in part.page.text
    assert found == {"skipped": True, "rejected": False}


async def test_the_page_of_the_run_tells_the_story(env: WebEnv) -> None:
    request = await failed(env)
    browser, page = await env.open_link()
    asked = await browser.send(page.page.form, "skip")
    await browser.send(asked.page.form, "skip", reason="Paid by hand.")
    await env.engine_env.settle()
    signed_in = await env.sign_in("sam@example.com")
    page = await signed_in.get(f"/runs/{request.run}")
    assert "refund · 120" in " ".join(page.page.headings)
    story = page.page.text
    for text in ("What to do about the failure", "chose “Skip”. Reason: Paid by hand.", "failed: The bank"):
        assert text in story, text
