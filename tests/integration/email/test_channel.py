"""The email channel on a real mail server: each email is sent once, and each failure names its cause."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from bot.devtools.sandbox import RunningSandbox
from bot.email.channel import EmailChannel
from engine.domain import Card, CardFact, CardOutcome, DeliveryKind, Receipt, Tone
from engine.errors import ChannelError
from engine.ports import CarriesLinks, FindsCopies
from tests.support.email_env import (
    ALERT_CARD,
    ANSWERED_CARD,
    AT,
    CLOSED_CARD,
    CODE_CARD,
    LINK,
    MIA,
    OUTCOME_CARD,
    PUBLIC_URL,
    QUESTION_CARD,
    REQUEST_CARD,
    SENDER,
    client_to,
    mail_server,
)

REMINDER = replace(REQUEST_CARD, kind=DeliveryKind.REMINDER)


@pytest.fixture
async def mail_sandbox() -> AsyncIterator[RunningSandbox]:
    async with mail_server() as server:
        yield server


@pytest.fixture
async def channel(mail_sandbox: RunningSandbox) -> AsyncIterator[EmailChannel]:
    async with client_to(mail_sandbox) as client:
        yield EmailChannel(client, sender=SENDER, public_url=PUBLIC_URL, now=lambda: AT)


async def show(channel: EmailChannel, card: Card, receipt: Receipt | None = None, **changes: Any) -> Receipt:
    arguments = {"address": MIA, "delivery": "d1", **changes}
    return await channel.show(card=card, receipt=receipt, **arguments)


async def show_refused(channel: EmailChannel, card: Card, **changes: Any) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        await show(channel, card, **changes)
    return caught.value


async def test_it_carries_links_and_cannot_look_for_copies(channel: EmailChannel) -> None:
    assert isinstance(channel, CarriesLinks)
    assert not isinstance(channel, FindsCopies)


@pytest.mark.parametrize(
    "card", [REQUEST_CARD, REMINDER, CODE_CARD, ALERT_CARD, OUTCOME_CARD], ids=lambda card: card.kind.value
)
async def test_an_email_goes_to_one_person_and_no_server_complains(
    mail_sandbox: RunningSandbox, channel: EmailChannel, card: Card
) -> None:
    receipt = await show(channel, card)
    (email,) = mail_sandbox.mail.received()
    assert (email.sender, email.recipients) == (SENDER.addr_spec, [MIA])
    assert email.header("message-id") == receipt.data["message_id"]
    assert email.complaints == []


async def test_a_request_that_changes_while_it_is_open_sends_nothing(
    mail_sandbox: RunningSandbox, channel: EmailChannel
) -> None:
    receipt = await show(channel, REQUEST_CARD)
    assert (
        await show(channel, replace(REQUEST_CARD, notes=(CardFact(label="Not reached", text=("Lee",)),)), receipt)
        == receipt
    )
    assert len(mail_sandbox.mail.received()) == 1


async def test_the_end_of_a_request_is_sent_once_and_in_its_thread(
    mail_sandbox: RunningSandbox, channel: EmailChannel
) -> None:
    receipt = await show(channel, REQUEST_CARD)
    shown = await show(channel, CLOSED_CARD, receipt)
    assert await show(channel, CLOSED_CARD, shown) == shown
    first, second = mail_sandbox.mail.received()
    assert second.subject == f"Re: {first.subject}"
    assert second.header("in-reply-to") == second.header("references") == first.header("message-id")
    assert second.header("message-id") != first.header("message-id")
    assert "You approved this with edits" in str(second.text)
    assert "://" not in str(second.text)


async def test_a_reminder_and_an_alert_are_never_followed_up(
    mail_sandbox: RunningSandbox, channel: EmailChannel
) -> None:
    for card in (REMINDER, ALERT_CARD):
        receipt = await show(channel, card)
        assert await show(channel, replace(card, outcome=CLOSED_CARD.outcome), receipt) == receipt
    assert len(mail_sandbox.mail.received()) == 2


async def test_an_alert_about_a_step_has_one_link_and_its_answer_follows_once_in_its_thread(
    mail_sandbox: RunningSandbox, channel: EmailChannel
) -> None:
    receipt = await show(channel, QUESTION_CARD)
    shown = await show(channel, ANSWERED_CARD, receipt)
    assert await show(channel, ANSWERED_CARD, shown) == shown
    first, second = mail_sandbox.mail.received()
    assert first.text is not None
    assert second.text is not None
    assert first.text.count(PUBLIC_URL) == 1
    assert "Review and answer: " in first.text
    assert "Opening the page does not answer anything." in first.text
    assert second.subject == f"Re: {first.subject}"
    assert second.header("in-reply-to") == first.header("message-id")
    assert str(second.header("references")).split() == [first.header("references"), first.header("message-id")]
    assert second.header("message-id") != first.header("message-id")
    assert "Sam answered “It happened”" in second.text
    assert PUBLIC_URL not in second.text


async def test_an_alert_about_a_run_that_can_be_tried_again_has_the_link_to_its_page(
    mail_sandbox: RunningSandbox, channel: EmailChannel
) -> None:
    failed = replace(ALERT_CARD, topic="failed", run="r1", step="pay", visit=1, retry="It may have happened.")
    receipt = await show(channel, failed)
    again = replace(failed, retry=None, lead=(), outcome=CardOutcome(line=("It was tried again",)))
    assert await show(channel, again, receipt) == receipt
    (email,) = mail_sandbox.mail.received()
    text = str(email.text)
    assert text.count(PUBLIC_URL) == 1
    assert f"See the run: {PUBLIC_URL}/runs/r1" in text
    assert "Opening the page does not try anything again." in text


@pytest.mark.parametrize("topic", ["approved_failed", "approved_unknown"])
async def test_an_approver_who_learned_of_trouble_learns_once_how_it_ended(
    mail_sandbox: RunningSandbox, channel: EmailChannel, topic: str
) -> None:
    failed = replace(ALERT_CARD, topic=topic, request="q1", about=REQUEST_CARD.question)
    worked = replace(failed, tone=Tone.DONE, lead=(), outcome=CardOutcome(line=("It worked on another try, ", AT)))
    receipt = await show(channel, failed)
    assert await show(channel, failed, receipt) == receipt
    shown = await show(channel, worked, receipt)
    assert await show(channel, worked, shown) == shown
    first, second = mail_sandbox.mail.received()
    assert second.subject == first.subject
    assert second.header("in-reply-to") == first.header("message-id")
    assert "It worked on another try, Mar 2, 2026" in str(second.text)


async def test_a_reminder_is_in_the_thread_of_the_request(mail_sandbox: RunningSandbox, channel: EmailChannel) -> None:
    await show(channel, REQUEST_CARD, delivery="d1")
    await show(channel, REMINDER, delivery="d2")
    first, second = mail_sandbox.mail.received()
    assert second.header("references") == first.header("message-id")
    assert second.subject == f"Re: {first.subject}"


async def test_the_outcome_is_in_the_thread_of_the_request_that_its_reader_was_asked(
    mail_sandbox: RunningSandbox, channel: EmailChannel
) -> None:
    await show(channel, REQUEST_CARD, delivery="d1")
    await show(channel, replace(OUTCOME_CARD, request="q1", about=REQUEST_CARD.question), delivery="d2")
    first, second = mail_sandbox.mail.received()
    assert second.header("in-reply-to") == first.header("message-id")
    assert first.header("message-id") in str(second.header("references")).split()
    assert second.subject == f"Re: {first.subject}"
    assert "✓ Done: Refund 120 €?" in str(second.text)


async def test_emails_about_one_run_are_one_thread_for_a_reader_who_was_not_asked(
    mail_sandbox: RunningSandbox, channel: EmailChannel
) -> None:
    for number, card in enumerate((QUESTION_CARD, replace(ALERT_CARD, request="q1"), OUTCOME_CARD, OUTCOME_CARD)):
        await show(channel, card, delivery=f"d{number}")
    await show(channel, replace(OUTCOME_CARD, run="r2"), delivery="other")
    *emails, other = mail_sandbox.mail.received()
    root, *more = {str(email.header("references")).split()[0] for email in emails}
    assert more == []
    assert len({email.header("message-id") for email in emails}) == len(emails)
    assert root not in str(other.header("references"))


async def test_a_second_try_has_the_same_id_and_a_fresh_link(
    mail_sandbox: RunningSandbox, channel: EmailChannel
) -> None:
    mail_sandbox.mail.fault("dot", "lost")
    error = await show_refused(channel, REQUEST_CARD)
    assert error.outcome_unknown
    assert error.retry_after is not None
    fresh = "another-token"
    await show(channel, replace(REQUEST_CARD, token=fresh, again=True))
    first, second = mail_sandbox.mail.received()
    assert first.header("message-id") == second.header("message-id")
    assert LINK in str(first.text)
    assert f"/r/{fresh}" in str(second.text)
    assert "You may get this email twice" in str(second.text)
    assert "You may get this email twice" in str(second.html)


@pytest.mark.parametrize(("code", "command"), [(552, "dot"), (554, "dot"), (554, "data")])
async def test_a_refused_content_is_followed_by_a_short_email(
    mail_sandbox: RunningSandbox, channel: EmailChannel, code: int, command: str
) -> None:
    mail_sandbox.mail.fault(command, "error", code=code)
    await show(channel, REQUEST_CARD)
    (email,) = mail_sandbox.mail.received()
    assert LINK in str(email.text)
    assert "Expires Mar 2, 2026, 10:00 AM UTC." in str(email.text)
    assert "120" not in email.raw.decode()
    assert email.complaints == []


async def test_a_refused_short_email_is_a_permanent_error_about_the_copy(
    mail_sandbox: RunningSandbox, channel: EmailChannel
) -> None:
    mail_sandbox.mail.fault("dot", "error", code=554, times=2)
    error = await show_refused(channel, REQUEST_CARD)
    assert (error.permanent, error.about) == (True, "copy")


async def test_without_a_link_there_is_no_short_email(mail_sandbox: RunningSandbox, channel: EmailChannel) -> None:
    mail_sandbox.mail.fault("dot", "error", code=554)
    assert (await show_refused(channel, CODE_CARD)).permanent
    assert mail_sandbox.mail.received() == []


async def test_an_error_for_an_unknown_recipient_is_about_the_address(
    mail_sandbox: RunningSandbox, channel: EmailChannel
) -> None:
    mail_sandbox.mail.fault("rcpt", "error", code=550, to=MIA)
    error = await show_refused(channel, REQUEST_CARD)
    assert (error.permanent, error.about) == (True, "address")


@pytest.mark.parametrize(
    "address", ["", "mia", "mia@", "@example.com", "a b@example.com", "mia@example.com\nBcc: x@y.z", "ü@example.com"]
)
async def test_an_invalid_address_is_an_error_before_the_server_is_asked(
    mail_sandbox: RunningSandbox, channel: EmailChannel, address: str
) -> None:
    error = await show_refused(channel, REQUEST_CARD, address=address)
    assert (error.permanent, error.about) == (True, "address")
    assert mail_sandbox.mail.received() == []


async def test_an_error_for_a_wrong_password_is_about_the_channel(
    mail_sandbox: RunningSandbox, channel: EmailChannel
) -> None:
    mail_sandbox.mail.fault("mail", "error", code=530)
    error = await show_refused(channel, REQUEST_CARD)
    assert (error.permanent, error.about) == (False, "channel")
