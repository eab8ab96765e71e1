"""The contract of every channel. A new channel adds one line to `SURFACES`.

Slack is the local one, email goes through a real SMTP server, callbacks go to a program on loopback, and the terminal
is a file that can break.
"""

from __future__ import annotations

import ast
import inspect
import io
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Final

import pytest

from bot.callbacks.channel import CallbackChannel
from bot.callbacks.client import CallbackClient
from bot.devtools.sandbox import sandbox
from bot.email.channel import EmailChannel
from bot.slack.channel import SlackChannel
from bot.slack.client import open_client
from bot.terminal.channel import TerminalChannel
from bot.terminal.output import ServerConsole
from engine import json_values
from engine.domain import CallbackCall, Card, CardAction, CardFact, CardField, CardOutcome, DeliveryKind, Receipt, Tone
from engine.errors import ChannelError
from engine.ports import Channel, FindsCopies
from engine.steps.url_guard import Guard
from engine.system import SystemClock
from tests.support.callback_receiver import CODES, body_of, receiver, sealed
from tests.support.email_env import AT, PUBLIC_URL, SENDER, client_to, mail_server
from tests.support.recording_channel import Fault, RecordingChannel


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A channel and its simulated vendor.

    `seen` returns everything that people see there now. `refuse` makes the next call fail without an effect.
    `lose_answer` makes the next call land without an answer; it is None where that is impossible. `fail_look` makes
    the next call of `find` fail. `dress` adds to a card what only this channel shows.
    """

    channel: Channel
    seen: Callable[[], str]
    refuse: Callable[[], object]
    lose_answer: Callable[[], object] | None = None
    fail_look: Callable[[], object] | None = None
    dress: Callable[[Card, str], Card] = lambda card, delivery: card
    address: str = "lee@example.com"
    another: str = "sam@example.com"


@asynccontextmanager
async def recording() -> AsyncIterator[Surface]:
    channel = RecordingChannel()
    lost = ChannelError("The answer was lost.", outcome_unknown=True)
    yield Surface(
        channel=channel,
        seen=lambda: str([copy.card for copy in channel.posted.values()]),
        refuse=lambda: channel.queue_faults(Fault(error=ChannelError("Not now."))),
        lose_answer=lambda: channel.queue_faults(Fault(error=lost, landed=True)),
        fail_look=lambda: channel.queue_find_errors(ChannelError("Not now.")),
    )


class BreakablePipe(io.StringIO):
    """A terminal whose reader can be gone while one line is written."""

    is_broken = False

    def write(self, text: str) -> int:
        if self.is_broken:
            self.is_broken = False
            raise BrokenPipeError("the reader has gone")
        return super().write(text)


@asynccontextmanager
async def terminal() -> AsyncIterator[Surface]:
    pipe = BreakablePipe()
    yield Surface(
        channel=TerminalChannel(ServerConsole(file=pipe, width=100, markup=False)),
        seen=pipe.getvalue,
        refuse=lambda: setattr(pipe, "is_broken", True),
    )


@asynccontextmanager
async def email() -> AsyncIterator[Surface]:
    async with mail_server() as running, client_to(running) as client:
        yield Surface(
            channel=EmailChannel(client, sender=SENDER, public_url=PUBLIC_URL, now=lambda: AT),
            seen=lambda: "\n".join(str(mail.text) for mail in running.mail.received()),
            refuse=lambda: running.mail.fault("dot", "error", code=451),
            lose_answer=lambda: running.mail.fault("dot", "lost"),
        )


@asynccontextmanager
async def slack() -> AsyncIterator[Surface]:
    async with sandbox() as running, open_client(token=running.app.bot_token, api_url=running.api_url) as client:
        ada, ben = running.person("ada"), running.person("ben")
        yield Surface(
            channel=SlackChannel(client),
            seen=lambda: re.sub(r"'block_id': '\w+'", "", str([message["blocks"] for message in ada.sees()])),
            refuse=lambda: running.fault("*", "error", code="something_new"),
            lose_answer=lambda: running.fault("*", "lost"),
            fail_look=lambda: running.fault("conversations.history", "status", status=503),
            address=ada.id,
            another=ben.id,
        )


@asynccontextmanager
async def callback() -> AsyncIterator[Surface]:
    async with receiver() as taking:

        def dress(card: Card, delivery: str) -> Card:
            call = CallbackCall(id=delivery, url=taking.url, secrets=(sealed(),), body=body_of(asdict(card)))
            return replace(card, callback=call)

        yield Surface(
            channel=CallbackChannel(CallbackClient(Guard(["127.0.0.1"])), unseal=CODES.unseal, now=SystemClock().now),
            seen=lambda: " ".join(text for body in taking.taken.values() for text in texts_of(body)),
            refuse=lambda: taking.answers.append(503),
            lose_answer=lambda: taking.answers.append(None),
            dress=dress,
        )


def texts_of(value: object) -> Iterator[str]:
    """Yield every text in a value of JSON."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts_of(inner)


