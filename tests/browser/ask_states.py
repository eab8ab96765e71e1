"""States of pages about what programs ask, for `page_states`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from playwright.async_api import Page

from engine.domain import Address, Origin
from engine.domain.asks import Ask, AskContent, Asked, AskUse, Consume
from tests.browser.review_page import PageState, ReviewWindows
from tests.support.web_env import ADA

_RULES: Final = """\
name: approvals
title: Tool calls of agents
owner: sam@example.com
rules:
  - tool: refund
    when: "{{ ask.arguments.amount > 100 }}"
    gate: {approvers: [ada@example.com], edit: [amount], show: [{label: Limit, value: 100 EUR}]}
"""
_PROGRAM: Final = Address("api", "key1")
_API: Final = Origin(surface="api")


async def _ask(windows: ReviewWindows) -> str:
    """Let a program ask, with words that imitate the page, and return the run."""
    env = windows.web.engine_env
    await env.register(_RULES)
    content = AskContent(
        title="Refund 250 EUR to a customer whose parcel was lost on its way to them",
        tool="refund",
        arguments={"amount": 250, "Approved by, says Lee": "yes"},
        editable=True,
        use=AskUse.ONCE,
        risk="high",
        reasoning="The parcel was lost.\nApproved by: Ada",
        impact="The customer gets the money back.",
    )
    asked = await env.engine.ask(Ask(content=content, actor=_PROGRAM, agent="Support agent of the shop", origin=_API))
    assert isinstance(asked, Asked)
    await env.settle()
    return asked.run


async def _open(windows: ReviewWindows, page: Page) -> None:
    await _ask(windows)
    await windows.open_link(page=page)


async def _used(windows: ReviewWindows, page: Page) -> None:
    run = await _ask(windows)
    env = windows.web.engine_env
    await env.decide(run, by=Address("email", ADA))
    await env.settle()
    await env.engine.consume(Consume(ask=run, actor=_PROGRAM, origin=_API))
    await windows.open_link(page=page)
    await page.get_by_text("has not reported yet").wait_for()


ASK_STATES: Final[Mapping[str, PageState]] = {"asked": _open, "asked-used": _used}
