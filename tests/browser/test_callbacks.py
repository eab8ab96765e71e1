"""The callbacks of an ask on the page of its request: whether they arrived, and the button that sends one again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from engine.domain import Address, Origin
from engine.domain.api_keys import ApiKeyMade, CreateApiKey
from engine.domain.asks import Ask, AskContent, Asked
from engine.domain.callbacks import AddCallback, CallbackSecretMade
from engine.service import ApiKeys, CallbackEndpoints
from engine.steps.ask import AskStep
from engine.steps.url_guard import Guard, system_resolve
from tests.browser.review_page import (
    NARROW,
    WIDE,
    ReviewWindows,
    check_accessibility,
    open_review_windows,
    sign_in_as,
)
from tests.support.callback_env import CODES, relay_of
from tests.support.callback_receiver import CallbackReceiver, receiver
from tests.support.engine_env import SAM, TERMINAL
from tests.support.web_env import ADA

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
FLOW: Final = f"""\
name: approvals
title: Tool calls of agents
owner: {SAM.value}
steps:
  - {{id: call, uses: ask, gate: {{approvers: [{ADA}]}}}}
"""


@pytest_asyncio.fixture(loop_scope="session")
async def taking() -> AsyncIterator[CallbackReceiver]:
    async with receiver() as taking:
        yield taking


@pytest_asyncio.fixture(loop_scope="session")
async def windows(tmp_path: Path, browser: Browser, taking: CallbackReceiver) -> AsyncIterator[ReviewWindows]:
    """Yield the windows of a server with a program that is called back."""
    path, steps = tmp_path / "signoff.db", {"ask": AskStep()}
    async with open_review_windows(path, browser, steps=steps, admins=[SAM.value]) as windows:
        env = windows.web.engine_env
        env.relay = relay_of(env, CODES)
        await env.register(FLOW)
        endpoints = CallbackEndpoints(env.engine, CODES, Guard(["127.0.0.1"]), system_resolve)
        made = await ApiKeys(env.engine).create(CreateApiKey(name="Support agent", actor=SAM, origin=TERMINAL))
        added = await endpoints.add(AddCallback(key="Support agent", url=taking.url, actor=SAM, origin=TERMINAL))
        assert isinstance(made, ApiKeyMade)
        assert isinstance(added, CallbackSecretMade)
        taking.secret = added.secret
        asked = await env.engine.ask(
            Ask(
                content=AskContent(title="Refund 12 EUR", arguments={"amount": 12}, callback=taking.url),
                actor=Address("api", made.view.id),
                agent="Support agent",
                origin=Origin(surface="api"),
            )
        )
        assert isinstance(asked, Asked)
        await env.settle()
        yield windows


async def decide(windows: ReviewWindows) -> str:
    """Approve what the program asks, send what is due, and return the id of the request."""
    env = windows.web.engine_env
    [(run,)] = await env.rows("SELECT id FROM run")
    request = await env.request(run)
    await env.decide(run, by=Address("email", ADA))
    await env.settle()
    return request.id


async def open_page(windows: ReviewWindows, request: str, size: dict[str, int]) -> Page:
    """Open the page of the request as the owner of its workflow."""
    page = await windows.window(size=size)
    await sign_in_as(windows, page, SAM.value)
    await page.goto(f"{windows.web.url}/requests/{request}")
    return page


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_a_callback_that_the_program_lost_is_sent_again(
    windows: ReviewWindows, taking: CallbackReceiver, size: dict[str, int]
) -> None:
    request = await decide(windows)
    page = await open_page(windows, request, size)
    await check_accessibility(page)
    await page.get_by_role("button", name="Send again").click()
    await expect(page.get_by_text("asked to send it again")).to_be_visible()
    await check_accessibility(page)
    await windows.web.engine_env.settle()
    ids = [id_ for id_, _ in taking.calls]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    await page.goto(f"{windows.web.url}/requests/{request}")
    await expect(page.get_by_role("button", name="Send again")).to_be_visible()


async def test_a_callback_that_fails_says_why_and_is_tried_at_once(
    windows: ReviewWindows, taking: CallbackReceiver
) -> None:
    taking.answers.append(500)
    request = await decide(windows)
    page = await open_page(windows, request, WIDE)
    await expect(page.get_by_text("answered 500")).to_be_visible()
    await page.get_by_role("button", name="Retry now").click()
    await windows.web.engine_env.settle()
    assert [body["type"] for _, body in taking.calls] == ["ask.decided"]
    await page.goto(f"{windows.web.url}/requests/{request}")
    await expect(page.get_by_role("button", name="Send again")).to_be_visible()
    await expect(page.get_by_text("answered 500")).to_have_count(0)
