"""People decide on the review page: with the keyboard alone, without a script, with a double click."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from playwright.async_api import Page, expect

from engine.domain import RequestState
from tests.browser.review_page import BY_LINK, EVERY_FIELD, ReviewWindows, change, reject
from tests.support.web_env import ADA, BEN, email_workflow

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_from_the_link_to_the_receipt_with_the_keyboard_alone(review: ReviewWindows) -> None:
    request = await review.web.request_approval()
    page = await review.open_link()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Send this to Kim?")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await _tab_to(page, ".change summary")
    await page.keyboard.press("Enter")
    await expect(page.locator("textarea[name^=f-]")).to_be_focused()
    await page.keyboard.press("Control+End")
    await page.keyboard.type(" Bye.")
    await expect(page.get_by_role("button", name="Send email with your changes")).to_be_visible()
    await _tab_to(page, "button[value=approve]")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Enter the code that we sent to a…@example.com")
    await _tab_to(page, "#code")
    await page.keyboard.type(await review.code())
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Approved with edits").first).to_be_visible()
    decision = (await review.web.reload(request)).decision
    assert decision is not None
    assert str(decision.edits[0].after).endswith("on its way. Bye.")


async def _tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus. Fail unless it is in view and has an outline."""
    target = page.locator(selector)
    for _ in range(40):
        await page.keyboard.press("Tab")
        if await target.evaluate("(element) => element === document.activeElement"):
            break
    await expect(target).to_be_focused()
    await expect(target).to_be_in_viewport()
    assert await target.evaluate("(element) => getComputedStyle(element).outlineStyle !== 'none'")


async def test_enter_in_a_field_decides_nothing(review: ReviewWindows) -> None:
    request = await review.web.request_approval(source=EVERY_FIELD)
    for script in (True, False):
        page = await review.open_link(script=script)
        await page.get_by_label("Word").press("Enter")
        await page.get_by_label("Must be typed").fill("something")
        await page.get_by_label("Must be typed").press("Enter")
        await expect(page.get_by_label("Must be typed")).to_have_value("something")
    assert (await review.web.reload(request)).model.state is RequestState.PENDING


@pytest.mark.parametrize("script", [True, False], ids=["with a script", "without"])
async def test_an_untouched_form_changes_only_the_field_that_was_typed(review: ReviewWindows, script: bool) -> None:
    request = await review.web.request_approval(source=EVERY_FIELD)
    page = await review.open_link(script=script)
    await page.get_by_label("Must be typed").fill("typed")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.get_by_text("Filled in").first).to_be_visible()
    decision = (await review.web.reload(request)).decision
    assert decision is not None
    assert [edit.path for edit in decision.edits] == [("none",)]


async def test_values_that_browsers_change_are_no_edits(review: ReviewWindows) -> None:
    for body in (
        "\n\n leading",
        "a\r\nb\rc\n",
        "tab\tand \u2028 and \u200b \u202e",
        " a ",
        "x\x0by",
        "</textarea>&amp;",
    ):
        request = await review.web.request_approval(BY_LINK, body=body)
        page = await review.open_link()
        await page.get_by_role("button", name="Send email", exact=True).click()
        await expect(page.get_by_text("Approved").first).to_be_visible()
        decision = (await review.web.reload(request)).decision
        assert decision is not None
        assert decision.edits == (), repr(body)


@pytest.mark.parametrize("script", [True, False], ids=["with a script", "without"])
async def test_a_double_click_decides_once_and_shows_the_receipt(review: ReviewWindows, script: bool) -> None:
    request = await review.web.request_approval(BY_LINK)
    page = await review.open_link(script=script)
    await page.get_by_role("button", name="Send email", exact=True).dblclick()
    await expect(page.get_by_text("Approved").first).to_be_visible()
    await expect(page.get_by_text("was not counted")).to_have_count(0)
    kinds = await review.web.engine_env.kinds(request.run)
    assert kinds.count("request.approved") == 1


