"""The page on which an owner says what became of a step, in Chromium: for everybody, and against scanners."""

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
from tests.browser.review_page import TIGHT, WIDE, ReviewWindows, clean, open_review_windows
from tests.support.engine_env import PlayedParams, PlayedStep
from tests.support.web_env import PAY_WORKFLOW

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
SAM: Final = "sam@example.com"


async def loses(params: PlayedParams, context: Any) -> dict[str, object]:
    raise StepError("The line went dead.", outcome_unknown=True)


@pytest_asyncio.fixture(loop_scope="session")
async def asking(tmp_path: Path, browser: Browser, empty_database: bytes) -> AsyncIterator[ReviewWindows]:
    path = tmp_path / "signoff.db"
    path.write_bytes(empty_database)
    path.chmod(0o600)
    played = PlayedStep()
    played.play = loses
    async with open_review_windows(path, browser, steps={"set": SetStep(), "played": played}) as windows:
        await windows.web.engine_env.register(PAY_WORKFLOW)
        yield windows


async def run_of(asking: ReviewWindows) -> str:
    run = await asking.web.engine_env.start("pay")
    await asking.web.engine_env.settle()
    return run


def link(asking: ReviewWindows) -> str:
    token = asking.web.engine_env.mail.to(SAM, DeliveryKind.ALERT)[-1].token
    return f"{asking.web.url}/r/{token}"


async def status(asking: ReviewWindows, run: str) -> RunStatus:
    return (await asking.web.engine_env.view(run)).status


@pytest.mark.parametrize("size", [WIDE, TIGHT], ids=["wide", "320"])
async def test_every_page_of_the_question_can_be_used_by_everybody(asking: ReviewWindows, size: dict[str, int]) -> None:
    await run_of(asking)
    page = await asking.window(size=size)
    await page.goto(link(asking))
    await clean(page)
    await page.get_by_role("button", name="Send this answer").click()
    await expect(page.get_by_text("Not submitted yet")).to_be_visible()
    await clean(page)
    await page.get_by_label("It happened: go on").check()
    await page.get_by_label("Receipt").fill("R-1")
    await page.get_by_role("button", name="Send this answer").click()
    await clean(page)
    await page.get_by_label("Code").fill(await asking.code(SAM))
    await page.get_by_role("button", name="Confirm").click()
    await expect(page.get_by_text("Answered by")).to_be_visible()
    await clean(page)
    await run_of(asking)
    await page.goto(f"{asking.web.url}/inbox")
    await expect(page.get_by_role("link", name="Did it happen?")).to_be_visible()
    await clean(page)


async def test_the_keyboard_alone_answers_without_any_script(asking: ReviewWindows) -> None:
    run = await run_of(asking)
    page = await asking.window(script=False)
    await page.goto(link(asking))
    await page.get_by_label("It happened: go on").focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Tab")
    await page.keyboard.type("R-1")
    # The Enter key in a field sends nothing.
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Send this answer")).to_be_visible()
    assert await asking.web.codes(SAM) == 0
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Code")).to_be_visible()
    await page.get_by_label("Code").fill(await asking.code(SAM))
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("It happened: go on. Answered by")).to_be_visible()
    await asking.web.engine_env.settle()
    assert await status(asking, run) is RunStatus.SUCCEEDED


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
async def test_a_scanner_that_chooses_and_clicks_everything_answers_nothing_and_keeps_nobody_out(
    asking: ReviewWindows, *, script: bool
) -> None:
    run = await run_of(asking)
    for _ in range(3):
        page = await asking.window(script=script)
        await page.goto(link(asking))
        await _clicks_all(page, depth=2)
        assert await status(asking, run) is RunStatus.NEEDS_ATTENTION
    assert "run.resumed" not in await asking.web.engine_env.kinds(run)
    sam = await asking.web.sign_in(SAM)
    form = (await sam.get(f"/attention/{run}")).page.form
    answer = await sam.post(form.action, form.with_(answer="stop"), kind=form.kind)
    assert "Answered by" in answer.page.text


async def _clicks_all(page: Page, *, depth: int) -> None:
    """Each answer, button and link in turn, from the page as it was; on what comes then as well."""
    address = page.url
    everything = page.locator("button:visible:enabled, a:visible, summary:visible")
    choices = page.locator("input[type=radio]")
    for number in range(await everything.count()):
        for choice in range(max(1, await choices.count())):
            if await choices.count():
                await choices.nth(choice).check()
            for field in await page.locator("input[type=text], input[type=email]").all():
                await field.fill("12345678")
            try:
                await everything.nth(number).click(timeout=1_000)
            except BrowserError:
                continue
            await page.wait_for_load_state("domcontentloaded")
            if depth > 1 and page.url != address:
                await _clicks_all(page, depth=depth - 1)
            await page.goto(address, wait_until="domcontentloaded")
