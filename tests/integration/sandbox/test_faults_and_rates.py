"""Faults on demand, and rate limits by Slack's tiers."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.devtools.sandbox import RunningSandbox
from bot.devtools.sandbox.methods import METHODS
from tests.support.sandbox_env import actions, button, error_of

ERRORS = [
    "ratelimited", "fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org",
    "channel_not_found", "user_disabled", "cannot_dm_bot", "restricted_action", "ekm_access_denied",
    "invalid_blocks", "msg_too_long", "metadata_too_large", "message_not_found", "edit_window_closed",
    "invalid_auth", "token_expired", "accesslimited", "some_new_error",
]  # fmt: skip


@pytest.mark.parametrize("code", ERRORS)
async def test_any_error_can_be_produced_on_demand(slack: RunningSandbox, client: AsyncWebClient, code: str) -> None:
    slack.fault("chat.postMessage", "error", code=code, times=2)
    for _ in range(2):
        assert await error_of(client.chat_postMessage(channel="#general", text="x")) == code
    assert (await client.chat_postMessage(channel="#general", text="x"))["ok"]
    assert len(slack.world.messages[slack.channel("general")]) == 1


async def test_an_error_may_come_although_the_post_landed(slack: RunningSandbox, client: AsyncWebClient) -> None:
    slack.fault("chat.postMessage", "error", code="fatal_error", landed=True)
    assert await error_of(client.chat_postMessage(channel="#general", text="x")) == "fatal_error"
    assert len(slack.world.messages[slack.channel("general")]) == 1


async def test_a_status_and_a_rate_limit_can_be_produced_on_demand(
    slack: RunningSandbox, client: AsyncWebClient
) -> None:
    slack.fault("*", "ratelimited", seconds=7)
    slack.fault("*", "status", status=502)
    with pytest.raises(SlackApiError) as limited:
        await client.auth_test()
    assert (limited.value.response.status_code, limited.value.response.headers["Retry-After"]) == (429, "7")
    with pytest.raises(SlackApiError) as broken:
        await client.auth_test()
    assert broken.value.response.status_code == 502


async def test_a_fault_may_wait_for_its_turn(slack: RunningSandbox, client: AsyncWebClient) -> None:
    slack.fault("auth.test", "error", code="fatal_error", skip=1)
    assert (await client.auth_test())["ok"]
    assert await error_of(client.auth_test()) == "fatal_error"


async def test_an_answer_can_be_slow_by_the_sandboxs_clock(slack: RunningSandbox, client: AsyncWebClient) -> None:
    slack.fault("auth.test", "slow", seconds=20)
    calling = asyncio.ensure_future(client.auth_test())
    await slack.until(lambda: slack.faults.used)
    await asyncio.sleep(0.03)
    assert not calling.done()
    slack.time.advance(20)
    assert (await calling)["ok"]


@pytest.mark.parametrize(("kind", "landed"), [("reset", 0), ("lost", 1)])
async def test_a_connection_can_break_before_or_after_the_post_landed(
    slack: RunningSandbox, client: AsyncWebClient, kind: Any, landed: int
) -> None:
    slack.fault("chat.postMessage", kind)
    with pytest.raises(aiohttp.ClientError):
        await client.chat_postMessage(channel="#general", text="x")
    assert len(slack.world.messages[slack.channel("general")]) == landed


async def test_a_post_can_land_without_any_answer(slack: RunningSandbox, client: AsyncWebClient) -> None:
    slack.fault("chat.postMessage", "hang")
    messages = slack.world.messages[slack.channel("general")]
    posting = asyncio.ensure_future(client.chat_postMessage(channel="#general", text="x"))
    await slack.until(lambda: messages)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await posting
    assert len(messages) == 1


async def test_slack_can_be_down(slack: RunningSandbox, client: AsyncWebClient) -> None:
    ada = slack.person("ada")
    await client.chat_postMessage(channel=ada.id, text="?", blocks=[actions(button())])
    slack.faults.down = True
    with pytest.raises(SlackApiError) as down:
        await client.auth_test()
    assert down.value.response.status_code == 503
    ack = await ada.click("Approve")
    assert ack is not None
    assert ack.problem == "operation_timeout"
    slack.faults.clear()
    assert (await client.auth_test())["ok"]


@pytest.mark.parametrize(("on", "kind"), [("chat.update", "duplicate"), ("deliver:interactive", "lost"), ("x", "what")])
async def test_a_fault_that_makes_no_sense_is_refused(slack: RunningSandbox, on: str, kind: Any) -> None:
    with pytest.raises(ValueError, match="fault"):
        slack.fault(on, kind)


async def test_each_tier_allows_its_calls_a_minute(slack: RunningSandbox, client: AsyncWebClient) -> None:
    slack.rates.configure(burst=1)
    tiers = {"usergroups.list": 20, "users.lookupByEmail": 50, "users.info": 100}
    ada = slack.person("ada")
    for name, per_minute in tiers.items():
        arguments = {"user": ada.id, "email": "ada@example.com"}
        assert (await client.api_call(name, params=arguments))["ok"]
        with pytest.raises(SlackApiError) as limited:
            await client.api_call(name, params=arguments)
        assert limited.value.response.status_code == 429
        assert limited.value.response["error"] == "ratelimited"
        assert int(limited.value.response.headers["Retry-After"]) == -(-60 // per_minute)
        slack.time.advance(60 / per_minute)
        assert (await client.api_call(name, params=arguments))["ok"]
    assert slack.rates.refused == 3


async def test_the_calls_of_a_minute_may_come_at_once_by_default(slack: RunningSandbox, client: AsyncWebClient) -> None:
    for _ in range(20):
        await client.usergroups_list()
    assert await error_of(client.usergroups_list()) == "ratelimited"


async def test_posts_are_limited_for_each_channel(slack: RunningSandbox, client: AsyncWebClient) -> None:
    slack.rates.configure(burst=1, multiplier=10)
    ada = slack.person("ada")
    await client.chat_postMessage(channel=ada.id, text="x")
    slack.time.advance(0.04)
    assert await error_of(client.chat_postMessage(channel=ada.dm, text="x")) == "ratelimited"
    assert (await client.chat_postMessage(channel="#general", text="x"))["ok"]
    slack.time.advance(0.03)
    by_id = client.chat_postMessage(channel=slack.channel("general"), text="x")
    assert await error_of(by_id) == "ratelimited"
    slack.time.advance(0.07)
    assert (await client.chat_postMessage(channel=ada.dm, text="x"))["ok"]


async def test_a_refused_method_does_not_slow_others(slack: RunningSandbox, client: AsyncWebClient) -> None:
    slack.rates.configure(burst=1)
    await client.auth_test()
    assert await error_of(client.auth_test()) == "ratelimited"
    assert (await client.api_test())["ok"]
    slack.rates.configure(enabled=False)
    for _ in range(5):
        assert (await client.auth_test())["ok"]


def test_tiers_of_the_methods_that_the_bot_depends_on() -> None:
    tiers = {
        "chat.update": 3, "conversations.open": 3, "users.lookupByEmail": 3, "users.info": 4, "views.open": 4,
        "views.update": 4, "views.publish": 4, "chat.postEphemeral": 4, "usergroups.users.list": 2, "users.list": 2,
    }  # fmt: skip

    assert {name: METHODS[name].tier for name in tiers} == tiers


async def test_the_shortest_time_that_the_rates_allow_is_computed(slack: RunningSandbox) -> None:
    slack.rates.configure(burst=1, multiplier=10)
    assert slack.rates.per_minute("chat.update", 3) == 500
    assert slack.rates.per_minute("chat.postMessage", 0) == 3000
    assert slack.rates.posts_per_second() == 10
