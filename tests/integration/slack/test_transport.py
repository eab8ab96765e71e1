"""The log while Slack's socket cannot be opened."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from bot.devtools.sandbox import RunningSandbox, sandbox
from bot.slack.client import open_client
from bot.slack.home_publisher import StaleHomes
from bot.slack.service import SlackService
from bot.slack.setup import SlackCredentials, serving


async def test_a_refused_app_token_is_logged_without_a_traceback(
    caplog: pytest.LogCaptureFixture, slack: RunningSandbox
) -> None:
    caplog.set_level(logging.INFO)
    logging.getLogger("slack_sdk").setLevel(logging.NOTSET)
    token = slack.app.bot_token
    async with (
        open_client(token=token, api_url=slack.api_url) as client,
        serving(client, _nobody(), SlackCredentials(app_token="xapp-wrong"), StaleHomes()),
    ):
        async with asyncio.timeout(5):
            while not caplog.records:  # noqa: ASYNC110 what is waited for cannot be awaited
                await asyncio.sleep(0.01)
    logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)
    lines = [record for record in caplog.records if record.name.startswith("slack_sdk")]
    assert any("invalid_auth" in line.getMessage() for line in lines)
    for line in lines:
        assert "signoff doctor says more" in line.getMessage()
        assert "\n" not in line.getMessage()
        assert line.exc_info is None


@pytest.fixture
async def slack() -> AsyncIterator[RunningSandbox]:
    async with sandbox() as running:
        yield running


def _nobody() -> SlackService:
    return None  # type: ignore[return-value]