SURFACES: Final[dict[str, Callable[[], AbstractAsyncContextManager[Surface]]]] = {
    "recording": recording,
    "terminal": terminal,
    "email": email,
    "slack": slack,
    "callback": callback,
}

AMOUNT = CardField(path="amount", label="amount", type="number", text="120", editable=True)
REQUEST = Card(
    kind=DeliveryKind.REQUEST,
    title="Refund 120?",
    lead=(("Cleo asks.",),),
    values=(AMOUNT,),
    approvers=("Lee",),
    requester="Cleo",
    details=(CardFact(label="Workflow", text=("Refund",)), CardFact(label="Request", text=("q1",))),
    actions=(CardAction(verdict="approve", label="Approve"), CardAction(verdict="reject", label="Reject")),
    expires_at=datetime(2026, 3, 2, 10, tzinfo=UTC),
    request="q1",
    run="r1",
    content_version=1,
    digest="0" * 64,
)
CLOSED = replace(
    REQUEST,
    actions=(),
    expires_at=None,
    tone=Tone.APPROVED,
    lead=(),
    outcome=CardOutcome(line=("Approved by Lee, ", datetime(2026, 3, 2, 9, 30, tzinfo=UTC))),
)
ALERT = Card(
    kind=DeliveryKind.ALERT,
    title="Refund failed",
    tone=Tone.FAILED,
    lead=(("Fix the cause, then try the run again.",),),
    run="r1",
)


@pytest.fixture(params=SURFACES)
async def surface(request: pytest.FixtureRequest) -> AsyncIterator[Surface]:
    async with SURFACES[request.param]() as new_surface:
        yield new_surface


async def post(surface: Surface, card: Card = REQUEST, *, delivery: str = "d1") -> Receipt:
    card = surface.dress(card, delivery)
    return await surface.channel.show(address=surface.address, card=card, receipt=None, delivery=delivery)


async def edit(surface: Surface, card: Card, receipt: Receipt) -> Receipt:
    card = surface.dress(card, "d1")
    return await surface.channel.show(address=surface.address, card=card, receipt=receipt, delivery="d1")


async def test_a_channel_has_a_name_that_a_route_can_carry(surface: Surface) -> None:
    assert surface.channel.name.isidentifier()


async def test_a_post_shows_the_content_of_the_card(surface: Surface) -> None:
    await post(surface)
    for text in ("Refund 120?", "Refund", "amount", "120", "q1"):
        assert text in surface.seen()


async def test_a_receipt_says_something_and_survives_being_stored(surface: Surface) -> None:
    receipt = await post(surface)
    assert receipt.data
    stored = json_values.loads(json_values.dumps(dict(receipt.data)))
    assert isinstance(stored, dict)
    assert stored == dict(receipt.data)
    assert all(isinstance(value, str) and value for value in stored.values())


async def test_an_edit_shows_the_outcome_and_gives_a_receipt_to_edit_with_again(surface: Surface) -> None:
    receipt = await post(surface)
    edited = await edit(surface, CLOSED, receipt)
    assert "Approved by Lee" in surface.seen()
    again = await edit(surface, CLOSED, edited)
    assert dict(again.data) == dict(edited.data)
    # The data of the receipt stays. A channel that cannot edit may add that it has shown the outcome.
    assert dict(receipt.data).items() <= dict(edited.data).items()


async def test_an_edit_may_be_repeated_with_the_same_content(surface: Surface) -> None:
    receipt = await post(surface)
    same = await edit(surface, REQUEST, receipt)
    assert dict(same.data) == dict(receipt.data)


async def test_a_repeated_edit_changes_nothing_that_people_see(surface: Surface) -> None:
    receipt = await post(surface)
    open_view = surface.seen()
    await edit(surface, REQUEST, receipt)
    assert surface.seen() == open_view
    edited = await edit(surface, CLOSED, receipt)
    closed_view = surface.seen()
    await edit(surface, CLOSED, edited)
    assert surface.seen() == closed_view


async def test_copies_have_different_receipts(surface: Surface) -> None:
    first, second = await post(surface, delivery="d1"), await post(surface, delivery="d2")
    assert dict(first.data) != dict(second.data)


async def test_an_alert_is_shown_without_a_request(surface: Surface) -> None:
    await post(surface, ALERT)
    assert "Refund failed" in surface.seen()
    assert "Fix the cause, then try the run again." in surface.seen()


async def test_a_reminder_is_a_message_of_its_own_that_says_so(surface: Surface) -> None:
    await post(surface)
    reminder = replace(REQUEST, kind=DeliveryKind.REMINDER)
    await post(surface, reminder, delivery="d2")
    assert "Reminder:" in surface.seen() or surface.channel.name in ("recording", "callback")
    assert surface.seen().count("Refund 120?") >= 2
    assert surface.seen().count("120") >= 2


