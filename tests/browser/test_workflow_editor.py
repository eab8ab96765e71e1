"""The editor of workflow files in Chromium: completion, help and errors while typing, by keyboard, without scripts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from engine.domain import NotFound
from engine.steps.registry import builtin
from tests.browser.review_page import NARROW, WIDE, ReviewWindows, open_review_windows, sign_in_as
from tests.browser.workflow_states import SECOND, register_both, write_file

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
EDIT = "/workflows/refund/edit"


@pytest_asyncio.fixture(loop_scope="session")
async def windows(tmp_path: Path, browser: Browser) -> AsyncIterator[ReviewWindows]:
    """Yield windows that fail the test if the page reports an error, such as a violation of our content policy."""
    builders = ("sam@example.com",)
    async with open_review_windows(tmp_path / "signoff.db", browser, builders=builders, steps=builtin()) as windows:
        await register_both(windows.web.engine_env)
        yield windows


async def open_editor(windows: ReviewWindows, *, script: bool = True, size: dict[str, int] = WIDE) -> Page:
    page = await windows.window(script=script, size=size)
    await sign_in_as(windows, page, "sam@example.com")
    async with page.expect_response("**/workflow-file?*") if script else page.expect_response(f"**{EDIT}"):
        await page.goto(f"{windows.web.url}{EDIT}")
    return page


def offered(page: Page) -> Locator:
    return page.get_by_role("listbox").get_by_role("option")


async def registered(windows: ReviewWindows) -> str:
    view = await windows.web.engine_env.engine.workflow("refund")
    assert not isinstance(view, NotFound)
    return view.source.decode()


async def test_keys_and_values_are_offered_where_they_can_stand_with_what_they_mean(windows: ReviewWindows) -> None:
    page = await open_editor(windows)
    await write_file(page, f"{SECOND}    on_er")
    await page.keyboard.press("Control+Space")
    await expect(offered(page)).to_have_count(1)
    await expect(offered(page)).to_contain_text("on_error")
    await expect(page.get_by_text("What happens if the step fails").first).to_be_visible()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Control+Space")
    await expect(offered(page)).to_have_text(["stop", "continue", "ask"])
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Register").click()
    await page.get_by_role("heading", name="Versions").wait_for()
    assert await registered(windows) == f"{SECOND}    on_error: continue"


async def test_what_is_offered_fits_the_kind_of_the_step_inside_braces_too(windows: ReviewWindows) -> None:
    page = await open_editor(windows)
    await write_file(page, f"{SECOND}  - id: ask\n    uses: form\n    fields:\n      amount: {{type: mon")
    await page.keyboard.press("Control+Space")
    await expect(offered(page)).to_have_text(["money"])
    await page.keyboard.press("Escape")
    await page.keyboard.type("ey, lab")
    await page.keyboard.press("Control+Space")
    await expect(offered(page).first).to_contain_text("label")
    await expect(page.get_by_text("The text that people see.").first).to_be_visible()


async def test_errors_are_marked_at_their_line_while_typing_in_the_words_of_the_check(windows: ReviewWindows) -> None:
    page = await open_editor(windows)
    status = page.get_by_role("status")
    await expect(status).to_contain_text("no problems")
    await write_file(page, SECOND.replace("approvers:", "aprovers:"))
    await expect(status).to_contain_text("Line 14: ")
    await expect(status).to_contain_text("Did you mean `approvers`?")
    await expect(page.locator(".cm-lintRange-error")).to_have_text("aprovers")
    await page.locator(".cm-lintRange-error").hover()
    await expect(page.get_by_role("tooltip").or_(page.locator(".cm-tooltip")).first).to_contain_text("Did you mean")
    await page.get_by_role("textbox", name="Workflow file").focus()
    await page.keyboard.press("F8")
    await write_file(page, SECOND)
    await expect(status).to_contain_text("no problems")


async def test_a_key_is_explained_under_the_pointer(windows: ReviewWindows) -> None:
    page = await open_editor(windows)
    await page.get_by_text("approvers", exact=True).first.hover()
    await expect(page.locator(".cm-tooltip")).to_contain_text("The people who are asked.")


async def test_tab_leaves_the_editor_and_what_was_typed_is_registered_by_keyboard(windows: ReviewWindows) -> None:
    page = await open_editor(windows, size=NARROW)
    await write_file(page, SECOND.replace("Refund an order", "Refund one order"))
    for button in ("Check and compare", "Register"):
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name=button)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Refund one order")).to_be_visible()


async def test_without_scripts_the_field_is_plain_and_works(windows: ReviewWindows) -> None:
    page = await open_editor(windows, script=False)
    await page.get_by_label("Workflow file").fill(SECOND.replace("Refund an order", "Refund one order"))
    await expect(page.get_by_text("Ctrl+Space")).to_be_hidden()
    await page.get_by_role("button", name="Register").click()
    await expect(page.get_by_role("heading", name="Refund one order")).to_be_visible()


async def test_characters_that_cannot_be_seen_are_shown(windows: ReviewWindows) -> None:
    page = await open_editor(windows)
    await write_file(page, SECOND.replace("Refund an order", "Refund \u202ean\u200b order שלום"))
    await expect(page.get_by_text("U+202E")).to_be_visible()
    await expect(page.get_by_text("U+200B")).to_be_visible()


async def test_a_file_of_five_thousand_lines_stays_usable(windows: ReviewWindows) -> None:
    page = await open_editor(windows)
    await write_file(page, SECOND + "# a comment\n" * 5_000 + "tilte: x\n")
    await expect(page.get_by_role("status")).to_contain_text("Line 5021: ")
    assert await page.locator(".cm-line").count() < 500
    await page.keyboard.press("Control+End")
    await page.keyboard.type("may")
    await page.keyboard.press("Control+Space")
    await expect(offered(page).first).to_contain_text("may_run")


async def test_a_page_with_steps_below_a_long_form_shows_them_at_once(windows: ReviewWindows) -> None:
    page = await windows.window(size=NARROW)
    await sign_in_as(windows, page, "sam@example.com")
    await page.goto(f"{windows.web.url}/new-workflow/deploy")
    for field in await page.locator("input[type=url]").all():
        await field.fill("https://deploy.example.com")
    await page.get_by_role("button", name="Show the steps").click()
    await expect(page.get_by_role("heading", name="Its steps")).to_be_in_viewport()
    await page.goto(f"{windows.web.url}/new-workflow-file")
    await page.get_by_role("button", name="Check it and show the steps").click()
    await expect(page.get_by_role("heading", name="The file has no problems")).to_be_in_viewport()
    await page.get_by_role("button", name="Register").click()
    await page.get_by_role("heading", name="Versions").wait_for()
