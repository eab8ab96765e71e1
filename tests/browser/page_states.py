"""Every state of every review page, by name. Each function brings one window into its state."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, Page, expect

from engine.domain import Address, AskQuestion, Assurance, Cancel, DeliveryKind
from engine.errors import ChannelError, StepError
from engine.ports import StepType
from engine.steps.ask import AskStep
from engine.steps.branch import BranchStep
from engine.steps.form import FormStep
from engine.steps.http import HttpStep
from engine.steps.set import SetStep
from engine.steps.wait import WaitStep
from tests.browser.ask_states import ASK_STATES
from tests.browser.inbox_states import ADMIN, AUDITOR, INBOX_STATES
from tests.browser.insight_states import INSIGHT_STATES
from tests.browser.oversight_states import OVERSIGHT_STATES
from tests.browser.review_page import (
    BY_LINK,
    EVERY_FIELD,
    PageState,
    ReviewWindows,
    change,
    open_review_windows,
    reject,
    sign_in_as,
)
from tests.browser.workflow_states import WORKFLOW_STATES
from tests.support import held_database
from tests.support.engine_env import TERMINAL, PlayedParams, PlayedStep
from tests.support.recording_channel import Fault
from tests.support.web_env import ADA, BEN, PAY_WORKFLOW

SAM: Final = "sam@example.com"
_PATIENCE: Final = 5.0
"""Seconds until a page says that the database is busy: long enough for a slow machine."""
LONG: Final = "We are sorry that the blue kettle arrived broken, and sent 12.50 EUR back. " * 40
LETTER: Final = "Dear Kim,\nyour refund is on its way.\n\nBest wishes"
MONEY: Final = """\
name: refund
title: Refund an order
owner: sam@example.com
inputs:
  order: {type: text, label: Order, default: A-1007}
  amount: {type: money, label: Amount, currency: EUR, default: {amount: "120.50", currency: EUR}}
steps:
  - id: pay
    title: Pay the refund
    uses: set
    with: {order: "{{ inputs.order }}", amount: "{{ inputs.amount }}"}
    gate:
      title: "Refund {{ inputs.amount }} for order {{ inputs.order }}?"
      reason: Over 100 EUR (refund policy 4.2).
      approvers: [ada@example.com, ben@example.com]
      edit: [amount]
      expires: 4h
      approve_label: Pay the refund
      reject_label: Hold it back
"""


ORDER: Final = """\
name: order
title: Order kettles for the office
owner: sam@example.com
inputs:
  what: {type: text, label: What, default: A kettle}
  urgent: {type: boolean, label: Urgent, default: false}
steps:
  - {id: price, title: Look up the price, uses: set, with: {price: "{{ inputs.what }}: 42.00 EUR"}}
  - {id: warn, title: Warn the supplier, when: "{{ inputs.urgent }}", uses: set, with: {text: It is urgent}}
  - id: buy
    title: Order it
    uses: played
    with: {text: "{{ inputs.what }}", headers: {key: "{{ secret.SHOP }}"}}
    gate: {title: "Order {{ inputs.what }}?", reason: All orders need an approval., approvers: [ada@example.com]}
  - id: thank
    title: Thank the colleague who noticed that the old kettle was broken
    uses: set
    with: {text: "Thank you. {{ steps.buy.text }} is on its way."}
    gate: {at: after, title: Send this?, approvers: [ben@example.com]}