async def test_a_reminder_of_several_requests_names_each_of_them(surface: Surface) -> None:
    other = replace(REQUEST, title="Send it?", question="Send it?", request="q2")
    notes = tuple(CardFact(label=card.title, text=("Cleo asks.",)) for card in (REQUEST, other))
    title = "2 requests are waiting for you"
    several = Card(kind=DeliveryKind.REMINDER, title=title, notes=notes, reminds=(REQUEST, other))
    await post(surface, several)
    assert all(text in surface.seen() for text in (title, "Refund 120?", "Send it?"))


async def test_text_with_markup_is_shown_unchanged(surface: Surface) -> None:
    await post(surface, replace(REQUEST, title="[bold]Refund[/] <b>*now*</b>"))
    assert "[bold]Refund[/] <b>*now*</b>" in surface.seen()


async def test_a_channel_that_finds_copies_finds_exactly_those_that_landed(surface: Surface) -> None:
    channel = surface.channel
    if not isinstance(channel, FindsCopies):
        assert not hasattr(channel, "find"), "half a protocol"
        return
    assert await channel.find(address=surface.address, delivery="d1") is None
    receipt = await post(surface)
    found_receipt = await channel.find(address=surface.address, delivery="d1")
    assert found_receipt is not None
    assert dict(found_receipt.data) == dict(receipt.data)
    assert await channel.find(address=surface.address, delivery="d2") is None
    assert await channel.find(address=surface.another, delivery="d1") is None


# -- failures ----------------------------------------------------------------------------------------


async def test_a_refused_post_is_a_channel_error_and_the_next_attempt_is_made_anew(surface: Surface) -> None:
    surface.refuse()
    with pytest.raises(ChannelError) as caught:
        await post(surface)
    assert not caught.value.outcome_unknown
    assert not caught.value.permanent
    assert str(caught.value).endswith(".")
    assert "Refund 120?" not in surface.seen()
    if isinstance(surface.channel, FindsCopies):
        assert await surface.channel.find(address=surface.address, delivery="d1") is None
    assert (await post(surface)).data
    assert "Refund 120?" in surface.seen()


async def test_a_refused_edit_is_a_channel_error_and_can_be_repeated(surface: Surface) -> None:
    receipt = await post(surface)
    surface.refuse()
    with pytest.raises(ChannelError) as caught:
        await edit(surface, CLOSED, receipt)
    assert not caught.value.permanent
    assert "Approved by Lee" not in surface.seen()
    await edit(surface, CLOSED, receipt)
    assert "Approved by Lee" in surface.seen()


async def test_a_post_without_an_answer_is_of_unknown_outcome_and_found_where_a_channel_can_look(
    surface: Surface,
) -> None:
    if surface.lose_answer is None:
        pytest.skip("whether something was written is always known here")
    surface.lose_answer()
    with pytest.raises(ChannelError) as caught:
        await post(surface)
    assert caught.value.outcome_unknown
    assert "Refund 120?" in surface.seen()
    if isinstance(surface.channel, FindsCopies):
        landed = await surface.channel.find(address=surface.address, delivery="d1")
        assert landed is not None
        await edit(surface, CLOSED, landed)
        assert surface.seen().count("Approved by Lee") == 1
        assert "Approve'" not in surface.seen(), "a second copy can still be clicked"


async def test_an_edit_without_an_answer_can_be_repeated(surface: Surface) -> None:
    if surface.lose_answer is None:
        pytest.skip("whether something was written is always known here")
    receipt = await post(surface)
    surface.lose_answer()
    with pytest.raises(ChannelError) as caught:
        await edit(surface, CLOSED, receipt)
    assert not caught.value.permanent
    edited = await edit(surface, CLOSED, receipt)
    assert dict(receipt.data).items() <= dict(edited.data).items()
    assert "Approved by Lee" in surface.seen()


async def test_a_look_that_fails_is_a_channel_error(surface: Surface) -> None:
    if not isinstance(surface.channel, FindsCopies):
        pytest.skip("it cannot look")
    assert surface.fail_look is not None
    receipt = await post(surface)
    surface.fail_look()
    with pytest.raises(ChannelError):
        await surface.channel.find(address=surface.address, delivery="d1")
    landed = await surface.channel.find(address=surface.address, delivery="d1")
    assert landed is not None
    assert dict(landed.data) == dict(receipt.data)


# -- forbidden imports ---------------------------------------------------------------------------

FORBIDDEN: Final = frozenset(
    {"time", "random", "secrets", "sqlite3", "sqlalchemy", "sqlmodel", "engine.system", "engine.store"}
)
"""Modules with a clock, with random numbers, or with a database."""


async def test_a_channel_has_no_clock_no_dice_and_no_database_of_its_own(surface: Surface) -> None:
    module = inspect.getmodule(type(surface.channel))
    assert module is not None
    tree = ast.parse(inspect.getsource(module))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name for name in imported for banned in FORBIDDEN if name == banned or name.startswith(f"{banned}.")}
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not called & {"now", "utcnow", "today", "monotonic"}
