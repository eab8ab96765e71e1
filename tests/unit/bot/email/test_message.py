"""Mails: both parts say the same, one link at most, and nothing in the data can say more than it is."""

from __future__ import annotations

import email
import re
from dataclasses import replace
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.email import message, view
from bot.presentation import characters, dates
from engine.domain import Card, CardField, DeliveryKind
from tests.support.email_env import (
    ALERT_CARD,
    CODE_CARD,
    LINK,
    OUTCOME_CARD,
    REQUEST_CARD,
    HtmlContent,
    envelope,
    html_of,
    text_of,
)

REMINDER = replace(REQUEST_CARD, kind=DeliveryKind.REMINDER)
CLOSED = replace(
    REQUEST_CARD, actions=(), token=None, until=None, expires_at=None, state="Approved by Lee. Reason: fine."
)
ALL = {
    "request": REQUEST_CARD,
    "reminder": REMINDER,
    "closed": CLOSED,
    "code": CODE_CARD,
    "alert": ALERT_CARD,
    "outcome": OUTCOME_CARD,
}
GMAIL_SHOWS = 102_000
"""Bytes of HTML, as it is once decoded."""


def read(made: EmailMessage) -> EmailMessage:
    """As whoever gets it reads it."""
    found = email.message_from_bytes(made.as_bytes(), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def squeezed(text: str) -> str:
    """What is there to read, without the arrangement: blanks, and the bars beside texts of several lines."""
    return "".join(text.replace("|", "").split())


@pytest.fixture(params=[*ALL.values()], ids=[*ALL])
def card(request: pytest.FixtureRequest) -> Card:
    assert isinstance(request.param, Card)
    return request.param


def test_both_parts_say_all_that_the_card_says(card: Card) -> None:
    made = read(message.mail(card, envelope()))
    for said in (text_of(made), HtmlContent(html_of(made)).text):
        told = [*card.facts, *((field.label, field.text) for field in card.fields)]
        told += [("before", field.before) for field in card.fields if field.before is not None]
        for label, text in told:
            assert label in said
            assert text in said
        for one in (card.title, card.state, card.code, card.request):
            assert one is None or one in said
        for moment in (card.expires_at, card.until):
            assert moment is None or dates.moment(moment) in said


def test_every_mail_says_that_nobody_reads_replies(card: Card) -> None:
    made = read(message.mail(card, envelope()))
    short = message.short_mail(card, envelope())
    for one in (made, *([] if short is None else [read(short)])):
        for said in (text_of(one), HtmlContent(html_of(one)).text):
            assert "Please do not reply to this email. Replies are not read." in said


def test_only_who_can_decide_gets_a_link_and_only_one(card: Card) -> None:
    made = read(message.mail(card, envelope()))
    links = [LINK] if card.kind in (DeliveryKind.REQUEST, DeliveryKind.REMINDER) and card.state is None else []
    assert HtmlContent(html_of(made)).links == links
    assert re.findall(r"https?://\S+", text_of(made)) == links


def test_nothing_is_fetched_and_nothing_runs(card: Card) -> None:
    html = html_of(read(message.mail(card, envelope())))
    assert not re.search(r"url\(|@import|javascript:|<script|<link|<img|src=|background=", html, re.IGNORECASE)
    assert HtmlContent(html).tags.isdisjoint({"form", "input", "button", "iframe", "svg", "object", "base"})


def test_nothing_but_an_address_is_broken_inside_of_a_word() -> None:
    broken = re.findall(r"<p[^>]*break-all[^>]*>(.*?)</p>", html_of(read(message.mail(REQUEST_CARD, envelope()))))
    assert broken == [LINK]


def test_a_mail_says_that_a_program_wrote_it_and_to_whom(card: Card) -> None:
    made = read(message.mail(card, envelope()))
    assert made["Auto-Submitted"] == "auto-generated"
    assert made["X-Auto-Response-Suppress"] == "OOF, AutoReply, RN, NRN"
    assert str(made["From"]) == "Signoff <signoff@example.com>"
    assert str(made["To"]) == "mia@example.com"
    assert made["Date"].datetime.isoformat() == "2026-03-02T09:00:00+00:00"
    assert {"Bcc", "Cc", "List-Unsubscribe"}.isdisjoint(made.keys())


def test_a_mail_is_the_same_every_time(card: Card) -> None:
    assert message.mail(card, envelope()).as_bytes() == message.mail(card, envelope()).as_bytes()


def test_a_mail_passes_through_servers_that_know_seven_bits_and_short_lines(card: Card) -> None:
    raw = message.mail(replace(card, title="ü" * 500), envelope()).as_bytes()
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998


# -- threads ------------------------------------------------------------------------------------------------


def test_the_id_of_a_request_is_of_the_request_and_the_recipient() -> None:
    ids = {
        message.mail(card, envelope(to=to, delivery=delivery))["Message-ID"]
        for card in (REQUEST_CARD, replace(REQUEST_CARD, title="later", again=True, token="other"))
        for to in ("mia@example.com", "Mia@example.com")
        for delivery in ("d1", "d2")
    }
    assert len(ids) == 1
    assert message.mail(REQUEST_CARD, envelope(to="lee@example.com"))["Message-ID"] not in ids
    assert message.mail(replace(REQUEST_CARD, request="q2"), envelope())["Message-ID"] not in ids


def test_the_others_have_one_for_each_copy() -> None:
    made = [message.mail(card, envelope(delivery=delivery)) for card in ALL.values() for delivery in ("d1", "d2")]
    assert len({one["Message-ID"] for one in made}) == 2 * len(ALL) - 1
    assert all(one["Message-ID"].endswith("@example.com>") for one in made)


def test_reminder_and_outcome_follow_the_request() -> None:
    first = message.mail(REQUEST_CARD, envelope())
    for card in (REMINDER, CLOSED):
        made = message.mail(card, envelope(delivery="d2"))
        assert made["In-Reply-To"] == made["References"] == first["Message-ID"]
        assert made["Subject"] == f"Re: {first['Subject']}"
    assert message.mail(CLOSED, envelope(thread="<x@example.com>"))["References"] == "<x@example.com>"
    assert "References" not in message.mail(ALERT_CARD, envelope())


# -- what cannot be said ------------------------------------------------------------------------------------


def test_a_code_says_what_it_is_for_and_what_to_do_without_having_asked() -> None:
    made = message.mail(CODE_CARD, envelope())
    assert made["Subject"] == "Your code to approve: Refund 120 €?"
    assert "48151623" not in made["Subject"]
    assert "ten minutes" in text_of(made)
    assert "If you did not ask for it" in text_of(made)
    assert message.mail(replace(CODE_CARD, facts=()), envelope())["Subject"] == "Your code to approve"


@pytest.mark.parametrize("expiry", [{}, {"expires_at": None, "expires_after": timedelta(hours=1)}], ids=["at", "after"])
def test_the_end_of_the_link_does_not_look_like_the_end_of_the_request(expiry: dict[str, Any]) -> None:
    told = text_of(message.mail(replace(REQUEST_CARD, **expiry), envelope()))
    assert "The link works until" not in told
    assert "- The link shows the request, and what became of it, until:\n    2026-03-09 09:00 UTC" in told
    for_ever = text_of(message.mail(replace(REQUEST_CARD, expires_at=None), envelope()))
    assert "- The link works until:\n    2026-03-09 09:00 UTC" in for_ever


_LATER: Final = {"expires_at": None, "expires_after": timedelta(hours=1)}


@pytest.mark.parametrize(
    ("expiry", "told"), [({}, "2026-03-02 10:00 UTC"), (_LATER, "1 hour after somebody was first shown it")]
)
def test_the_short_mail_has_the_link_and_the_times_and_nothing_else_of_the_card(
    expiry: dict[str, Any], told: str
) -> None:
    card = replace(REQUEST_CARD, again=True, **expiry)
    made = message.short_mail(card, envelope())
    assert made is not None
    html = HtmlContent(html_of(made))
    assert html.links == [LINK]
    assert "Refund" not in str(made)
    assert "sent twice" in text_of(made)
    assert f"- Expires:\n    {told}\n" in text_of(made)
    assert told in html.text
    assert text_of(message.mail(card, envelope())).count("until:\n    2026-03-09 09:00 UTC") == 1
    assert text_of(made).count("until:\n    2026-03-09 09:00 UTC") == 1
    assert made["Message-ID"] == message.mail(REQUEST_CARD, envelope())["Message-ID"]
    assert message.short_mail(CLOSED, envelope()) is None


def test_the_short_mail_of_what_never_expires_says_nothing_of_it() -> None:
    made = message.short_mail(replace(REQUEST_CARD, expires_at=None), envelope())
    assert made is not None
    assert "Expires" not in text_of(made)


def test_a_long_field_is_cut_and_says_by_how_much() -> None:
    long = replace(REQUEST_CARD, fields=(CardField(path="a", label="a", type="text", text="é" * 60_000),))
    made = message.mail(long, envelope())
    for said in (text_of(made), HtmlContent(html_of(made)).text):
        (left,) = re.findall(r"… \(([\d,]+) more characters\)", said)
        assert said.count("é") == 60_000 - int(left.replace(",", ""))
        assert f"Not everything fits here: {left} characters left out. The review page shows all of it." in said


def test_five_thousand_characters_are_shown_in_full() -> None:
    text = "A text of some length. " * 218
    made = message.mail(
        replace(REQUEST_CARD, fields=(CardField(path="a", label="a", type="text", text=text),)), envelope()
    )
    assert text.rstrip() in HtmlContent(html_of(made)).text
    assert "Not everything" not in text_of(made)


def test_what_a_person_changed_comes_before_what_nobody_did() -> None:
    fields = tuple(CardField(path=str(n), label=f"f{n}", type="text", text="x") for n in range(100))
    changed = replace(fields[99], before="was")
    shown = view.shown(replace(ALERT_CARD, fields=(*fields[:99], changed)), public_url="https://x.example")
    assert len(shown.facts) + len(shown.fields) == view.ROWS
    assert shown.fields[-1].label == "f99"
    assert shown.left_out == "Not everything fits here: 40 of 101 lines shown."


def test_five_thousand_characters_in_two_directions_are_shown_in_full() -> None:
    lines = "".join(f"Paragraph {n}, with 12.50 EUR: see https://example.com/{n}.\n\nשלם 1.5\n" for n in range(80))
    for text in (lines[:2_500], f"{lines[:4_997]}end", "a\nש\n" * 1_250, ("ש\n\n" * 7 + "a.\n") * 200):
        field = CardField(path="a", label="a", type="text", text=text, before=f"was {text}")
        made = message.mail(replace(REQUEST_CARD, fields=(field,)), envelope())
        assert HtmlContent(html_of(made)).text.count(text.rstrip("\n")) == 2
        assert "Not everything" not in text_of(made)


@pytest.mark.parametrize(
    "character",
    ["a\nש\n", "a.\nש" + "\n" * 800, "<", "&", '"', "ü", "漢", "\N{GRINNING FACE}", "\u202e", "\n", ".", "a"],
)
def test_no_content_makes_a_mail_that_gmail_would_cut(character: str) -> None:
    longest, text = ((character * size)[:size] for size in (45_000, 6_000))
    fields = tuple(CardField(path=f"{text}{n}", label=text, type="text", text=text, before=text) for n in range(20))
    first = replace(fields[0], text=longest, before=longest)
    huge = replace(REQUEST_CARD, title=longest, facts=((text, text),) * 20, fields=(first, *fields[1:]), again=True)
    for card in (huge, replace(huge, state=text)):
        made = message.mail(card, envelope())
        assert len(html_of(made).encode()) < GMAIL_SHOWS


# -- what is written by others ------------------------------------------------------------------------------

NASTY = st.text(
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


@settings(max_examples=40, deadline=None)
@given(title=NASTY, label=NASTY, text=NASTY, before=st.none() | NASTY, state=st.none() | NASTY)
@example(title="", label="", text="", before="", state="")
@example(title="", label="0" * 18 + ":" + "\x1f" * 7 + "\U000f0000", text="", before=None, state=None)
@example(title="x" * 149 + "e\u0301", label="", text="\n", before=None, state=None)
def test_whatever_the_data_is_a_mail_says_it_and_nothing_more(
    title: str, label: str, text: str, before: str | None, state: str | None
) -> None:
    field = CardField(path="p", label=label, type="text", text=text, before=before)
    said_at_the_end = None if state is None else f"Rejected by Lee. Reason: {state}"
    card = replace(REQUEST_CARD, title=title, facts=((label, text),), fields=(field,), state=said_at_the_end)
    made = message.mail(card, envelope())
    found = read(made)

    assert found.keys() == made.keys()
    assert not any(part.defects for part in found.walk())
    subject = str(found["Subject"])
    assert characters.line(subject) == subject
    assert squeezed(subject) == squeezed(str(made["Subject"]))
    html, plain = html_of(found), text_of(found)
    assert HtmlContent(html).links == ([LINK] if state is None else [])
    for said in (plain, HtmlContent(html).text):
        for one in (text, before, state):
            if one is not None:
                assert squeezed(characters.visible(one)) in squeezed(said)
        # A label may be 120 bytes of HTML, of which a hidden character takes ten.
        assert squeezed(characters.visible(label[:10])) in squeezed(said)
        assert squeezed(characters.line(title)) in squeezed(said)
    assert not set(plain) & set("\u202e\u200b\u2028\x00\x85")
    assert set(HtmlContent(html).tags) <= set(HtmlContent(html_of(message.mail(REQUEST_CARD, envelope()))).tags) | {
        "br",
        "wbr",
    }
    ours = [line for line in plain.splitlines() if line.startswith("Review:")]
    assert ours == ([f"Review: {LINK}"] if state is None else [])
