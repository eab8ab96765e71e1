"""A hostile mail scanner: it opens every link of every mail, clicks every button, sends every form. It decides nothing.

It does more than any real one: it comes back in rounds, with and without scripts, keeps cookies or not, claims to be on
our own page, confirms what it is asked to confirm, and types digits where a code is wanted. It cannot read the code.
"""

from __future__ import annotations

import asyncio
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
ASKS = """\
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
SITES: tuple[dict[str, str], ...] = ({}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": "URL"})
"""What a scanner may claim of where its forms come from."""


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path) -> AsyncIterator[ServerEnv]:
    async with open_server(tmp_path) as server:
        yield server


async def start_run(server: ServerEnv, keys: str = "") -> str:
    """Start a run that waits for Mia and Noa, wait for the email to Mia, and return the id of the run."""
    await server.register(ASKS.replace("KEYS", keys))
    before = len(server.sandbox.mail.received(to=MIA, subject="Pay"))
    run = await server.start("pay")
    await server.sandbox.mail.wait_for(to=MIA, subject="Pay", count=before + 1)
    return run


def request_emails(server: ServerEnv) -> list[ReceivedMail]:
    """Return the request emails to Mia."""
    return [mail for mail in server.sandbox.mail.received(to=MIA) if mail.subject == "Pay 900 EUR?"]


# -- a scanner without a browser ----------------------------------------------------------------------------


async def fetch_links(server: ServerEnv, mail: ReceivedMail) -> None:
    """HEAD and GET without cookies; then with them, following and sending everything."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as plain:
        for link in links(mail):
            for method in ("HEAD", "GET", "GET"):
                async with plain.request(method, link) as answer:
                    assert answer.status < 500
    for claims in SITES:
        headers = {name: value.replace("URL", server.url) for name, value in claims.items()}
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), headers=headers) as session:
            for link in links(mail):
                await _crawls(session, link, depth=4, seen=set())


async def _crawls(session: aiohttp.ClientSession, url: str, *, depth: int, seen: set[str]) -> None:
    """Every link of a page, and every form of it by each of its buttons."""
    if depth == 0 or url in seen or "/events" in url:
        return
    seen.add(url)
    async with session.get(url) as answer:
        page, at = html_forms.read(await answer.text()), str(answer.url)
    for link in page.links:
        await _crawls(session, urljoin(at, link), depth=depth - 1, seen=seen)
    for form in page.forms:
        for name, value, _ in [*form.buttons, ("", "", "")]:
            await _sends(session, urljoin(at, form.action), form, name, value, depth=depth - 1)


async def _sends(
    session: aiohttp.ClientSession, url: str, form: html_forms.Form, name: str, value: str, *, depth: int
) -> None:
    """A form with every empty field filled; then whatever comes back is sent as well."""
    fields = [(one, given or ("12345678" if "code" in one else "looks fine")) for one, given in form.fields]
    data = aiohttp.FormData([*fields, *([(name, value)] if name else [])])
    async with session.post(url, data=data) as answer:
        assert answer.status < 500
        page, at = html_forms.read(await answer.text()), str(answer.url)
    if depth > 0:
        for following in page.forms:
            for button in following.buttons:
                await _sends(session, urljoin(at, following.action), following, *button[:2], depth=depth - 1)


# -- a scanner with a browser -------------------------------------------------------------------------------


async def open_in_browser(browser: Browser, mail: ReceivedMail, *, scripts: bool, depth: int) -> None:
    """Opens every link in a real browser, waits, and clicks everything that can be clicked, there and `depth` on."""
    context = await browser.new_context(java_script_enabled=scripts)
    try:
        for link in links(mail):
            page = await context.new_page()
            await page.goto(link, wait_until="domcontentloaded")
            await asyncio.sleep(0.1)
            await _clicks_all(page, depth=depth)
            await page.close()
    finally:
        await context.close()


