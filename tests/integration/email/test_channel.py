"""Mail as a channel, on a real mail server: what is sent, once, and what a failure says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from bot.devtools.sandbox import RunningSandbox
from bot.email.channel import EmailChannel
from engine.domain import Card, DeliveryKind, Receipt
from engine.errors import ChannelError
from engine.ports import CarriesLinks, FindsCopies
from tests.support.email_env import (
    ALERT_CARD,
    AT,
    CODE_CARD,
    LINK,
    MIA,
    OUTCOME_CARD,
    PUBLIC_URL,
    REQUEST_CARD,
    SENDER,
    client_to,
    mail_server,
)

CLOSED = replace(
    REQUEST_CARD, actions=(), token=None, until=None, expires_at=None, state="Approved by Lee at 2026-03-02 09:30 UTC."
)
REMINDER = replace(REQUEST_CARD, kind=DeliveryKind.REMINDER)


@pytest.fixture
async def running() -> AsyncIterator[RunningSandbox]:
    async with mail_server() as one:
        yield one


@pytest.fixture
async def channel(running: RunningSandbox) -> AsyncIterator[EmailChannel]:
    async with client_to(running) as client:
        yield EmailChannel(client, sender=SENDER, public_url=PUBLIC_URL, now=lambda: AT)


async def show(channel: EmailChannel, card: Card, receipt: Receipt | None = None, **more: Any) -> Receipt:
    given = {"address": MIA, "delivery": "d1", **more}
    return await channel.show(card=card, receipt=receipt, **given)


async def refused(channel: EmailChannel, card: Card, **more: Any) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        await show(channel, card, **more)
    return caught.value


async def test_it_carries_links_and_cannot_look_for_copies(channel: EmailChannel) -> None:
    assert isinstance(channel, CarriesLinks)
    assert not isinstance(channel, FindsCopies)


@pytest.mark.parametrize(
    "card", [REQUEST_CARD, REMINDER, CODE_CARD, ALERT_CARD, OUTCOME_CARD], ids=lambda card: card.kind.value
)
async def test_a_mail_goes_to_one_person_and_no_server_complains(
    running: RunningSandbox, channel: EmailChannel, card: Card
) -> None:
    receipt = await show(channel, card)
    (got,) = running.mail.received()
    assert (got.sender, got.recipients) == (SENDER.addr_spec, [MIA])
    assert got.header("message-id") == receipt.data["message_id"]
    assert got.complaints == []


async def test_a_request_that_changes_while_it_is_open_sends_nothing(
    running: RunningSandbox, channel: EmailChannel
) -> None:
    receipt = await show(channel, REQUEST_CARD)
    assert await show(channel, replace(REQUEST_CARD, facts=(("Not reached", "Lee"),)), receipt) == receipt
    assert len(running.mail.received()) == 1


async def test_how_a_request_ended_is_told_once_and_in_the_thread(
    running: RunningSandbox, channel: EmailChannel
) -> None:
    receipt = await show(channel, REQUEST_CARD)
    told = await show(channel, CLOSED, receipt)
    assert await show(channel, CLOSED, told) == told
    first, second = running.mail.received()
    assert second.subject == f"Re: {first.subject}"
    assert second.header("in-reply-to") == second.header("references") == first.header("message-id")
    assert second.header("message-id") != first.header("message-id")
    assert "Approved by Lee" in str(second.text)
    assert "http" not in str(second.text)


async def test_a_reminder_and_an_alert_are_never_followed_up(running: RunningSandbox, channel: EmailChannel) -> None:
    for card in (REMINDER, ALERT_CARD):
        receipt = await show(channel, card)
        assert await show(channel, replace(card, state="Approved."), receipt) == receipt
    assert len(running.mail.received()) == 2


ASKS_OWNER = replace(
    ALERT_CARD, topic="needs_attention", token=LINK.rpartition("/")[2], step="pay", visit=1, attempt=1, request=None
)
ANSWERED = replace(ASKS_OWNER, token=None, state="Answered by Sam at 2026-03-02 09:30 UTC: done.")


async def test_an_alert_about_a_step_has_one_link_and_what_was_answered_follows_once_in_its_thread(
    running: RunningSandbox, channel: EmailChannel
) -> None:
    receipt = await show(channel, ASKS_OWNER)
    told = await show(channel, ANSWERED, receipt)
    assert await show(channel, ANSWERED, told) == told
    first, second = running.mail.received()
    assert first.text is not None
    assert second.text is not None
    assert first.text.count(PUBLIC_URL) == 1
    assert "Answer: " in first.text
    assert "Opening it answers nothing." in first.text
    assert second.subject == f"Re: {first.subject}"
    assert second.header("in-reply-to") == second.header("references") == first.header("message-id")
    assert second.header("message-id") != first.header("message-id")
    assert "Answered by Sam" in second.text
    assert PUBLIC_URL not in second.text


async def test_a_reminder_is_in_the_thread_of_the_request(running: RunningSandbox, channel: EmailChannel) -> None:
    await show(channel, REQUEST_CARD, delivery="d1")
    await show(channel, REMINDER, delivery="d2")
    first, second = running.mail.received()
    assert second.header("references") == first.header("message-id")
    assert second.subject == f"Re: {first.subject}"


async def test_a_second_try_has_the_same_id_and_a_fresh_link(running: RunningSandbox, channel: EmailChannel) -> None:
    running.mail.fault("dot", "lost")
    error = await refused(channel, REQUEST_CARD)
    assert error.outcome_unknown
    assert error.retry_after is not None
    fresh = "another-token"
    await show(channel, replace(REQUEST_CARD, token=fresh, again=True))
    first, second = running.mail.received()
    assert first.header("message-id") == second.header("message-id")
    assert LINK in str(first.text)
    assert f"/r/{fresh}" in str(second.text)
    assert "sent twice" in str(second.text)
    assert "sent twice" in str(second.html)


@pytest.mark.parametrize(("code", "on"), [(552, "dot"), (554, "dot"), (554, "data")])
async def test_a_refused_content_is_followed_by_a_short_mail(
    running: RunningSandbox, channel: EmailChannel, code: int, on: str
) -> None:
    running.mail.fault(on, "error", code=code)
    await show(channel, REQUEST_CARD)
    (got,) = running.mail.received()
    assert LINK in str(got.text)
    assert "2026-03-02 10:00 UTC" in str(got.text)
    assert "120" not in got.raw.decode()
    assert got.complaints == []


async def test_a_short_mail_that_is_refused_too_is_the_end(running: RunningSandbox, channel: EmailChannel) -> None:
    running.mail.fault("dot", "error", code=554, times=2)
    error = await refused(channel, REQUEST_CARD)
    assert (error.permanent, error.about) == (True, "copy")


async def test_without_a_link_there_is_no_short_mail(running: RunningSandbox, channel: EmailChannel) -> None:
    running.mail.fault("dot", "error", code=554)
    assert (await refused(channel, CODE_CARD)).permanent
    assert running.mail.received() == []


async def test_an_address_that_the_server_does_not_know_is_at_fault(
    running: RunningSandbox, channel: EmailChannel
) -> None:
    running.mail.fault("rcpt", "error", code=550, to=MIA)
    error = await refused(channel, REQUEST_CARD)
    assert (error.permanent, error.about) == (True, "address")


@pytest.mark.parametrize(
    "address", ["", "mia", "mia@", "@example.com", "a b@example.com", "mia@example.com\nBcc: x@y.z", "ü@example.com"]
)
async def test_what_is_no_address_is_at_fault_without_asking_anybody(
    running: RunningSandbox, channel: EmailChannel, address: str
) -> None:
    error = await refused(channel, REQUEST_CARD, address=address)
    assert (error.permanent, error.about) == (True, "address")
    assert running.mail.received() == []


async def test_a_wrong_password_is_about_the_channel(running: RunningSandbox, channel: EmailChannel) -> None:
    running.mail.fault("mail", "error", code=530)
    error = await refused(channel, REQUEST_CARD)
    assert (error.permanent, error.about) == (False, "channel")
