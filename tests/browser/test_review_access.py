"""Every review page passes axe, 320 pixels of width, 200 % zoom and the Nu HTML checker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Response

from tests.browser.html_checker import HtmlChecker, open_html_checker
from tests.browser.page_states import STATES, open_state_windows
from tests.browser.review_page import EVERY_FIELD, NARROW, TIGHT, WIDE, ReviewWindows, check_accessibility, walk_pages

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def states(tmp_path: Path, browser: Browser) -> AsyncIterator[ReviewWindows]:
    async with open_state_windows(tmp_path / "signoff.db", browser) as windows:
        yield windows


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def html_checker() -> AsyncIterator[HtmlChecker]:
    async with open_html_checker() as checker:
        yield checker


@pytest.mark.parametrize("name", STATES)
async def test_every_state_of_every_page_is_accessible_and_right(
    states: ReviewWindows, name: str, html_checker: HtmlChecker
) -> None:
    page = await states.window(size=NARROW)
    documents = list[Response]()
    page.on("response", lambda answer: documents.append(answer) if answer.request.is_navigation_request() else None)
    await STATES[name](states, page)
    html = await documents[-1].text()
    for size in (WIDE, TIGHT):
        await page.set_viewport_size({"width": size["width"], "height": size["height"]})
        await check_accessibility(page)
    assert await html_checker.problems(html, name) == []


async def test_every_page_can_be_read_at_twice_the_size(review: ReviewWindows) -> None:
    page = await review.window(size=WIDE, zoom=2)
    async for name in walk_pages(review, page):
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


async def test_the_html_of_every_page_is_right(review: ReviewWindows, html_checker: HtmlChecker) -> None:
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
    answers = [answer for answer in browser.answers if answer.status not in (301, 302, 303)]
    assert len(answers) > 14
    for answer in answers:
        assert await html_checker.problems(answer.text, f"{answer.path} ({answer.status})") == []


async def test_the_checker_finds_what_is_wrong(html_checker: HtmlChecker) -> None:
    page = '<!doctype html><html lang="en"><title>Wrong</title><p id="a"><p id="a"><img src="/x.png">'
    problems = await html_checker.problems(page, "wrong")
    assert [problem for problem in problems if "Duplicate ID" in problem]
    assert [problem for problem in problems if "alt" in problem]
