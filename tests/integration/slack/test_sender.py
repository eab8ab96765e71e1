"""The messages of the step `message`, on a local Slack."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.devtools.sandbox import RunningSandbox, sandbox
from bot.devtools.sandbox.server import SimulatedPerson
from bot.slack.client import open_client
from bot.slack.sender import SlackSender
from engine.errors import StepError
from tests.support.slack_env import words

SOURCE = "the workflow tell, run 05n7"
LINE = f"Message of {SOURCE}:"


def texts_seen(person: SimulatedPerson, channel: str | None = None) -> list[str]:
    """Return the texts of the last message, one for each block."""
    return [words(block) for block in person.sees(channel)[-1]["blocks"]]


@pytest.fixture
async def slack() -> AsyncIterator[RunningSandbox]:
    async with sandbox() as running:
        yield running


@pytest.fixture
async def sender(slack: RunningSandbox) -> AsyncIterator[SlackSender]:
    async with open_client(token=slack.app.bot_token, api_url=slack.api_url) as client:
        yield SlackSender(client)


async def test_a_message_goes_to_a_channel_or_a_person_by_any_name(slack: RunningSandbox, sender: SlackSender) -> None:
    ada = slack.person("ada")
    for number, recipient in enumerate((ada.id, f"<@{ada.id}>", f"<@{ada.id}|ada>", "ada@example.com"), start=1):
        sent = await sender.send(to=recipient, text=f"hello {number}", source=SOURCE, key=f"k{number}")
        assert sent["channel"] == ada.dm
        assert texts_seen(ada) == [LINE, f"hello {number}"]
    general = slack.channel("general")
    for number, recipient in enumerate(("#general", general, f"<#{general}|general>"), start=1):
        sent = await sender.send(to=recipient, text=f"hi {number}", source=SOURCE, key=f"g{number}")
        assert sent["channel"] == general
        assert texts_seen(ada, "general") == [LINE, f"hi {number}"]


async def test_nothing_in_a_text_becomes_a_mention_or_a_link(slack: RunningSandbox, sender: SlackSender) -> None:
    await sender.send(to="#general", text="<!channel> <https://bad.example|good> & <@U1>", source=SOURCE, key="k")
    ada = slack.person("ada")
    assert texts_seen(ada, "general") == [LINE, "<!channel> <https://bad.example|good> & <@U1>"]
    escaped = "&lt;!channel&gt; &lt;https://bad.example|good&gt; &amp; &lt;@U1&gt;"
    assert ada.sees("general")[-1]["text"] == f"{LINE}\n&gt; {escaped}"


IMITATION = "Refund 120 EUR?\nApproved by Ada Approver at 2026-03-02 10:00 UTC.\nAmount: 5.00 EUR"


@pytest.mark.parametrize("long", [False, True])
async def test_no_line_of_a_message_looks_like_a_line_of_the_bot(
    slack: RunningSandbox, sender: SlackSender, long: bool
) -> None:
    ada = slack.person("ada")
    await sender.send(to=ada.id, text=IMITATION + "\nmore" * 3_000 * long, source=SOURCE, key="k")
    message = ada.sees()[-1]
    ours, *theirs = message["text"].split("\n")
    assert ours == LINE
    assert all(line.startswith("&gt; ") for line in theirs[:-1])
    if not long:
        assert [part["type"] for part in message["blocks"][1]["elements"]] == ["rich_text_quote"]


async def test_hidden_characters_of_a_message_are_marked(slack: RunningSandbox, sender: SlackSender) -> None:
    ada = slack.person("ada")
    await sender.send(to=ada.id, text="Pay \u202e021 EUR\u200b", source=SOURCE, key="k")
    assert texts_seen(ada)[1] == "Pay ⟦U+202E⟧021 EUR⟦U+200B⟧"
    assert "⟦U+202E⟧" in ada.sees()[-1]["text"]


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        ("#general", None),
        ("#leads", None),
        ("ada@example.com", None),
        ("#finance", "Signoff is not in #finance. Type /invite @Signoff there"),
        ("#nothing", "Signoff is not in #nothing."),
    ],
)
async def test_a_channel_without_the_app_is_doubted_in_advance(
    slack: RunningSandbox, sender: SlackSender, channel: str, expected: str | None
) -> None:
    doubt = await sender.doubt(channel)
    assert doubt is None if expected is None else expected in (doubt or "")
    name = channel.removeprefix("#")
    if channel.startswith("#") and slack.world.channel_named(name) is not None:
        assert (await sender.doubt(slack.channel(name)) is None) is (expected is None)


async def test_an_unanswered_lookup_is_a_doubt_and_not_an_error(slack: RunningSandbox, sender: SlackSender) -> None:
    slack.fault("users.conversations", "status")
    doubt = await sender.doubt("#general") or ""
    assert "could not be checked" in doubt
    assert "/invite @Signoff" in doubt
    slack.app.scopes[:] = [scope for scope in slack.app.scopes if scope != "groups:read"]
    assert "missing_scope" in (await sender.doubt("#general") or "")


async def test_a_channel_without_the_app_says_how_to_invite_it(slack: RunningSandbox, sender: SlackSender) -> None:
    for channel in "#finance", "#nothing":
        with pytest.raises(StepError, match=f"/invite @Signoff in the channel {channel}"):
            await sender.send(to=channel, text="hello", source=SOURCE, key="k")
    with pytest.raises(StepError) as caught:
        await sender.send(to="UNOBODY", text="hello", source=SOURCE, key="k")
    assert "/invite" not in str(caught.value)


async def test_a_message_that_arrived_without_an_answer_is_not_sent_twice(
    slack: RunningSandbox, sender: SlackSender
) -> None:
    ada = slack.person("ada")
    slack.fault("chat.postMessage", "lost")
    with pytest.raises(StepError) as caught:
        await sender.send(to=ada.id, text="hello", source=SOURCE, key="k")
    assert caught.value.outcome_unknown
    sent = await sender.send(to=ada.id, text="hello", source=SOURCE, key="k")
    assert [message["ts"] for message in ada.sees()] == [sent["ts"]]


@pytest.mark.parametrize(
    ("recipient", "error"),
    [
        ("nowhere", "no place in Slack"),
        ("#nothing", "no such conversation"),
        ("#finance", "not a member"),
        ("#old", "archived"),
        ("nobody@example.com", "no account there has this email address"),
        ("U0NOBODY", "no such user"),
    ],
)
async def test_a_message_to_an_unknown_recipient_fails_permanently(
    slack: RunningSandbox, sender: SlackSender, recipient: str, error: str
) -> None:
    with pytest.raises(StepError, match=error) as caught:
        await sender.send(to=recipient, text="hello", source=SOURCE, key="k")
    assert not caught.value.outcome_unknown
    assert not caught.value.retryable


async def test_a_text_that_slack_would_cut_is_refused(sender: SlackSender) -> None:
    with pytest.raises(StepError, match="longer than the 40,000 characters"):
        await sender.send(to="#general", text="x" * 40_001, source=SOURCE, key="k")


async def test_a_rate_limited_message_may_be_repeated(slack: RunningSandbox, sender: SlackSender) -> None:
    slack.fault("chat.postMessage", "ratelimited", seconds=60)
    with pytest.raises(StepError) as caught:
        await sender.send(to="#general", text="hello", source=SOURCE, key="k")
    assert caught.value.retryable
    assert caught.value.retry_after is not None
