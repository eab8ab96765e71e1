"""Messages start runs on the page of the sandbox: from the menu of a message, and by a reaction."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.sandbox_page import NARROW, SandboxWindows

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
WORKFLOW = """\
name: triage
title: Triage
inputs:
  text: {type: long_text, label: What it is about}
triggers:
  - message: true
    inputs: {text: "{{ trigger.text }}"}
  - reaction: {emoji: eyes, channel: "#general"}
    inputs: {text: "{{ trigger.text }}"}
steps:
  - id: act
    uses: set
    with: {text: "{{ inputs.text }}"}
    gate: {title: "Take over?", approvers: [ada@example.com]}
"""


async def test_the_menu_of_a_message_starts_a_run(windows: SandboxWindows) -> None:
    await windows.register(WORKFLOW)
    windows.demo.slack.person("ben").say("The printer is on fire", channel="general")
    cleo, ada = await windows.window("cleo", "general", size=NARROW), await windows.window("ada")
    message = cleo.locator("li.message", has_text="The printer is on fire").first
    await message.get_by_label("Message menu").click()
    menu = message.locator(".message-menu-items")
    assert await menu.evaluate("node => node.scrollWidth <= node.clientWidth && node.getBoundingClientRect().left >= 0")
    await message.get_by_role("button", name="Run a workflow").click()
    form = cleo.get_by_role("dialog", name="Triage")
    await expect(form.get_by_label("What it is about")).to_have_value("The printer is on fire")
    await form.get_by_role("button", name="Start").click()
    await expect(form).to_have_count(0)
    await expect(cleo.get_by_text("Ada Approver was asked.").first).to_be_visible()
    request = ada.locator("li.message", has_text="Take over?").last
    await request.get_by_role("button", name="Approve").click()
    await expect(cleo.locator("li.message", has_text="Replied in a thread").last).to_contain_text("Done: Take over")


async def test_a_reaction_starts_a_run(windows: SandboxWindows) -> None:
    await windows.register(WORKFLOW)
    windows.demo.slack.person("ben").say("The door is stuck", channel="general")
    cleo, ada = await windows.window("cleo", "general"), await windows.window("ada")
    message = cleo.locator("li.message", has_text="The door is stuck").first
    await message.get_by_label("Message menu").click()
    await message.get_by_role("button", name="React with eyes").click()
    mine = message.get_by_role("button", name="eyes: 1")
    await expect(mine).to_have_attribute("aria-pressed", "true")
    await expect(ada.locator("li.message", has_text="The door is stuck").last).to_be_visible()
    await mine.click()
    await expect(mine).to_have_count(0)
    await message.get_by_label("Message menu").click()
    await message.get_by_label("Name of an emoji").fill(":tada:")
    await message.get_by_role("button", name="React", exact=True).click()
    await expect(message.get_by_role("button", name="tada: 1")).to_be_visible()
