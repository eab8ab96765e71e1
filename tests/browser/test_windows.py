"""Many windows of one browser, and one that cannot send."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page, expect

from tests.browser.sandbox_page import SandboxWindows

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def _types(page: Page, line: str) -> None:
    await page.get_by_role("combobox", name="Message").fill(line)
    await page.keyboard.press("Enter")


async def test_eight_windows_of_one_browser_are_all_alive(windows: SandboxWindows) -> None:
    await windows.register()
    slack = windows.demo.slack
    first = await windows.window("cleo", "general")
    async with asyncio.timeout(30):
        others = [f"{slack.page_url}?as={one}#/general" for one in ("ada", "ben", "gus", "ada", "ben")]
        for address in (*others, f"{slack.page_url}/mail?to=mia@example.com"):
            await windows.tab(first.context, address)
        last = await windows.tab(first.context, f"{slack.page_url}?as=gus#/general")
    await _types(last, "/signoff list")
    await expect(last.locator("li.message.ephemeral")).to_contain_text("refund")
    await _types(last, "Is anybody here?")
    await expect(first.locator("li.message")).to_contain_text("Is anybody here?")


async def test_whoever_gets_no_list_of_commands_types_without_one(windows: SandboxWindows) -> None:
    page = await windows.window("cleo")
    windows.offline = True
    await page.route("**/completions*", lambda route: route.abort())
    await page.get_by_role("combobox", name="Message").fill("/signoff help")
    await expect(page.get_by_role("listbox")).to_have_count(0)
    await page.get_by_role("combobox", name="Message").press("Enter")
    await expect(page.get_by_role("combobox", name="Message")).to_have_value("")


async def test_a_window_that_gets_no_answer_says_so_and_keeps_what_was_typed(windows: SandboxWindows) -> None:
    page = await windows.window("cleo")
    windows.offline = True
    await page.clock.install()
    await page.route("**/people/cleo/command*", lambda _: None)
    await _types(page, "/signoff list")
    await expect(page.get_by_role("button", name="Send")).to_have_attribute("aria-busy", "true")
    await page.clock.run_for(12_000)
    await expect(page.locator(".composer").get_by_role("alert")).to_contain_text("no answer")
    await expect(page.get_by_role("combobox", name="Message")).to_have_value("/signoff list")
