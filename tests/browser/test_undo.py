"""Undoing an approval in Chromium: the receipt, the page that asks, and the request that asks again."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from engine.domain import RequestState
from tests.browser.review_page import BY_LINK, NARROW, WIDE, ReviewWindows, check_accessibility
from tests.browser.sandbox_page import SandboxWindows

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "360"])
async def test_an_approval_is_undone_on_its_receipt(review: ReviewWindows, size: dict[str, int]) -> None:
    request = await review.web.request_approval(f"{BY_LINK}      hold: 10m\n")
    page = await review.open_link(size=size)
    await page.get_by_role("button", name="Send email").click()
    await expect(page.get_by_text("unless undone.")).to_be_visible()
    await check_accessibility(page)
    await page.get_by_role("link", name="Undo").click()
    await expect(page.get_by_role("heading", name="Undo the approval")).to_be_visible()
    await check_accessibility(page)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    review.web.engine_env.pass_time(seconds=1)
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_text("undid the approval").first).to_be_visible()
    await check_accessibility(page)
    assert (await review.web.reload(request)).model.state is RequestState.UNDONE
    await review.web.engine_env.settle()
    again = await review.open_link(size=size)
    await expect(again.get_by_text("Asked again")).to_be_visible()
    await check_accessibility(again)


HELD = """\
name: pay
title: Pay a refund
inputs:
  amount: {type: number, default: 120}
steps:
  - id: pay
    uses: set
    with: {text: "{{ inputs.amount }} EUR"}
    gate: {title: "Refund {{ inputs.amount }} EUR?", approvers: [ada@example.com, ben@example.com], hold: 1h}
"""


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "360"])
async def test_the_button_on_a_message_asks_back_and_undoes_it(windows: SandboxWindows, size: dict[str, int]) -> None:
    await windows.register(HELD)
    await windows.start("pay")
    ada, ben = await windows.window("ada", size=size), await windows.window("ben", size=size)
    await ada.get_by_role("button", name="Approve").click()
    await expect(ada.get_by_text("unless undone.").first).to_be_visible()
    await expect(ben.get_by_text("unless undone.").first).to_be_visible()
    await expect(ben.get_by_role("button", name="Undo")).to_have_count(0)
    await ada.get_by_role("button", name="Undo").click()
    await expect(ada.get_by_text("Take this approval back?")).to_be_visible()
    await ada.get_by_role("dialog").get_by_role("button", name="Undo").click()
    await expect(ada.get_by_text("Undone by Ada Approver").first).to_be_visible()
    await expect(ben.get_by_text("Asked again").first).to_be_visible()
    await expect(ben.get_by_role("button", name="Approve")).to_be_visible()
