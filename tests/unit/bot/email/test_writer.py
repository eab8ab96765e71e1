"""Copies of one request share what is written once, and nothing of one reader gets into the email of another."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from types import FunctionType
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.email import message
from bot.email.message import Envelope
from bot.email.transfer_encoding import WrittenEmail, written
from bot.email.writer import KEPT, PLACEHOLDER, EmailWriter
from engine.domain import Card, CardAction, CardFact, CardField, CardOutcome, DeliveryKind
from tests.support.email_env import (
    ALERT_CARD,
    ANSWERED_CARD,
    AT,
    CLOSED_CARD,
    CODE_CARD,
    HOSTILE_TEXTS,
    OUTCOME_CARD,
    PUBLIC_URL,
    QUESTION_CARD,
    REQUEST_CARD,
    SENDER,
    TOKEN,
    envelope,
)
from tests.support.examples import example_count

OTHER_TOKEN: Final = "Zq_-4" + "Y" * 38
GERMAN: Final = replace(REQUEST_CARD, notes=(CardFact(label="Prüfen", text=("Grüße aus Köln",)),))
"""Its text part has to be encoded."""
CARDS: Final = [
    REQUEST_CARD,
    GERMAN,
    replace(REQUEST_CARD, kind=DeliveryKind.REMINDER),
    replace(REQUEST_CARD, actions=(CardAction(verdict="edit", label="Send", primary=True),)),
    replace(REQUEST_CARD, expires_at=None, expires_after=timedelta(hours=2)),
    CLOSED_CARD,
    CODE_CARD,
    ALERT_CARD,
    QUESTION_CARD,
    ANSWERED_CARD,
    OUTCOME_CARD,
]


def new_writer() -> EmailWriter:
    return EmailWriter(SENDER, public_url=PUBLIC_URL, name="")


def ordinary(card: Card, to: Envelope) -> WrittenEmail:
    """Return the email as the `email` package writes the whole of it."""
    return written(message.mail(card, to))


def reachable(root: object, kind: type) -> Iterator[Any]:
    """Yield all objects of a type that the object keeps alive."""
    seen, waiting = set[int](), [root]
    while waiting:
        found = waiting.pop()
        if id(found) not in seen and not isinstance(found, type | FunctionType):
            seen.add(id(found))
            waiting.extend(gc.get_referents(found))
            if isinstance(found, kind):
                yield found


_ADDRESSES = st.sampled_from(
    [
        "mia@example.com",
        "MIA+tag@Mail.Example.com",
        "o'brien@example.com",
        "a=?b@example.com",
        "{braces}|pipe~@example.com",
        f"{'long.' * 12}name@department.company.example",
        f"lee@{'department.' * 6}example",
    ]
)
_TOKENS = st.text("abcXYZ019_-", min_size=43, max_size=43) | st.sampled_from(
    [TOKEN, OTHER_TOKEN, PLACEHOLDER, "-" * 43, "short", "=" * 43]
)
_DATES = st.timedeltas(timedelta(0), timedelta(days=3_000)).map(AT.__add__)
_READERS = st.tuples(
    st.builds(
        envelope,
        to=_ADDRESSES,
        delivery=st.text(max_size=20),
        date=_DATES,
        thread=st.none() | st.sampled_from(["<x@example.com>", f"<{'y' * 90}@example.com>"]),
    ),
    st.fixed_dictionaries(
        {"token": st.none() | _TOKENS},
        optional={"until": _DATES, "zone": st.sampled_from(["Europe/Berlin", "Asia/Kolkata"]), "again": st.just(True)},
    ),
)
_TEXTS = HOSTILE_TEXTS | st.sampled_from([PLACEHOLDER, f"{PLACEHOLDER} ü" * 3, f"https://x.example/r/{PLACEHOLDER}"])


@settings(max_examples=example_count(40), deadline=None)
@given(
    card=st.sampled_from(CARDS),
    title=_TEXTS,
    text=_TEXTS,
    reason=st.none() | _TEXTS,
    readers=st.lists(_READERS, min_size=2, max_size=4),
)
@example(
    card=GERMAN,
    title="=",
    text="ü" * 40,
    reason=None,
    readers=[(envelope(), {"token": TOKEN}), (envelope(to="lee@example.com"), {"token": OTHER_TOKEN})],
)
@example(
    card=ANSWERED_CARD,
    title="",
    text="",
    reason=f"{PLACEHOLDER} {PLACEHOLDER}",
    readers=[(envelope(), {"token": TOKEN}), (envelope(), {"token": OTHER_TOKEN})],
)
def test_an_email_is_the_same_byte_by_byte_whichever_copies_were_written_before(
    card: Card, title: str, text: str, reason: str | None, readers: list[tuple[Envelope, dict[str, Any]]]
) -> None:
    card = replace(
        card,
        title=title,
        question=title,
        values=(CardField(path="p", label=text, type="text", text=text),),
        approvers=(text, title),
        outcome=card.outcome if reason is None else CardOutcome(line=("Rejected by Lee, ", AT), reason=reason),
    )
    writer = new_writer()
    for to, own in [*readers, *readers]:
        assert writer.write(replace(card, **own), to) == ordinary(replace(card, **own), to)


@settings(max_examples=example_count(40), deadline=None)
@given(length=st.integers(1, 90), token=_TOKENS.filter(lambda token: len(token) == 43))
def test_the_link_is_right_wherever_quoted_printable_cuts_it(length: int, token: str) -> None:
    url = f"https://{'s' * length}.example"
    writer = EmailWriter(SENDER, public_url=url, name="Büro")
    for each in (TOKEN, token):
        to, card = envelope(public_url=url, name="Büro"), replace(GERMAN, token=each)
        assert writer.write(card, to) == ordinary(card, to)


@pytest.mark.parametrize("card", [REQUEST_CARD, GERMAN, QUESTION_CARD], ids=["request", "encoded", "question"])
def test_the_link_of_one_reader_is_in_no_email_of_another(card: Card) -> None:
    writer = new_writer()
    first, second = (
        writer.write(replace(card, token=token), envelope(to=to))
        for token, to in ((TOKEN, "mia@example.com"), (OTHER_TOKEN, "lee@example.com"))
    )
    for email, own, other in ((first, TOKEN, OTHER_TOKEN), (second, OTHER_TOKEN, TOKEN)):
        for data in filter(None, (email.seven_bits, email.eight_bits)):
            joined = data.replace(b"=\r\n", b"")
            assert (joined.count(own.encode()), joined.count(other.encode())) == (3, 0)
            assert PLACEHOLDER.encode() not in joined


@pytest.mark.parametrize(
    ("card", "secret", "kept"),
    [
        (GERMAN, TOKEN, True),
        (REQUEST_CARD, TOKEN, True),
        (CLOSED_CARD, TOKEN, True),
        (CODE_CARD, CODE_CARD.code, False),
    ],
    ids=["encoded", "request", "closed", "code"],
)
def test_no_token_and_no_code_is_kept(*, card: Card, secret: str, kept: bool) -> None:
    writer = new_writer()
    writer.write(card, envelope())
    contents = list(reachable(writer, bytes))
    texts = [*(content.decode() for content in contents), *reachable(writer, str)]
    assert not any(secret in text.replace("=\r\n", "") for text in texts)
    assert any(b"--=_signoff--" in content for content in contents) is kept


def test_only_a_few_contents_are_kept() -> None:
    writer = new_writer()
    for number in range(3 * KEPT):
        writer.write(replace(ALERT_CARD, title=f"Alert {number}"), envelope())
    contents = {content for content in reachable(writer, bytes) if b"--=_signoff--" in content}
    assert len(contents) <= 2 * KEPT


@pytest.mark.parametrize("write", [new_writer().write, message.mail])
def test_an_address_that_is_not_valid_raises(write: Callable[[Card, Envelope], object]) -> None:
    for address in ("mia", "mïa@example.com", "a\r\nBcc: eve@example.com"):
        with pytest.raises(ValueError, match=r"must|not"):
            write(REQUEST_CARD, envelope(to=address))
