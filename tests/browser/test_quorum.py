"""Two of three people approve on the page of the sandbox, on the width of a phone."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from tests.browser.sandbox_page import NARROW, SandboxWindows, request_message

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

TITLE = "Send the newsletter?"
TWO_OF_THREE = f"""\
name: news
title: Newsletter
steps:
  - id: send
    uses: set
    with: {{text: Hello}}
    gate:
      title: {TITLE}
      edit: [text]
      approvers: [ada@example.com, ben@example.com, cleo@example.com]
      policy: {{quorum: 2}}
      exclude: []
"""


async def check_width(message: Locator) -> None:
    """Check that nothing of a message is cut off, or makes its page wider than the window."""
    overflow = "node => [node.scrollWidth - node.clientWidth, document.documentElement.scrollWidth - innerWidth]"
    assert await message.evaluate(overflow) == [0, 0]


async def test_two_of_three_approve_and_an_edit_voids_the_first_approval(windows: SandboxWindows) -> None:
    await windows.register(TWO_OF_THREE)
    await windows.start("news")
    pages = [await windows.window(name, size=NARROW) for name in ("ada", "ben", "cleo")]
    ada, ben, cleo = messages = [request_message(page, TITLE).first for page in pages]
    for message in messages:
        await expect(message).to_contain_text("2 of 3 have to approve.")
    await ada.get_by_role("button", name="Approve").click()
    await expect(ada).to_contain_text("Waiting for Ben Approver or Cleo Builder.")
    await expect(ada.get_by_role("button", name="Approve")).to_have_count(0)
    for message, other in ((ben, "Cleo Builder"), (cleo, "Ben Approver")):
        await expect(message).to_contain_text("1 of 2: Ada Approver approved, ")
        await expect(message).to_contain_text(f"Waiting for you or {other}.")
        await check_width(message)
    await ben.get_by_role("button", name="Edit").click()
    modal = pages[1].get_by_role("dialog", name="Edit, then approve")
    await modal.get_by_label("Text").fill("Good morning")
    await modal.get_by_role("button", name="Approve").click()
    await expect(modal).to_have_count(0)
    await expect(ben).to_contain_text("Waiting for Ada Approver or Cleo Builder.")
    alert = pages[0].locator("li.message", has_text="Ben Approver changed what you approved")
    await expect(alert).to_contain_text("Your approval does not count for the new version.")
    await expect(ada).to_contain_text("Ben Approver changed “Text”")
    for message in (*messages, alert):
        await check_width(message)
    await expect(cleo.locator("s")).to_have_text("Hello")
    await ada.get_by_role("button", name="Approve").click()
    for message in messages:
        await expect(message).to_contain_text("Approved with edits by Ben Approver and Ada Approver")
        await expect(message.get_by_role("button")).to_have_text(["Details"])
        await check_width(message)
