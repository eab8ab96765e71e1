"""The page in Chromium where an owner answers whether a step happened: accessible, and safe from scanners."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from playwright.async_api import Error as BrowserError

from engine.domain import DeliveryKind, RunStatus
from engine.errors import StepError
from engine.steps.set import SetStep
from tests.browser.review_page import TIGHT, WIDE, ReviewWindows, check_accessibility, open_review_windows
from tests.support.engine_env import PlayedParams, PlayedStep
from tests.support.web_env import PAY_WORKFLOW

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
SAM: Final = "sam@example.com"


async def lose_outcome(params: PlayedParams, context: Any) -> dict[str, object]:
    raise StepError("The line went dead.", outcome_unknown=True)


@pytest_asyncio.fixture(loop_scope="session")
async def attention(tmp_path: Path, browser: Browser, empty_database: bytes) -> AsyncIterator[ReviewWindows]:
    path = tmp_path / "signoff.db"
    path.write_bytes(empty_database)
    path.chmod(0o600)
    played = PlayedStep()
    played.play = lose_outcome
    async with open_review_windows(path, browser, steps={"set": SetStep(), "played": played}) as windows:
        await windows.web.engine_env.register(PAY_WORKFLOW)
        yield windows


async def start_pay_run(attention: ReviewWindows) -> str:
    run = await attention.web.engine_env.start("pay")
    await attention.web.engine_env.settle()
    return run


def alert_link(attention: ReviewWindows) -> str:
    token = attention.web.engine_env.mail.to(SAM, DeliveryKind.ALERT)[-1].token
    return f"{attention.web.url}/r/{token}"


async def run_status(attention: ReviewWindows, run: str) -> RunStatus:
    return (await attention.web.engine_env.view(run)).status


@pytest.mark.parametrize("size", [WIDE, TIGHT], ids=["wide", "320"])
async def test_every_page_of_the_question_is_accessible(attention: ReviewWindows, size: dict[str, int]) -> None:
    await start_pay_run(attention)
    page = await attention.window(size=size)
    await page.goto(alert_link(attention))
    await check_accessibility(page)
    await page.get_by_role("button", name="Send the answer").click()
    await expect(page.get_by_text("Not submitted yet")).to_be_visible()
    await check_accessibility(page)
    await page.get_by_label("It happened", exact=True).check()
    await page.get_by_label("Receipt").fill("R-1")
    await page.get_by_role("button", name="Send the answer").click()
    await check_accessibility(page)
    await page.get_by_label("Code").fill(await attention.code(SAM))
    await page.get_by_role("button", name="Confirm").click()
    await expect(page.get_by_text("You answered")).to_be_visible()
    await check_accessibility(page)
    await start_pay_run(attention)
    await page.goto(f"{attention.web.url}/inbox")
    await expect(page.get_by_role("link", name="Did “Pay the rent” happen?")).to_be_visible()
    await check_accessibility(page)


async def test_the_keyboard_alone_answers_without_any_script(attention: ReviewWindows) -> None:
    run = await start_pay_run(attention)
    page = await attention.window(script=False)
    await page.goto(alert_link(attention))
    await page.get_by_label("It happened", exact=True).focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Tab")
    await page.keyboard.type("R-1")
    # The Enter key in a field sends nothing.
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Send the answer")).to_be_visible()
    assert await attention.web.codes(SAM) == 0
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Code")).to_be_visible()
    await page.get_by_label("Code").fill(await attention.code(SAM))
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("You answered “It happened”")).to_be_visible()
    await attention.web.engine_env.settle()
    assert await run_status(attention, run) is RunStatus.SUCCEEDED


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
async def test_a_scanner_that_chooses_and_clicks_everything_answers_nothing_and_locks_out_no_person(
    attention: ReviewWindows, *, script: bool
) -> None:
    run = await start_pay_run(attention)
    for _ in range(3):
        page = await attention.window(script=script)
        await page.goto(alert_link(attention))
        await _click_everything(page, depth=2)
        assert await run_status(attention, run) is RunStatus.NEEDS_ATTENTION
    assert "run.resumed" not in await attention.web.engine_env.kinds(run)
    sam = await attention.web.sign_in(SAM)
    form = (await sam.get(f"/attention/{run}")).page.form
    answer = await sam.post(form.action, form.with_(answer="stop"), kind=form.kind)
    assert "You answered “Stop the run”" in answer.page.text


async def _click_everything(page: Page, *, depth: int) -> None:
    """Choose each answer, click each button and link from the same page, and repeat on the next pages up to `depth`."""
    address = page.url
    clickable = page.locator("button:visible:enabled, a:visible, summary:visible")
    choices = page.locator("input[type=radio]")
    for number in range(await clickable.count()):
        for choice in range(max(1, await choices.count())):
            if await choices.count():
                await choices.nth(choice).check()
            for field in await page.locator("input[type=text], input[type=email]").all():
                await field.fill("12345678")
            try:
                await clickable.nth(number).click(timeout=1_000)
            except BrowserError:
                continue
            await page.wait_for_load_state("domcontentloaded")
            if depth > 1 and page.url != address:
                await _click_everything(page, depth=depth - 1)
            await page.goto(address, wait_until="domcontentloaded")
