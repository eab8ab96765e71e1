"""A link stays in one line on its way through a mail server, with any other content of the email."""

from __future__ import annotations

import re
from dataclasses import replace
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.email import message
from bot.email.sender import SmtpMailer
from bot.email.transfer_encoding import LONGEST_LINE, in_eight_bits, written
from bot.presentation.characters import visible
from engine.domain import CardFact
from tests.support.email_env import (
    AT,
    MIA,
    REQUEST_CARD,
    SENDER,
    TOKEN,
    HtmlContent,
    client_to,
    envelope,
    html_of,
    mail_server,
)
from tests.support.examples import example_count

LONG_PUBLIC_URL = "https://approvals.internal.department.company.example/teams/finance/approvals"
LINK = f"{LONG_PUBLIC_URL}/r/{TOKEN}"
TEXTS = {
    "ascii": "We pay 100.",
    "accents": "Grüße aus Köln",
    "script": "承認してください " * 200,
    "long": "word " * 2_000,
}
HOSTILE_TEXTS = st.text(st.sampled_from("a .<&é承\U0001f469\u200d\u0628\n"), max_size=3_000) | st.builds(
    lambda word, count: word * count,
    st.sampled_from(["word ", "x", "承", "\U0001f600", "&", "a.b/"]),
    st.integers(1, 4_000),
)


@pytest.mark.parametrize("text", TEXTS.values(), ids=[*TEXTS])
async def test_both_parts_have_the_link_in_one_line(text: str) -> None:
    card = replace(REQUEST_CARD, title="Pay?", question="Pay?", values=(), notes=(CardFact(label="Why", text=(text,)),))
    async with mail_server() as sandbox, client_to(sandbox) as client:
        await client.send(written(message.mail(card, envelope(public_url=LONG_PUBLIC_URL))), answer_seconds=5)
        (received,) = sandbox.mail.received()
    assert received.complaints == []
    assert received.raw.count(LINK.encode()) == 3, "in the text, on the button and below it"
    assert text.strip() in " ".join(HtmlContent(received.html or "").text.split()) or "word" in text
    assert max(map(len, received.raw.split(b"\r\n"))) <= LONGEST_LINE


async def test_a_server_of_seven_bits_gets_seven_bits() -> None:
    card = replace(REQUEST_CARD, notes=(CardFact(label="Why", text=(TEXTS["script"],)),))
    async with mail_server() as sandbox, client_to(sandbox) as client:
        sandbox.mail.fault("8bitmime", "missing")
        await client.send(written(message.mail(card, envelope(public_url=LONG_PUBLIC_URL))), answer_seconds=5)
        (received,) = sandbox.mail.received()
    assert received.complaints == []
    assert received.raw.isascii()
    assert received.raw.count(LINK.encode()) >= 2, "HTML needs no more than seven bits"
    assert "承認してください" in (received.text or "")


async def test_a_signed_email_is_in_seven_bits() -> None:
    card = replace(REQUEST_CARD, notes=(CardFact(label="Why", text=(TEXTS["accents"],)),))
    async with (
        mail_server() as sandbox,
        client_to(sandbox, sign=lambda content: b"X-Signed: yes\r\n" + content) as client,
    ):
        await client.send(written(message.mail(card, envelope())), answer_seconds=5)
        (received,) = sandbox.mail.received()
    assert received.raw.isascii()
    assert received.header("x-signed") == "yes"


@pytest.mark.parametrize("body", [f"See {LINK}", f"Grüße: {LINK}\n", "x" * 5_000, "a\rb\0c"])
async def test_the_body_of_an_email_step_arrives_as_it_was_written(body: str) -> None:
    async with mail_server() as sandbox, client_to(sandbox) as client:
        mailer = SmtpMailer(client, sender=SENDER, now=lambda: AT)
        await mailer.send(to=MIA, subject="Hi", body=body, reply_to=None, key="k")
        (received,) = sandbox.mail.received()
    assert received.complaints == []
    assert (LINK.encode() in received.raw) == (LINK in body)
    assert re.sub(r"\r\n?", "\n", received.text or "").rstrip("\n") == re.sub(r"\r\n?", "\n", body).rstrip("\n")


@settings(max_examples=example_count(60), deadline=None)
@given(HOSTILE_TEXTS, HOSTILE_TEXTS)
def test_no_line_of_an_email_is_longer_than_servers_accept_and_nothing_is_lost(fact: str, value: str) -> None:
    values = (replace(REQUEST_CARD.values[0], text=value),)
    notes = (CardFact(label="Why", text=(fact,)),)
    changed = replace(REQUEST_CARD.values[1], text=fact, before=value)
    received = message.mail(replace(REQUEST_CARD, notes=notes, values=(*values, changed)), envelope())
    raw = in_eight_bits(received) or received.as_bytes()
    for content in (raw, received.as_bytes()):
        assert max(map(len, content.split(b"\r\n"))) <= LONGEST_LINE
    if len(fact) + len(value) < 3_000:
        parsed = BytesParser(policy=default).parsebytes(received.as_bytes())
        assert isinstance(parsed, EmailMessage)
        assert "".join(visible(value).split()) in "".join(HtmlContent(html_of(parsed)).text.split())
