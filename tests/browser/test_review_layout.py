"""What people see of a review page at once, and what a press of a button reveals."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.page_states import MONEY
from tests.browser.review_page import BY_LINK, NARROW, WIDE, ReviewWindows, change, check_accessibility
from tests.support.web_env import ADA, email_workflow

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "360"])
LONG = "We are sorry that the blue kettle arrived broken, and sent 12.50 EUR back. " * 40
BUTTONS = ("Send email", "Hold it back")
COVERED = """\
() => {
  const focused = document.activeElement, bar = document.querySelector(".bar");
  if (focused === document.body || bar.contains(focused)) return false;
  const field = focused.getBoundingClientRect(), buttons = bar.getBoundingClientRect();
  return field.top >= buttons.top && field.top < Math.min(buttons.bottom, innerHeight);
}
"""
"""Return whether the focused element is hidden behind the buttons."""


async def scroll_to(page: Page, part: float) -> None:
    await page.evaluate("(part) => scrollTo(0, part * document.documentElement.scrollHeight)", part)


async def top(element: Locator) -> float:
    box = await element.bounding_box()
    assert box is not None
    return box["y"]


@SIZES
async def test_the_buttons_stay_in_view_and_cover_nothing_at_the_end(
    review: ReviewWindows, size: dict[str, int]
) -> None:
    await review.web.request_approval(BY_LINK, body=LONG)
    page = await review.open_link(size=size)
    for part in (0, 0.3, 0.6, 1):
        await scroll_to(page, part)
        for name in BUTTONS:
            await expect(page.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    last = page.locator("#asked")
    box = await last.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= await top(page.locator(".bar"))


@SIZES
async def test_the_focus_is_never_behind_the_buttons(review: ReviewWindows, size: dict[str, int]) -> None:
    await review.web.request_approval(BY_LINK, body=LONG)
    page = await review.open_link(size=size)
    await page.locator("#details > summary").click()
    await scroll_to(page, 0)
    for key in ["Tab"] * 12 + ["Shift+Tab"] * 12:
        await page.keyboard.press(key)
        assert not await page.evaluate(COVERED), await page.evaluate("document.activeElement.outerHTML.slice(0, 200)")


async def test_in_a_low_window_the_buttons_stand_at_the_end(review: ReviewWindows) -> None:
    await review.web.request_approval(BY_LINK, body=LONG)
    page = await review.open_link(size={"width": 640, "height": 360})
    await expect(page.get_by_role("button", name="Send email")).not_to_be_in_viewport()
    await scroll_to(page, 1)
    await expect(page.get_by_role("button", name="Send email")).to_be_in_viewport(ratio=1)


@SIZES
async def test_the_question_and_the_values_stand_above_everything_technical(
    review: ReviewWindows, size: dict[str, int]
) -> None:
    await review.web.request_approval(f"      expires: 4h\n{BY_LINK}")
    page = await review.open_link(size=size)
    parts = ["h1", "#context", ".values", "#details"]
    tops = [await top(page.locator(part).first) for part in parts]
    assert tops == sorted(tops)
    await expect(page.get_by_text("Fingerprint of the content")).to_be_hidden()
    await page.locator("#details > summary").click()
    await expect(page.get_by_text("Fingerprint of the content")).to_be_visible()


async def test_one_changed_digit_of_a_long_text_is_found_while_typing(review: ReviewWindows) -> None:
    await review.web.request_approval(BY_LINK, body=LONG)
    page = await review.open_link()
    await expect(page.locator("del, ins")).to_have_count(0)
    text = await change(page)
    await text.fill(LONG.replace("12.50", "12.80", 1))
    await expect(page.locator(".typed del")).to_have_text("12.50 ")
    await expect(page.locator(".typed ins")).to_have_text("12.80 ")
    await expect(page.locator(".typed .fold")).to_have_count(1)
    await expect(page.get_by_role("button", name="Send email with your changes")).to_be_visible()
    await text.fill(LONG)
    await expect(page.locator("del, ins")).to_have_count(0)
    await expect(page.get_by_role("button", name="Send email", exact=True)).to_be_visible()


@SIZES
async def test_the_difference_stays_in_view_while_a_long_text_is_typed(
    review: ReviewWindows, size: dict[str, int]
) -> None:
    await review.web.request_approval(BY_LINK, body=LONG)
    page = await review.open_link(size=size)
    text = await change(page)
    await text.press("ControlOrMeta+Home")
    await text.press_sequentially("Dear Kim, ")
    added = page.locator(".typed ins")
    await expect(added).to_be_in_viewport(ratio=1)
    box, bar = await added.bounding_box(), await top(page.locator(".bar"))
    assert box is not None
    assert box["y"] + box["height"] <= bar


async def test_the_difference_of_a_short_value_is_not_behind_the_buttons(review: ReviewWindows) -> None:
    await review.web.request_approval(source=MONEY)
    page = await review.open_link(size={"width": 360, "height": 520})
    field = await change(page, "Amount")
    await field.fill("99.5")
    added = page.locator(".typed ins")
    await expect(added).to_be_in_viewport(ratio=1)
    box, typed, bar = await added.bounding_box(), await field.bounding_box(), await top(page.locator(".bar"))
    assert box is not None
    assert typed is not None
    assert 0 <= typed["y"] < typed["y"] + typed["height"] <= box["y"] < box["y"] + box["height"] <= bar


async def test_an_amount_is_shown_with_all_its_decimals_while_it_is_typed(review: ReviewWindows) -> None:
    await review.web.request_approval(source=MONEY)
    page = await review.open_link(size=NARROW)
    await (await change(page, "Amount")).fill("99.5")
    await expect(page.locator(".typed ins")).to_have_text("99.50 EUR")


async def test_the_old_value_can_be_kept_after_all(review: ReviewWindows) -> None:
    request = await review.web.request_approval(source=MONEY)
    page = await review.open_link(size=NARROW)
    keep = page.get_by_role("button", name="Keep the old value of Amount")
    await expect(keep).to_be_hidden()
    await (await change(page, "Amount")).fill("99.5")
    await keep.click()
    await expect(page.locator(".value", has_text="Amount").locator(".now")).to_be_visible()
    await expect(page.locator("summary", has_text="Change Amount")).to_be_focused()
    await expect(page.locator(".changed-mark, .typed ins")).to_have_count(0)
    await (await change(page, "Amount")).fill("abc")
    await page.get_by_role("button", name="Pay the refund").click()
    await expect(page.locator("#errors")).to_be_visible()
    await keep.click()
    await expect(page.get_by_role("button", name="Pay the refund", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Pay the refund").click()
    await page.get_by_label("Code").fill(await review.code())
    await page.get_by_role("button", name="Confirm").click()
    await expect(page.get_by_text("You approved this")).to_be_visible()
    decision = (await review.web.reload(request)).decision
    assert decision is not None
    assert not decision.edits


async def test_the_page_says_that_a_text_is_changed_if_the_server_cannot_be_asked(review: ReviewWindows) -> None:
    await review.web.request_approval(BY_LINK)
    page = await review.open_link()
    await page.route("**/changes", lambda route: route.fulfill(status=503))
    async with page.expect_response("**/changes"):
        await (await change(page)).fill("Dear Kim, no.")
    await expect(page.locator(".changed-mark")).to_have_text("changed")
    await expect(page.get_by_role("button", name="Send email with your changes")).to_be_visible()


@SIZES
async def test_a_code_of_sixteen_digits_fits_its_field(review: ReviewWindows, size: dict[str, int]) -> None:
    await review.web.request_approval()
    page = await review.window(size=size)
    await page.goto(f"{review.web.url}/inbox")
    await page.get_by_label("Email address").fill(ADA)
    await page.get_by_role("button", name="Send me a code").click()
    code = page.get_by_label("Code")
    await code.fill(await review.code())
    assert len(await code.input_value()) == len("1234 5678 1234 5678")
    assert await code.evaluate("input => input.scrollWidth <= input.clientWidth")


@SIZES
async def test_times_in_the_history_stand_within_their_sentences(review: ReviewWindows, size: dict[str, int]) -> None:
    await review.web.request_approval(BY_LINK)
    page = await review.open_link(size=size)
    await page.locator("#details > summary").click()
    await page.locator("#run-history > summary").click()
    times = page.locator(".history time")
    await expect(times.first).to_be_visible()
    for time in await times.all():
        assert await time.evaluate("time => [getComputedStyle(time).display, time.getClientRects().length]") == [
            "inline",
            1,
        ]


async def test_a_rejection_without_its_reason_can_be_given_one_or_be_cancelled(review: ReviewWindows) -> None:
    await review.web.request_approval("      reason_required: reject\n")
    page = await review.open_link()
    reason, hold_back = page.get_by_label("Reason"), page.get_by_role("button", name="Hold it back")
    await hold_back.click()
    await hold_back.click()
    await expect(page.locator("#errors")).to_be_visible()
    await expect(reason).to_be_visible()
    await expect(page.get_by_role("button", name="Send email")).to_be_hidden()
    await page.get_by_role("button", name="Cancel").click()
    await expect(reason).to_be_hidden()
    await expect(page.get_by_role("button", name="Send email")).to_be_visible()


@SIZES
async def test_the_reason_is_asked_for_with_the_rejection(review: ReviewWindows, size: dict[str, int]) -> None:
    await review.web.request_approval(BY_LINK, body=LONG)
    page = await review.open_link(size=size)
    reason = page.get_by_label("Reason")
    await expect(reason).to_be_hidden()
    await page.get_by_role("button", name="Hold it back").click()
    await expect(reason).to_be_focused()
    await expect(reason).to_be_in_viewport(ratio=1)
    for name in ("Hold it back", "Cancel"):
        await expect(page.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    await expect(page.get_by_role("button", name="Send email")).to_be_hidden()
    await check_accessibility(page)
    await page.get_by_role("button", name="Cancel").click()
    await expect(reason).to_be_hidden()
    await expect(page.get_by_role("button", name="Hold it back")).to_be_focused()
    await page.get_by_role("button", name="Hold it back").click()
    await reason.fill("Not today")
    await page.get_by_role("button", name="Hold it back").click()
    await expect(page.get_by_text("Rejected").first).to_be_visible()
    await expect(page.get_by_text("Not today")).to_be_visible()


async def test_a_reason_that_is_always_needed_is_asked_for_at_once(review: ReviewWindows) -> None:
    await review.web.request_approval(source=email_workflow(f"      reason_required: always\n{BY_LINK}"))
    page = await review.open_link()
    await expect(page.get_by_label("Reason")).to_be_visible()
    await page.get_by_label("Reason").fill("Checked")
    await page.get_by_role("button", name="Send email").click()
    await expect(page.get_by_text("Approved").first).to_be_visible()


async def test_a_request_that_is_decided_looks_different_for_each_outcome(review: ReviewWindows) -> None:
    await review.web.request_approval(BY_LINK)
    page = await review.open_link()
    await page.get_by_role("button", name="Send email").click()
    chip = page.locator("main > .chip")
    await expect(chip).to_have_text("✓ Approved")
    assert await chip.locator(".icon").get_attribute("aria-hidden") == "true"
    await review.web.request_approval(f"      expires: 1h\n{BY_LINK}")
    page = await review.open_link()
    review.web.engine_env.pass_time(hours=2)
    await review.web.engine_env.settle()
    await page.reload()
    await expect(page.locator("main > .chip")).to_have_text("◷ Expired")
