"""Edits on a page are checked by the declarations of the inputs, and large content does not delay others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

from bot.web import form_inputs, review_view
from engine.domain import RequestState
from engine.off_loop import off_loop
from engine.ports import StepContext
from tests.support.engine_env import PlayedParams, PlayedStep
from tests.support.web_env import WebEnv

DECLARED = """\
name: pay
owner: sam@example.com
inputs:
  amount: {type: money, currency: EUR, min: 1, max: 500, label: Amount}
  size: {type: choice, options: [small, large], label: Size}
  due: {type: date, required: false, label: Due}
  n: {type: integer, min: 1, max: 9, label: Number}
  tags: {type: choices, options: [a, b, c], label: Tags}
steps:
  - id: plan
    uses: set
    with: {body: {n: "{{ inputs.n }}", sizes: ["{{ inputs.size }}"]}, amount: "{{ inputs.amount }}",
           due: "{{ inputs.due }}", tags: "{{ inputs.tags }}"}
    gate: {approvers: [ada@example.com], assurance: link}
"""
GIVEN: dict[str, Any] = {"amount": {"amount": "400", "currency": "EUR"}, "size": "small", "n": 9, "tags": ["a", "b"]}
ANSWERED = """\
name: answered
owner: sam@example.com
steps:
  - id: call
    uses: played
    with: {again: true}
    gate: {at: after, approvers: [ada@example.com], assurance: link}
"""


async def test_each_edit_is_refused_as_the_input_form_refuses_it_and_a_right_one_is_taken(env: WebEnv) -> None:
    request = await env.request_approval(source=DECLARED, **GIVEN)
    browser, page = await env.open_link()
    for label in ("Amount", "Size", "Due", "Number", "Tags"):
        assert label in page.page.text
    amount, number, size = (
        f"{form_inputs.key('amount')}-amount",
        form_inputs.key("body.n"),
        form_inputs.key("body.sizes.0"),
    )
    typed = {amount: "2000000", number: "20", size: "huge", form_inputs.key("due"): "next Tuesday"}
    wrong = await browser.send(page.page.form, typed=typed)
    assert wrong.status == 422
    for sentence in (
        "Amount must be at most 500 EUR.",
        "Number must be at most 9.",
        "Size is not one of: small, large.",
        "Due must be a date, like 2026-01-31.",
    ):
        assert sentence in wrong.page.text
    again = await browser.send(wrong.page.form, typed={**typed, amount: "1.234", number: "1.000", size: "large"})
    assert "Amount must have at most 2 decimals in EUR; write 1234 EUR if you mean that." in again.page.text
    assert "Number is not clear: 1.000 may mean 1000 or 1; write one of these." in again.page.text
    assert (await env.reload(request)).model.state is RequestState.PENDING
    typed = {amount: "12.50", number: "3", size: "large", form_inputs.key("due"): "2026-03-04"}
    await browser.send(again.page.form, typed=typed)
    decision = (await env.reload(request)).decision
    assert decision is not None
    assert {edit.path: edit.after for edit in decision.edits} == {
        ("amount",): {"amount": "12.50", "currency": "EUR"},
        ("body", "n"): 3,
        ("body", "sizes", 0): "large",
        ("due",): "2026-03-04",
    }


async def test_a_page_with_a_very_long_amount_is_made_quickly(env: WebEnv) -> None:
    """A reader of quadratic cost would need minutes for such a number and exceed the time limit of the test."""

    async def long(params: PlayedParams, context: StepContext) -> Mapping[str, object]:
        return {"amount": {"amount": "1" * 300_000 + "x", "currency": "EUR"}, "due": " " * 300_000}

    step = env.engine_env.runner._steps["played"]  # noqa: SLF001 the one that the hall plays

    assert isinstance(step, PlayedStep)
    step.play = long
    await env.request_approval(source=ANSWERED)
    _, page = await env.open_link()
    assert page.status == 200
    assert "1" * 1_000 in page.text


async def test_a_form_with_a_very_long_number_is_refused_at_once(env: WebEnv) -> None:
    request = await env.request_approval(source=DECLARED, **GIVEN)
    browser, page = await env.open_link()
    typed = {f"{form_inputs.key('amount')}-amount": "1" * 300_000 + "x", form_inputs.key("body.n"): "1" * 300_000 + "x"}
    wrong = await browser.send(page.page.form, typed=typed)
    assert wrong.status == 422
    assert "Number must be a number of at most 400 digits." in wrong.page.text
    assert (await env.reload(request)).model.state is RequestState.PENDING


async def test_a_page_is_made_beside_the_loop(env: WebEnv) -> None:
    """Long content must not delay others: the loop does other work until the page is made."""
    request = await env.request_approval(source=DECLARED, **GIVEN)
    page_made = await off_loop(lambda: (review_view.review(request, None), threading.current_thread()))
    assert page_made[1] is not threading.main_thread()
    blocked, released = threading.Event(), threading.Event()

    def hold() -> None:
        blocked.set()
        released.wait()

    waiting = [asyncio.ensure_future(off_loop(hold)) for _ in range(2)]
    try:
        await asyncio.to_thread(blocked.wait)
        opening = asyncio.ensure_future(env.open_link())
        health = await env.browser().get("/")
        assert health.status < 500
        assert not opening.done()
    finally:
        released.set()
    _, page = await opening
    assert page.status == 200
    await asyncio.gather(*waiting)
