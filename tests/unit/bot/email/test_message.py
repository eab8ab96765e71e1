"""Emails: both parts say the same, have at most one link, and no data can imitate the text of Signoff."""

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
CARDS = {
    "request": REQUEST_CARD,
    "reminder": REMINDER,
    "closed": CLOSED,
    "code": CODE_CARD,
    "alert": ALERT_CARD,
    "outcome": OUTCOME_CARD,
}
GMAIL_HTML_BYTES = 102_000
"""Maximum size of the decoded HTML that Gmail shows in full, in bytes."""


def parse_as_recipient(email_message: EmailMessage) -> EmailMessage:
    """Return the email as the recipient's program parses it."""
    parsed = email.message_from_bytes(email_message.as_bytes(), policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def remove_spacing(text: str) -> str:
    """Return the text without blanks and without the bars beside texts of several lines."""
    return "".join(text.replace("|", "").split())


@pytest.fixture(params=[*CARDS.values()], ids=[*CARDS])
def card(request: pytest.FixtureRequest) -> Card:
    assert isinstance(request.param, Card)
    return request.param


def test_both_parts_say_all_that_the_card_says(card: Card) -> None:
    email_message = parse_as_recipient(message.mail(card, envelope()))
    for text in (text_of(email_message), HtmlContent(html_of(email_message)).text):
        labelled_texts = [*card.facts, *((field.label, field.text) for field in card.fields)]
        labelled_texts += [("before", field.before) for field in card.fields if field.before is not None]
        for label, value in labelled_texts:
            assert label in text
            assert value in text
        for line in (card.title, card.state, card.code, card.request):
            assert line is None or line in text
        for moment in (card.expires_at, card.until):
            assert moment is None or dates.moment(moment) in text


def test_every_email_says_that_replies_are_not_read(card: Card) -> None:
    email_message = parse_as_recipient(message.mail(card, envelope()))
    short = message.short_mail(card, envelope())
    for each_message in (email_message, *([] if short is None else [parse_as_recipient(short)])):
        for text in (text_of(each_message), HtmlContent(html_of(each_message)).text):
            assert "Please do not reply to this email. Replies are not read." in text


def test_only_an_open_request_has_a_link_and_only_one(card: Card) -> None:
    email_message = parse_as_recipient(message.mail(card, envelope()))
    links = [LINK] if card.kind in (DeliveryKind.REQUEST, DeliveryKind.REMINDER) and card.state is None else []
    assert HtmlContent(html_of(email_message)).links == links
    assert re.findall(r"https?://\S+", text_of(email_message)) == links


def test_nothing_is_fetched_and_nothing_runs(card: Card) -> None:
    html = html_of(parse_as_recipient(message.mail(card, envelope())))
    assert not re.search(r"url\(|@import|javascript:|<script|<link|<img|src=|background=", html, re.IGNORECASE)
    assert HtmlContent(html).tags.isdisjoint({"form", "input", "button", "iframe", "svg", "object", "base"})


def test_only_an_address_is_broken_inside_a_word() -> None:
    broken = re.findall(
        r"<p[^>]*break-all[^>]*>(.*?)</p>", html_of(parse_as_recipient(message.mail(REQUEST_CARD, envelope())))
    )
    assert broken == [LINK]


def test_the_headers_say_that_a_program_wrote_the_email_and_to_which_address(card: Card) -> None:
    email_message = parse_as_recipient(message.mail(card, envelope()))
    assert email_message["Auto-Submitted"] == "auto-generated"
    assert email_message["X-Auto-Response-Suppress"] == "OOF, AutoReply, RN, NRN"
    assert str(email_message["From"]) == "Signoff <signoff@example.com>"
    assert str(email_message["To"]) == "mia@example.com"
    assert email_message["Date"].datetime.isoformat() == "2026-03-02T09:00:00+00:00"
    assert {"Bcc", "Cc", "List-Unsubscribe"}.isdisjoint(email_message.keys())


def test_a_card_gives_the_same_email_every_time(card: Card) -> None:
    assert message.mail(card, envelope()).as_bytes() == message.mail(card, envelope()).as_bytes()


def test_an_email_passes_through_servers_with_seven_bits_and_short_lines(card: Card) -> None:
    raw = message.mail(replace(card, title="ü" * 500), envelope()).as_bytes()
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998


# -- threads ------------------------------------------------------------------------------------------------


def test_the_message_id_of_a_request_depends_on_the_request_and_the_recipient_only() -> None:
    ids = {
        message.mail(card, envelope(to=to, delivery=delivery))["Message-ID"]
        for card in (REQUEST_CARD, replace(REQUEST_CARD, title="later", again=True, token="other"))
        for to in ("mia@example.com", "Mia@example.com")
        for delivery in ("d1", "d2")
    }
    assert len(ids) == 1
    assert message.mail(REQUEST_CARD, envelope(to="lee@example.com"))["Message-ID"] not in ids
    assert message.mail(replace(REQUEST_CARD, request="q2"), envelope())["Message-ID"] not in ids


def test_other_emails_have_a_message_id_for_each_delivery() -> None:
    email_messages = [
        message.mail(card, envelope(delivery=delivery)) for card in CARDS.values() for delivery in ("d1", "d2")
    ]
    assert len({email_message["Message-ID"] for email_message in email_messages}) == 2 * len(CARDS) - 1
    assert all(email_message["Message-ID"].endswith("@example.com>") for email_message in email_messages)


def test_reminder_and_outcome_follow_the_request() -> None:
    request_message = message.mail(REQUEST_CARD, envelope())
    for card in (REMINDER, CLOSED):
        follow_up = message.mail(card, envelope(delivery="d2"))
        assert follow_up["In-Reply-To"] == follow_up["References"] == request_message["Message-ID"]
        assert follow_up["Subject"] == f"Re: {request_message['Subject']}"
    assert message.mail(CLOSED, envelope(thread="<x@example.com>"))["References"] == "<x@example.com>"
    assert "References" not in message.mail(ALERT_CARD, envelope())


# -- codes, times and cuts ----------------------------------------------------------------------------------


def test_an_email_with_a_code_says_its_purpose_and_what_to_do_if_you_did_not_ask_for_it() -> None:
    email_message = message.mail(CODE_CARD, envelope())
    assert email_message["Subject"] == "Your code to approve: Refund 120 €?"
    assert "48151623" not in email_message["Subject"]
    assert "ten minutes" in text_of(email_message)
    assert "If you did not ask for it" in text_of(email_message)
    assert message.mail(replace(CODE_CARD, facts=()), envelope())["Subject"] == "Your code to approve"


@pytest.mark.parametrize("expiry", [{}, {"expires_at": None, "expires_after": timedelta(hours=1)}], ids=["at", "after"])
def test_the_end_of_the_link_does_not_look_like_the_end_of_the_request(expiry: dict[str, Any]) -> None:
    text = text_of(message.mail(replace(REQUEST_CARD, **expiry), envelope()))
    assert "The link works until" not in text
    assert "- The link shows the request, and what became of it, until:\n    2026-03-09 09:00 UTC" in text
    text_without_expiry = text_of(message.mail(replace(REQUEST_CARD, expires_at=None), envelope()))
    assert "- The link works until:\n    2026-03-09 09:00 UTC" in text_without_expiry


_EXPIRES_AFTER_DELIVERY: Final = {"expires_at": None, "expires_after": timedelta(hours=1)}


@pytest.mark.parametrize(
    ("expiry", "expiry_text"),
    [({}, "2026-03-02 10:00 UTC"), (_EXPIRES_AFTER_DELIVERY, "in 1 hour")],
)
def test_the_short_email_has_the_link_and_the_times_and_nothing_else_of_the_card(
    expiry: dict[str, Any], expiry_text: str
) -> None:
    card = replace(REQUEST_CARD, again=True, **expiry)
    email_message = message.short_mail(card, envelope())
    assert email_message is not None
    html = HtmlContent(html_of(email_message))
    assert html.links == [LINK]
    assert "Refund" not in str(email_message)
    assert "sent twice" in text_of(email_message)
    assert f"- Expires:\n    {expiry_text}\n" in text_of(email_message)
    assert expiry_text in html.text
    assert text_of(message.mail(card, envelope())).count("until:\n    2026-03-09 09:00 UTC") == 1
    assert text_of(email_message).count("until:\n    2026-03-09 09:00 UTC") == 1
    assert email_message["Message-ID"] == message.mail(REQUEST_CARD, envelope())["Message-ID"]
    assert message.short_mail(CLOSED, envelope()) is None


def test_the_short_email_of_a_request_without_expiry_mentions_none() -> None:
    email_message = message.short_mail(replace(REQUEST_CARD, expires_at=None), envelope())
    assert email_message is not None
    assert "Expires" not in text_of(email_message)


def test_a_long_field_is_cut_and_says_by_how_much() -> None:
    long_card = replace(REQUEST_CARD, fields=(CardField(path="a", label="a", type="text", text="é" * 60_000),))
    email_message = message.mail(long_card, envelope())
    for text in (text_of(email_message), HtmlContent(html_of(email_message)).text):
        (missing,) = re.findall(r"… \(([\d,]+) more characters\)", text)
        assert text.count("é") == 60_000 - int(missing.replace(",", ""))
        assert f"Not everything fits here: {missing} characters left out. The review page shows all of it." in text


def test_five_thousand_characters_are_shown_in_full() -> None:
    text = "A text of some length. " * 218
    email_message = message.mail(
        replace(REQUEST_CARD, fields=(CardField(path="a", label="a", type="text", text=text),)), envelope()
    )
    assert text.rstrip() in HtmlContent(html_of(email_message)).text
    assert "Not everything" not in text_of(email_message)


def test_edited_fields_come_before_unchanged_fields() -> None:
    fields = tuple(CardField(path=str(n), label=f"f{n}", type="text", text="x") for n in range(100))
    edited_field = replace(fields[99], before="was")
    mail_view = view.shown(replace(ALERT_CARD, fields=(*fields[:99], edited_field)), public_url="https://x.example")
    assert len(mail_view.facts) + len(mail_view.fields) == view.ROWS
    assert mail_view.fields[-1].label == "f99"
    assert mail_view.left_out == "Not everything fits here: 40 of 101 lines shown."


def test_five_thousand_characters_in_two_directions_are_shown_in_full() -> None:
    lines = "".join(f"Paragraph {n}, with 12.50 EUR: see https://example.com/{n}.\n\nשלם 1.5\n" for n in range(80))
    for text in (lines[:2_500], f"{lines[:4_997]}end", "a\nש\n" * 1_250, ("ש\n\n" * 7 + "a.\n") * 200):
        field = CardField(path="a", label="a", type="text", text=text, before=f"was {text}")
        email_message = message.mail(replace(REQUEST_CARD, fields=(field,)), envelope())
        assert HtmlContent(html_of(email_message)).text.count(text.rstrip("\n")) == 2
        assert "Not everything" not in text_of(email_message)


@pytest.mark.parametrize(
    "character",
    ["a\nש\n", "a.\nש" + "\n" * 800, "<", "&", '"', "ü", "漢", "\N{GRINNING FACE}", "\u202e", "\n", ".", "a"],
)
def test_no_content_makes_an_email_that_gmail_would_cut(character: str) -> None:
    long_text, text = ((character * size)[:size] for size in (45_000, 6_000))
    fields = tuple(CardField(path=f"{text}{n}", label=text, type="text", text=text, before=text) for n in range(20))
    first_field = replace(fields[0], text=long_text, before=long_text)
    huge_card = replace(
        REQUEST_CARD, title=long_text, facts=((text, text),) * 20, fields=(first_field, *fields[1:]), again=True
    )
    for card in (huge_card, replace(huge_card, state=text)):
        email_message = message.mail(card, envelope())
        assert len(html_of(email_message).encode()) < GMAIL_HTML_BYTES


# -- hostile texts ------------------------------------------------------------------------------------------

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


@settings(max_examples=40, deadline=None)
@given(
    title=HOSTILE_TEXTS,
    label=HOSTILE_TEXTS,
    text=HOSTILE_TEXTS,
    before=st.none() | HOSTILE_TEXTS,
    state=st.none() | HOSTILE_TEXTS,
)
@example(title="", label="", text="", before="", state="")
@example(title="", label="0" * 18 + ":" + "\x1f" * 7 + "\U000f0000", text="", before=None, state=None)
@example(title="x" * 149 + "e\u0301", label="", text="\n", before=None, state=None)
def test_an_email_shows_any_data_and_nothing_more(
    title: str, label: str, text: str, before: str | None, state: str | None
) -> None:
    field = CardField(path="p", label=label, type="text", text=text, before=before)
    card_state = None if state is None else f"Rejected by Lee. Reason: {state}"
    card = replace(REQUEST_CARD, title=title, facts=((label, text),), fields=(field,), state=card_state)
    email_message = message.mail(card, envelope())
    received_mail = parse_as_recipient(email_message)

    assert received_mail.keys() == email_message.keys()
    assert not any(part.defects for part in received_mail.walk())
    subject = str(received_mail["Subject"])
    assert characters.line(subject) == subject
    assert remove_spacing(subject) == remove_spacing(str(email_message["Subject"]))
    html_body, text_body = html_of(received_mail), text_of(received_mail)
    assert HtmlContent(html_body).links == ([LINK] if state is None else [])
    for text_part in (text_body, HtmlContent(html_body).text):
        for value in (text, before, state):
            if value is not None:
                assert remove_spacing(characters.visible(value)) in remove_spacing(text_part)
        # A label may have 120 bytes of HTML, and a hidden character takes ten of them.
        assert remove_spacing(characters.visible(label[:10])) in remove_spacing(text_part)
        assert remove_spacing(characters.line(title)) in remove_spacing(text_part)
    assert not set(text_body) & set("\u202e\u200b\u2028\x00\x85")
    assert set(HtmlContent(html_body).tags) <= set(
        HtmlContent(html_of(message.mail(REQUEST_CARD, envelope()))).tags
    ) | {
        "br",
        "wbr",
    }
    review_lines = [line for line in text_body.splitlines() if line.startswith("Review:")]
    assert review_lines == ([f"Review: {LINK}"] if state is None else [])
