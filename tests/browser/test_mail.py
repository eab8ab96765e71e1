"""The mailbox page: reading, updates without a reload, hostile emails, keyboard, accessibility in both colours."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiosmtplib
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, TimeoutError, expect

from bot.devtools.sandbox import RunningSandbox, sandbox
from tests.browser.sandbox_page import NARROW, WIDE
from tests.browser.test_access import SIZES, check_accessibility
from tests.support.smtp_conversation import MIA, message, options, send, send_raw

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
HTML = '<html><body><h1>Refund order A-1007?</h1><p><a href="{url}">Review</a></p></body></html>'


@dataclass
class MailWindows:
    """Windows on the mailbox page of a sandbox. `complaints` has their console errors and uncaught exceptions."""

    slack: RunningSandbox
    browser: Browser
    complaints: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    async def window(self, query: str = f"?to={MIA}", *, size: dict[str, int] = WIDE) -> Page:
        context = await self.browser.new_context(
            viewport={"width": size["width"], "height": size["height"]}, reduced_motion="reduce", color_scheme="light"
        )
        self.contexts.append(context)
        page = await context.new_page()
        page.on("console", self._record_console)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        await page.goto(f"{self.slack.page_url}/mail{query}")
        await page.locator("h1").first.wait_for(state="attached")
        return page

    def _record_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")


@pytest_asyncio.fixture(loop_scope="session")
async def mail_windows(browser: Browser) -> AsyncIterator[MailWindows]:
    async with sandbox() as slack:
        windows = MailWindows(slack=slack, browser=browser)
        try:
            yield windows
        finally:
            for context in windows.contexts:
                await context.close()
        assert not windows.complaints


async def send_story(slack: RunningSandbox) -> None:
    """Send two requests, a reply to the first, and an email with many problems."""
    await send(slack, message(Message_ID="<1@b.example>", html=HTML.format(url=f"{slack.page_url}/mail")))
    await send(slack, message("Deploy version 2.4.1 to production? " + "Long" * 40))
    await send(slack, message("Re: Refund order A-1007?", In_Reply_To="<1@b.example>"))
    await send_raw(slack, b"Subject: Wrong\r\nBcc: x@example.com\r\n\r\n" + b"wide" * 60, MIA, f"{'n' * 60}@b.example")


def mail_items(page: Page) -> Locator:
    return page.get_by_role("region", name="List of emails").get_by_role("listitem")


def mail_view(page: Page) -> Locator:
    return page.get_by_role("region", name="The open email")


async def test_replies_are_listed_under_the_email_that_they_answer(mail_windows: MailWindows) -> None:
    await send_story(mail_windows.slack)
    page = await mail_windows.window()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Mia Approver")
    await expect(mail_items(page).locator(".mail-subject")).to_have_text(
        [
            "Wrong",
            "Refund order A-1007?",
            "in the same conversation: Re: Refund order A-1007?",
            "Deploy version 2.4.1 to production? " + "Long" * 40,
        ]
    )
    await expect(mail_items(page).first).to_contain_text("complaints")


async def test_an_email_can_be_read_as_html_text_headers_and_source(mail_windows: MailWindows) -> None:
    await send_story(mail_windows.slack)
    page = await mail_windows.window()
    await expect(page.locator(".mails .unread")).to_have_count(4)
    await mail_items(page).get_by_role("link", name="Refund order A-1007?").first.click()
    await expect(mail_view(page).get_by_role("heading", level=2)).to_be_focused()
    await expect(page.locator(".mails .unread")).to_have_count(3)
    await expect(page).to_have_title("(3) Refund order A-1007? – Mia Approver – Signoff sandbox emails")
    await expect(page.frame_locator(".rendered").get_by_role("heading")).to_have_text("Refund order A-1007?")
    await page.get_by_role("tab", name="Text").click()
    await expect(page.get_by_role("region", name="Text")).to_contain_text("Amount: 120 EUR")
    await page.get_by_role("tab", name="Headers").click()
    await expect(page.get_by_role("region", name="Headers")).to_contain_text("<1@b.example>")
    await page.get_by_role("tab", name="Source").click()
    await expect(page.get_by_role("region", name="Source")).to_contain_text("MIME-Version: 1.0")
    await mail_view(page).get_by_role("link", name="Re: Refund").click()
    await expect(mail_view(page).get_by_role("heading", level=2)).to_have_text("Re: Refund order A-1007?")
    await page.reload()
    await expect(page.locator(".mails .unread")).to_have_count(2)


async def click_to_popup(page: Page, link: Locator) -> Page:
    """Click the link, and return the window that it opens. Click again if a busy machine loses the first click."""
    try:
        async with page.expect_popup(timeout=10_000) as opening:
            await link.click()
    except TimeoutError:
        async with page.expect_popup() as opening:
            await link.click()
    return await opening.value


async def test_a_link_in_an_email_opens_a_window_of_its_own(mail_windows: MailWindows) -> None:
    await send_story(mail_windows.slack)
    page = await mail_windows.window(f"?to={MIA}#/1")
    opened = await click_to_popup(page, page.frame_locator(".rendered").get_by_role("link", name="Review"))
    await expect(opened.get_by_role("heading", name="Whose emails?")).to_be_visible()
    assert await opened.evaluate("window.opener") is None


async def test_the_html_of_an_email_can_run_nothing_and_load_nothing(mail_windows: MailWindows) -> None:
    hostile = (
        "<script>document.title = parent.document.title = 'taken over'</script><p onclick='alert(1)'>Harmless?</p>"
        f'<img src="{mail_windows.slack.script_url}state" onerror="alert(1)"><style>@import "https://example.com/x.css";</style>'
        '<form action="https://example.com/"><button>Send</button></form><iframe src="https://example.com/"></iframe>'
        '<meta http-equiv="refresh" content="0;url=https://example.com/"><base href="https://example.com/">'
    )
    await send(mail_windows.slack, message(html=hostile))
    page = await mail_windows.window(f"?to={MIA}#/1")
    loaded: list[str] = []
    page.on("requestfinished", lambda request: loaded.append(request.url))
    await page.reload()
    frame = page.frame_locator(".rendered")
    await expect(frame.get_by_text("Harmless?")).to_be_visible()
    await frame.get_by_role("button", name="Send").click()
    await expect(page).to_have_title("Refund order A-1007? – Mia Approver – Signoff sandbox emails")
    assert loaded
    assert [url for url in loaded if not url.startswith(mail_windows.slack.base_url) or url.endswith("/state")] == []
    refusal_words = ("Content Security Policy", "sandboxed", "Refused", "Blocked")
    assert all(any(word in complaint for word in refusal_words) for complaint in mail_windows.complaints), (
        mail_windows.complaints
    )
    assert mail_windows.complaints
    mail_windows.complaints.clear()


async def test_new_emails_appear_by_themselves_and_are_announced(mail_windows: MailWindows) -> None:
    page = await mail_windows.window()
    await expect(page.get_by_text("No email yet.")).to_be_visible()
    await send(mail_windows.slack, message("First"))
    await expect(mail_items(page)).to_have_count(1)
    await expect(page.locator("#spoken")).to_have_text("New email: First")
    await mail_items(page).get_by_role("link").click()
    await expect(mail_view(page).get_by_role("heading", level=2)).to_be_focused()
    await send(mail_windows.slack, message("Second", to="new@elsewhere.example"))
    mailbox = page.get_by_role("navigation", name="Mailboxes").get_by_role("link", name="new@elsewhere.example")
    await expect(mailbox).to_be_visible()
    await expect(mail_view(page).get_by_role("heading", level=2)).to_be_focused()
    mail_windows.slack.mail.clear()
    await expect(mail_view(page)).to_contain_text("This email does not exist, or was deleted.")


async def test_the_pages_lead_to_each_other(mail_windows: MailWindows) -> None:
    page = await mail_windows.window("")
    await page.get_by_role("main").get_by_role("link", name="Ada Approver").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Ada Approver")
    await page.get_by_role("link", name="Slack", exact=True).click()
    await expect(page).to_have_title("Signoff – Ada Approver – Signoff sandbox")
    await page.get_by_role("link", name=re.compile("^Mia.*mailbox$")).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Mia Approver")
    await page.get_by_role("link", name="Slack", exact=True).click()
    await expect(page.get_by_role("heading", name="Who are you?")).to_be_visible()
    await page.get_by_role("link", name="Mia Approver").click()
    await expect(page.get_by_text("No email yet.")).to_be_visible()
    await page.goto(f"{mail_windows.slack.page_url}?as=ben")
    await page.get_by_role("link", name="Mailbox", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Ben Approver")


async def test_the_mail_server_can_be_switched_between_its_faults(mail_windows: MailWindows) -> None:
    page = await mail_windows.window()
    switch = page.get_by_label("Email", exact=True)
    await switch.select_option("down")
    await expect(page.locator("#banner")).to_contain_text("down")
    with pytest.raises(aiosmtplib.SMTPConnectError):
        await send(mail_windows.slack)
    await switch.select_option("full")
    await expect(page.locator("#banner")).to_contain_text("full")
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
        await send(mail_windows.slack)
    await switch.select_option("lost")
    await expect(page.locator("#banner")).to_contain_text("breaks")
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await aiosmtplib.send(message(), **options(mail_windows.slack.mail))
    await expect(mail_items(page)).to_have_count(1)
    await switch.select_option("works")
    await expect(page.locator("#banner")).to_be_hidden()
    await send(mail_windows.slack)


async def test_everything_can_be_done_with_the_keyboard(mail_windows: MailWindows) -> None:
    await send_story(mail_windows.slack)
    page = await mail_windows.window(size=NARROW)
    await mail_items(page).get_by_role("link", name="Refund order A-1007?").first.focus()
    await page.keyboard.press("Enter")
    heading = mail_view(page).get_by_role("heading", level=2)
    await expect(heading).to_be_focused()
    await page.get_by_role("tab", name="Rendered").focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("tab", name="Text")).to_be_focused()
    await expect(page.get_by_role("tab", name="Text")).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("End")
    await expect(page.get_by_role("region", name="Source")).to_be_visible()
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("tab", name="Rendered")).to_be_focused()
    await page.get_by_role("link", name="All emails").focus()
    await page.keyboard.press("Enter")
    await expect(mail_items(page).get_by_role("link", name="Refund order A-1007?").first).to_be_focused()
    await page.get_by_role("button", name="Mailboxes").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("navigation", name="Mailboxes").get_by_role("link").first).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Mailboxes")).to_be_focused()


@SIZES
async def test_every_view_is_accessible(mail_windows: MailWindows, size: dict[str, int]) -> None:
    page = await mail_windows.window("", size=size)
    await check_accessibility(page, size)
    page = await mail_windows.window(size=size)
    await check_accessibility(page, size)
    await send_story(mail_windows.slack)
    await expect(mail_items(page)).to_have_count(4)
    await check_accessibility(page, size)
    for number in "1", "2", "4", "9":
        page = await mail_windows.window(f"?to={MIA}#/{number}", size=size)
        await expect(mail_view(page)).to_be_visible()
        await check_accessibility(page, size)
        for name in ("Text", "Headers", "Source") if number in "14" else ():
            await page.get_by_role("tab", name=name).click()
            await expect(page.get_by_role("region", name=name, exact=True)).to_be_visible()
            await check_accessibility(page, size)
    if size is NARROW:
        await page.get_by_role("button", name="Mailboxes").click()
        await check_accessibility(page, size)
    page = await mail_windows.window("", size=size)
    await expect(page.get_by_role("link", name="n" * 60)).to_be_visible()
    await check_accessibility(page, size)
