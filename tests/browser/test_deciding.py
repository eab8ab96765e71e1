"""People decide requests on the page; the real bot stands behind it."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.kit import Desk, copy

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_request_is_approved_by_a_click(desk: Desk) -> None:
    await desk.asked("A-1001")
    ada = await desk.window("ada")
    message = copy(ada, "Refund order A-1001?")
    await message.get_by_role("button", name="Pay the refund").click()
    await expect(message).to_contain_text("Approved by Ada Approver")
    await expect(message.get_by_role("button")).to_have_count(0)
    await desk.until(lambda: desk.stage.payments.of("A-1001"))
