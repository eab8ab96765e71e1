"""What the step `message` sends, on a local Slack."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.sandbox import Running, sandbox
from bot.slack.client import connected
from bot.slack.sender import SlackSender
from engine.errors import StepError


@pytest.fixture
async def slack() -> AsyncIterator[Running]:
    async with sandbox() as running:
        yield running


@pytest.fixture
async def sender(slack: Running) -> AsyncIterator[SlackSender]:
    async with connected(token=slack.app.bot_token, api_url=slack.api_url) as client:
        yield SlackSender(client)


async def test_a_message_goes_to_a_channel_or_a_person_by_any_name(slack: Running, sender: SlackSender) -> None:
    ada = slack.person("ada")
    for number, to in enumerate((ada.id, f"<@{ada.id}>", f"<@{ada.id}|ada>", "ada@example.com"), start=1):
        assert (await sender.send(to=to, text=f"hello {number}", key=f"k{number}"))["channel"] == ada.dm
        assert ada.sees()[-1]["text"] == f"hello {number}"
    general = slack.channel("general")
    for number, to in enumerate(("#general", general, f"<#{general}|general>"), start=1):
        assert (await sender.send(to=to, text=f"hi {number}", key=f"g{number}"))["channel"] == general
        assert ada.sees("general")[-1]["text"] == f"hi {number}"


async def test_nothing_in_a_text_becomes_a_mention_or_a_link(slack: Running, sender: SlackSender) -> None:
    await sender.send(to="#general", text="<!channel> <https://bad.example|good> & <@U1>", key="k")
    said = slack.person("ada").sees("general")[-1]["text"]
    assert said == "&lt;!channel&gt; &lt;https://bad.example|good&gt; &amp; &lt;@U1&gt;"


async def test_a_message_to_a_person_that_landed_unheard_is_not_sent_twice(slack: Running, sender: SlackSender) -> None:
    ada = slack.person("ada")
    slack.fault("chat.postMessage", "lost")
    with pytest.raises(StepError) as caught:
        await sender.send(to=ada.id, text="hello", key="k")
    assert caught.value.outcome_unknown
    sent = await sender.send(to=ada.id, text="hello", key="k")
    assert [one["ts"] for one in ada.sees()] == [sent["ts"]]


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ("nowhere", "no place in Slack"),
        ("#nothing", "no such conversation"),
        ("#finance", "not a member"),
        ("#old", "archived"),
        ("nobody@example.com", "nobody there has this email address"),
        ("U0NOBODY", "no such user"),
    ],
)
async def test_what_cannot_be_reached_fails_for_good(slack: Running, sender: SlackSender, to: str, told: str) -> None:
    with pytest.raises(StepError, match=told) as caught:
        await sender.send(to=to, text="hello", key="k")
    assert not caught.value.outcome_unknown
    assert not caught.value.retryable


async def test_a_text_that_slack_would_cut_is_refused(sender: SlackSender) -> None:
    with pytest.raises(StepError, match="longer than the 40,000 characters"):
        await sender.send(to="#general", text="x" * 40_001, key="k")


async def test_a_refusal_to_go_on_may_be_tried_again(slack: Running, sender: SlackSender) -> None:
    slack.fault("chat.postMessage", "ratelimited", seconds=60)
    with pytest.raises(StepError) as caught:
        await sender.send(to="#general", text="hello", key="k")
    assert caught.value.retryable
    assert caught.value.retry_after is not None
