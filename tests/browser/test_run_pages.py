"""The page of a run in Chromium: it follows the run while it is open, and its buttons lead through a confirmation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from engine.domain import Address
from tests.browser.oversight_states import approve_counted
from tests.browser.page_states import ORDER, SAM, open_state_windows
from tests.browser.review_page import NARROW, ReviewWindows, sign_in_as
from tests.support.web_env import ADA

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def windows(tmp_path: Path, browser: Browser) -> AsyncIterator[ReviewWindows]:
    async with open_state_windows(tmp_path / "signoff.db", browser) as windows:
        yield windows


async def decide(windows: ReviewWindows, run: str) -> None:
    env = windows.web.engine_env
    env.pass_time(seconds=5)
    await env.decide(run, by=Address("email", ADA))
    await env.settle()


async def press(page: Page, button: str, confirmation: str) -> None:
    await page.get_by_role("button", name=button).click()
    await page.get_by_role("button", name=confirmation).click()


async def test_an_open_run_follows_what_happens_and_is_tried_again(windows: ReviewWindows) -> None:
    env = windows.web.engine_env
    await env.register(ORDER)
    run = await env.start("order", what="Broken kettle")
    await env.settle()
    page = await windows.window(size=NARROW)
    await sign_in_as(windows, page, SAM)
    await page.goto(f"{windows.web.url}/runs")
    await page.get_by_role("link", name="Order Broken kettle?").click()
    picture = page.get_by_role("img", name="The steps of the workflow")
    await expect(picture).to_contain_text("● waiting")
    await page.get_by_text("The workflow in words").click()
    await decide(windows, run)
    await expect(picture).to_contain_text("✕ failed")
    await expect(page.get_by_role("listitem").filter(has_text="Order it: failed")).to_be_visible()
    await press(page, "Try again", "Yes, try again")
    await expect(page.get_by_role("heading", name="Order it (visit 2)")).to_be_visible()
    await expect(picture).to_contain_text("● waiting")
    await page.get_by_role("link", name="Order Broken kettle?").last.click()
    await expect(page.get_by_text("← this request")).to_be_visible()
    await page.get_by_role("link", name="See the whole run").click()
    await press(page, "Cancel the run", "Yes, cancel the run")
    await env.settle()
    await expect(page.locator("#state .chip")).to_have_text("⊘ Cancelled")
    await expect(page.get_by_role("button")).to_have_count(0)
    await page.go_back()
    await expect(page.locator("#state .chip")).to_have_text("⊘ Cancelled")


async def test_the_buttons_work_by_keyboard_and_without_scripts(windows: ReviewWindows) -> None:
    env = windows.web.engine_env
    await env.register(ORDER)
    run = await env.start("order")
    await env.settle()
    page = await windows.window(size=NARROW, script=False)
    await sign_in_as(windows, page, SAM)
    await page.goto(f"{windows.web.url}/runs/{run}")
    await page.get_by_role("button", name="Cancel the run").focus()
    await page.keyboard.press("Enter")
    await page.get_by_label("Reason").fill("No kettle is needed.")
    await page.get_by_role("button", name="Yes, cancel the run").focus()
    await page.keyboard.press("Space")
    await expect(page.get_by_text("asked to cancel the run.")).to_be_visible()


async def test_a_report_that_something_is_wrong_brings_the_review_of_everything_back(windows: ReviewWindows) -> None:
    """By keyboard and without scripts, on a phone. The run is not changed, and a reason is needed."""
    env = windows.web.engine_env
    run = await approve_counted(windows, 2)
    page = await windows.window(size=NARROW, script=False)
    await sign_in_as(windows, page, SAM)
    await page.goto(f"{windows.web.url}/runs/{run}")
    await page.get_by_role("button", name="Something is wrong").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("nothing is undone")).to_be_visible()
    await page.get_by_role("button", name="Report it").click()
    await expect(page.get_by_role("heading", name="What is wrong?")).to_be_visible()
    await page.get_by_label("What is wrong").fill("It was paid twice.")
    await page.get_by_role("button", name="Report it").click()
    await expect(page.locator("#state .chip")).to_have_text("✓ Done")
    await expect(page.get_by_text("It was paid twice.")).to_be_visible()
    ((clean,),) = await env.rows("SELECT clean FROM sampling_plan")
    assert clean == 0


async def test_the_owner_reads_the_worst_case_and_agrees(windows: ReviewWindows) -> None:
    """The proposal of a plan in the inbox, on the review page, and afterwards on the page of a later run."""
    env = windows.web.engine_env
    await approve_counted(windows)
    page = await windows.window(size=NARROW)
    await sign_in_as(windows, page, SAM)
    await page.goto(f"{windows.web.url}/inbox")
    await page.get_by_role("link", name="Review only 10%").first.click()
    for text in ("Worst case", "goes through unreviewed and bad", "How sure", "In a row"):
        await expect(page.get_by_text(text).first).to_be_visible()
    await page.get_by_role("button", name="Review a share").click()
    await expect(page.get_by_text("You approved this").or_(page.get_by_text("You answered")).first).to_be_visible()
    await env.settle()
    ((stage,),) = await env.rows("SELECT stage FROM sampling_plan")
    assert stage == "sample"