"""


async def lose_outcome(params: PlayedParams, context: Any) -> Mapping[str, object]:
    """Act like a step whose call got no answer, or failed, if its text says so."""
    if "Broken" in params.text:
        raise StepError("The shop is closed until Monday.")
    if "Rent" in params.text:
        raise StepError("The line went dead.", outcome_unknown=True)
    return {"text": params.text}


@asynccontextmanager
async def open_state_windows(path: Path, browser: Browser) -> AsyncIterator[ReviewWindows]:
    """Open a server whose step "Pay the rent" gets no answer, and all of whose other steps succeed."""
    played = PlayedStep()
    played.play = lose_outcome
    steps: Mapping[str, StepType[Any]] = {
        "set": SetStep(),
        "http": HttpStep(),
        "wait": WaitStep(),
        "form": FormStep(),
        "ask": AskStep(),
        "branch": BranchStep(),
        "played": played,
    }
    async with open_review_windows(
        path,
        browser,
        steps=steps,
        patience=_PATIENCE,
        secrets={"SHOP": "x"},
        admins=[ADMIN],
        auditors=[AUDITOR],
        builders=("sam@example.com",),
    ) as windows:
        yield windows


# -- an open request ----------------------------------------------------------------------------------------


async def _ask(windows: ReviewWindows, page: Page, keys: str = "", **inputs: Any) -> None:
    await windows.web.request_approval(keys, **inputs)
    await windows.open_link(page=page)


async def _ask_about_money(windows: ReviewWindows, page: Page) -> None:
    await windows.web.request_approval(source=MONEY)
    await windows.open_link(page=page)


async def _change_open(windows: ReviewWindows, page: Page) -> None:
    await _ask(windows, page, body=LETTER)
    await change(page)


async def _live_difference(windows: ReviewWindows, page: Page) -> None:
    await _ask_about_money(windows, page)
    await (await change(page, "Amount")).fill("99.5")
    await page.locator(".typed ins").first.wait_for()


async def _long_difference(windows: ReviewWindows, page: Page) -> None:
    await _ask(windows, page, body=LONG)
    await (await change(page)).fill(LONG.replace("12.50", "12.80", 1))
    await page.locator(".typed ins").first.wait_for()


async def _invalid(windows: ReviewWindows, page: Page) -> None:
    await _ask_about_money(windows, page)
    await (await change(page, "Amount")).fill("abc")
    await page.get_by_role("button", name="Pay the refund").click()
    await page.locator("#errors").wait_for()


async def _reason_open(windows: ReviewWindows, page: Page) -> None:
    await _ask(windows, page, "      reason_required: reject\n")
    await page.get_by_role("button", name="Hold it back").click()


async def _reason_missing(windows: ReviewWindows, page: Page) -> None:
    await _ask(windows, page, "      reason_required: reject\n")
    await reject(page)
    await page.locator("#errors").wait_for()


async def _reason_always(windows: ReviewWindows, page: Page) -> None:
    await _ask(windows, page, "      reason_required: always\n")


async def _confirm(windows: ReviewWindows, page: Page) -> None:
    await _ask(windows, page, '      confirm: "Really send it to the customer?"\n', body=LETTER)
    await (await change(page)).fill("Dear Kim,\nit is done.")
    await page.get_by_role("button", name="Send email").click()
    await page.get_by_role("button", name="Yes: Send email").wait_for()


async def _changed_content(windows: ReviewWindows, page: Page) -> None:
    await _ask(windows, page, BY_LINK)
    await page.locator("input[name=digest]").evaluate("(element) => { element.value = '0'.repeat(64) }")
    await page.locator("input[name=seen]").evaluate(
        "(element) => { element.value = element.value.replace('refund', 'bill') }"
    )
    await page.get_by_role("button", name="Send email").click()
    await page.get_by_text("What is different now").wait_for()


async def _no_cookies(windows: ReviewWindows, page: Page) -> None:
    """Send a form whose nonce is no longer valid."""
    await _ask(windows, page)
    await page.locator("input[name=nonce]").first.evaluate("(element) => { element.value = 'x' }")
    await page.get_by_role("button", name="Send email").click()
    await page.get_by_role("alert").wait_for()


async def _form(windows: ReviewWindows, page: Page) -> None:
    await windows.web.request_approval(source=EVERY_FIELD)
    await windows.open_link(page=page)


async def _form_invalid(windows: ReviewWindows, page: Page) -> None:
    await _form(windows, page)
    await page.get_by_label("Count").fill("many")
    await page.get_by_role("button", name="Send").click()
    await page.locator("#errors").wait_for()


async def _hidden_characters(windows: ReviewWindows, page: Page) -> None:
    await _ask(windows, page, body="Dear Kim,\nyour \u200brefund \u202eis on its way.", customer="שלום עולם")
    await change(page)


# -- codes --------------------------------------------------------------------------------------------------


async def _code(windows: ReviewWindows, page: Page) -> None:
    await _ask(windows, page)
    await page.get_by_role("button", name="Send email").click()
    await page.get_by_label("Code").wait_for()


async def _account_sign_in(windows: ReviewWindows, page: Page) -> None:
    await _ask(windows, page, "      assurance: sso\n", body=LETTER)
    await (await change(page)).fill("Dear Kim,\nit is done.")
    await page.get_by_role("button", name="Send email").click()
    await page.get_by_role("link", name="Sign in with Slack").wait_for()


async def _give_code(page: Page, code: str) -> None:
    await page.get_by_label("Code").fill(code)
    await page.get_by_role("button", name="Confirm").click()


async def _code_not_digits(windows: ReviewWindows, page: Page) -> None:
    await _code(windows, page)
    await _give_code(page, "1")
    await page.locator("#code-error").wait_for()


async def _code_wrong(windows: ReviewWindows, page: Page) -> None:
    await _code(windows, page)
    await _give_code(page, "00000000")
    await page.locator("#code-error").wait_for()


async def _code_too_many(windows: ReviewWindows, page: Page) -> None:
    await _code(windows, page)
    for number in range(5):
        await _give_code(page, f"0000000{number}")
    await page.get_by_role("heading", name="Too many wrong codes").wait_for()


async def _code_expired(windows: ReviewWindows, page: Page) -> None:
    await _code(windows, page)
    windows.web.engine_env.pass_time(minutes=11)
    await page.reload()


async def _code_to_sign_in(windows: ReviewWindows, page: Page, address: str = ADA) -> None:
    await page.goto(f"{windows.web.url}/inbox")
    await page.get_by_label("Email address").fill(address)
    await page.get_by_role("button", name="Send me a code").click()
    await page.get_by_label("Code").wait_for()


async def _code_beyond_the_limit(windows: ReviewWindows, page: Page) -> None:
    for _ in range(6):
        await _code(windows, page)
        await windows.code()


# -- closed requests ----------------------------------------------------------------------------------------


async def _decide(windows: ReviewWindows, page: Page, address: str = ADA) -> None:
    await page.get_by_label("Code").wait_for()
    await _give_code(page, await windows.code(address))
    await page.locator(".outcome").first.wait_for()


async def _approved(windows: ReviewWindows, page: Page) -> None:
    await _code(windows, page)
    await _decide(windows, page)


async def _approved_and_done(windows: ReviewWindows, page: Page) -> None:
    await _approved(windows, page)
    await windows.web.engine_env.settle()
    await page.reload()
    await page.locator("#details > summary").click()
    for details in await page.locator("#details details").all():
        await details.locator("summary").click()


async def _edited(windows: ReviewWindows, page: Page) -> None:
    await _live_difference(windows, page)
    await page.get_by_role("button", name="Pay the refund with your changes").click()
    await _decide(windows, page)
    await windows.web.engine_env.settle()
    await page.reload()


async def _rejected(windows: ReviewWindows, page: Page) -> None:
    await _ask(windows, page)
    await reject(page, "Not today")
    await _decide(windows, page)


async def _decided_by_another(windows: ReviewWindows, page: Page) -> None:
    await _ask(windows, page)
    ben_page = await windows.open_link(BEN)
    await reject(ben_page, "Not today")
    await _decide(windows, ben_page, BEN)
    await windows.open_link(page=page)


async def _decided_while_open(windows: ReviewWindows, page: Page) -> None:
    await _ask(windows, page, body=LETTER)
    await (await change(page)).fill("Dear Kim, I have typed much.")
    ben_page = await windows.open_link(BEN)
    await reject(ben_page, "Not today")
    await _decide(windows, ben_page, BEN)
    await page.get_by_text("Your answer is no longer needed").wait_for()


async def _stop_events(page: Page) -> None:
    """Give the page a stream of events that ends at once and asks it to come back in an hour.

    A refused request would make the browser write an error to the console, at a time that nothing can wait for.
    """
    await page.route(
        "**/events",
        lambda route: route.fulfill(content_type="text/event-stream", body="retry: 3600000\n\n"),
    )


async def _voted(windows: ReviewWindows, page: Page) -> None:
    """Approve a request that another person has to approve as well."""
    await _ask(windows, page, "      policy: {quorum: 2}\n" + BY_LINK, body=LETTER)
    await page.get_by_role("button", name="Send email").click()
    await page.get_by_text("You approved this").first.wait_for()


async def _question_open(windows: ReviewWindows, page: Page) -> None:
    await _ask(windows, page, BY_LINK, body=LETTER)
    await page.get_by_text("Ask a question").first.click()


async def _voided(windows: ReviewWindows, page: Page) -> None:
    """Look at a request again that was changed by another person after this one approved it."""
    await _voted(windows, page)
    ben_page = await windows.open_link(BEN)
    await (await change(ben_page)).fill(LETTER.replace("refund", "refund of 12.50 EUR"))
    await ben_page.get_by_role("button", name="Send email with your changes").click()
    await ben_page.get_by_text("Your approval was saved").wait_for()
    await windows.open_link(page=page)
    await page.get_by_text("What is different from what you approved").wait_for()


async def _question_asked(windows: ReviewWindows, page: Page) -> None:
    """Look at the page of a person who was asked a question."""
    await _question_open(windows, page)
    await page.get_by_label("Your question").fill("Which cost centre?")
    await page.get_by_role("button", name="Ask", exact=True).click()
    await page.get_by_text("has been asked").first.wait_for()
    await windows.web.engine_env.settle()
    alerts = windows.web.engine_env.mail.to("ann@example.com", DeliveryKind.ALERT)
    await page.goto(f"{windows.web.url}/r/{alerts[-1].token}")
    await page.get_by_label("Your answer").wait_for()


async def _pass_on(windows: ReviewWindows, page: Page) -> None:
    request = await windows.web.request_approval(source=MONEY)
    await _sign_in(windows, page)
    await page.goto(f"{windows.web.url}/pass-on/{request.id}")


async def _pass_on_wrong(windows: ReviewWindows, page: Page) -> None:
    await _pass_on(windows, page)
    await page.get_by_role("button", name="Pass on").click()
    await page.get_by_role("alert").first.wait_for()


async def _rate(windows: ReviewWindows, page: Page) -> None:
    request = await windows.web.request_approval(source=f"{MONEY}      feedback: true\n")
    await _sign_in(windows, page)
    await page.goto(f"{windows.web.url}/review/{request.id}")
    await page.get_by_role("button", name="Pay the refund", exact=True).click()
    await page.get_by_role("link", name="Rate it").click()
    await page.get_by_role("group").wait_for()


async def _rate_wrong(windows: ReviewWindows, page: Page) -> None:
    await _rate(windows, page)
    await page.get_by_label("Comment").fill("The amount was easy to check.")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("alert").first.wait_for()


async def _rated(windows: ReviewWindows, page: Page) -> None:
    await _rate_wrong(windows, page)
    await page.get_by_label("5 (excellent)").check()
    await page.get_by_role("button", name="Save").click()
    await page.get_by_text("You rated this 5 of 5.").wait_for()


async def _too_late(windows: ReviewWindows, page: Page) -> None:
    await _ask(windows, page, BY_LINK, body=LETTER)
    await _stop_events(page)
    await page.reload()
    await (await change(page)).fill("Dear Kim, I have typed much.")
    ben_page = await windows.open_link(BEN)
    await ben_page.get_by_role("button", name="Send email").click()
    await ben_page.locator(".outcome").first.wait_for()
    await page.get_by_role("button", name="Send email").click()
    await page.get_by_text("Your text, to copy").wait_for()


async def _busy(windows: ReviewWindows, page: Page) -> None:
    await _ask(windows, page, BY_LINK, body=LETTER)
    async with held_database.of_file(windows.web.engine_env.path)():
        await page.get_by_role("button", name="Send email").click()
        await page.get_by_role("button", name="Try again").wait_for()


async def _expired(windows: ReviewWindows, page: Page) -> None:
    await _ask(windows, page, "      expires: 1h\n")
    windows.web.engine_env.pass_time(hours=2)
    await windows.web.engine_env.settle()
    await page.reload()


async def _cancelled(windows: ReviewWindows, page: Page) -> None:
    request = await windows.web.request_approval()
    await windows.open_link(page=page)
    await windows.web.engine_env.engine.cancel(Cancel(run=request.run, actor=Address("email", SAM), origin=TERMINAL))
    await windows.web.engine_env.settle()
    await page.reload()


# -- signing in and the inbox -------------------------------------------------------------------------------


async def _sign_in_page(windows: ReviewWindows, page: Page) -> None:
    await page.goto(f"{windows.web.url}/inbox")


async def _sign_in_wrong(windows: ReviewWindows, page: Page) -> None:
    await _sign_in_page(windows, page)
    await page.get_by_label("Email address").fill("ada")
    await page.get_by_role("button", name="Send me a code").click()
    await page.locator("#email-error").wait_for()


async def _sign_in_too_often(windows: ReviewWindows, page: Page) -> None:
    for _ in range(31):
        await _sign_in_page(windows, page)
        await page.get_by_label("Email address").fill("kim@example.com")
        await page.get_by_role("button", name="Send me a code").click()
        await page.wait_for_load_state()
    await page.locator("#email-error").wait_for()


async def _inbox_empty(windows: ReviewWindows, page: Page) -> None:
    await _approved(windows, page)
    await page.get_by_role("link", name="See your other requests").click()


async def _sign_in(windows: ReviewWindows, page: Page) -> None:
    await _code_to_sign_in(windows, page)
    await page.get_by_label("Code").fill(await windows.code())
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("heading", name="Your browsers").wait_for()


async def _inbox_one(windows: ReviewWindows, page: Page) -> None:
    await windows.web.request_approval(source=MONEY)
    await _sign_in(windows, page)


async def _inbox_many(windows: ReviewWindows, page: Page) -> None:
    for number in range(4):
        await windows.web.request_approval(source=MONEY, order=f"A-{1007 + number}")
    await windows.web.request_approval(customer="a customer with a very long name " * 4)
    await _sign_in(windows, page)


async def _export(windows: ReviewWindows, page: Page) -> None:
    await windows.web.request_approval(source=MONEY)
    await _code_to_sign_in(windows, page, SAM)
    await page.get_by_label("Code").fill(await windows.code(SAM))
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("link", name="Everything").click()
    await page.get_by_role("link", name="Export decisions").click()
    await page.get_by_role("heading", name="Export decisions").wait_for()


async def _export_wrong(windows: ReviewWindows, page: Page) -> None:
    await _export(windows, page)
    await page.get_by_label("Decided until").fill("2020-01-01")
    await page.get_by_role("button", name="Download").click()
    await expect(page.get_by_role("alert")).to_contain_text("The last day is before the first one. Choose a later day.")


async def _preferences(windows: ReviewWindows, page: Page) -> None:
    await _sessions(windows, page)
    await page.goto(f"{windows.web.url}/preferences")
    await page.get_by_label("A digest when several requests wait").check()
    await page.get_by_label("Quiet hours begin").fill("20:00")
    await page.get_by_label("Quiet hours end").fill("07:00")


async def _preferences_wrong(windows: ReviewWindows, page: Page) -> None:
    await _preferences(windows, page)
    await page.get_by_label("Quiet hours end").fill("20:00")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_contain_text("The two times must differ.")


async def _preferences_saved(windows: ReviewWindows, page: Page) -> None:
    await _preferences(windows, page)
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Saved")


async def _sessions(windows: ReviewWindows, page: Page) -> None:
    await windows.web.request_approval(source=MONEY)
    await windows.web.sign_in()
    await _sign_in(windows, page)
    await page.get_by_role("link", name="See where you are signed in").click()
    await page.get_by_role("button", name="Sign out all other browsers").wait_for()


async def _inbox_working(windows: ReviewWindows, page: Page) -> None:
    """Ask Ada about refunds, one of which is decided by itself, one by two people, and one with a form."""
    keys = ("", "      batch: false\n", "      policy: {quorum: 2}\n")
    for number, more in enumerate(keys):
        source = MONEY.replace("name: refund", f"name: refund{number}", 1).replace("      expires: 4h\n", more)
        amount = {"amount": f"{120 + 7 * number}.50", "currency": "EUR"}
        await windows.web.request_approval(source=source, order=f"A-{1007 + number}", amount=amount)
    await windows.web.request_approval(source=EVERY_FIELD)
    await _sign_in(windows, page)


async def _inbox_receipt(windows: ReviewWindows, page: Page) -> None:
    await _inbox_working(windows, page)
    await page.get_by_role("button", name="Pay the refund").first.click()
    await page.locator("#receipt").wait_for()


async def _inbox_refused(windows: ReviewWindows, page: Page) -> None:
    await _inbox_working(windows, page)
    await page.get_by_role("button", name="Approve selected").click()
    await page.get_by_role("alert").wait_for()


async def _inbox_decided(windows: ReviewWindows, page: Page) -> None:
    await _inbox_working(windows, page)
    await page.get_by_role("button", name="Pay the refund").first.click()
    await page.locator("#receipt").wait_for()
    await page.get_by_role("button", name="Hold it back").last.click()
    await page.get_by_label("Reason").fill("No budget")
    await page.get_by_role("button", name="Hold it back").click()
    await page.locator(".outcome").first.wait_for()
    await windows.web.engine_env.settle()
    await page.goto(f"{windows.web.url}/inbox?part=decided&since=2026-03-01")


async def _inbox_filter_wrong(windows: ReviewWindows, page: Page) -> None:
    await _inbox_working(windows, page)
    await page.goto(f"{windows.web.url}/inbox?part=waiting&person=Ben&search=refund")


async def _batch(windows: ReviewWindows, page: Page) -> None:
    await _inbox_many(windows, page)
    await page.get_by_label("Choose all that can be decided together").check()
    await page.get_by_role("button", name="Approve selected").click()
    await page.get_by_role("heading", name="Approve these").wait_for()


async def _batch_rejection(windows: ReviewWindows, page: Page) -> None:
    await windows.web.request_approval("      reason_required: reject\n")
    await _sign_in(windows, page)
    await page.locator("input[name=pick]").check()
    await page.get_by_role("button", name="Reject selected").click()
    await page.get_by_role("button", name="Reject it").click()
    await page.locator(".wrong").wait_for()


async def _batch_result(windows: ReviewWindows, page: Page) -> None:
    await _batch(windows, page)
    await page.locator("input[name^=seen]").first.evaluate("(element) => { element.value = '1.0' }")
    await page.get_by_role("button", name="Approve 5").click()
    await page.get_by_role("heading", name="4 approved").wait_for()


async def _inbox_of_an_owner(windows: ReviewWindows, page: Page) -> None:
    await _start_pay_run(windows)
    await sign_in_as(windows, page, SAM)


# -- a step of unknown outcome ------------------------------------------------------------------------------


async def _start_pay_run(windows: ReviewWindows) -> None:
    await windows.web.engine_env.register(PAY_WORKFLOW)
    await windows.web.engine_env.start("pay")
    await windows.web.engine_env.settle()


async def _attention(windows: ReviewWindows, page: Page) -> None:
    await _start_pay_run(windows)
    token = windows.web.engine_env.mail.to(SAM, DeliveryKind.ALERT)[-1].token
    await page.goto(f"{windows.web.url}/r/{token}")


async def _attention_unanswered(windows: ReviewWindows, page: Page) -> None:
    await _attention(windows, page)
    await page.get_by_role("button", name="Send the answer").click()
    await page.locator("#errors").wait_for()


async def _attention_code(windows: ReviewWindows, page: Page) -> None:
    await _attention(windows, page)
    await page.get_by_label("It happened", exact=True).check()
    await page.get_by_label("Receipt").fill("R-1")
    await page.get_by_role("button", name="Send the answer").click()
    await page.get_by_label("Code").wait_for()


async def _attention_answered(windows: ReviewWindows, page: Page) -> None:
    await _attention_code(windows, page)
    await _decide(windows, page, SAM)
    await windows.web.engine_env.settle()
    await page.reload()


async def _attention_stopped(windows: ReviewWindows, page: Page) -> None:
    await _attention(windows, page)
    await page.get_by_label("Stop the run", exact=True).check()
    await page.get_by_role("button", name="Send the answer").click()
    await _decide(windows, page, SAM)
    await windows.web.engine_env.settle()
    await page.reload()


# -- whole requests and runs --------------------------------------------------------------------------------


async def _start_order(windows: ReviewWindows, **inputs: Any) -> str:
    env = windows.web.engine_env
    await env.register(ORDER)
    run = await env.start("order", **inputs)
    await env.settle()
    return run


async def _approve_order(windows: ReviewWindows, run: str, by: str) -> None:
    env = windows.web.engine_env
    env.pass_time(minutes=7)
    await env.decide(run, by=Address("email", by))
    await env.settle()


async def _request_whole(windows: ReviewWindows, page: Page) -> None:
    """Show a request with one approval, an edit, a question, and a copy that did not arrive."""
    refused = ChannelError("The mailbox ben@example.com does not exist.", permanent=True)
    windows.web.engine_env.mail.channel.queue_faults(Fault(error=refused))
    request = await windows.web.request_approval(
        source=MONEY.replace("      expires", "      policy: all\n      expires")
    )
    env = windows.web.engine_env
    question = AskQuestion(
        request=request.id,
        text="Which order?",
        actor=Address("email", ADA),
        origin=TERMINAL,
        assurance=Assurance.TERMINAL,
    )
    await env.engine.ask_question(question)
    env.pass_time(minutes=3)
    new_amount = {"amount": {"amount": "99.50", "currency": "EUR"}}
    await env.decide(request.run, by=Address("email", ADA), edits=new_amount)
    await env.settle()
    await sign_in_as(windows, page, SAM)
    await page.goto(f"{windows.web.url}/requests/{request.id}")


async def _request_whole_closed(windows: ReviewWindows, page: Page) -> None:
    run = await _start_order(windows)
    await _approve_order(windows, run, ADA)
    (request, *_) = await windows.web.engine_env.engine.requests_of_run(run)
    await sign_in_as(windows, page, SAM)
    await page.goto(f"{windows.web.url}/requests/{request.id}")


async def _run_waiting(windows: ReviewWindows, page: Page) -> None:
    run = await _start_order(windows, urgent=True)
    await _approve_order(windows, run, ADA)
    await sign_in_as(windows, page, SAM)
    await page.goto(f"{windows.web.url}/runs/{run}")


async def _run_failed(windows: ReviewWindows, page: Page) -> None:
    run = await _start_order(windows, what="Broken kettle")
    await _approve_order(windows, run, ADA)
    await sign_in_as(windows, page, SAM)
    await page.goto(f"{windows.web.url}/runs/{run}")
    await page.get_by_text("Inputs and result of Order it").click()


async def _run_cancel(windows: ReviewWindows, page: Page) -> None:
    await _run_waiting(windows, page)
    await page.get_by_role("button", name="Cancel the run").click()
    await page.get_by_role("heading", name="Cancel this run?").wait_for()


async def _runs(windows: ReviewWindows, page: Page) -> None:
    await _start_order(windows, what="Broken kettle")
    for number in range(3):
        windows.web.engine_env.pass_time(minutes=9)
        run = await _start_order(windows, what=f"{number + 2} kettles")
        await _approve_order(windows, run, ADA)
    await sign_in_as(windows, page, SAM)
    await page.goto(f"{windows.web.url}/runs")


# -- refused ------------------------------------------------------------------------------------------------


async def _unknown_link(windows: ReviewWindows, page: Page) -> None:
    await page.goto(f"{windows.web.url}/r/unknown")


async def _revoked_link(windows: ReviewWindows, page: Page) -> None:
    request = await windows.web.request_approval()
    await windows.web.engine_env.identity.revoke(request.id)
    await windows.open_link(page=page)


async def _missing_token(windows: ReviewWindows, page: Page) -> None:
    request = await windows.web.request_approval()
    await page.goto(f"{windows.web.url}/review/{request.id}")


async def _wrong_person(windows: ReviewWindows, page: Page) -> None:
    await windows.web.engine_env.register(PAY_WORKFLOW)
    request = await windows.web.request_approval()
    await sign_in_as(windows, page, SAM)
    await page.goto(f"{windows.web.url}/review/{request.id}")


async def _not_found(windows: ReviewWindows, page: Page) -> None:
    await page.goto(f"{windows.web.url}/nothing")


async def _no_request(windows: ReviewWindows, page: Page) -> None:
    await page.goto(f"{windows.web.url}/review/unknown")


async def _foreign_form(windows: ReviewWindows, page: Page) -> None:
    """Send a form from a page of another site."""
    await page.set_content(f'<form method="post" action="{windows.web.url}/inbox"><button>Send</button></form>')
    await page.get_by_role("button", name="Send").click()
    await page.get_by_role("heading", name="another website").wait_for()


async def _broken(windows: ReviewWindows, page: Page) -> None:
    await _ask(windows, page)
    await _stop_events(page)
    await page.reload()
    with closing(sqlite3.connect(windows.web.engine_env.path)) as connection:
        connection.execute("UPDATE request SET details = 'the inside'")
        connection.commit()
    await page.reload()
    await expect(page.get_by_role("heading", name="does not work right now")).to_be_visible()


STATES: Final[Mapping[str, PageState]] = {
    "open": _ask,
    "open-money": _ask_about_money,
    "change": _change_open,
    "difference": _live_difference,
    "difference-long": _long_difference,
    "invalid": _invalid,
    "reason": _reason_open,
    "reason-missing": _reason_missing,
    "reason-always": _reason_always,
    "confirm": _confirm,
    "changed-content": _changed_content,
    "no-cookies": _no_cookies,
    "form": _form,
    "form-invalid": _form_invalid,
    "hidden-characters": _hidden_characters,
    "account-sign-in": _account_sign_in,
    "code": _code,
    "code-not-digits": _code_not_digits,
    "code-wrong": _code_wrong,
    "code-too-many": _code_too_many,
    "code-expired": _code_expired,
    "code-to-sign-in": _code_to_sign_in,
    "code-beyond-the-limit": _code_beyond_the_limit,
    "approved": _approved,
    "approved-done": _approved_and_done,
    "edited": _edited,
    "rejected": _rejected,
    "decided-by-another": _decided_by_another,
    "decided-while-open": _decided_while_open,
    "voted": _voted,
    "voided": _voided,
    "question-open": _question_open,
    "question-asked": _question_asked,
    "request-whole": _request_whole,
    "request-whole-closed": _request_whole_closed,
    "run-waiting": _run_waiting,
    "run-failed": _run_failed,
    "run-cancel": _run_cancel,
    "runs": _runs,
    "pass-on": _pass_on,
    "pass-on-wrong": _pass_on_wrong,
    "rate": _rate,
    "rate-wrong": _rate_wrong,
    "rated": _rated,
    "too-late": _too_late,
    "busy": _busy,
    "expired": _expired,
    "cancelled": _cancelled,
    "sign-in": _sign_in_page,
    "sign-in-wrong": _sign_in_wrong,
    "sign-in-too-often": _sign_in_too_often,
    "inbox-empty": _inbox_empty,
    "inbox-one": _inbox_one,
    "export": _export,
    "export-wrong": _export_wrong,
    "preferences": _preferences,
    "preferences-wrong": _preferences_wrong,
    "preferences-saved": _preferences_saved,
    "sessions": _sessions,
    "inbox-many": _inbox_many,
    "inbox-working": _inbox_working,
    "inbox-receipt": _inbox_receipt,
    "inbox-refused": _inbox_refused,
    "inbox-decided": _inbox_decided,
    "inbox-filter-wrong": _inbox_filter_wrong,
    "inbox-owner": _inbox_of_an_owner,
    "batch": _batch,
    "batch-rejection": _batch_rejection,
    "batch-result": _batch_result,
    "attention": _attention,
    "attention-unanswered": _attention_unanswered,
    "attention-code": _attention_code,
    "attention-answered": _attention_answered,
    "attention-stopped": _attention_stopped,
    "unknown-link": _unknown_link,
    "revoked-link": _revoked_link,
    "missing-token": _missing_token,
    "wrong-person": _wrong_person,
    "not-found": _not_found,
    "no-request": _no_request,
    "foreign-form": _foreign_form,
    "broken": _broken,
    **ASK_STATES,
    **INBOX_STATES,
    **OVERSIGHT_STATES,
    **INSIGHT_STATES,
    **WORKFLOW_STATES,
}
