"""Slack, or a proxy before it, answers with success but no JSON object: the call may have happened."""

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


def answer_unreadably(slack: RunningSandbox, method: str, body: str, **options: Any) -> None:
    """Carry out the call, and answer with a body that is not a JSON object of Slack."""
    content, content_type = BODIES[body]
    slack.fault(method, "status", status=200, body=content, content_type=content_type, landed=True, **options)


@pytest.fixture
def transport(body: str) -> str:
    """Deliver in one of two ways: the same client reads the answers, so that each body needs only one."""
    return ("http", "sockets")[[*BODIES].index(body) % 2]


@pytest.fixture
async def slack() -> AsyncIterator[RunningSandbox]:
    async with sandbox() as running:
        yield running


@pytest.fixture
async def client(slack: RunningSandbox) -> AsyncIterator[SlackClient]:
    async with open_client(token=slack.app.bot_token, api_url=slack.api_url) as client:
        yield client


@pytest.mark.parametrize("method", METHODS)
async def test_only_a_channel_error_leaves_the_client(slack: RunningSandbox, client: SlackClient, method: str) -> None:
    for body in [body for body in BODIES if not body.startswith(("a success", "parts"))]:
        answer_unreadably(slack, method, body)
        with pytest.raises(ChannelError) as caught:
            await client.post(method, **METHODS[method])
        assert not slack.faults.queue, "Slack was called, and answered with this body"
        assert caught.value.outcome_unknown is (method != "conversations.open"), body
        assert not caught.value.permanent, body


@pytest.mark.parametrize("body", BODIES)
async def test_a_post_that_arrived_without_an_answer_stays_the_only_copy(env: SlackEnv, body: str) -> None:
    await env.register()
    for _ in range(2):
        answer_unreadably(env.slack, "chat.postMessage", body)
    run = await env.start()
    await env.settle()
    env.pass_time(minutes=1)
    await env.settle()
    expect_ok(await env.person("ada").click("Approve"))
    await env.settle()
    assert await env.state(run) is RequestState.APPROVED
    for person in "ada", "ben":
        copies = [message for message in env.person(person).sees() if "Refund 120 EUR?" in words(message.get("blocks"))]
        assert [buttons(message) for message in copies] == [["Details"]], "a second copy would keep its buttons forever"


@pytest.mark.parametrize("body", BODIES)
async def test_a_copy_that_cannot_be_looked_for_is_not_posted_again(env: SlackEnv, body: str) -> None:
    await env.register()
    for _ in range(2):
        answer_unreadably(env.slack, "chat.postMessage", body)
        answer_unreadably(env.slack, "conversations.history", body)
        answer_unreadably(env.slack, "conversations.open", body)
    await env.start()
    for _ in range(12):
        await env.settle()
        env.pass_time(minutes=1)
    for person in "ada", "ben":
        assert sum("Refund 120 EUR?" in words(message.get("blocks")) for message in env.person(person).sees()) == 1


@pytest.mark.parametrize("body", BODIES)
async def test_an_update_with_an_unreadable_answer_still_removes_the_buttons(env: SlackEnv, body: str) -> None:
    await env.request_approval()
    answer_unreadably(env.slack, "chat.update", body, times=2)
    answer_unreadably(env.slack, "response_url", body)
    expect_ok(await env.person("ada").click("Approve"))
    await env.settle()
    env.pass_time(minutes=1)
    await env.settle()
    for person in "ada", "ben":
        assert buttons(copy_of(env.person(person))) == ["Details"]


@pytest.mark.parametrize("body", BODIES)
async def test_a_modal_with_an_unreadable_answer_leads_to_a_sentence_and_not_to_an_error(
    env: SlackEnv, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = await env.request_approval()
    answer_unreadably(env.slack, "views.open", body)
    ada = env.person("ada")
    expect_ok(await ada.click("Edit"))
    await env.settle()
    assert not [record for record in caplog.records if record.exc_info]
    expect_ok(await ada.submit({"Text": "Pay half"}))
    await env.settle()
    assert await env.state(run) is RequestState.APPROVED
