"""The pictures of docs/: the real bot on the local Slack, photographed. Run by `make pictures`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Locator, Page, async_playwright

from bot.demo import stage, workflows
from bot.demo.stage import Stage
from bot.demo.story_feed import StoryFeed
from engine.data import Value
from engine.model import Address, Origin, Register, Start
from tests.browser.conftest import ARGUMENTS, chromium

WIDE: Final = {"width": 1280, "height": 760}
_INPUTS: Final[dict[str, Value]] = {
    "order": "A-1007",
    "amount": {"amount": "120.00", "currency": "EUR"},
    "reason": "Arrived broken",
}


async def take(folder: Path) -> None:
    """Write message.png, edit.png, outcome.png and page.png into the folder."""
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with stage.standing() as standing, async_playwright() as playwright:
        feed = StoryFeed(standing.app)
        standing.slack.tell(story=feed.story, completions=feed.completions)
        await _begin(standing)
        browser = await playwright.chromium.launch(executable_path=chromium(), args=[*ARGUMENTS, *root])
        ada, ben = await _window(browser, standing, "ada"), await _window(browser, standing, "ben")
        await ada.get_by_role("button", name="Pay the refund").wait_for()
        await _asked(ada).screenshot(path=folder / "message.png")
        await ada.screenshot(path=folder / "page.png")
        await ada.get_by_role("button", name="Edit").click()
        await ada.get_by_label("Amount").fill("95")
        await ada.get_by_role("dialog").screenshot(path=folder / "edit.png")
        await ada.get_by_role("dialog").get_by_role("button", name="Pay the refund").click()
        await ben.get_by_text("Approved with edits by Ada Approver").wait_for()
        await _asked(ben).screenshot(path=folder / "outcome.png")
        await browser.close()


async def _begin(standing: Stage) -> None:
    cleo = Address("slack", standing.slack.person("cleo").id)
    origin = Origin(surface="slack", place={"user": cleo.value, "channel": standing.slack.channel("general")})
    engine, source = standing.app.engine, workflows.ALL["refund"](standing.payments.url)
    await engine.register(Register(source=source.encode(), actor=cleo, origin=origin))
    await engine.start(Start(workflow="refund", inputs=_INPUTS, actor=cleo, origin=origin))


async def _window(browser: Browser, standing: Stage, who: str) -> Page:
    context = await browser.new_context(
        viewport={"width": WIDE["width"], "height": WIDE["height"]}, reduced_motion="reduce", color_scheme="light"
    )
    page = await context.new_page()
    await page.goto(f"{standing.slack.page_url}?as={who}#/app")
    return page


def _asked(page: Page) -> Locator:
    return page.locator(".message", has_text="Refund order A-1007?").last


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1])))
