"""What every channel keeps, whatever it shows copies on. A new channel adds one line to `SURFACES`."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from bot.email.channel import EmailChannel
from bot.terminal.channel import TerminalChannel
from engine import json_values
from engine.domain import Card, CardAction, CardField, DeliveryKind, Receipt
from engine.ports import Channel, FindsCopies
from tests.support.email_env import AT, PUBLIC_URL, SENDER, RecordingClient, text_of
from tests.support.recording_channel import RecordingChannel

ADDRESS = "lee@example.com"


@dataclass(frozen=True)
class Surface:
    """A channel, and all that people saw on it so far."""

    channel: Channel
    seen: Callable[[], str]


def recording() -> Surface:
    channel = RecordingChannel()
    return Surface(channel, lambda: str([one.cards for one in channel.posted.values()]))


def terminal() -> Surface:
    out = io.StringIO()
    return Surface(TerminalChannel(Console(file=out, width=100, markup=False)), out.getvalue)


def email() -> Surface:
    client = RecordingClient()
    channel = EmailChannel(client, sender=SENDER, public_url=PUBLIC_URL, now=lambda: AT)
    return Surface(channel, lambda: "\n".join(map(text_of, client.sent)))


SURFACES = {"recording": recording, "terminal": terminal, "email": email}

ASKING = Card(
    kind=DeliveryKind.REQUEST,
    title="Refund 120?",
    facts=(("Workflow", "Refund"),),
    fields=(CardField(path="amount", label="amount", type="number", text="120", editable=True),),
    actions=(CardAction(verdict="approve", label="Approve"), CardAction(verdict="reject", label="Reject")),
    expires_at=datetime(2026, 3, 2, 10, tzinfo=UTC),
    request="q1",
    run="r1",
    content_version=1,
    digest="0" * 64,
)
CLOSED = replace(ASKING, actions=(), expires_at=None, state="Approved by Lee at 2026-03-02 09:30 UTC.")
ALERT = Card(kind=DeliveryKind.ALERT, title="Refund failed", facts=(("What to do", "Mend it"),), run="r1")


@pytest.fixture(params=SURFACES)
def surface(request: pytest.FixtureRequest) -> Surface:
    made: Surface = SURFACES[request.param]()
    return made


async def post(surface: Surface, card: Card = ASKING, *, delivery: str = "d1") -> Receipt:
    return await surface.channel.show(address=ADDRESS, card=card, receipt=None, delivery=delivery)


def test_a_channel_has_a_name_that_a_route_can_carry(surface: Surface) -> None:
    assert surface.channel.name.isidentifier()


async def test_a_post_shows_what_is_asked(surface: Surface) -> None:
    await post(surface)
    for shown in ("Refund 120?", "Refund", "amount", "120", "q1"):
        assert shown in surface.seen()


async def test_a_receipt_says_something_and_survives_being_stored(surface: Surface) -> None:
    receipt = await post(surface)
    assert receipt.data
    stored = json_values.loads(json_values.dumps(dict(receipt.data)))
    assert isinstance(stored, dict)
    assert stored == dict(receipt.data)
    assert all(isinstance(value, str) and value for value in stored.values())


async def test_an_edit_shows_the_outcome_and_gives_a_receipt_to_edit_with_again(surface: Surface) -> None:
    receipt = await post(surface)
    edited = await surface.channel.show(address=ADDRESS, card=CLOSED, receipt=receipt, delivery="d1")
    assert "Approved by Lee" in surface.seen()
    again = await surface.channel.show(address=ADDRESS, card=CLOSED, receipt=edited, delivery="d1")
    assert dict(again.data) == dict(edited.data)
    # What it knew of the copy stays; a channel that cannot edit may add that it has told the outcome.
    assert dict(receipt.data).items() <= dict(edited.data).items()


async def test_an_edit_may_be_repeated_with_the_same_content(surface: Surface) -> None:
    receipt = await post(surface)
    same = await surface.channel.show(address=ADDRESS, card=ASKING, receipt=receipt, delivery="d1")
    assert dict(same.data) == dict(receipt.data)


async def test_copies_are_told_apart(surface: Surface) -> None:
    first, second = await post(surface, delivery="d1"), await post(surface, delivery="d2")
    assert dict(first.data) != dict(second.data)


async def test_an_alert_is_shown_without_a_request(surface: Surface) -> None:
    await post(surface, ALERT)
    assert "Refund failed" in surface.seen()
    assert "Mend it" in surface.seen()


async def test_what_looks_like_markup_is_shown_as_it_is(surface: Surface) -> None:
    await post(surface, replace(ASKING, title="[bold]Refund[/] <b>*now*</b>"))
    assert "[bold]Refund[/] <b>*now*</b>" in surface.seen()


async def test_a_channel_that_finds_copies_finds_exactly_those_that_landed(surface: Surface) -> None:
    channel = surface.channel
    if not isinstance(channel, FindsCopies):
        assert not hasattr(channel, "find"), "half a protocol"
        return
    assert await channel.find(address=ADDRESS, delivery="d1") is None
    receipt = await post(surface)
    found = await channel.find(address=ADDRESS, delivery="d1")
    assert found is not None
    assert dict(found.data) == dict(receipt.data)
    assert await channel.find(address=ADDRESS, delivery="d2") is None
    assert await channel.find(address="sam@example.com", delivery="d1") is None
