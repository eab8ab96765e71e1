"""A hostile mail scanner opens every link of every email, clicks every button, sends every form, and decides nothing.

It does more than a real scanner: it returns in rounds, with and without scripts, with and without cookies, claims to be
on our own page, confirms each confirmation, and types digits into the field of the code. It cannot read the code.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urljoin

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect
from playwright.async_api import Error as BrowserError

from bot.devtools.sandbox.mail.records import ReceivedMail
from engine.domain import RequestState
from tests.support import html_forms
from tests.support.server_env import MIA, ServerEnv, links, open_server

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
ROUNDS = 3
PAY_WORKFLOW = """\
name: pay
title: Pay a supplier
inputs: {amount: {type: number, default: 900}}
steps:
  - id: pay
    uses: set
    with: {amount: "{{ inputs.amount }}"}
    gate:
      title: "Pay {{ inputs.amount }} EUR?"
      approvers: [mia@example.com, noa@example.com]
      edit: [amount]
      approve_label: Pay
      reject_label: Do not pay
KEYS
"""
TIMES: int = 3
"""How often each button of each form is pressed in one visit: every answer has the same forms again."""
ORIGIN_HEADERS: tuple[dict[str, str], ...] = ({}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "URL"})
"""The headers with which a scanner may claim the origin of its forms."""


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path) -> AsyncIterator[ServerEnv]:
    async with open_server(tmp_path) as server:
        yield server


async def start_run(server: ServerEnv, keys: str = "") -> str:
    """Start a run that waits for Mia and Noa, wait for the email to Mia, and return the id of the run."""
    await server.register(PAY_WORKFLOW.replace("KEYS", keys))
    before = len(server.sandbox.mail.received(to=MIA, subject="Pay"))
    run = await server.start("pay")
    await server.sandbox.mail.wait_for(to=MIA, subject="Pay", count=before + 1)
    return run


def request_emails(server: ServerEnv) -> list[ReceivedMail]:
    """Return the request emails to Mia."""
    return [mail for mail in server.sandbox.mail.received(to=MIA) if mail.subject.startswith("Pay 900 EUR?")]


# -- a scanner without a browser ----------------------------------------------------------------------------


async def fetch_links(server: ServerEnv, mail: ReceivedMail) -> None:
    """Request each link without cookies, then with cookies, and then follow all links and send all forms."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        for link in links(mail):
            for method in ("HEAD", "GET", "GET"):
                async with session.request(method, link) as response:
                    assert response.status < 500
    for origin_headers in ORIGIN_HEADERS:
        headers = {name: value.replace("URL", server.url) for name, value in origin_headers.items()}
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), headers=headers) as session:
            for link in links(mail):
                await _Crawl(session).follow(link, depth=4)


