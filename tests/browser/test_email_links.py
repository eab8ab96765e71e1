"""In the demo, Mia, who has no Slack, gets from the email to the receipt without a mouse."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import ConsoleMessage, FrameLocator, Locator, Page, expect

from bot.devtools.demo import workflows
from bot.devtools.demo.workflows import OUTSIDER
from tests.browser.sandbox_page import SandboxWindows

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
TITLE = "Pay back 84.50 EUR for Train to Bonn?"
MAX_TAB_STOPS = 60


async def tab_to(page: Page, target: Locator, *, within: FrameLocator | None = None) -> None:
    """Bring the window to the front, and press Tab until the target has the focus."""
    await page.bring_to_front()
    await expect(target).to_be_visible()
    # The frame runs no scripts, and the browser reports each attempt, so a selector checks the focus.
    focused = target.and_((within or page).locator(":focus"))
    for _ in range(MAX_TAB_STOPS):
        await page.keyboard.press("Tab")
        if await focused.count():
            return
    raise AssertionError(f"{target} is not reached with Tab")


async def open_email(page: Page, subject: str) -> None:
    """Open the newest email whose subject contains the text."""
    list_entry = page.get_by_role("region", name="List of emails").get_by_role("link", name=subject).first
    await tab_to(page, list_entry)
    await page.keyboard.press("Enter")
    heading = page.get_by_role("region", name="The open email").get_by_role("heading", level=2)
    await expect(heading).to_contain_text(subject)


async def test_mia_decides_by_email_with_the_keyboard_alone(windows: SandboxWindows) -> None:
    console_errors = list[str]()

    def record_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            console_errors.append(message.text)

    await windows.register(workflows.WORKFLOWS["expense"](""))
    amount = {"amount": "84.50", "currency": "EUR"}
    run = await windows.start("expense", what="Train to Bonn", amount=amount, spent_on="2026-03-02", category="travel")
    mailbox = await windows.window(None)
    mailbox.context.on("console", record_console)
    await mailbox.goto(f"{windows.demo.slack.page_url}/mail?to={OUTSIDER}")
    await open_email(mailbox, TITLE)
    async with mailbox.context.expect_page() as opening:
        mail = mailbox.frame_locator(".rendered")
        await tab_to(mailbox, mail.get_by_role("link", name="Review and decide"), within=mail)
        await mailbox.keyboard.press("Enter")
    review = await opening.value

    await expect(review.get_by_role("heading", name=TITLE)).to_be_visible()
    await tab_to(review, review.locator("summary", has_text="Change Amount"))
    await review.keyboard.press("Enter")
    await expect(review.get_by_label("Amount")).to_be_focused()
    await review.keyboard.press("ControlOrMeta+a")
    await review.keyboard.type("80")
    await tab_to(review, review.get_by_role("button", name="Pay back with your changes"))
    await review.keyboard.press("Enter")
    await expect(review.get_by_role("heading", name="Enter the code that we sent to")).to_be_visible()

    await open_email(mailbox, "is your Signoff code")
    code_email = await mail.locator("body").inner_text()
    (code,) = re.findall(r"\b\d{4} ?\d{4}\b", code_email)
    await tab_to(review, review.get_by_label("Code"))
    await review.keyboard.type(code)
    await review.keyboard.press("Enter")

    await expect(review.get_by_text("You approved this with edits")).to_be_visible()
    await expect(review.locator("#since")).to_have_text("The run is done.")
    await review.locator("#details > summary").click()
    await expect(review.get_by_text("By a code that was sent to your email address")).to_be_visible()
    (request,) = await windows.demo.app.engine.requests_of_run(run)
    assert request.decision is not None
    assert request.decision.person.email == OUTSIDER
    assert console_errors == []
