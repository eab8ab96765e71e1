"""Slack, or what stands before it, answers with success and no JSON object: what was asked may have happened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.devtools.sandbox import RunningSandbox, sandbox
from bot.slack.client import SlackClient, open_client
from engine.domain import RequestState
from engine.errors import ChannelError
from tests.support.slack_env import SlackEnv, buttons, copy_of, expect_ok, words

BODIES = {
    "a page of HTML": ("<html><body>Just a moment…</body></html>", "text/html"),
    "nothing": ("", "application/json"),
    "nothing at all": ("", "text/html"),
    "half of its JSON": ('{"ok": true, "channel": "D0', "application/json"),
    "a list": ("[1]", "application/json"),
    "a text in JSON": ('"ok"', "application/json"),
    "null": ("null", "application/json"),
    "a number": ("1", "application/json"),
    "text": ("ok", "text/plain"),
    "an empty object": ("{}", "application/json"),
    "a refusal that names no error": ('{"ok": false}', "application/json"),
    "an error that is no text": ('{"ok": false, "error": {}}', "application/json"),
    "a success without its parts": ('{"ok": true}', "application/json"),
    "parts of another shape": ('{"ok": true, "channel": [], "ts": {}, "view": 1, "messages": {}}', "application/json"),
    "a deep nesting": ("[" * 60_000 + "]" * 60_000, "application/json"),
    "bytes that are no text": ("\udcff\udcfe", "application/json"),
    "an archive": ("ok", "application/gzip"),
}
METHODS: dict[str, dict[str, Any]] = {
    "chat.postMessage": {"text": "hello", "channel": "#general"},
    "chat.update": {"text": "hello", "channel": "C1", "ts": "1.1"},
    "views.open": {"trigger_id": "t", "view": {}},
    "conversations.open": {"users": "U1"},
}


def unreadable(slack: RunningSandbox, on: str, body: str, **more: Any) -> None:
    """The call lands, and the answer is no JSON object of Slack's."""
    content, content_type = BODIES[body]
    slack.fault(on, "status", status=200, body=content, content_type=content_type, landed=True, **more)


@pytest.fixture
async def slack() -> AsyncIterator[RunningSandbox]:
    async with sandbox() as running:
        yield running


@pytest.fixture
async def client(slack: RunningSandbox) -> AsyncIterator[SlackClient]:
    async with open_client(token=slack.app.bot_token, api_url=slack.api_url) as made:
        yield made


@pytest.mark.parametrize("body", [one for one in BODIES if not one.startswith(("a success", "parts"))])
@pytest.mark.parametrize("method", METHODS)
async def test_only_a_channel_error_leaves_the_client(
    slack: RunningSandbox, client: SlackClient, method: str, body: str
) -> None:
    unreadable(slack, method, body)
    with pytest.raises(ChannelError) as caught:
        await client.post(method, **METHODS[method])
    assert caught.value.outcome_unknown is (method != "conversations.open")
    assert not caught.value.permanent


@pytest.mark.parametrize("body", BODIES)
async def test_a_post_that_landed_unheard_stays_the_one_copy(env: SlackEnv, body: str) -> None:
    await env.register()
    for _ in range(2):
        unreadable(env.slack, "chat.postMessage", body)
    run = await env.start()
    await env.settle()
    env.pass_time(minutes=1)
    await env.settle()
    expect_ok(await env.person("ada").click("Approve"))
    await env.settle()
    assert await env.state(run) is RequestState.APPROVED
    for person in "ada", "ben":
        seen = [one for one in env.person(person).sees() if "Refund 120 EUR?" in words(one.get("blocks"))]
        assert [buttons(one) for one in seen] == [[]], "a second copy would keep its buttons for ever"


@pytest.mark.parametrize("body", BODIES)
async def test_a_copy_that_cannot_be_looked_for_is_not_posted_again(env: SlackEnv, body: str) -> None:
    await env.register()
    for _ in range(2):
        unreadable(env.slack, "chat.postMessage", body)
        unreadable(env.slack, "conversations.history", body)
        unreadable(env.slack, "conversations.open", body)
    await env.start()
    for _ in range(12):
        await env.settle()
        env.pass_time(minutes=1)
    for person in "ada", "ben":
        assert sum("Refund 120 EUR?" in words(one.get("blocks")) for one in env.person(person).sees()) == 1


@pytest.mark.parametrize("body", BODIES)
async def test_an_update_that_was_answered_so_takes_the_buttons_all_the_same(env: SlackEnv, body: str) -> None:
    await env.request_approval()
    unreadable(env.slack, "chat.update", body, times=2)
    unreadable(env.slack, "response_url", body)
    expect_ok(await env.person("ada").click("Approve"))
    await env.settle()
    env.pass_time(minutes=1)
    await env.settle()
    for person in "ada", "ben":
        assert buttons(copy_of(env.person(person))) == []


@pytest.mark.parametrize("body", BODIES)
async def test_a_modal_that_was_answered_so_leads_to_a_sentence_and_no_error(
    env: SlackEnv, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = await env.request_approval()
    unreadable(env.slack, "views.open", body)
    ada = env.person("ada")
    expect_ok(await ada.click("Edit"))
    await env.settle()
    assert not [one for one in caplog.records if one.exc_info]
    expect_ok(await ada.submit({"text": "Pay half"}))
    await env.settle()
    assert await env.state(run) is RequestState.APPROVED
