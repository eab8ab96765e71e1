"""Many windows of one browser, and a window that cannot send."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page, expect

from tests.browser.sandbox_page import SandboxWindows

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def _type_line(page: Page, line: str) -> None:
    await page.get_by_role("combobox", name="Message").fill(line)
    await page.keyboard.press("Enter")


async def test_eight_windows_of_one_browser_are_all_alive(windows: SandboxWindows) -> None:
    await windows.register()
    slack = windows.demo.slack
    first = await windows.window("cleo", "general")
    async with asyncio.timeout(30):
        addresses = [f"{slack.page_url}?as={name}#/general" for name in ("ada", "ben", "gus", "ada", "ben")]
        for address in (*addresses, f"{slack.page_url}/mail?to=mia@example.com"):
            await windows.tab(first.context, address)
        last = await windows.tab(first.context, f"{slack.page_url}?as=gus#/general")
    await _type_line(last, "/signoff list")
    await expect(last.locator("li.message.ephemeral")).to_contain_text("refund")
    await _type_line(last, "Is anybody here?")
    await expect(first.locator("li.message")).to_contain_text("Is anybody here?")


async def test_commands_can_be_typed_without_the_list_of_commands(windows: SandboxWindows) -> None:
    page = await windows.window("cleo")
    windows.offline = True
    await page.route("**/completions*", lambda route: route.abort())
    await page.get_by_role("combobox", name="Message").fill("/signoff help")
    await expect(page.get_by_role("listbox")).to_have_count(0)
    await page.get_by_role("combobox", name="Message").press("Enter")
    await expect(page.get_by_role("combobox", name="Message")).to_have_value("")


async def test_a_window_without_an_answer_says_so_and_keeps_the_typed_text(windows: SandboxWindows) -> None:
    page = await windows.window("cleo")
    windows.offline = True
    await page.clock.install()
    await page.route("**/people/cleo/command*", lambda _: None)
    await _type_line(page, "/signoff list")
    await expect(page.get_by_role("button", name="Send")).to_have_attribute("aria-busy", "true")
    await page.clock.run_for(12_000)
    await expect(page.locator(".composer").get_by_role("alert")).to_contain_text("no answer")
    await expect(page.get_by_role("combobox", name="Message")).to_have_value("/signoff list")
