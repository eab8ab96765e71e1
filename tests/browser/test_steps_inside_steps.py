"""The pages about branches, items and runs below a run, and about files: readable in every size and colour."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from engine.domain import Address
from engine.steps.branch import BranchStep
from engine.steps.foreach import ForeachStep
from engine.steps.run import RunStep
from engine.steps.set import SetStep
from tests.browser.review_page import NARROW, WIDE, ReviewWindows, check_accessibility, open_review_windows, sign_in_as
from tests.support.engine_env import PlayedStep
from tests.support.web_env import ADA

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
SAM: Final = "sam@example.com"
CHILD: Final = """\
name: book
title: Book the payment
owner: sam@example.com
inputs: {text: text}
steps:
  - id: enter
    title: Enter it in the books
    uses: set
    with: {text: "{{ inputs.text }}"}
    gate: {approvers: [ben@example.com]}
output: {entry: "{{ steps.enter.text }}"}
"""
FLOW: Final = """\
name: refunds
title: Refunds of the week
owner: sam@example.com
inputs: {amount: number, names: json}
steps:
  - id: size
    title: How much is it?
    uses: branch
    paths:
      very_large:
        when: "{{ inputs.amount > 1000 }}"
        steps:
          - {id: board, title: Ask the board, uses: set, with: {x: 1}, gate: {approvers: [ben@example.com]}}
      small:
        when: "{{ inputs.amount > 10 }}"
        steps:
          - {id: note, title: Take a note, uses: set, with: {text: Small enough}}
    otherwise:
      - {id: nothing, title: Nothing to do, uses: set, with: {x: 1}}
  - id: each
    title: Pay each of them
    uses: foreach
    with: {over: "{{ inputs.names }}", parallel: 3}
    gate: {title: Pay all of them?, approvers: [ada@example.com]}
    steps:
      - {id: pay, title: Pay, uses: played, with: {text: "Pay {{ item }}"}}
  - id: book
    title: Book it
    uses: run
    with: {workflow: book, inputs: {text: "Paid {{ steps.each.succeeded }}"}}
"""


@pytest_asyncio.fixture(loop_scope="session")
async def windows(tmp_path: Path, browser: Browser, empty_database: bytes) -> AsyncIterator[ReviewWindows]:
    path = tmp_path / "signoff.db"
    path.write_bytes(empty_database)
    path.chmod(0o600)
    kinds = (SetStep(), BranchStep(), ForeachStep(), RunStep(), PlayedStep())
    async with open_review_windows(path, browser, steps={kind.name: kind for kind in kinds}) as windows:
        await windows.web.engine_env.register(CHILD)
        await windows.web.engine_env.register(FLOW)
        yield windows


async def photograph(page: Page, name: str) -> None:
    """Check a page, and keep a picture of it in both colours in the folder of the environment, if there is one."""
    await check_accessibility(page)
    folder = os.environ.get("SIGNOFF_TEST_PICTURES")
    for colours in ("light", "dark") if folder else ():
        await page.emulate_media(color_scheme=colours)
        width = (page.viewport_size or WIDE)["width"]
        await page.screenshot(path=f"{folder}/{name}-{width}-{colours}.png", full_page=True)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_the_pages_of_a_run_with_steps_inside_steps_are_readable(
    windows: ReviewWindows, size: dict[str, int]
) -> None:
    env = windows.web.engine_env
    run = await env.start("refunds", amount=50, names=[f"Person {number}" for number in range(1, 41)])
    await env.settle()
    page = await windows.open_link(size=size)
    await photograph(page, "review")
    await page.get_by_role("link", name="Show all items").first.click()
    await expect(page.get_by_text("Pay Person 40")).to_be_visible()
    await photograph(page, "items")
    owner = await windows.window(size=size)
    await sign_in_as(windows, owner, SAM)
    await owner.goto(f"{windows.web.url}/runs/{run}")
    await photograph(owner, "run-asking")
    await env.decide(run, by=Address("email", ADA))
    await env.settle()
    await owner.reload()
    await photograph(owner, "run-below")
    await expect(owner.get_by_text("40 of 40 done")).to_be_visible()
    await owner.get_by_role("link", name="Book the payment").first.click()
    await photograph(owner, "child")
