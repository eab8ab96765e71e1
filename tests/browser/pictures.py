"""Photograph the real bot on the local Slack for docs/. `make pictures` runs this script."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Locator, Page, async_playwright

from bot import palette
from bot.devtools.demo import emails, servers, workflows
from bot.devtools.demo.servers import DemoEnvironment
from bot.devtools.demo.story_feed import StoryFeed
from bot.devtools.demo.workflows import OUTSIDER
from engine.domain import Address, Origin, Register, Start
from engine.json_values import Value
from tests.browser.conftest import ARGUMENTS, chromium

WIDE: Final = {"width": 1280, "height": 760}
TALL: Final = {"width": 1280, "height": 1000}
NARROW: Final = {"width": 360, "height": 740}
_REFUND: Final[dict[str, Value]] = {
    "order": "A-1007",
    "amount": {"amount": "120.00", "currency": "EUR"},
    "reason": "Arrived broken",
}
_EXPENSE: Final[dict[str, Value]] = {
    "what": "Train to Bonn",
    "amount": {"amount": "84.50", "currency": "EUR"},
    "spent_on": "2026-03-02",
}


async def take_pictures(folder: Path) -> None:
    """Write the pictures of Slack, of an email, of its review page and of inboxes into the folder."""
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with servers.run_servers() as demo, async_playwright() as playwright:
        feed = StoryFeed(demo.app)
        demo.slack.tell(story=feed.story, completions=feed.completions)
        await _start_run(demo, "refund", _REFUND)
        browser = await playwright.chromium.launch(executable_path=chromium(), args=[*ARGUMENTS, *root])
        await _draw_icon(browser, folder)
        await _photograph_slack(browser, demo, folder)
        await _photograph_email(browser, demo, folder)
        await _photograph_inboxes(browser, demo, folder)
        await browser.close()


async def _draw_icon(browser: Browser, folder: Path) -> None:
    """Write icon.png, the picture for the page of the Slack app. Slack rounds its corners."""
    size, background = 512, palette.palette().light["accent"]
    page = await browser.new_page(viewport={"width": size, "height": size})
    await page.set_content(f"<style>body {{margin: 0; background: {background}}}</style>{palette.mark()}")
    await page.screenshot(path=folder / "icon.png")
    await page.close()


async def _photograph_slack(browser: Browser, demo: DemoEnvironment, folder: Path) -> None:
    """Write message.png, page.png, edit.png and outcome.png."""
    ada, ben = await _open_person_window(browser, demo, "ada"), await _open_person_window(browser, demo, "ben")
    await ada.get_by_role("button", name="Pay the refund").wait_for()
    await _request_message(ada).screenshot(path=folder / "message.png")
    await ada.screenshot(path=folder / "page.png")
    await ada.get_by_role("button", name="Edit").click()
    await ada.get_by_label("Amount").fill("95")
    await ada.get_by_role("dialog").screenshot(path=folder / "edit.png")
    await ada.get_by_role("dialog").get_by_role("button", name="Pay the refund").click()
    await ben.get_by_text("Approved with edits by Ada Approver").wait_for()
    await ben.get_by_text("Pay the refund: done").wait_for()
    await _request_message(ben).screenshot(path=folder / "outcome.png")


async def _photograph_email(browser: Browser, demo: DemoEnvironment, folder: Path) -> None:
    """Write mail.png and review.png, and narrow ones with the size of a phone's screen."""
    await _start_run(demo, "expense", _EXPENSE)
    (mail,) = await demo.slack.mail.wait_for(to=OUTSIDER)
    (link,) = emails.links(mail, demo.public_url)
    page = await _open_window(browser, WIDE, f"{demo.slack.page_url}/mail?to={OUTSIDER}#/{mail.id}")
    await page.frame_locator(".rendered").get_by_role("link", name="Review").wait_for()
    await page.screenshot(path=folder / "mail.png")
    page = await _open_window(browser, NARROW, f"{demo.slack.page_url}/mail/{mail.id}/rendered")
    await page.screenshot(path=folder / "mail-narrow.png")
    for size, name in ((TALL, ""), (NARROW, "-narrow")):
        page = await _open_window(browser, size, link)
        await page.get_by_role("button", name="Pay back").wait_for()
        await page.screenshot(path=folder / f"review{name}.png")


async def _photograph_inboxes(browser: Browser, demo: DemoEnvironment, folder: Path) -> None:
    """Write home.png and inbox-narrow.png: what is waiting for Ada in Slack, and for Mia on the web."""
    for order, amount in (("A-1012", "310.00"), ("A-1015", "145.90")):
        await _start_run(demo, "refund", {**_REFUND, "order": order, "amount": {"amount": amount, "currency": "EUR"}})
    page = await _open_window(browser, WIDE, f"{demo.slack.page_url}?as=ada#/home")
    await page.get_by_text("3 requests are waiting for you").wait_for()
    await page.screenshot(path=folder / "home.png")
    await _start_run(demo, "expense", {**_EXPENSE, "what": "Hotel in Bonn"})
    page = await _open_window(browser, NARROW, f"{demo.public_url}/inbox")
    await page.get_by_label("Email address").fill(OUTSIDER)
    await page.get_by_role("button", name="Send me a code").click()
    (mail,) = await demo.slack.mail.wait_for(to=OUTSIDER, subject="is your Signoff code")
    await page.get_by_label("Code").fill(mail.subject.removesuffix(" is your Signoff code"))
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("heading", name="2 requests are waiting for you").wait_for()
    await page.screenshot(path=folder / "inbox-narrow.png")


async def _start_run(demo: DemoEnvironment, workflow: str, inputs: dict[str, Value]) -> None:
    """Register the workflow of the demo as Cleo, and start it."""
    cleo = Address("slack", demo.slack.person("cleo").id)
    origin = Origin(surface="slack", place={"user": cleo.value, "channel": demo.slack.channel("general")})
    engine, source = demo.app.engine, workflows.WORKFLOWS[workflow](demo.payments.url)
    await engine.register(Register(source=source.encode(), actor=cleo, origin=origin))
    await engine.start(Start(workflow=workflow, inputs=inputs, actor=cleo, origin=origin))


async def _open_person_window(browser: Browser, demo: DemoEnvironment, name: str) -> Page:
    return await _open_window(browser, WIDE, f"{demo.slack.page_url}?as={name}#/app")


async def _open_window(browser: Browser, size: dict[str, int], url: str) -> Page:
    context = await browser.new_context(
        viewport={"width": size["width"], "height": size["height"]}, reduced_motion="reduce", color_scheme="light"
    )
    page = await context.new_page()
    await page.goto(url)
    return page


def _request_message(page: Page) -> Locator:
    return page.locator(".message", has_text="for order A-1007?").last


if __name__ == "__main__":
    asyncio.run(take_pictures(Path(sys.argv[1])))
