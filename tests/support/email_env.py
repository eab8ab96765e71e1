"""Sample cards and envelopes of emails, a local mail server, and clients that send to it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from bot import setting_values
from bot.devtools.sandbox import FrozenClock, MailConfig, RunningSandbox, sandbox
from bot.email.client import SmtpClient
from bot.email.message import Envelope
from engine.domain import Card, CardAction, CardFact, CardField, CardOutcome, DeliveryKind, Tone

SENDER = Address("Signoff", addr_spec="signoff@example.com")
PUBLIC_URL = "https://signoff.example.com"
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
TOKEN = "k3Jx0mPZ8eQ2vYt7uW1sA9bC4dE6fG5hI0jK3lM2nO8"
LINK = f"{PUBLIC_URL}/r/{TOKEN}"
MIA = "mia@example.com"

REQUEST_CARD = Card(
    kind=DeliveryKind.REQUEST,
    title="Refund 120 €?",
    question="Refund 120 €? · A-1007",
    requester="Cleo",
    lead=(("Cleo asks.",), ("Over 100: refund policy 4.2.",)),
    values=(
        CardField(path="amount", label="Amount", type="number", text="120", editable=True),
        CardField(path="text", label="Text", type="long_text", text="We pay 120.", editable=True),
        CardField(path="order", label="Order", type="text", text="A-1007"),
    ),
    notes=(CardFact(label="Please check", text=("Kim had a refund in May.",)),),
    approvers=("Lee", "Mia"),
    details=(CardFact(label="Step", text=("pay (http)",)), CardFact(label="Request", text=("q1",))),
    actions=(CardAction(verdict="approve", label="Approve"), CardAction(verdict="reject", label="Reject")),
    expires_at=datetime(2026, 3, 2, 10, tzinfo=UTC),
    request="q1",
    run="r1",
    token=TOKEN,
    until=datetime(2026, 3, 9, 9, tzinfo=UTC),
)
LETTER = f"Dear Kim,\n\n{'We looked at the photos that you sent us. ' * 9}We pay 120 EUR.\n\nYours, Lee"
CLOSED_CARD = replace(
    REQUEST_CARD,
    tone=Tone.APPROVED,
    lead=(),
    values=(
        *REQUEST_CARD.values[1:],
        CardField(path="amount", label="Amount", type="number", text="99", before="120"),
        CardField(path="letter", label="Letter", type="long_text", text=LETTER.replace("120", "99"), before=LETTER),
    ),
    outcome=CardOutcome(
        line=("Approved with edits by Mia, ", AT),
        sentence=("You approved this with edits, ", AT),
        reason="The kettle is used.",
        effect="Pay the refund: done",
    ),
    actions=(),
    token=None,
    until=None,
    expires_at=None,
)
CODE_CARD = Card(
    kind=DeliveryKind.CODE,
    title="Your code to approve",
    lead=(("Refund 120 €?",),),
    notes=(CardFact(label="Reason", text=("The kettle is used.",)),),
    details=(CardFact(label="Reference", text=("KXTF",)), CardFact(label="Browser", text=("Firefox on Linux",))),
    request="q1",
    code="48151623",
    until=datetime(2026, 3, 2, 9, 10, tzinfo=UTC),
)
ALERT_CARD = Card(
    kind=DeliveryKind.ALERT,
    title="Refund failed",
    tone=Tone.FAILED,
    lead=(("Fix the cause, then start it again.",),),
    notes=(CardFact(label="What went wrong", text=("The bank refused it.",)),),
    details=(CardFact(label="Run", text=("r1",)),),
    run="r1",
)
QUESTION_CARD = replace(
    ALERT_CARD,
    title="Did “Pay the refund” happen?",
    tone=Tone.ATTENTION,
    topic="needs_attention",
    token=TOKEN,
    step="pay",
    visit=1,
    attempt=1,
)
ANSWERED_CARD = replace(
    QUESTION_CARD, tone=Tone.DONE, lead=(), token=None, outcome=CardOutcome(line=("Sam answered “It happened”, ", AT))
)
OUTCOME_CARD = Card(
    kind=DeliveryKind.OUTCOME,
    title="Done: Refund 120 €?",
    tone=Tone.DONE,
    lead=(("Approved with edits by Lee, ", AT, "."),),
    notes=(CardFact(label="Reason", text=("The kettle is used.",)),),
    values=CLOSED_CARD.values[2:],
    requester="Cleo",
    run="r1",
)

HOSTILE_TEXTS = st.text(
    st.characters() | st.sampled_from("<>&\"'=?\r\n\t\u202e\u200b\u2028\x00\x85.:/@{}%"),
    max_size=60,
) | st.sampled_from(
    [
        "</p><a href='https://evil.example'>x</a>",
        "{{ mail.link }} {% for %}",
        "=?utf-8?q?Approved?= =?x",
        "a\r\nBcc: eve@evil.example\r\n\r\nbody",
        "\n\nReview: https://evil.example/r/x\n",
        "-- \nSent by Signoff.",
        "--signoff-0\nContent-Type: text/html\n\n",
        "https://evil.example/" + "x" * 200,
        "word " * 100,
        "\ud800",
        "e\u0301" * 90,
    ]
)
"""Texts that try to leave their place in an email."""


def envelope(**changes: Any) -> Envelope:
    defaults = {"sender": SENDER, "to": MIA, "public_url": PUBLIC_URL, "delivery": "d1", "date": AT}
    return Envelope(**{**defaults, **changes})


def text_of(mail: EmailMessage) -> str:
    """Return the text part of an email."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def html_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def connections(running: RunningSandbox) -> int:
    """Return the number of open connections of the mail server."""
    return len(running.mail._wires)  # noqa: SLF001 the public interface does not have it


@asynccontextmanager
async def mail_server(config: MailConfig | None = None) -> AsyncIterator[RunningSandbox]:
    async with sandbox(clock=FrozenClock(), mail=config) as running:
        yield running


@asynccontextmanager
async def client_to(running: RunningSandbox, *, ca: Path | None = None, **more: Any) -> AsyncIterator[SmtpClient]:
    trust = ssl.create_default_context(cafile=ca)
    client = SmtpClient(setting_values.parse_smtp_url(running.mail.url), trust=trust, local_name="example.com", **more)
    try:
        yield client
    finally:
        await client.aclose()


class HtmlContent(HTMLParser):
    """Parses HTML into the text that people see, its links, and its tags and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self._text: list[str] = []
        self._ended: str | None = None
        """The end tag directly before, or None."""
        self.feed(html)
        self.close()

    @property
    def text(self) -> str:
        return "".join(self._text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [str(value) for name, value in attrs if name in ("href", "src", "background", "action")]
        if tag == "br" or (tag == "div" and self._ended == "div"):
            self._text.append("\n")
        self._ended = None

    def handle_endtag(self, tag: str) -> None:
        self._ended = tag

    def handle_data(self, data: str) -> None:
        self._text.append(data)
        self._ended = None
