"""Asking for changes on the review page in Chromium, with and without its script."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from engine.domain import RequestState
from tests.browser.review_page import NARROW, WIDE, ReviewWindows, check_accessibility
from tests.integration.web.test_revise import SOURCE

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "360"])


@SIZES
async def test_either_button_asks_for_its_own_text_in_place(review: ReviewWindows, size: dict[str, int]) -> None:
    request = await review.web.request_approval(source=SOURCE)
    page = await review.open_link(size=size)
    revise, reject, approve, cancel = (
        page.get_by_role("button", name=name, exact=True) for name in ("Ask for changes", "Reject", "Approve", "Cancel")
    )
    await revise.click()
    await expect(page.get_by_label("What should change?")).to_be_focused()
    await expect(reject).to_be_hidden()
    await expect(approve).to_be_hidden()
    await check_accessibility(page)
    await cancel.click()
    await expect(revise).to_be_focused()
    await reject.click()
    await expect(page.get_by_label("Reason")).to_be_focused()
    await expect(revise).to_be_hidden()
    await cancel.click()
    await expect(reject).to_be_focused()
    await revise.focus()
    await page.keyboard.press("Enter")
    await page.get_by_label("What should change?").fill("shorter")
    await page.emulate_media(color_scheme="dark")
    await check_accessibility(page)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await revise.dblclick()
    await expect(page.get_by_text("sent this back for changes")).to_be_visible()
    assert (await review.web.reload(request)).model.state is RequestState.CHANGES_REQUESTED
    review.web.engine_env.pass_time(seconds=1)
    await review.web.engine_env.settle()
    second = await review.open_link(size=size)
    await expect(second.get_by_text("asked for changes").first).to_be_visible()
    await check_accessibility(second)


async def test_without_the_script_the_page_asks_after_the_button(review: ReviewWindows) -> None:
    request = await review.web.request_approval(source=SOURCE)
    page = await review.open_link(script=False)
    await page.get_by_role("button", name="Ask for changes").click()
    await page.get_by_label("What should change?").fill("shorter")
    await page.get_by_role("button", name="Ask for changes").click()
    await expect(page.get_by_text("sent this back for changes")).to_be_visible()
    assert (await review.web.reload(request)).model.state is RequestState.CHANGES_REQUESTED
