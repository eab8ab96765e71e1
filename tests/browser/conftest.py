"""Fixtures: the whole bot with a local Slack, and the installed Chromium."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from bot.devtools.demo import servers
from bot.devtools.demo.advice import ADVICE
from bot.devtools.demo.story_feed import StoryFeed
from tests.browser.review_page import ReviewWindows, open_review_windows
from tests.browser.sandbox_page import SandboxWindows

logging.getLogger("slack_bolt").setLevel(logging.CRITICAL)
logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)

# A slow machine makes a page late, not wrong. Expectations that hold do not wait.
expect.set_options(timeout=30_000)
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Each test opens windows of its own, and to start a process for each of them takes a fifth of the CPU of all.
    "--renderer-process-limit=1",
)


def chromium() -> str:
    """Return the path of the installed Chromium. Fail without one, because skipped tests would check no page."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.fail(f"No Chromium is installed (Debian: apt-get install chromium); looked for {', '.join(_NAMES)}.")
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        chromium_browser = await playwright.chromium.launch(executable_path=chromium(), args=[*ARGUMENTS, *root])
        yield chromium_browser
        await chromium_browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def windows(browser: Browser) -> AsyncIterator[SandboxWindows]:
    """Yield the windows of a new bot with a new Slack, and fail if one of them reported an error."""
    async with servers.run_servers() as demo:
        feed = StoryFeed(demo.app)
        demo.slack.tell(story=feed.story, completions=feed.completions, advice=ADVICE)
        windows = SandboxWindows(demo=demo, browser=browser)
        try:
            yield windows
        finally:
            await windows.close()
        assert not windows.complaints


@pytest_asyncio.fixture(loop_scope="session")
async def review(tmp_path: Path, browser: Browser) -> AsyncIterator[ReviewWindows]:
    """Yield the windows of a new server with review pages."""
    async with open_review_windows(tmp_path / "signoff.db", browser) as windows:
        yield windows
