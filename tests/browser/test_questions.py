"""An approver asks the requester before they decide, and goes away with a delegate, on the page of the sandbox."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.sandbox_page import NARROW, SandboxWindows, request_message
from tests.browser.test_quorum import check_width

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

TITLE = "Send the newsletter?"
ONE = f"""\
name: news
title: Newsletter
steps:
  - id: send
    uses: set
    with: {{text: Hello}}
    gate:
      title: {TITLE}
      approvers: [ada@example.com]
"""


async def test_a_question_is_answered_before_the_decision(windows: SandboxWindows) -> None:
    await windows.register(ONE)
    await windows.start("news")
    ada_page, cleo_page = [await windows.window(name, size=NARROW) for name in ("ada", "cleo")]
    ada = request_message(ada_page, TITLE).first
    await ada.get_by_role("button", name="Ask").click()
    form = ada_page.get_by_role("dialog", name="Ask a question")
    await form.get_by_label("Your question").fill("Who reads it?")
    await form.get_by_role("button", name="Ask").click()
    await expect(form).to_have_count(0)
    await expect(ada_page.get_by_text("Cleo Builder has been asked.").first).to_be_visible()
    asked = cleo_page.locator("li.message", has_text="Who reads it?")
    await asked.get_by_role("button", name="Answer").click()
    form = cleo_page.get_by_role("dialog", name="Answer")
    await form.get_by_label("Your answer").fill("Our customers.")
    await form.get_by_role("button", name="Send answer").click()
    await expect(form).to_have_count(0)
    await expect(ada).to_contain_text("Our customers.")
    await check_width(ada)
    await ada.get_by_role("button", name="Approve").click()
    await expect(ada).to_contain_text("Approved by Ada Approver")


async def test_a_person_who_is_away_is_replaced_by_their_delegate(windows: SandboxWindows) -> None:
    await windows.register(ONE)
    await windows.start("news")
    ada_page, ben_page = [await windows.window(name, size=NARROW) for name in ("ada", "ben")]
    ada = request_message(ada_page, TITLE).first
    await expect(ada.get_by_role("button", name="Approve")).to_be_visible()
    await ada_page.get_by_role("combobox", name="Message").fill("/signoff away @ben for 2 days")
    await ada_page.get_by_role("combobox", name="Message").press("Enter")
    # A name that is no mention may be of anyone, so the form asks.
    form = ada_page.get_by_role("dialog", name="Away")
    await form.get_by_label("Who decides in your place?").select_option(label="Ben Approver")
    await form.get_by_role("button", name="Save").click()
    ben = request_message(ben_page, TITLE).first
    await expect(ada).to_contain_text("Ben Approver decides in your place.")
    await expect(ada.get_by_role("button", name="Approve")).to_have_count(0)
    await check_width(ada)
    await ben.get_by_role("button", name="Approve").click()
    await expect(ben).to_contain_text("Approved by Ben Approver")
