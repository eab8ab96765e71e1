"""The inbox in Chromium, as each role: keyboard, several together, live notes, and without scripts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from engine.domain import Address
from engine.ports import StepType
from engine.read_models import PageQuery
from engine.steps.form import FormStep
from engine.steps.set import SetStep
from tests.browser.page_states import MONEY, lose_outcome
from tests.browser.review_page import NARROW, ReviewWindows, check_accessibility
from tests.support.engine_env import ANN, PlayedStep
from tests.support.web_env import ADA, BEN, PAY_WORKFLOW, open_web

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
AUDITOR, OWNER = "audit@example.com", "sam@example.com"
TABS = ["Needs you", "Waiting for others", "Decided by you", "Everything"]


@pytest_asyncio.fixture(loop_scope="session")
async def windows(tmp_path: Path, browser: Browser) -> AsyncIterator[ReviewWindows]:
    played = PlayedStep()
    played.play = lose_outcome
    steps: dict[str, StepType[Any]] = {"set": SetStep(), "form": FormStep(), "played": played}
    async with open_web(tmp_path / "signoff.db", steps=steps, auditors=[AUDITOR]) as web:
        windows = ReviewWindows(web, browser)
        yield windows
        for context in windows.contexts:
            await context.close()
        assert windows.complaints == []


async def ask(windows: ReviewWindows, *orders: str, keys: str = "", approvers: str = f"{ADA}, {BEN}") -> None:
    source = MONEY.replace("      expires: 4h\n", keys).replace(f"{ADA}, {BEN}", approvers)
    for order in orders:
        await windows.web.request_approval(source=source, order=order)


async def open_inbox(windows: ReviewWindows, address: str = ADA, **window_options: Any) -> Page:
    """Sign in with a new window."""
    page = await windows.window(**window_options)
    await page.goto(f"{windows.web.url}/inbox")
    await page.get_by_label("Email address").fill(address)
    await page.get_by_role("button", name="Send me a code").click()
    await page.get_by_label("Code").fill(await windows.code(address))
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("navigation", name="Inbox").wait_for()
    return page


def rows(page: Page) -> Any:
    return page.locator(".inbox li h2")


async def test_an_approver_decides_from_a_row_and_goes_on_with_the_next(windows: ReviewWindows) -> None:
    await ask(windows, "A-1", "A-2")
    page = await open_inbox(windows, size=NARROW)
    await expect(rows(page)).to_have_count(2)
    first = await rows(page).first.inner_text()
    await page.get_by_role("button", name="Pay the refund").first.click()
    receipt = page.locator("#receipt")
    await expect(receipt).to_contain_text(first)
    await expect(receipt).to_contain_text("You approved this")
    await expect(receipt).to_be_in_viewport()
    await receipt.get_by_role("link", name="Refund").click()
    await page.get_by_role("button", name="Pay the refund").click()
    await expect(page.locator(".outcome").first).to_contain_text("You approved this")
    await page.get_by_role("link", name="See your other requests").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("No request is waiting for you")
    await page.get_by_role("link", name="Decided by you").click()
    await expect(rows(page)).to_have_count(2)
    await check_accessibility(page)


async def test_several_are_rejected_with_the_keyboard_alone(windows: ReviewWindows) -> None:
    await ask(windows, "A-1", "A-2", "A-3")
    await ask(windows, "B-1", keys="      batch: false\n")
    page = await open_inbox(windows)
    await expect(page.get_by_role("checkbox")).to_have_count(4)
    await expect(page.get_by_role("checkbox", name="Choose Refund 120.50 EUR for order A-1?")).to_be_visible()
    every = page.get_by_label("Choose all that can be decided together")
    await every.focus()
    await page.keyboard.press("Space")
    await expect(page.locator("[name=pick]:checked")).to_have_count(3)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("4 requests are waiting for you")
    await page.locator("[name=pick]").first.uncheck()
    assert await every.evaluate("(box) => box.indeterminate")
    reject = page.get_by_role("button", name="Reject selected")
    await expect(reject).to_be_in_viewport(ratio=1)
    await reject.press("Enter")
    await page.get_by_label("Reason").fill("No budget")
    await page.get_by_role("button", name="Reject 2").press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("2 rejected.")
    # Going back or reloading opens a list, and not the question of the browser whether to send a form again.
    for way in (page.reload, page.go_back, page.go_back):
        await way()
        await expect(page.get_by_role("heading", level=1)).to_have_text("2 requests are waiting for you")


async def test_an_open_list_says_that_it_has_changed(windows: ReviewWindows) -> None:
    await ask(windows, "A-1")
    page = await open_inbox(windows)
    await page.locator("[name=pick]").check()
    await ask(windows, "A-2")
    await expect(page.get_by_text("Your list has changed.")).to_be_visible()
    await expect(page.locator("#needed")).to_have_text("Needs you (2)")
    await expect(rows(page)).to_have_count(1)
    await expect(page.locator("[name=pick]")).to_be_checked()
    await page.get_by_role("link", name="Show the new list").click()
    await expect(rows(page)).to_have_count(2)
    await expect(page.get_by_text("Your list has changed.")).to_be_hidden()


async def test_the_enter_key_in_a_box_decides_nothing(windows: ReviewWindows) -> None:
    await ask(windows, "A-1")
    for script in (True, False):
        page = await open_inbox(windows, script=script)
        await page.locator("[name=pick]").press("Space")
        await page.keyboard.press("Enter")
        if not script:
            await expect(page.get_by_role("alert")).to_have_text("⚠ Nothing was decided yet. Press one of the buttons.")
        await expect(rows(page)).to_have_count(1)


async def test_the_enter_key_in_an_option_of_a_form_decides_nothing(windows: ReviewWindows) -> None:
    source = (
        "name: ask\ntitle: Ask\nowner: sam@example.com\nsteps:\n"
        f"  - {{id: ask, uses: form, title: Which?, approvers: [{ADA}], assurance: link,\n"
        "     fields: {size: {type: choice, options: [a, b]}, extras: {type: choices, options: [salt, oil]}}}\n"
    )
    request = await windows.web.request_approval(source=source)
    for role in ("checkbox", "radio"):
        page = await windows.open_link(script=False)
        await page.get_by_role(role).first.press("Space")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Nothing was decided yet. Press one of the buttons.")).to_be_visible()
        await expect(page.get_by_role(role).first).to_be_checked()
    assert (await windows.web.reload(request)).decision is None


async def test_without_scripts_the_list_is_filtered_and_decided(windows: ReviewWindows) -> None:
    await ask(windows, "A-1", "B-2")
    page = await open_inbox(windows, script=False)
    await page.get_by_role("searchbox").fill("b-2")
    await page.get_by_role("button", name="Search").click()
    await expect(rows(page)).to_have_text(["Refund 120.50 EUR for order B-2?"])
    assert page.url.endswith("search=b-2&workflow=&person=&since=&until=")
    await page.locator("[name=pick]").check()
    await page.get_by_role("button", name="Approve selected").click()
    await page.get_by_role("button", name="Approve it").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("1 approved.")
    await page.get_by_role("link", name="See what needs you now").click()
    await expect(page.get_by_text("No request matches.")).to_be_visible()
    await page.get_by_role("link", name="Show all").click()
    await expect(rows(page)).to_have_text(["Refund 120.50 EUR for order A-1?"])


async def test_an_owner_answers_for_a_run_and_sees_all_of_their_workflows(windows: ReviewWindows) -> None:
    web = windows.web
    await web.engine_env.register(PAY_WORKFLOW)
    await web.engine_env.start("pay")
    await ask(windows, "A-1")
    page = await open_inbox(windows, OWNER)
    await expect(page.locator("#needed")).to_have_text("Needs you (1)")
    await page.get_by_role("link", name="Did “Pay the rent” happen?").click()
    await page.get_by_label("Stop the run", exact=True).check()
    await page.get_by_role("button", name="Send the answer").click()
    await page.get_by_text("You answered").first.wait_for()
    await page.goto(f"{web.url}/inbox")
    await expect(page.locator("#needed")).to_have_text("Needs you")
    await page.get_by_role("link", name="Everything").click()
    await expect(rows(page)).to_have_text(["Refund 120.50 EUR for order A-1?"])
    await expect(page.get_by_role("button", name="Pay the refund")).to_have_count(0)


async def test_each_role_has_its_parts_and_sees_no_more(windows: ReviewWindows) -> None:
    await ask(windows, "A-1", approvers=BEN)
    await ask(windows, "B-2", approvers=f"{ADA}, {AUDITOR}, {ANN.value}")
    expected = {ADA: (TABS[:3], []), AUDITOR: (TABS, ["A-1", "B-2"]), ANN.value: (TABS, ["A-1", "B-2"])}
    for address, (tabs, orders) in expected.items():
        page = await open_inbox(windows, address)
        names = await page.get_by_role("navigation", name="Inbox").get_by_role("link").all_inner_texts()
        assert [name.partition(" (")[0] for name in names] == tabs
        await page.goto(f"{windows.web.url}/inbox?part=all")
        assert ("A-1" in await page.content()) is ("A-1" in orders)
        await check_accessibility(page)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
async def test_an_auditor_downloads_decisions_with_and_without_scripts(windows: ReviewWindows, *, script: bool) -> None:
    await ask(windows, "A-1")
    request = (await windows.web.engine_env.engine.requests(PageQuery()))[0]
    await windows.web.engine_env.decide(request.run, by=Address("email", ADA))
    page = await open_inbox(windows, AUDITOR, script=script)
    await page.get_by_role("link", name="Everything").click()
    await page.get_by_role("link", name="Export decisions").click()
    await page.get_by_label("JSON Lines, for programs").check()
    async with page.expect_download() as sent:
        await page.get_by_role("button", name="Download").click()
    download = await sent.value
    assert download.suggested_filename.startswith("decisions-2026-")
    (line,) = (await download.path()).read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["decided_by"]["name"] == ADA
    await expect(page.get_by_role("heading", level=1)).to_have_text("Export decisions")
