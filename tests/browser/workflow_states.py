"""States of the pages of workflows, for `page_states`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from playwright.async_api import Page

from tests.browser.review_page import PageState, ReviewWindows, sign_in_as
from tests.support.engine_env import EngineEnv

SECOND: Final = """\
name: refund
title: Refund an order
description: Pays money back.
owner: sam@example.com
inputs: {amount: {type: integer, label: Amount, default: 12}}
steps:
  - id: pay
    title: Pay the refund
    uses: set
    with: {amount: "{{ inputs.amount }}"}
    gate:
      when: "{{ inputs.amount > 100 }}"
      title: "Pay {{ inputs.amount }}?"
      approvers: [lee@example.com, owner]
      edit: [amount]
      expires: 8h
  - id: tell
    title: Tell the customer
    uses: set
    with: {told: true}
"""
FIRST: Final = SECOND.replace("[lee@example.com, owner]", "[kim@example.com]").replace("expires: 8h", "expires: 4h")


async def register_both(env: EngineEnv) -> None:
    """Register two versions, and ask Lee, who owns no workflow."""
    await env.register(FIRST)
    env.pass_time(minutes=5)
    await env.register(SECOND)
    await env.start("refund", amount=200)
    await env.settle()


async def _open(windows: ReviewWindows, page: Page, path: str) -> None:
    await register_both(windows.web.engine_env)
    await sign_in_as(windows, page, "sam@example.com")
    await page.goto(f"{windows.web.url}{path}")


PASTE: Final = """(element, text) => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text/plain", text);
  element.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""


async def write_file(page: Page, text: str) -> None:
    """Replace the text in the editor, as by pasting."""
    field = page.get_by_role("textbox", name="Workflow file")
    await field.focus()
    await page.keyboard.press("Control+A")
    await field.evaluate(PASTE, text)


async def _list(windows: ReviewWindows, page: Page) -> None:
    await _open(windows, page, "/workflows")


async def _empty(windows: ReviewWindows, page: Page) -> None:
    await register_both(windows.web.engine_env)
    await sign_in_as(windows, page, "lee@example.com")
    await page.goto(f"{windows.web.url}/workflows")


async def _one(windows: ReviewWindows, page: Page) -> None:
    await _open(windows, page, "/workflows/refund")
    await page.locator("#file summary").click()


async def _compared(windows: ReviewWindows, page: Page) -> None:
    await _open(windows, page, "/workflows/refund/versions?from=1&to=2")


async def _deleting(windows: ReviewWindows, page: Page) -> None:
    await _open(windows, page, "/workflows/refund")
    await page.get_by_role("button", name="Delete it").click()
    await page.get_by_role("heading", name="Delete this workflow?").wait_for()


async def _wrong(windows: ReviewWindows, page: Page) -> None:
    await _open(windows, page, "/workflows/refund/edit")
    await write_file(page, SECOND.replace("approvers", "aprovers"))
    await page.get_by_role("button", name="Register").click()
    await page.get_by_text("Did you mean").wait_for()


async def _checked(windows: ReviewWindows, page: Page) -> None:
    await _open(windows, page, "/workflows/refund/edit")
    await write_file(page, SECOND.replace("expires: 8h", "expires: 2d"))
    await page.get_by_role("button", name="Check and compare").click()
    await page.get_by_text("The file has no problems").wait_for()


async def _tried(windows: ReviewWindows, page: Page) -> None:
    await _open(windows, page, "/workflows/refund/try")
    await page.get_by_label("Amount").fill("150")
    await page.get_by_role("button", name="Show what happens").click()
    await page.get_by_text("Signoff would ask lee@example.com").wait_for()


async def _tried_wrong(windows: ReviewWindows, page: Page) -> None:
    await _open(windows, page, "/workflows/refund/try")
    await page.get_by_label("Amount").fill("much")
    await page.get_by_role("button", name="Show what happens").click()
    await page.get_by_text("Not submitted yet").wait_for()


async def _starting(windows: ReviewWindows, page: Page) -> None:
    await register_both(windows.web.engine_env)
    await sign_in_as(windows, page, "lee@example.com")
    await page.goto(f"{windows.web.url}/workflows")
    await page.get_by_role("link", name="Refund an order").click()
    await page.get_by_role("button", name="Start").wait_for()


async def _gallery(windows: ReviewWindows, page: Page) -> None:
    await _open(windows, page, "/workflows")
    await page.get_by_role("link", name="New workflow").click()
    await page.get_by_role("heading", name="New workflow").wait_for()


async def _answered(windows: ReviewWindows, page: Page) -> None:
    await _open(windows, page, "/new-workflow/deploy")
    for field in await page.locator("input[type=url]").all():
        await field.fill("https://deploy.example.com")
    await page.get_by_role("button", name="Show the steps").click()
    await page.get_by_role("heading", name="Its steps").wait_for()


async def _answered_wrong(windows: ReviewWindows, page: Page) -> None:
    await _open(windows, page, "/new-workflow/deploy")
    await page.get_by_label("What is it called in commands?").fill("Not a name")
    await page.get_by_role("button", name="Show the steps").click()
    await page.get_by_text("Not submitted yet").wait_for()


async def _new_file(windows: ReviewWindows, page: Page) -> None:
    await _open(windows, page, "/new-workflow")
    await page.get_by_role("link", name="write the file yourself").click()
    await page.get_by_role("button", name="Check it and show the steps").click()
    await page.get_by_text("The file has no problems").wait_for()


WORKFLOW_STATES: Final[Mapping[str, PageState]] = {
    "workflows": _list,
    "workflows-empty": _empty,
    "workflow": _one,
    "workflow-versions": _compared,
    "workflow-new": _gallery,
    "workflow-answers": _answered,
    "workflow-answers-wrong": _answered_wrong,
    "workflow-new-file": _new_file,
    "workflow-try": _tried,
    "workflow-try-wrong": _tried_wrong,
    "workflow-start": _starting,
    "workflow-delete": _deleting,
    "workflow-edit-wrong": _wrong,
    "workflow-edit-checked": _checked,
}
