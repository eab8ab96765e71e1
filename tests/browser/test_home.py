"""The Home tab on the page of the sandbox: as an approver, as the owner of the workflow, and as an auditor."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from bot.devtools.demo import servers
from tests.browser.sandbox_page import NARROW, SandboxWindows

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def windows(browser: Browser) -> AsyncIterator[SandboxWindows]:
    """Yield the windows of a new bot with an auditor, and fail if one of them reported an error."""
    async with servers.run_servers(more={"AUDITORS": "ben@example.com"}) as demo:
        windows = SandboxWindows(demo=demo, browser=browser)
        try:
            yield windows
        finally:
            await windows.close()
        assert not windows.complaints


async def test_a_walk_through_home_as_approver_owner_and_auditor(windows: SandboxWindows) -> None:
    await windows.open_refund_request("A-1", amount="120")
    for order, amount in (("A-2", "130"), ("A-3", "160"), ("A-4", "310")):
        await windows.start_refund(order, amount=amount)
    ada = await windows.window("ada", "home")
    home = ada.locator("#home")
    await expect(home).to_contain_text("4 requests are waiting for you")
    await expect(home).to_contain_text("Refund 310.00 EUR for order A-4?")

    # Decide one in its row.
    await home.get_by_role("button", name="Pay the refund: Refund 120.00 EUR for order A-1?").click()
    await expect(home).to_contain_text("Refund 120.00 EUR for order A-1? You approved this")
    await expect(home).to_contain_text("3 requests are waiting for you")
    await windows.until(lambda: windows.demo.payments.for_order("A-1"))

    # Decide two together.
    await home.get_by_role("button", name="Decide several").click()
    form = ada.get_by_role("dialog", name="Decide several")
    for order in ("A-2", "A-3"):
        await form.get_by_label(f"for order {order}?").check()
    await form.get_by_label("Approve", exact=True).check()
    await form.get_by_role("button", name="Decide", exact=True).click()
    await expect(form).to_contain_text("2 approved.")
    await ada.keyboard.press("Escape")
    await expect(home).to_contain_text("1 request is waiting for you")

    # What was decided.
    await home.get_by_role("button", name="Decided by you").click()
    await expect(home.get_by_role("button", name="Details")).to_have_count(3)

    cleo = await windows.window("cleo", "home", size=NARROW)
    home = cleo.locator("#home")
    await home.get_by_role("button", name="Waiting for others").click()
    await expect(home).to_contain_text("Refund 310.00 EUR for order A-4?")
    await home.get_by_role("button", name="Everything").click()
    await expect(home.get_by_role("heading", name="Everything")).to_be_visible()
    await home.get_by_role("button", name="Filter").click()
    form = cleo.get_by_role("dialog", name="Everything")
    await form.get_by_label("Search").fill("130")
    await form.get_by_role("button", name="Filter").click()
    await expect(home).to_contain_text("Only requests that contain “130”.")
    await expect(home.get_by_role("button", name="Details")).to_have_count(1)

    ben = await windows.window("ben", "home")
    home = ben.locator("#home")
    await home.get_by_role("button", name="Everything").click()
    await expect(home).to_contain_text("All requests of all people.")
    await expect(home.get_by_role("button", name="Pay the refund")).to_have_count(0)
