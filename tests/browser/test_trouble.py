"""Slack fails, the page says so as Slack's client does, and Slack works again."""

from __future__ import annotations

import pytest
from playwright.async_api import expect
from yarl import URL

from bot.devtools.sandbox import sandbox
from tests.browser.sandbox_page import SandboxWindows, request_message

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_slack_is_down_by_the_switch_and_comes_back(windows: SandboxWindows) -> None:
    await windows.open_refund_request("A-3001")
    ada = await windows.window("ada")
    message = request_message(ada, "for order A-3001?")
    button = message.get_by_role("button", name="Pay the refund")
    await ada.get_by_label("Slack", exact=True).select_option("down")
    await expect(ada.locator("#banner")).to_contain_text("Slack is down")
    await button.click()
    error = message.get_by_role("alert")
    await expect(error).to_contain_text("This app didn’t respond in time.")
    await expect(error).to_contain_text("operation_timeout")
    await ada.get_by_role("combobox", name="Message").fill("/signoff list")
    await ada.keyboard.press("Enter")
    await expect(ada.locator(".composer").get_by_role("alert")).to_contain_text("/signoff failed.")
    assert not windows.demo.payments.booked
    await ada.get_by_label("Slack", exact=True).select_option("works")
    await expect(ada.locator("#banner")).to_be_hidden()
    await button.click()
    await expect(message).to_contain_text("Approved by Ada Approver")
    await expect(error).to_have_count(0)


async def test_copies_that_could_not_be_posted_arrive_later_and_the_story_shows_the_error(
    windows: SandboxWindows,
) -> None:
    await windows.open_refund_request("A-3000")
    ada = await windows.window("ada")
    await expect(request_message(ada, "for order A-3000?")).to_be_visible()
    await ada.get_by_label("Slack", exact=True).select_option("limited")
    await expect(ada.locator("#banner")).to_contain_text("Slack is busy")
    await windows.start_refund("A-3002")
    newest = ada.get_by_role("complementary", name="Story").locator(".run").first
    copies = newest.locator(".copies li", has_text="Ada Approver")
    await expect(copies).to_contain_text("On its way")
    await expect(copies.locator(".error")).not_to_be_empty()
    await ada.get_by_label("Slack", exact=True).select_option("works")
    await expect(request_message(ada, "for order A-3002?")).to_be_visible()
    await expect(copies).to_contain_text("Delivered")


async def test_a_form_that_cannot_be_sent_stays_open_with_the_typed_text(windows: SandboxWindows) -> None:
    await windows.open_refund_request("A-3003")
    ada = await windows.window("ada")
    await request_message(ada, "for order A-3003?").get_by_role("button", name="Do not pay").click()
    modal = ada.get_by_role("dialog", name="Do not pay")
    await modal.get_by_label("Reason").fill("It was paid in May")
    windows.demo.slack.faults.down = True
    await modal.get_by_role("button", name="Do not pay").click()
    await expect(modal.get_by_role("alert")).to_contain_text("We had some trouble connecting. Try again?")
    await expect(modal.get_by_label("Reason")).to_have_value("It was paid in May")
    windows.demo.slack.faults.clear()
    await modal.get_by_role("button", name="Do not pay").click()
    await expect(modal).to_have_count(0)
    await expect(request_message(ada, "for order A-3003?")).to_contain_text("It was paid in May")


async def test_the_page_says_when_the_sandbox_does_not_answer_and_goes_on_afterwards(
    windows: SandboxWindows,
) -> None:
    await windows.open_refund_request("A-3004")
    ada = await windows.window("ada")
    await expect(request_message(ada, "for order A-3004?")).to_be_visible()
    windows.offline = True
    await ada.context.set_offline(True)
    await expect(ada.locator("#banner")).to_contain_text("The sandbox is gone")
    await ada.context.set_offline(False)
    await expect(ada.locator("#banner")).to_be_hidden()
    await windows.start_refund("A-3005")
    await expect(request_message(ada, "for order A-3005?")).to_be_visible()


async def test_the_page_goes_on_with_a_sandbox_that_was_started_again(windows: SandboxWindows) -> None:
    windows.offline = True
    async with sandbox() as first:
        port = URL(first.base_url).port or 0
        page = await windows.window("ada", "general", at=first)
        await expect(page.get_by_role("heading", name="#general")).to_be_visible()
    await expect(page.locator("#banner")).to_contain_text("The sandbox is gone")
    async with sandbox(port=port) as second:
        second.person("ben").say("Back again", channel="general")
        await expect(page.locator("#banner")).to_be_hidden()
        await expect(page.locator("li.message")).to_contain_text("Back again")
        await page.context.close()