async def test_everything_works_without_a_script(review: ReviewWindows) -> None:
    request = await review.web.request_approval('      confirm: "Really?"\n')
    page = await review.open_link(script=False)
    await expect(page.get_by_label("Reason")).to_be_hidden()
    await page.get_by_role("button", name="Hold it back").click()
    await expect(page.get_by_label("Reason")).to_be_focused()
    await page.get_by_role("button", name="Hold it back").click()
    await page.get_by_role("link", name="Please say why you reject this").click()
    await expect(page.get_by_label("Reason")).to_be_focused()
    await (await change(page)).fill("Other")
    await page.get_by_role("button", name="Send email").click()
    await page.get_by_role("button", name="Go back").click()
    await expect(page.get_by_label("text")).to_have_value("Other")
    await expect(page.locator(".typed ins")).to_have_text("Other")
    await page.get_by_role("button", name="Send email").click()
    await page.get_by_role("button", name="Yes: Send email").click()
    await page.get_by_role("link", name="Go back").click()
    await expect(page.get_by_label("text")).to_have_value("Other")
    await page.get_by_role("button", name="Send email").click()
    await page.get_by_role("button", name="Yes: Send email").click()
    code = await review.code()
    await page.get_by_label("Code").fill(f"{code[:4]} {code[4:]}")
    await page.get_by_role("button", name="Confirm").click()
    await expect(page.get_by_text("Approved with edits").first).to_be_visible()
    assert (await review.web.reload(request)).model.state is RequestState.APPROVED


async def test_an_open_page_shows_the_decision_and_keeps_the_typed_text(review: ReviewWindows) -> None:
    await review.web.request_approval(BY_LINK)
    ada, ben = await review.open_link(ADA), await review.open_link(BEN)
    await (await change(ada)).fill("My long answer")
    await reject(ben, "Not today")
    await expect(ada.get_by_text("Your answer is no longer needed")).to_be_visible()
    await expect(ada.locator(".bar")).to_contain_text("Rejected by ben@example.com")
    # A time is one element, so that it stays in one line.
    await expect(ada.locator("#live time")).to_have_css("white-space", "nowrap")
    await expect(ada.locator("button:visible")).to_have_count(0)
    await ada.get_by_label("text").press("Enter")
    await expect(ada.get_by_label("text")).to_have_value("My long answer")
    await ada.get_by_role("link", name="Show the outcome").click()
    await expect(ada.get_by_text("Rejected").first).to_be_visible()


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
async def test_going_back_after_the_decision_shows_it_and_decides_nothing_else(
    review: ReviewWindows, *, script: bool
) -> None:
    request = await review.web.request_approval(BY_LINK)
    page = await review.open_link(script=script)
    await page.get_by_role("button", name="Send email").click()
    await expect(page.locator(".outcome").first).to_be_visible()
    await page.go_back()
    if await page.get_by_role("button", name="Hold it back").is_visible():
        await page.get_by_role("button", name="Hold it back").click()
    await expect(page.get_by_text("Approved").first).to_be_visible()
    assert (await review.web.reload(request)).model.state is RequestState.APPROVED
    kinds = await review.web.engine_env.kinds(request.run)
    assert (kinds.count("request.approved"), kinds.count("request.rejected")) == (1, 0)


async def test_a_receipt_follows_the_run(review: ReviewWindows) -> None:
    await review.web.request_approval(BY_LINK)
    page = await review.open_link()
    await page.get_by_role("button", name="Send email", exact=True).click()
    await expect(page.locator("#since")).to_have_text("The result will appear here.")
    await review.web.engine_env.settle()
    await expect(page.locator("#since")).to_contain_text("Send: done, ")


async def test_all_of_a_receipt_follows_the_run(review: ReviewWindows) -> None:
    await review.web.request_approval(
        source=f"{email_workflow()}  - id: note\n    uses: set\n    with: {{sent: true}}\n"
    )
    page = await review.open_link()
    await page.get_by_role("button", name="Send email", exact=True).click()
    await page.get_by_label("Code").fill(await review.code())
    await page.get_by_role("button", name="Confirm").click()
    story, history = page.locator("#story"), page.locator("#run-history")
    await expect(story.get_by_text("is done")).to_have_count(0)
    await expect(story.get_by_text("Note", exact=True)).to_have_count(0)
    await page.locator("#details > summary").click()
    await history.locator("summary").click()
    await review.web.engine_env.settle()
    await expect(page.locator("#since")).to_contain_text("Send: done, ")
    await expect(story).to_contain_text("The run is done.")
    await expect(story.get_by_text("Note", exact=True)).to_be_visible()
    assert "wait" not in await story.inner_text()
    await expect(history).to_have_attribute("open", "")
    await expect(history.locator("summary")).to_be_focused()


