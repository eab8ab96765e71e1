"""The clicks of docs/comparison.md, counted where people click."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from playwright.async_api import Locator, Page, expect

from bot.devtools.demo import emails, workflows
from bot.devtools.demo.payments import Refund
from bot.devtools.demo.workflows import OUTSIDER
from bot.presentation import answers
from engine.domain import ResumeAnswer, RunStatus
from tests.browser.sandbox_page import NARROW, SandboxWindows, request_message
from tests.support.documents import Page as DocumentPage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
TABLE = {row[0]: row[1] for row in DocumentPage.of("comparison.md").table("How many clicks it takes")}


@dataclass
class Clicks:
    """Clicks on behalf of a person, and counts them."""

    count: int = 0

    async def on(self, target: Locator) -> None:
        self.count += 1
        await target.click()

    async def enter(self, page: Page) -> None:
        self.count += 1
        await page.keyboard.press("Enter")

    def expect_to_be_those_of(self, task: str) -> None:
        assert str(self.count) == TABLE[task], task


async def start_expense(windows: SandboxWindows, what: str) -> None:
    amount = {"amount": "84.50", "currency": "EUR"}
    await windows.start("expense", what=what, amount=amount, spent_on="2026-03-02", category="travel")


async def approve_by_email(windows: SandboxWindows, phone: Page, clicks: Clicks, what: str) -> None:
    """Approve the newest request on the phone, from the email to the receipt."""
    (mail,) = await windows.demo.slack.mail.wait_for(to=OUTSIDER, subject=what)
    await phone.goto(f"{windows.demo.slack.page_url}/mail?to={OUTSIDER}#/{mail.id}")
    email = phone.frame_locator(".rendered")
    # Until the page has loaded this email, it still shows the one before.
    await expect(email.get_by_role("heading", name=what)).to_be_visible()
    async with phone.context.expect_page() as opening:
        await clicks.on(email.get_by_role("link", name="Review"))
    page = await opening.value
    await clicks.on(page.get_by_role("button", name="Pay back"))
    code_field, receipt = page.get_by_label("Code"), page.get_by_text(re.compile("Approved|You approved"))
    await expect(code_field.or_(receipt).first).to_be_visible()
    if await code_field.count():
        received = windows.demo.slack.mail.received(to=OUTSIDER)
        await code_field.fill(next(code for email in reversed(received) if (code := emails.code(email))))
        await clicks.on(page.get_by_role("button", name="Confirm"))
        await expect(receipt.first).to_be_visible()
    await page.close()


async def test_an_approval_on_a_phone(windows: SandboxWindows) -> None:
    await windows.register(workflows.WORKFLOWS["expense"](""))
    phone = await windows.window("mia-is-not-in-slack", size=NARROW)
    for task, what in (
        ("the same, the first time in a browser", "Train to Bonn"),
        ("approve on a phone, from the email", "Train to Kiel"),
    ):
        clicks = Clicks()
        await start_expense(windows, what)
        await approve_by_email(windows, phone, clicks, what)
        clicks.expect_to_be_those_of(task)


async def test_the_largest_request(windows: SandboxWindows) -> None:
    await windows.open_refund_request("A-1", amount="150")
    await windows.start_refund("A-2", amount="900")
    await windows.start_refund("A-3", amount="120")
    ada, clicks = await windows.window("ada"), Clicks()
    await clicks.on(ada.get_by_role("navigation").get_by_role("link", name="Home"))
    for amount, order in (("150.00", "A-1"), ("900.00", "A-2"), ("120.00", "A-3")):
        await expect(ada.locator("#home")).to_contain_text(f"Refund {amount} EUR for order {order}?")
    clicks.expect_to_be_those_of("find today's largest request")


async def test_what_an_approver_changed(windows: SandboxWindows) -> None:
    await windows.open_refund_request("A-1")
    ada, ben = await windows.window("ada"), await windows.window("ben")
    await request_message(ada, "for order A-1?").get_by_role("button", name="Edit").click()
    await ada.get_by_role("dialog").get_by_label("Amount").fill("95")
    await ada.get_by_role("dialog").get_by_role("button", name="Pay the refund").click()
    message = ben.locator("li.message", has_text="A-1").first
    await expect(message).to_contain_text("95.00 EUR")
    await expect(message).to_contain_text("120.00 EUR")
    Clicks().expect_to_be_those_of("see what an approver changed")


async def test_an_answer_for_a_failed_step(windows: SandboxWindows) -> None:
    usual = windows.demo.payments.book

    def break_down(refund: Refund) -> Sequence[Refund]:
        windows.demo.payments.book = usual
        raise RuntimeError

    windows.demo.payments.book = break_down
    await windows.register()
    run = await windows.start_refund("A-1", amount="40")
    cleo, clicks = await windows.window("cleo"), Clicks()
    label = answers.LABELS[ResumeAnswer.REPEAT]
    await clicks.on(cleo.get_by_role("button", name=label).first)
    await clicks.on(cleo.get_by_role("dialog").get_by_role("button", name=label))
    await windows.until(lambda: windows.demo.payments.for_order("A-1"))
    view = await windows.demo.app.engine.run(run)
    assert view is not None
    assert view.status in (RunStatus.RUNNING, RunStatus.SUCCEEDED)
    clicks.expect_to_be_those_of("answer for a step that failed halfway")


async def test_the_start_of_a_run(windows: SandboxWindows) -> None:
    await windows.register()
    cleo, clicks = await windows.window("cleo"), Clicks()
    await cleo.get_by_role("combobox", name="Message").fill("/signoff run refund")
    await clicks.enter(cleo)
    form = cleo.get_by_role("dialog", name="Refund a customer")
    await form.get_by_label("Order number").fill("A-1")
    await form.get_by_label("Amount").fill("40")
    await form.get_by_label("Why").fill("Late")
    await clicks.on(form.get_by_role("button", name=re.compile("Start|Run")))
    await windows.until(lambda: windows.demo.payments.for_order("A-1"))
    clicks.expect_to_be_those_of("start a run")