class _Crawl:
    """One visit, which follows every link once and presses every button a few times."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._visited_urls, self._pressed = set[str](), Counter[tuple[str, ...]]()

    async def follow(self, url: str, *, depth: int) -> None:
        """Follow every link of a page, and send every form with each of its buttons."""
        if depth == 0 or url in self._visited_urls or "/events" in url:
            return
        self._visited_urls.add(url)
        async with self._session.get(url) as response:
            page, page_url = html_forms.read(await response.text()), str(response.url)
        for link in page.links:
            await self.follow(urljoin(page_url, link), depth=depth - 1)
        for form in page.forms:
            for name, value, _ in [*form.buttons, ("", "", "")]:
                await self._send(urljoin(page_url, form.action), form, name, value, depth=depth - 1)

    async def _send(self, url: str, form: html_forms.Form, button_name: str, button_value: str, *, depth: int) -> None:
        """Fill every empty field, send the form, and send the forms of the response up to `depth`."""
        # A form that confirms another one has more fields.
        press = (url, button_name, button_value, *sorted(field for field, _ in form.fields))
        self._pressed[press] += 1
        if self._pressed[press] > TIMES:
            return
        fields = [(field, value or ("12345678" if "code" in field else "looks fine")) for field, value in form.fields]
        data = aiohttp.FormData([*fields, *([(button_name, button_value)] if button_name else [])])
        async with self._session.post(url, data=data) as response:
            assert response.status < 500
            page, page_url = html_forms.read(await response.text()), str(response.url)
        if depth > 0:
            for next_form in page.forms:
                for button in next_form.buttons:
                    await self._send(urljoin(page_url, next_form.action), next_form, *button[:2], depth=depth - 1)


# -- a scanner with a browser -------------------------------------------------------------------------------


async def open_in_browser(browser: Browser, mail: ReceivedMail, *, scripts: bool, depth: int) -> None:
    """Open every link in a real browser, and click everything on its page and on the next pages up to `depth`."""
    context = await browser.new_context(java_script_enabled=scripts)
    try:
        for link in links(mail):
            page = await context.new_page()
            await page.goto(link, wait_until="domcontentloaded")
            await _click_everything(page, depth=depth)
            await page.close()
    finally:
        await context.close()


async def _click_everything(page: Page, *, depth: int) -> None:
    """Click each button and link from the same page, and repeat on the next pages up to `depth`."""
    address = page.url
    clickable = page.locator("button:visible:enabled, a:visible, summary:visible")
    for number in range(await clickable.count()):
        await _fill_empty_fields(page)
        try:
            await clickable.nth(number).click(timeout=1_000)
        except BrowserError:
            continue  # The element is gone.
        await page.wait_for_load_state("domcontentloaded")
        if depth > 1 and page.url != address:
            await _click_everything(page, depth=depth - 1)
        await page.goto(address, wait_until="domcontentloaded")


async def _fill_empty_fields(page: Page) -> None:
    for field in await page.locator("input:not([type=hidden]):visible, textarea:visible").all():
        name = await field.get_attribute("name") or ""
        kind = await field.get_attribute("type") or "text"
        if kind in ("text", "email", "number") and not await field.input_value():
            await field.fill("12345678" if name == "code" else "mia@example.com" if kind == "email" else "7")
        elif await field.evaluate("field => field.tagName === 'TEXTAREA' && !field.value"):
            await field.fill("looks fine")


# -- the tests ----------------------------------------------------------------------------------------------


async def scan_inbox(server: ServerEnv, browser: Browser, run: str) -> None:
    """Scan every email to Mia in rounds, including those that the scanner itself caused."""
    for round_number in range(ROUNDS):
        for mail in server.sandbox.mail.received(to=MIA):
            await fetch_links(server, mail)
            # The first round goes one page deeper; the later rounds check the pages again.
            await open_in_browser(browser, mail, scripts=True, depth=1 if round_number else 2)
            await open_in_browser(browser, mail, scripts=False, depth=1 if round_number else 2)
        request = await server.request(run)
        assert request.model.state is RequestState.PENDING
        assert request.decision is None


async def approve_as_mia(server: ServerEnv, browser: Browser, run: str) -> None:
    """Approve as Mia, from the same email. She signs in first, because the scanner had many codes sent."""
    (mail,) = request_emails(server)
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(links(mail)[0])
    await press_pay(page)
    await expect(page.get_by_text("Nothing was decided yet")).to_be_visible()
    await page.get_by_label("Code").fill(await newest_code(server))
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("button", name="Pay", exact=True)).to_be_visible()
    await press_pay(page)
    await expect(page.get_by_text("Approved").first).to_be_visible()
    decision = (await server.request(run)).decision
    assert decision is not None
    assert (decision.person.email, decision.assurance) == (MIA, "code")
    await context.close()


async def press_pay(page: Page) -> None:
    await page.get_by_role("button", name="Pay", exact=True).click()
    confirm = page.get_by_role("button", name="Yes: Pay")
    if await confirm.count():
        await confirm.click()


async def newest_code(server: ServerEnv) -> str:
    """Wait a second in which an email can arrive, and return the code of the newest email."""
    await asyncio.sleep(1)
    return await server.code()


@pytest.mark.parametrize("keys", ["", "      confirm: This pays money. Sure?"], ids=["plain", "asks back"])
async def test_a_hostile_scanner_decides_nothing_and_the_person_still_can(
    server: ServerEnv, browser: Browser, keys: str
) -> None:
    run = await start_run(server, keys)
    await scan_inbox(server, browser, run)
    codes = server.sandbox.mail.received(to=MIA, subject="code")
    assert codes, "the scanner asked for codes"
    assert all(links(email) == [] for email in codes), "the emails with codes have no links"
    assert len(codes) < 8, "the number of codes is limited"
    await approve_as_mia(server, browser, run)


async def test_a_forwarded_link_shows_the_request_and_cannot_decide_it(server: ServerEnv, browser: Browser) -> None:
    run = await start_run(server)
    (mail,) = request_emails(server)
    mia_context, other_context = await browser.new_context(), await browser.new_context()
    mia_page, other_page = await mia_context.new_page(), await other_context.new_page()
    for page in (mia_page, other_page):
        await page.goto(links(mail)[0])
        await page.get_by_role("button", name="Pay", exact=True).click()
        await expect(page.get_by_role("heading", name="Enter the code")).to_be_visible()
    for _ in range(5):
        await other_page.get_by_label("Code").fill("12345678")
        await other_page.get_by_role("button", name="Confirm").click()
    await expect(other_page.get_by_label("Code")).to_have_count(0)
    await other_page.goto(mia_page.url)
    await expect(other_page.get_by_label("Code")).to_have_count(0)
    assert (await server.request(run)).decision is None
    await mia_page.get_by_label("Code").fill(await newest_code(server))
    await mia_page.get_by_role("button", name="Confirm").click()
    await expect(mia_page.get_by_text("Approved").first).to_be_visible()
    second_run = await start_run(server)
    await other_page.goto(links(request_emails(server)[-1])[0])
    await other_page.get_by_role("button", name="Do not pay").click()
    await other_page.get_by_label("Reason").fill("because I can")
    await other_page.get_by_role("button", name="Do not pay").click()
    await expect(other_page.get_by_label("Code")).to_be_visible()
    assert (await server.request(second_run)).decision is None
    await mia_context.close()
    await other_context.close()