async def _clicks_all(page: Page, *, depth: int) -> None:
    """Each button and link in turn, from the page as it was; on what comes then as well."""
    address = page.url
    everything = page.locator("button:visible:enabled, a:visible, summary:visible")
    for number in range(await everything.count()):
        await _fills(page)
        try:
            await everything.nth(number).click(timeout=1_000)
        except BrowserError:
            continue  # gone meanwhile
        await page.wait_for_load_state("domcontentloaded")
        if depth > 1 and page.url != address:
            await _clicks_all(page, depth=depth - 1)
        await page.goto(address, wait_until="domcontentloaded")


async def _fills(page: Page) -> None:
    for field in await page.locator("input:not([type=hidden]), textarea").all():
        name = await field.get_attribute("name") or ""
        kind = await field.get_attribute("type") or "text"
        if kind in ("text", "email", "number") and not await field.input_value():
            await field.fill("12345678" if name == "code" else "mia@example.com" if kind == "email" else "7")
        elif await field.evaluate("field => field.tagName === 'TEXTAREA' && !field.value"):
            await field.fill("looks fine")


# -- what comes of it ---------------------------------------------------------------------------------------


async def scan_inbox(server: ServerEnv, browser: Browser, run: str) -> None:
    """Scan every email to Mia in rounds, including those that the scanner itself caused."""
    for number in range(ROUNDS):
        for mail in server.sandbox.mail.received(to=MIA):
            await fetch_links(server, mail)
            # The first round follows links one level deeper; the later rounds only check that it comes back.
            await open_in_browser(browser, mail, scripts=True, depth=1 if number else 2)
            await open_in_browser(browser, mail, scripts=False, depth=1 if number else 2)
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
    await expect(page.locator(".chip.wait", has_text="Waits for a decision")).to_be_visible()
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
    """Return the code of the newest email, after a second in which it can arrive."""
    await asyncio.sleep(1)
    return await server.code()


@pytest.mark.parametrize("keys", ["", "      confirm: This pays money. Sure?"], ids=["plain", "asks back"])
async def test_a_hostile_scanner_decides_nothing_and_the_person_still_can(
    server: ServerEnv, browser: Browser, keys: str
) -> None:
    run = await start_run(server, keys)
    await scan_inbox(server, browser, run)
    codes = server.sandbox.mail.received(to=MIA, subject="code")
    assert codes, "it came as far as asking for codes"
    assert all(links(one) == [] for one in codes), "and those mails lead nowhere"
    assert len(codes) < 8, "which were not many, whatever it did"
    await approve_as_mia(server, browser, run)


async def test_whoever_got_a_forwarded_link_sees_the_request_and_cannot_decide_it(
    server: ServerEnv, browser: Browser
) -> None:
    run = await start_run(server)
    (mail,) = request_emails(server)
    mine, other = await browser.new_context(), await browser.new_context()
    hers, his = await mine.new_page(), await other.new_page()
    for page in (hers, his):
        await page.goto(links(mail)[0])
        await page.get_by_role("button", name="Pay", exact=True).click()
        await expect(page.get_by_role("heading", name="Type the code")).to_be_visible()
    for _ in range(5):
        await his.get_by_label("Code").fill("12345678")
        await his.get_by_role("button", name="Confirm").click()
    await expect(his.get_by_label("Code")).to_have_count(0)
    await his.goto(hers.url)
    await expect(his.get_by_label("Code")).to_have_count(0)
    assert (await server.request(run)).decision is None
    await hers.get_by_label("Code").fill(await newest_code(server))
    await hers.get_by_role("button", name="Confirm").click()
    await expect(hers.get_by_text("Approved").first).to_be_visible()
    second = await start_run(server)
    await his.goto(links(request_emails(server)[-1])[0])
    await his.get_by_role("button", name="Do not pay").click()
    await his.get_by_label("Reason").fill("because I can")
    await his.get_by_role("button", name="Do not pay").click()
    await expect(his.get_by_label("Code")).to_be_visible()
    assert (await server.request(second)).decision is None
    await mine.close()
    await other.close()
