"""People decide requests on the page of the sandbox, which the real bot answers."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import expect

from tests.browser.sandbox_page import SandboxWindows, request_message

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CONFIRM_WORKFLOW = """\
name: drop
title: Drop tables
steps:
  - id: drop
    uses: set
    with: {tables: old}
    gate:
      title: Drop the old tables?
      confirm: They are gone for good.
      approvers: [ada@example.com]
"""


async def test_a_request_is_approved_by_a_click(windows: SandboxWindows) -> None:
    await windows.open_refund_request("A-1001")
    ada = await windows.window("ada")
    message = request_message(ada, "for order A-1001?")
    await message.get_by_role("button", name="Pay the refund").click()
    await expect(message).to_contain_text("Approved by Ada Approver")
    await expect(message.get_by_role("button")).to_have_text(["Details"])
    await windows.until(lambda: windows.demo.payments.for_order("A-1001"))


SHARED_WORKFLOW = """\
name: shared
title: Shared
steps:
  - id: keep
    uses: set
    with: {word: old}
    gate:
      title: Keep the old word?
      approvers: [ada@example.com, ben@example.com]
      channels: [{post_to: "#general"}]
"""


async def test_a_shared_copy_is_discussed_in_its_thread_and_decided_by_its_buttons(windows: SandboxWindows) -> None:
    await windows.register(SHARED_WORKFLOW)
    await windows.start("shared")
    ben = await windows.window("ben", "general")
    message = request_message(ben, "Keep the old word?").first
    await message.get_by_role("button", name="Reply in thread").click()
    await ben.get_by_label("Reply in the thread").fill("looks good")
    await ben.keyboard.press("Enter")
    answer = ben.locator("li.message.ephemeral").last
    await expect(answer).to_contain_text("Use the Approve button above. A reply decides nothing.")
    await expect(ben.get_by_label("Message #general")).to_be_visible()
    await expect(message).to_contain_text("@Ada Approver or @Ben Approver can decide.")
    await message.get_by_role("button", name="Approve").click()
    await expect(message).to_contain_text("Approved by Ben Approver")


async def test_another_window_changes_by_itself(windows: SandboxWindows) -> None:
    await windows.open_refund_request("A-1002")
    ada, ben = await windows.window("ada"), await windows.window("ben")
    ben_message = request_message(ben, "for order A-1002?")
    await expect(ben_message.get_by_role("button", name="Pay the refund")).to_be_visible()
    await request_message(ada, "for order A-1002?").get_by_role("button", name="Pay the refund").click()
    await expect(ben_message).to_contain_text("Approved by Ada Approver")
    await expect(ben_message.get_by_role("button")).to_have_text(["Details"])


async def test_a_wrong_value_in_an_edit_is_refused_and_a_right_one_runs(
    windows: SandboxWindows,
) -> None:
    await windows.open_refund_request("A-1003", amount="240.50")
    ada = await windows.window("ada")
    message = request_message(ada, "for order A-1003?")
    await message.get_by_role("button", name="Edit").click()
    modal = ada.get_by_role("dialog", name="Edit, then approve")
    amount = modal.get_by_label("Amount (EUR)")
    await expect(amount).to_have_value("240.50")
    await expect(amount).to_be_focused()
    for typed, error in (("abc", "Please enter a number."), ("0", "Please enter a number of at least 0.01.")):
        await amount.fill(typed)
        await modal.get_by_role("button", name="Pay the refund").click()
        await expect(modal.get_by_text(error)).to_be_visible()
        await expect(amount).to_have_attribute("aria-invalid", "true")
    await amount.fill("95")
    await modal.get_by_role("button", name="Pay the refund").click()
    await expect(modal).to_have_count(0)
    await expect(message).to_contain_text("Approved with edits by Ada Approver")
    await expect(message.locator("s")).to_have_text("240.50 EUR")
    await windows.until(lambda: [payment.amount for payment in windows.demo.payments.for_order("A-1003")] == ["95 EUR"])


async def test_a_rejection_needs_a_reason_and_shows_it(windows: SandboxWindows) -> None:
    await windows.open_refund_request("A-1004")
    ben = await windows.window("ben")
    message = request_message(ben, "for order A-1004?")
    await message.get_by_role("button", name="Do not pay").click()
    modal = ben.get_by_role("dialog", name="Do not pay")
    await modal.get_by_role("button", name="Do not pay").click()
    await expect(modal.get_by_text("Please complete this required field.")).to_be_visible()
    await modal.get_by_label("Reason").fill("<b>Paid</b> & closed on *Monday*")
    await modal.get_by_role("button", name="Do not pay").click()
    await expect(message).to_contain_text("Rejected by Ben Approver")
    await expect(message).to_contain_text(re.compile(r"Reason\s+<b>Paid</b> & closed on \*Monday\*"))
    assert not windows.demo.payments.booked


async def test_one_of_two_simultaneous_clicks_decides_and_the_other_person_gets_a_notice(
    windows: SandboxWindows,
) -> None:
    await windows.open_refund_request("A-1005")
    ada, ben = await windows.window("ada"), await windows.window("ben")
    messages = [request_message(page, "for order A-1005?") for page in (ada, ben)]
    buttons = [message.get_by_role("button", name="Pay the refund") for message in messages]
    for button in buttons:
        await expect(button).to_be_visible()
    # A script clicks, because a click of the driver waits for the page to settle, and a race must not wait.
    await asyncio.gather(*(button.evaluate("button => button.click()") for button in buttons))
    for message in messages:
        await expect(message.get_by_role("button")).to_have_text(["Details"])
        await expect(message).to_contain_text("Approved by")
    await windows.until(lambda: len(windows.demo.slack.world.ephemerals) == 1)
    (notice,) = windows.demo.slack.world.ephemerals
    loser = ada if notice.seen_by == windows.demo.slack.person("ada").id else ben
    await expect(loser.locator(".ephemeral")).to_contain_text("Only visible to you")
    await windows.until(lambda: windows.demo.payments.for_order("A-1005"))
    assert len(windows.demo.payments.calls) == 1


async def test_a_request_is_decided_from_home(windows: SandboxWindows) -> None:
    await windows.open_refund_request("A-1006")
    ada = await windows.window("ada", "home")
    await ada.get_by_role("button", name="Review").click()
    modal = ada.get_by_role("dialog", name="Details")
    await expect(modal).to_contain_text("for order A-1006?")
    await modal.get_by_role("button", name="Pay the refund").click()
    await windows.until(lambda: windows.demo.payments.for_order("A-1006"))
    await ada.keyboard.press("Escape")
    await expect(modal).to_have_count(0)
    await ada.get_by_role("link", name="Messages").click()
    await expect(request_message(ada, "for order A-1006?")).to_contain_text("Approved by Ada Approver")


async def test_a_button_asks_for_confirmation_where_the_workflow_says_so(windows: SandboxWindows) -> None:
    await windows.register(CONFIRM_WORKFLOW)
    await windows.start("drop")
    ada = await windows.window("ada")
    message = request_message(ada, "Drop the old tables?")
    button = message.get_by_role("button", name="Approve")
    await button.click()
    confirm_dialog = ada.get_by_role("dialog", name="Are you sure?")
    await expect(confirm_dialog).to_contain_text("They are gone for good.")
    await ada.keyboard.press("Escape")
    await expect(confirm_dialog).to_have_count(0)
    await expect(button).to_be_focused()
    await button.click()
    await confirm_dialog.get_by_role("button", name="Approve").click()
    await expect(message).to_contain_text("Approved by Ada Approver")


async def test_an_approval_needs_no_mouse(windows: SandboxWindows) -> None:
    await windows.open_refund_request("A-1007")
    ada = await windows.window("ada")
    button = request_message(ada, "for order A-1007?").get_by_role("button", name="Pay the refund")
    await expect(button).to_be_visible()
    for _ in range(40):
        await ada.keyboard.press("Tab")
        if await button.evaluate("node => node === document.activeElement"):
            break
    outline = await button.evaluate("node => getComputedStyle(node).outlineStyle")
    assert outline != "none"
    await ada.keyboard.press("Enter")
    await expect(request_message(ada, "for order A-1007?")).to_contain_text("Approved by Ada Approver")
    # The focused button is gone, and the focus stays in the message.
    assert await ada.evaluate("document.activeElement.closest('li.message') !== null")
