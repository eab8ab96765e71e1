"""Empty conversations and mailboxes at every size, and details of conversations and mailboxes."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.sandbox_page import NARROW, WIDE, SandboxWindows
from tests.support.smtp_conversation import MIA, message, send

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
_PLACEHOLDER_IS_CUT = """input => {
  const pen = document.createElement("canvas").getContext("2d");
  const style = getComputedStyle(input);
  pen.font = style.font;
  return pen.measureText(input.placeholder).width
    > input.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
}"""


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_the_first_screen_of_a_builder_explains_commands_and_starts_a_run(
    windows: SandboxWindows, size: dict[str, int]
) -> None:
    await windows.register()
    cleo = await windows.window("cleo", size=size)
    empty_view = cleo.locator(".nothing")
    await expect(empty_view).to_contain_text("A form opens. Refund more than 100 EUR, and Ada and Ben are asked.")
    await expect(empty_view.get_by_role("link", name="Open Ada’s window")).to_be_in_viewport()
    message_field = cleo.get_by_role("combobox", name="Message")
    assert not await message_field.evaluate(_PLACEHOLDER_IS_CUT)
    await empty_view.get_by_role("button", name="/signoff run refund").click()
    await expect(message_field).to_have_value("/signoff run refund")
    await expect(message_field).to_be_focused()
    await cleo.keyboard.press("Enter")
    await expect(cleo.get_by_role("dialog", name="Refund a customer")).to_be_visible()


async def test_the_first_screen_of_an_approver_says_where_requests_come_from(windows: SandboxWindows) -> None:
    ada = await windows.window("ada", size=NARROW)
    empty_view = ada.locator(".nothing")
    await expect(empty_view).to_contain_text("You approve things here. First Cleo has to ask for something")
    async with ada.context.expect_page() as opening:
        await empty_view.get_by_role("link", name="Open Cleo’s window").click()
    cleo = await opening.value
    await expect(cleo).to_have_title(re.compile("Cleo Builder"))
    await windows.open_refund_request("A-5001")
    await expect(empty_view).to_be_hidden()


async def test_an_empty_mailbox_says_how_an_email_gets_into_it(windows: SandboxWindows) -> None:
    page = await windows.window("ada")
    for address, hint in (
        (MIA, "Open Cleo’s window and run expense: then an email comes here."),
        ("ada@example.com", "They get an email only while Slack is down"),
        ("gus@example.com", "It appears here by itself"),
    ):
        await page.goto(f"{windows.demo.slack.page_url}/mail?to={address}")
        await expect(page.locator(".nothing", has_text="No email yet.")).to_contain_text(hint)


async def test_a_notice_does_not_hide_the_last_message(windows: SandboxWindows) -> None:
    for number in range(30):
        windows.demo.slack.person("ben").say(f"Line {number}", channel="general")
    page = await windows.window("cleo", "general")
    last = page.locator("li.message").last
    await expect(last).to_contain_text("Line 29")
    await page.get_by_role("combobox", name="Message").fill("/singoff")
    await page.keyboard.press("Enter")
    notice = page.locator(".composer").get_by_role("alert")
    await expect(notice).to_contain_text("/singoff is not a valid command.")
    await expect(last).to_be_in_viewport(ratio=1)
    await page.wait_for_function(
        "() => { const box = element => document.querySelector(element).getBoundingClientRect();"
        " return box('li.message:last-child').bottom <= box('.log').bottom + 1; }"
    )


async def _tone(page: Page, name: str) -> str:
    avatar = page.get_by_role("navigation").get_by_role("link", name=re.compile(f"^{name}")).first.locator(".avatar")
    await expect(avatar).to_have_count(1)
    return next(
        css_class for css_class in (await avatar.get_attribute("class") or "").split() if css_class.startswith("tone-")
    )


async def test_people_have_the_same_colour_in_slack_and_in_the_mailbox(windows: SandboxWindows) -> None:
    slack = await windows.window("ada")
    mail = await windows.tab(slack.context, f"{windows.demo.slack.page_url}/mail?to={MIA}")
    for name in ("Ada", "Ben", "Cleo", "Gus", "Una", "Mia"):
        assert await _tone(slack, name) == await _tone(mail, name), name


async def test_a_mailbox_counts_unread_emails(windows: SandboxWindows) -> None:
    for subject in ("First", "Second"):
        await send(windows.demo.slack, message(subject))
    page = await windows.window("ada")
    await page.goto(f"{windows.demo.slack.page_url}/mail?to={MIA}")
    mailbox = page.get_by_role("navigation", name="Mailboxes").get_by_role("link", name="Mia")
    await expect(mailbox.locator(".count")).to_have_text("2 unread")
    await page.get_by_role("link", name="First").click()
    await expect(mailbox.locator(".count")).to_have_text("1 unread")
    await page.get_by_role("link", name="Second").click()
    await expect(mailbox.locator(".count")).to_have_count(0)
