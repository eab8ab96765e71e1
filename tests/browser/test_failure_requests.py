"""A request about a failure on the review page in Chromium, with its script."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from engine.domain import RequestState
from tests.browser.review_page import NARROW, WIDE, ReviewWindows, check_accessibility
from tests.integration.web.test_failure_requests import failed

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "360"])


@SIZES
async def test_skip_and_stop_ask_for_a_reason_in_place(review: ReviewWindows, size: dict[str, int]) -> None:
    request = await failed(review.web)
    page = await review.open_link(size=size)
    skip, stop, again, cancel = (
        page.get_by_role("button", name=name, exact=True) for name in ("Skip", "Stop", "Try again", "Cancel")
    )
    await check_accessibility(page)
    await stop.click()
    await expect(page.get_by_label("Reason")).to_be_focused()
    await expect(skip).to_be_hidden()
    await expect(again).to_be_hidden()
    await cancel.click()
    await skip.click()
    await expect(stop).to_be_hidden()
    await page.get_by_label("Reason").fill("Paid by hand.")
    await check_accessibility(page)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await skip.dblclick()
    await expect(page.get_by_text("skipped this")).to_be_visible()
    assert (await review.web.reload(request)).model.state is RequestState.SKIPPED
    await check_accessibility(page)


@SIZES
async def test_a_change_is_tried_with_the_words_of_the_button(review: ReviewWindows, size: dict[str, int]) -> None:
    await failed(review.web)
    page = await review.open_link(size=size)
    await page.get_by_text("Change").first.click()
    await page.get_by_role("textbox").first.fill("Pay 99 EUR")
    await page.get_by_role("button", name="Try again with your changes").click()
    await expect(page.get_by_text("This step may have happened.")).to_be_visible()
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_text("tried this again").or_(page.get_by_text("Tried again")).first).to_be_visible()
