"""Fixtures: a sandbox whose clock stands still, and the official Slack client for it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.devtools.sandbox import AppConfig, FrozenClock, RunningSandbox, sandbox
from tests.support.sandbox_env import SCOPES, client_of


@pytest.fixture
async def slack() -> AsyncIterator[RunningSandbox]:
    config = AppConfig(
        scopes=SCOPES, shortcuts=("make",), message_shortcuts=(("on_message", "On message"),), escaped_commands=()
    )
    async with sandbox(clock=FrozenClock(), app=config) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client_session:
        yield client_session


@pytest.fixture
async def client(slack: RunningSandbox, session: aiohttp.ClientSession) -> AsyncWebClient:
    return client_of(slack, session)
