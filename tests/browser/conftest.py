"""The whole bot behind a local Slack, and the system's Chromium in front of the page."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from bot.devtools.demo import servers
from bot.devtools.demo.advice import ADVICE
from bot.devtools.demo.story_feed import StoryFeed
from tests.browser.review_page import Reviewers, reviewers
from tests.browser.sandbox_page import Desk

logging.getLogger("slack_bolt").setLevel(logging.CRITICAL)
logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str:
    """The system's browser. These tests fail without one: a page that nobody looked at is not tested."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.fail(f"No Chromium is installed (Debian: apt-get install chromium); looked for {', '.join(_NAMES)}.")
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium(), args=[*ARGUMENTS, *root])
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="session")
async def desk(browser: Browser) -> AsyncIterator[Desk]:
    """A fresh bot with a fresh Slack; every window that a test opens is watched for errors."""
    async with servers.run_servers() as standing:
        feed = StoryFeed(standing.app)
        standing.slack.tell(story=feed.story, completions=feed.completions, advice=ADVICE)
        made = Desk(stage=standing, browser=browser)
        try:
            yield made
        finally:
            await made.close()
        assert not made.complaints


@pytest_asyncio.fixture(loop_scope="session")
async def reviewing(tmp_path: Path, browser: Browser) -> AsyncIterator[Reviewers]:
    """Review pages of a house of their own."""
    async with reviewers(tmp_path / "signoff.db", browser) as made:
        yield made
