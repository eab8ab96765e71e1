"""What stands where nothing has happened yet, at every size, and small things around conversations and mailboxes."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.sandbox_page import NARROW, WIDE, SandboxWindows
from tests.support.smtp_conversation import MIA, message, send

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
_CUT = """input => {
  const pen = document.createElement("canvas").getContext("2d");
  const style = getComputedStyle(input);
  pen.font = style.font;
  return pen.measureText(input.placeholder).width
    > input.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
}"""


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_who_starts_things_is_told_how_and_starts_one(windows: SandboxWindows, size: dict[str, int]) -> None:
    await windows.register()
    cleo = await windows.window("cleo", size=size)
    first = cleo.locator(".nothing")
    await expect(first).to_contain_text("Type / below and choose a command")
    await expect(first.get_by_role("link", name="Open Ada’s window")).to_be_in_viewport()
    typing = cleo.get_by_role("combobox", name="Message")
    assert not await typing.evaluate(_CUT)
    await first.get_by_role("button", name="/signoff run refund").click()
    await expect(typing).to_have_value("/signoff run refund")
    await expect(typing).to_be_focused()
    await cleo.keyboard.press("Enter")
    await expect(cleo.get_by_role("dialog", name="Refund a customer")).to_be_visible()


async def test_who_approves_is_told_what_comes_and_where_it_is_started(windows: SandboxWindows) -> None:
    ada = await windows.window("ada", size=NARROW)
    first = ada.locator(".nothing")
    await expect(first).to_contain_text("Requests appear here by themselves once Cleo starts something")
    async with ada.context.expect_page() as opening:
        await first.get_by_role("link", name="Open Cleo’s window").click()
    cleo = await opening.value
    await expect(cleo).to_have_title(re.compile("Cleo Builder"))
    await windows.open_refund_request("A-5001")
    await expect(first).to_be_hidden()


async def test_an_empty_mailbox_says_how_a_mail_comes_into_it(windows: SandboxWindows) -> None:
    page = await windows.window("ada")
    for address, told in (
        (MIA, "as Cleo, type /signoff run expense"),
        ("ada@example.com", "only while Slack is down"),
        ("gus@example.com", "It appears here by itself"),
    ):
        await page.goto(f"{windows.demo.slack.page_url}/mail?to={address}")
        await expect(page.locator(".nothing", has_text="No mail yet.")).to_contain_text(told)


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
        "() => { const box = one => document.querySelector(one).getBoundingClientRect();"
        " return box('li.message:last-child').bottom <= box('.log').bottom + 1; }"
    )


async def _tone(page: Page, name: str) -> str:
    avatar = page.get_by_role("navigation").get_by_role("link", name=re.compile(f"^{name}")).first.locator(".avatar")
    await expect(avatar).to_have_count(1)
    return next(one for one in (await avatar.get_attribute("class") or "").split() if one.startswith("tone-"))


async def test_people_have_one_colour_in_slack_and_in_the_mail(windows: SandboxWindows) -> None:
    slack = await windows.window("ada")
    mail = await windows.tab(slack.context, f"{windows.demo.slack.page_url}/mail?to={MIA}")
    for name in ("Ada", "Ben", "Cleo", "Gus", "Una", "Mia"):
        assert await _tone(slack, name) == await _tone(mail, name), name


async def test_a_mailbox_counts_what_was_not_read(windows: SandboxWindows) -> None:
    for subject in ("First", "Second"):
        await send(windows.demo.slack, message(subject))
    page = await windows.window("ada")
    await page.goto(f"{windows.demo.slack.page_url}/mail?to={MIA}")
    box = page.get_by_role("navigation", name="Mailboxes").get_by_role("link", name="Mia")
    await expect(box.locator(".count")).to_have_text("2 unread")
    await page.get_by_role("link", name="First").click()
    await expect(box.locator(".count")).to_have_text("1 unread")
    await page.get_by_role("link", name="Second").click()
    await expect(box.locator(".count")).to_have_count(0)
