"""States of the page of insights, for `page_states`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from playwright.async_api import Page

from engine.domain import DEFAULT_WORKSPACE, Decided, Verdict
from engine.store import log_followers
from tests.browser.review_page import PageState, ReviewWindows, sign_in_as
from tests.support.engine_env import LEE, EngineEnv
from tests.support.insight_rows import recommend_changes

REFUNDS: Final = """\
name: refund
title: Refund an order
owner: sam@example.com
inputs: {amount: {type: integer, default: 12}}
steps:
  - id: pay
    title: Pay the refund
    uses: set
    with: {amount: "{{ inputs.amount }}"}
    gate:
      title: "Pay {{ inputs.amount }}?"
      approvers: [lee@example.com]
      edit: [amount]
      expires: 8h
      remind: true
  - id: tell
    uses: set
    with: {told: true}
    gate: {title: "Tell the customer?", approvers: [lee@example.com], when: "{{ inputs.amount > 1000 }}"}
"""
REQUESTS: Final = 24


async def decide_many(env: EngineEnv, number: int = REQUESTS) -> None:
    """Have many refunds decided: at several hours of a day, some changed, some after a reminder, one rejected."""
    await env.register(REFUNDS)
    for at in range(number):
        run = await env.start("refund", amount=at)
        await env.settle()
        env.pass_time(minutes=(7, 95, 260)[at % 3])
        await env.settle()
        verdict = Verdict.REJECT if at == 1 else Verdict.APPROVE
        decided = await env.decide(run, verdict, by=LEE, edits={"amount": 5} if at % 4 == 2 else None)
        assert isinstance(decided, Decided), decided
        await env.settle()
        env.pass_time(minutes=20)
    await env.start("refund")
    await env.settle()
    await env.store.transact(lambda tx: log_followers.follow_log(tx, DEFAULT_WORKSPACE))


async def _owner(windows: ReviewWindows, page: Page) -> None:
    await decide_many(windows.web.engine_env)
    await _open(windows, page, "sam@example.com")


async def _empty(windows: ReviewWindows, page: Page) -> None:
    await windows.web.engine_env.register(REFUNDS)
    await _open(windows, page, "sam@example.com")


async def _recommended(windows: ReviewWindows, page: Page) -> None:
    """Show both recommendations, each with its button."""
    env = windows.web.engine_env
    await env.register(REFUNDS)
    await recommend_changes(env, "refund", "pay")
    await _open(windows, page, "sam@example.com")


async def _asked(windows: ReviewWindows, page: Page) -> None:
    """Ask for a recommended change: the link to the request is in the place of its button."""
    await _recommended(windows, page)
    await page.get_by_role("button", name="Ask for this change").first.click()
    await page.goto(f"{windows.web.url}/insights")
    await page.get_by_role("link", name="See who is asked for this change").wait_for()


async def _without(windows: ReviewWindows, page: Page) -> None:
    await decide_many(windows.web.engine_env, 1)
    await _open(windows, page, "lee@example.com")


async def _open(windows: ReviewWindows, page: Page, address: str) -> None:
    await sign_in_as(windows, page, address)
    await page.goto(f"{windows.web.url}/insights")


INSIGHT_STATES: Final[Mapping[str, PageState]] = {
    "insights": _owner,
    "insights-empty": _empty,
    "insights-recommended": _recommended,
    "insights-asked": _asked,
    "insights-without-workflows": _without,
}