@pytest.mark.parametrize("signed_in", [True, False], ids=["signed-in", "link"])
async def test_an_open_page_does_not_say_that_a_decided_request_waits(review: ReviewWindows, signed_in: bool) -> None:
    if signed_in:
        await review.web.request_approval()
        ada = await review.open_link(ADA)
        await ada.get_by_role("button", name="Send email", exact=True).click()
        await ada.get_by_label("Code").fill(await review.code())
        await ada.get_by_role("button", name="Confirm").click()
        await ada.get_by_text("You approved this").wait_for()
    else:
        ada = await review.window()
    await review.web.request_approval(f"      expires: 2d\n{BY_LINK}")
    await review.open_link(ADA, page=ada)
    await expect(ada.get_by_text("can decide.")).to_be_visible()
    await expect(ada.locator("#content-title")).to_have_text("What will be done")
    ben = await review.open_link(BEN)
    await reject(ben, "Not to Eve")
    await review.web.engine_env.settle()
    await expect(ada.locator("#live p").first).to_have_text(re.compile("Reason: Not to Eve$"))
    await expect(ada.locator("#live p").last).to_have_text("Your answer is no longer needed.")
    await expect(ada.get_by_text("can decide.")).to_have_count(0)
    await expect(ada.get_by_text("waits for a decision")).to_have_count(0)
    await expect(ada.locator("#context, #asked")).to_have_count(0)
    await expect(ada.get_by_text("What will be done")).to_have_count(0)
    await expect(ada.get_by_role("region", name="What was asked")).to_be_visible()
    await expect(ada.get_by_text("The run ended because the request was rejected")).to_have_count(1 if signed_in else 0)


async def test_times_are_shown_in_the_time_zone_of_the_reader(review: ReviewWindows) -> None:
    await review.web.request_approval("      expires: 4h\n")
    page = await review.open_link(timezone_id="Asia/Tokyo", locale="en-GB")
    await expect(page.locator(".deadline")).to_have_text("Expires Mar 2, 2026, 10:00 PM, then the run is stopped.")
    await expect(page.locator(".deadline time")).to_have_attribute("title", "Mar 2, 2026, 1:00 PM UTC")


async def test_a_deadline_of_today_says_so_until_it_has_passed(review: ReviewWindows) -> None:
    await review.web.request_approval("      expires: 4h\n")
    page = await review.open_link(timezone_id="Asia/Tokyo", locale="de-DE")
    deadline = page.locator(".deadline")
    # In Tokyo it is still the day before, two minutes before midnight.
    await page.clock.install(time=datetime(2026, 3, 1, 14, 58, tzinfo=UTC))
    await page.reload()
    await expect(deadline).to_have_text("Expires Mar 2, 2026, 10:00 PM, then the run is stopped.")
    await page.clock.run_for(3 * 60_000)
    await expect(deadline).to_have_text("Expires today at 10:00 PM, then the run is stopped.")
    await expect(deadline.locator("time")).to_have_attribute("title", "Mar 2, 2026, 1:00 PM UTC")
    await page.clock.install(time=datetime(2026, 3, 2, 13, 1, tzinfo=UTC))
    await page.reload()
    await expect(deadline).to_have_text("Expires Mar 2, 2026, 10:00 PM, then the run is stopped.")


async def test_times_are_in_utc_without_a_script(review: ReviewWindows) -> None:
    await review.web.request_approval("      expires: 4h\n")
    page = await review.open_link(timezone_id="Asia/Tokyo", script=False)
    await expect(page.locator(".deadline")).to_have_text("Expires Mar 2, 2026, 1:00 PM UTC, then the run is stopped.")


_HIDE_PAGE = """() => {
  Object.defineProperty(document, "hidden", {value: true, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
}"""
_SHOW_PAGE = """() => {
  delete document.hidden;
  document.dispatchEvent(new Event("visibilitychange"));
}"""


async def test_hidden_pages_free_their_connections_and_catch_up_when_shown(
    review: ReviewWindows,
) -> None:
    await review.web.request_approval(BY_LINK)
    first = await review.open_link()
    pages = [first]
    for _ in range(7):
        await pages[-1].evaluate(_HIDE_PAGE)
        pages.append(await review.open_link(page=await first.context.new_page()))
    await reject(pages[-1], "Not today")
    await expect(pages[-1].get_by_text("Rejected").first).to_be_visible()
    await expect(first.get_by_text("Your answer is no longer needed")).to_have_count(0)
    await first.evaluate(_SHOW_PAGE)
    await expect(first.get_by_text("Your answer is no longer needed")).to_be_visible()
