"""Emails: both parts say the same, have at most one link, and no data can imitate the text of Signoff."""

from __future__ import annotations

import email
import re
from dataclasses import replace
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from html import unescape
from html.parser import HTMLParser
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.email import message, rows, view
from bot.presentation import characters, dates, request_card, states, text_diff
from engine.delivery.reminders import MOST_LISTED
from engine.domain import DIGEST, Card, CardAction, CardFact, CardField, CardOutcome, DeliveryKind, Person, Tone
from engine.read_models import RequestView
from tests.support import samples
from tests.support.email_env import (
    ALERT_CARD,
    ANSWERED_CARD,
    AT,
    CLOSED_CARD,
    CODE_CARD,
    HOSTILE_TEXTS,
    LETTER,
    LINK,
    OUTCOME_CARD,
    QUESTION_CARD,
    REQUEST_CARD,
    HtmlContent,
    envelope,
    html_of,
    text_of,
)
from tests.support.examples import example_count

REMINDER = replace(REQUEST_CARD, kind=DeliveryKind.REMINDER)
LIST = Card(
    kind=DeliveryKind.REMINDER,
    title="2 requests are waiting for you",
    notes=(
        CardFact(label="Pay 90 EUR back?", text=("Sam asks. ", "Expires ", AT, ".")),
        CardFact(label="Send it?", text=("Eve asks.",)),
    ),
    reminds=(REQUEST_CARD, REQUEST_CARD),
)
DIGEST_CARD = replace(LIST, topic=DIGEST, lead=(("3 more are in your inbox.",),))
CARDS = {
    "request": REQUEST_CARD,
    "reminder": REMINDER,
    "list": LIST,
    "digest": DIGEST_CARD,
    "closed": CLOSED_CARD,
    "code": CODE_CARD,
    "alert": ALERT_CARD,
    "question": QUESTION_CARD,
    "answered": ANSWERED_CARD,
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


def parts_of(card: Card) -> tuple[str, str]:
    """Return what people read of both parts of the email, without what mail programs show beside the subject."""
    email_message = parse_as_recipient(message.mail(card, envelope()))
    _, _, body = html_of(email_message).partition("</div>")
    return text_of(email_message).replace("\r\n", "\n"), HtmlContent(body).text


def read_difference(text_part: str, label: str) -> tuple[str, str]:
    """Return the two texts that a difference in the text part leads from and to, without what it folds."""
    rows = re.search(rf"^- {label} \(- before, \+ now\):\n((?:    .*\n)+)", text_part, re.MULTILINE)
    assert rows is not None
    signs = [(line[4:5], line[6:]) for line in rows[1].splitlines()]
    texts = ["".join(text for sign, text in signs if sign in ("|", wanted)) for wanted in "-+"]
    return remove_spacing(texts[0]), remove_spacing(texts[1])


@pytest.fixture(params=[*CARDS.values()], ids=[*CARDS])
def card(request: pytest.FixtureRequest) -> Card:
    assert isinstance(request.param, Card)
    return request.param


class Outline(HTMLParser):
    """What a screen reader gets of an email: its language, headings, tables and links, and the text that it reads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.language: str | None = None
        self.headings: list[str] = []
        self.tables: list[str | None] = []
        self.links: list[str] = []
        self.spoken = ""
        self._silent: list[str] = []
        self._in_link = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "html":
            self.language = attributes.get("lang")
        elif tag in ("h1", "h2", "h3"):
            self.headings.append(tag)
        elif tag == "table":
            self.tables.append(attributes.get("role"))
        elif tag == "a":
            self._in_link = True
            self.links.append("")
        if tag in ("style", "title") or attributes.get("aria-hidden") == "true" or (self._silent and tag != "br"):
            self._silent.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self._in_link = self._in_link and tag != "a"
        if self._silent and self._silent[-1] == tag:
            self._silent.pop()

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.spoken += data
        if self._in_link:
            self.links[-1] += data.strip()


def test_a_screen_reader_gets_an_outline_words_and_links_with_a_purpose(card: Card) -> None:
    outline = Outline(html_of(parse_as_recipient(message.mail(card, envelope()))))
    assert outline.language == "en"
    assert outline.headings[0] == "h1"
    assert outline.headings.count("h1") == 1
    assert set(outline.tables) == {"presentation"}
    questions = [fact.label for fact in card.notes] if card.topic == DIGEST else []
    buttons = ("Review and decide", "Review and answer", "Open your inbox", *questions)
    assert all(text in buttons or text.startswith("https://") for text in outline.links)
    assert not set(outline.spoken) & set("".join(states.ICONS.values()) + "✓●"), "signs say nothing aloud"
    if card.outcome is not None:
        assert dates.written(card.outcome.sentence or card.outcome.line, dates.in_zone(None)) in outline.spoken


def test_both_parts_say_all_that_the_card_says(card: Card) -> None:
    write = dates.in_zone(None)
    for text in parts_of(card):
        for field in card.values:
            assert field.label in text
            for value in (field.text, field.before):
                assert value is None or len(value) > text_diff.SHORT or value in text
        for fact in (*card.notes, *card.details):
            assert fact.label in text
            assert dates.written(fact.text, write) in text
        ending = (card.outcome.sentence or card.outcome.line, (card.outcome.reason or "",)) if card.outcome else ()
        for phrase in (*card.lead, *ending):
            assert dates.written(phrase, write) in text
        for line in (card.title, card.code):
            assert line is None or line in text
        for moment in (card.expires_at, card.until):
            assert moment is None or write(moment) in text


def test_a_request_shows_question_context_values_button_notes_and_people_in_this_order() -> None:
    for text in parts_of(REQUEST_CARD):
        shown = [
            "Refund 120 €?",
            "Cleo asks. Over 100: refund policy 4.2. Expires Mar 2, 2026, 10:00 AM UTC.",
            "Amount",
            "Order",
            "Review and decide",
            "Opening the page does not approve anything.",
            "Please check",
            "Lee or Mia can decide.",
            "Technical details",
            "pay (http)",
            "You get this email because you were asked to decide.",
        ]
        places = [text.index(part) for part in shown]
        assert places == sorted(places)


def test_an_email_about_a_form_asks_to_fill_it_in() -> None:
    actions = (CardAction(verdict="edit", label="Fill in", primary=True), CardAction(verdict="reject", label="Reject"))
    form = replace(REQUEST_CARD, actions=actions, is_form=True)
    for text in parts_of(form):
        assert "Open the form" in text
        assert "Lee or Mia can answer." in text
        assert "After the answer, the link shows the result until" in text
        assert "Opening the page does not send anything." in text
        assert "You get this email because you were asked to fill in a form." in text
        assert "decide and" not in text.lower()
        assert "approve" not in text
    for text in parts_of(replace(form, kind=DeliveryKind.REMINDER)):
        assert "Reminder: your answer is still needed" in text
        assert "Open the form" in text
    for text in parts_of(replace(CLOSED_CARD, is_form=True)):
        assert "You get this email because you were asked to fill in a form." in text


def test_a_moment_is_never_divided_between_two_lines() -> None:
    html = html_of(message.mail(REQUEST_CARD, envelope()))
    assert 'Expires <span\nstyle="white-space:nowrap">Mar 2, 2026, 10:00 AM UTC</span>.' in html.replace("\r\n", "\n")
    moments = CardFact(label="When", text=("Mar 2, 2026, 10:00 AM UTC " * 3_000,))
    whole = message.mail(replace(REQUEST_CARD, notes=(moments,)), envelope())
    assert len(html_of(whole).encode()) < 102_000
    assert max(map(len, whole.as_bytes().split(b"\r\n"))) <= 998


def test_what_became_of_a_step_does_not_have_the_colour_of_the_decision() -> None:
    outcome = CardOutcome(
        line=("Approved by Mia, ", AT), effect="Pay the refund: failed. The bank said no", effect_tone=Tone.FAILED
    )
    html = html_of(message.mail(replace(CLOSED_CARD, outcome=outcome), envelope()))
    box = re.search(r'<td class="good".*?</td>', html, re.DOTALL)
    assert box is not None
    assert "Approved by Mia" in box[0]
    assert "failed" not in box[0]
    sign = re.search(
        r'<p class="ink"[^>]*><span class="bad-text" aria-hidden="true"[^>]*>&#10005;</span> Pay the refund: failed',
        html,
    )
    assert sign is not None
    assert "✕ Pay the refund: failed. The bank said no." in text_of(
        message.mail(replace(CLOSED_CARD, outcome=outcome), envelope())
    )


def test_a_decision_shows_what_happened_then_what_was_changed_then_the_other_values() -> None:
    for text in parts_of(CLOSED_CARD):
        shown = [
            "Refund 120 €?",
            "✓ You approved this with edits, Mar 2, 2026, 9:00 AM UTC.",
            "Pay the refund: done.",
            "The kettle is used.",
            "Amount",
            "Letter",
            "Order",
            "Lee and Mia were asked.",
        ]
        places = [text.index(part) for part in shown]
        assert places == sorted(places)
        assert "No decision needed" not in text


def test_a_change_of_a_short_text_shows_both_texts() -> None:
    text, html = parts_of(CLOSED_CARD)
    assert "- Amount:\n    before: 120\n    now: 99\n" in text
    assert "120 → 99" in html
    assert '<del class="old" dir="auto" style="color:#b3261e;">120</del>' in html_of(
        message.mail(CLOSED_CARD, envelope())
    )


def test_a_change_in_a_long_text_is_found_at_once() -> None:
    text, html = parts_of(CLOSED_CARD)
    assert "    - 120\n    + 99\n" in text
    content = html_of(message.mail(CLOSED_CARD, envelope()))
    assert '<del class="old">120</del> ' in content
    assert '<strong class="new">99</strong> ' in content
    (folded,) = re.findall(r"… (\d+) unchanged characters …", html)
    assert re.findall(r"… (\d+) unchanged characters …", text) == [folded]
    assert len(LETTER) - 200 < int(folded) < len(LETTER)
    for part in (text, html):
        assert "Unchanged parts of long texts are left out." in part
        assert (
            "To read all of it, open the link in the first email. If that page shows only the result, sign in there, "
            "then open the link again."
        ) in part


@pytest.mark.parametrize(
    ("tone", "icon"), [(Tone.REJECTED, "✕"), (Tone.EXPIRED, "◷"), (Tone.CANCELLED, "⊘"), (Tone.APPROVED, "✓")]
)
def test_each_end_of_a_request_has_its_icon_which_is_not_read_out(tone: Tone, icon: str) -> None:
    card = replace(CLOSED_CARD, tone=tone, outcome=CardOutcome(line=("It ended, ", AT)))
    text, html = parts_of(card)
    assert f"{icon} It ended, Mar 2, 2026, 9:00 AM UTC." in text
    assert f"{icon} It ended, Mar 2, 2026, 9:00 AM UTC." in html
    assert re.search(r'<span aria-hidden="true">(.|&#\d+;)</span> It ended', html_of(message.mail(card, envelope())))


def test_moments_are_written_in_the_zone_of_the_reader_and_once() -> None:
    for text in parts_of(replace(REQUEST_CARD, zone="Asia/Tokyo")):
        assert "Expires Mar 2, 2026, 7:00 PM." in text
        assert "UTC" not in text


@pytest.mark.parametrize(("name", "first"), [("Acme Finance", "Acme Finance - Signoff"), ("", "Signoff")])
def test_every_email_begins_with_the_mark_and_who_runs_this_signoff(card: Card, name: str, first: str) -> None:
    email_message = message.mail(card, envelope(name=name))
    assert text_of(email_message).splitlines()[0] == first
    html = html_of(email_message)
    # Its colours are the same in the dark: the amber dot could not be told from the lighter teal.
    assert html.index('<td aria-hidden="true" width="26"') < html.index(name or "Signoff</span>") < html.index("<h1")


def preheader_of(card: Card) -> str:
    match = re.search(r'<div style="display:none[^>]*>(.*?)</div>', html_of(message.mail(card, envelope())))
    assert match is not None
    return unescape(match[1])


def test_a_mail_program_lists_what_tells_emails_apart() -> None:
    listed = {
        name: (str(message.mail(card, envelope())["Subject"]), preheader_of(card)) for name, card in CARDS.items()
    }
    assert listed["request"] == ("Refund 120 €? · A-1007 (Cleo)", "Amount 120 · Text We pay 120. · Order A-1007")
    subject, preheader = listed["closed"]
    assert subject == "Re: Refund 120 €? · A-1007 (Cleo)"
    assert preheader.startswith("You approved this with edits, Mar 2, 2026, 9:00 AM UTC. · Amount 120 → 99 · Letter")
    assert listed["code"] == ("48151623 is your Signoff code", "Your code to approve · Refund 120 €?")
    assert listed["alert"] == ("Refund failed", "Fix the cause, then start it again. · The bank refused it.")
    assert listed["answered"][1] == "Sam answered “It happened”, Mar 2, 2026, 9:00 AM UTC."
    subject, preheader = listed["outcome"]
    assert subject == "Done: Refund 120 €?"
    assert preheader.startswith("Approved with edits by Lee, Mar 2, 2026, 9:00 AM UTC. · Amount 120 → 99")


def test_an_email_that_follows_a_request_says_beside_its_subject_what_it_is_about() -> None:
    card = replace(ALERT_CARD, request="q1", about=REQUEST_CARD.question, title="You approved it, and it failed")
    assert preheader_of(card) == "You approved it, and it failed · Fix the cause, then start it again."


def test_a_long_question_leaves_room_for_the_requester_in_the_subject() -> None:
    subject = str(message.mail(replace(REQUEST_CARD, question="Pay? " * 100), envelope())["Subject"])
    assert subject.startswith("Pay? Pay?")
    assert subject.endswith("Pay?… (Cleo)"), "it says that there is more"
    assert len(subject) <= view.SUBJECT


def test_every_email_says_that_replies_are_not_read(card: Card) -> None:
    email_message = parse_as_recipient(message.mail(card, envelope()))
    short = message.short_mail(card, envelope())
    for each_message in (email_message, *([] if short is None else [parse_as_recipient(short)])):
        for text in (text_of(each_message), HtmlContent(html_of(each_message)).text):
            assert "Please do not reply to this email. Replies are not read." in text


def test_only_what_asks_has_a_link_and_only_a_digest_several(card: Card) -> None:
    email_message = parse_as_recipient(message.mail(card, envelope()))
    links = [LINK] if card.token else ["https://signoff.example.com/inbox"] if card.reminds else []
    if card.topic == DIGEST:
        links = [f"https://signoff.example.com/review/{one.request}" for one in card.reminds] + links
    assert HtmlContent(html_of(email_message)).links == links
    assert re.findall(r"https?://\S+", text_of(email_message)) == links


@pytest.mark.parametrize("character", ["e", "é", "漢", "<"])
def test_a_digest_of_as_many_as_there_can_be_is_not_cut_by_mail_programs(character: str) -> None:
    long = replace(REQUEST_CARD, title=character * 2_000, question=character * 2_000, lead=((character * 2_000,),))
    note = CardFact(label=character * 2_000, text=(character * 2_000,))
    card = replace(DIGEST_CARD, reminds=(long,) * MOST_LISTED, notes=(note,) * MOST_LISTED)
    html = html_of(parse_as_recipient(message.mail(card, envelope())))
    assert len(html.encode()) < GMAIL_HTML_BYTES
    links = [link for link in HtmlContent(html).links if "/review/" in link]
    assert len(links) == MOST_LISTED, "each request can be opened"
    assert "https://signoff.example.com/inbox" in HtmlContent(html).links


@pytest.mark.parametrize("card", [LIST, DIGEST_CARD], ids=["list", "digest"])
def test_an_email_about_several_requests_names_them_before_its_button_and_beside_its_subject(card: Card) -> None:
    shown = view.shown(card, public_url="https://signoff.example.com")
    assert shown.preheader == "Pay 90 EUR back? · Send it?"
    for part in parts_of(card):
        assert part.index("Pay 90 EUR back?") < part.index("Send it?") < part.index("Open your inbox")


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
        message.mail(card, envelope(delivery=f"{name} {number}")) for name, card in CARDS.items() for number in (1, 2)
    ]
    assert len({email_message["Message-ID"] for email_message in email_messages}) == 2 * len(CARDS) - 1
    assert all(email_message["Message-ID"].endswith("@example.com>") for email_message in email_messages)


def test_reminder_and_outcome_follow_the_request() -> None:
    request_message = message.mail(REQUEST_CARD, envelope())
    for card in (REMINDER, CLOSED_CARD):
        follow_up = message.mail(card, envelope(delivery="d2"))
        assert follow_up["In-Reply-To"] == follow_up["References"] == request_message["Message-ID"]
        assert follow_up["Subject"] == f"Re: {request_message['Subject']}"
    assert message.mail(CLOSED_CARD, envelope(thread="<x@example.com>"))["References"] == "<x@example.com>"


@pytest.mark.parametrize("card", [ALERT_CARD, OUTCOME_CARD], ids=["alert", "outcome"])
def test_an_alert_or_outcome_about_a_request_is_in_its_thread(card: Card) -> None:
    request_message = message.mail(REQUEST_CARD, envelope())
    about_people = message.mail(replace(card, request="q1"), envelope())
    assert about_people["In-Reply-To"] == request_message["Message-ID"]
    follow_up = message.mail(
        replace(card, request="q1", about=REQUEST_CARD.question, requester="Cleo"), envelope(delivery="d2")
    )
    assert follow_up["In-Reply-To"] == request_message["Message-ID"]
    assert follow_up["References"] == about_people["References"]
    assert follow_up["Subject"] == f"Re: {request_message['Subject']}"


def test_all_alerts_and_outcomes_of_a_run_are_in_one_thread_of_their_reader() -> None:
    cards = [ALERT_CARD, QUESTION_CARD, ANSWERED_CARD, OUTCOME_CARD, replace(ALERT_CARD, request="q1")]
    roots = {
        message.mail(card, envelope(delivery=f"d{number}"))["References"].split()[0]
        for number, card in enumerate(cards)
    }
    assert len(roots) == 1
    others = [
        message.mail(replace(OUTCOME_CARD, run="r2"), envelope()),
        message.mail(OUTCOME_CARD, envelope(to="lee@example.com")),
    ]
    assert all(other["References"] not in roots for other in others)
    assert "References" not in message.mail(CODE_CARD, envelope()), "a code stands alone"


# -- codes, times and cuts ----------------------------------------------------------------------------------


def test_an_email_with_a_code_says_first_the_code_then_its_purpose_and_its_limits() -> None:
    for text in parts_of(CODE_CARD):
        shown = [
            "48151623",
            "Your code to approve",
            "Refund 120 €?",
            "The kettle is used.",
            "KXTF",
            "Firefox on Linux",
            "It works once, until Mar 2, 2026, 9:10 AM UTC.",
            "You then stay signed in for 30 days in that browser.",
            "Do not give this code to anyone. If you did not ask for it, ignore this email",
        ]
        places = [text.rindex(part) for part in shown]
        assert places == sorted(places)
        assert "Technical details" not in text


@pytest.mark.parametrize("expiry", [{}, {"expires_at": None, "expires_after": timedelta(hours=1)}], ids=["at", "after"])
def test_the_end_of_the_link_does_not_look_like_the_end_of_the_request(expiry: dict[str, Any]) -> None:
    text = text_of(message.mail(replace(REQUEST_CARD, **expiry), envelope()))
    assert "The link works until" not in text
    assert "After the decision, the link shows the result until Mar 9, 2026, 9:00 AM UTC." in text
    text_without_expiry = text_of(message.mail(replace(REQUEST_CARD, expires_at=None), envelope()))
    assert "The link works until Mar 9, 2026, 9:00 AM UTC." in text_without_expiry


_EXPIRES_AFTER_DELIVERY: Final = {"expires_at": None, "expires_after": timedelta(hours=2)}


@pytest.mark.parametrize(
    ("expiry", "expiry_text"),
    [
        ({}, "Expires Mar 2, 2026, 10:00 AM UTC."),
        # An email cannot be edited when the clock starts, which is when it is sent.
        (_EXPIRES_AFTER_DELIVERY, "Expires Mar 2, 2026, 11:00 AM UTC."),
    ],
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
    assert "You may get this email twice" in text_of(email_message)
    assert expiry_text in text_of(email_message)
    assert expiry_text in html.text
    assert expiry_text in text_of(message.mail(card, envelope()))
    until = "After the decision, the link shows the result until Mar 9, 2026, 9:00 AM UTC."
    assert text_of(message.mail(card, envelope())).count(until) == 1
    assert text_of(email_message).count(until) == 1
    assert email_message["Message-ID"] == message.mail(REQUEST_CARD, envelope())["Message-ID"]
    assert message.short_mail(CLOSED_CARD, envelope()) is None


def test_the_short_email_of_a_request_without_expiry_mentions_none() -> None:
    email_message = message.short_mail(replace(REQUEST_CARD, expires_at=None), envelope())
    assert email_message is not None
    assert "Expires" not in text_of(email_message)


def test_a_long_field_is_cut_and_says_by_how_much() -> None:
    long_card = replace(REQUEST_CARD, values=(CardField(path="a", label="a", type="text", text="é" * 60_000),))
    for text in parts_of(long_card):
        (missing,) = re.findall(r"… \(([\d,]+) more characters\)", text)
        assert text.count("é") == 60_000 - int(missing.replace(",", ""))
        assert f"Not everything fits here: {missing} characters left out. The review page shows all of it." in text


_SIGN_IN: Final = (
    "To read all of it, open the link in the first email. If that page shows only the result, sign in there, "
    "then open the link again."
)
_IN_SLACK: Final = (
    "To read all of it, press Details where you were asked in Slack, or open the link in the first email. "
    "If that page shows only the result, sign in there, then open the link again."
)
"""A person who was asked in Slack got no email before."""
_COMMAND: Final = "The operator of this server can show you all of it: signoff runs r1 --json"


@pytest.mark.parametrize(
    ("card", "where"),
    [
        (REQUEST_CARD, "The review page shows all of it."),
        (REMINDER, "The review page shows all of it."),
        (CLOSED_CARD, _SIGN_IN),
        (CODE_CARD, "The page where you gave your answer shows all of it."),
        (ALERT_CARD, _COMMAND),
        (QUESTION_CARD, _COMMAND),
        (OUTCOME_CARD, _COMMAND),
        (replace(ALERT_CARD, request="q1", about=REQUEST_CARD.question), _IN_SLACK),
        (replace(OUTCOME_CARD, request="q1", about=REQUEST_CARD.question), _IN_SLACK),
    ],
)
def test_an_email_that_leaves_something_out_says_how_much_and_where_all_of_it_is(card: Card, where: str) -> None:
    note = CardFact(label="Long", text=("é" * 60_000,))
    for text in parts_of(replace(card, notes=(note,), values=())):
        (missing,) = re.findall(r"… \(([\d,]+) more characters\)", text)
        assert f"Not everything fits here: {missing} characters left out. {where}" in text
    for text in parts_of(replace(card, notes=(), values=(), title="é" * 2_000)):
        (missing,) = re.findall(r"… \(([\d,]+) more characters\)", text)
        assert f"Not everything fits here: {missing} characters left out. {where}" in text


def test_a_label_that_was_cut_says_so() -> None:
    for text in parts_of(replace(REQUEST_CARD, notes=(CardFact(label="word " * 40, text=("x",)),))):
        assert re.search("word word…", text)


def test_five_thousand_characters_are_shown_in_full() -> None:
    text = "A text of some length. " * 218
    email_message = message.mail(
        replace(REQUEST_CARD, values=(CardField(path="a", label="a", type="text", text=text),)), envelope()
    )
    assert text.rstrip() in HtmlContent(html_of(email_message)).text
    assert "Not everything" not in text_of(email_message)


def test_changed_values_and_notes_are_kept_before_unchanged_values_and_details() -> None:
    values = tuple(CardField(path=str(n), label=f"f{n}", type="text", text="x") for n in range(100))
    changed = replace(values[99], before="was")
    mail_view = view.shown(
        replace(REQUEST_CARD, values=(*values[:99], changed)), public_url="https://x.example", name="Acme"
    )
    assert [row.label for row in mail_view.notes] == ["Please check"]
    assert len(mail_view.values) == rows.ROWS - 1
    assert mail_view.values[0].label == "f99"
    assert mail_view.details == ()
    assert mail_view.left_out == "Not everything fits here: 40 of 103 lines shown. The review page shows all of it."


def test_five_thousand_characters_in_two_directions_are_shown_in_full() -> None:
    lines = "".join(f"Paragraph {n}, with 12.50 EUR: see https://example.com/{n}.\n\nשלם 1.5\n" for n in range(80))
    for text in (lines[:2_500], f"{lines[:4_997]}end", "a\nש\n" * 1_250, ("ש\n\n" * 7 + "a.\n") * 200):
        field = CardField(path="a", label="a", type="text", text=text)
        email_message = message.mail(replace(REQUEST_CARD, values=(field,)), envelope())
        assert text.rstrip("\n") in HtmlContent(html_of(email_message)).text
        assert "Not everything" not in text_of(email_message)
        changed = message.mail(replace(REQUEST_CARD, values=(replace(field, before=f"was {text}"),)), envelope())
        assert "Not everything" not in text_of(changed)
        assert '<del class="old">was</del> ' in html_of(changed)


@pytest.mark.parametrize(
    "character",
    ["a\nש\n", "a.\nש" + "\n" * 800, "<", "&", '"', "ü", "漢", "\N{GRINNING FACE}", "\u202e", "\n", ".", "a"],
)
def test_no_content_makes_an_email_that_gmail_would_cut(character: str) -> None:
    long_text, text = ((character * size)[:size] for size in (45_000, 3_000))
    values = tuple(
        CardField(path=f"{text}{n}", label=text, type="text", text=text, before=before)
        for n, before in enumerate((text, None, text[:80], text[::-1], f"x {text}") * 4)
    )
    huge_card = replace(
        REQUEST_CARD,
        title=long_text,
        lead=((text,), (text,)),
        values=(replace(values[0], text=long_text, before=f"x{long_text}"), *values[1:]),
        notes=(CardFact(label=text, text=(text,)),) * 10,
        approvers=(text,) * 9,
        details=(CardFact(label=text, text=(text,)),) * 10,
        again=True,
    )
    outcome = CardOutcome(line=(text,), sentence=(text,), reason=text, effect=text)
    for card in (huge_card, replace(huge_card, outcome=outcome)):
        email_message = message.mail(card, envelope())
        assert len(html_of(email_message).encode()) < GMAIL_HTML_BYTES


# -- hostile texts ------------------------------------------------------------------------------------------


@settings(max_examples=example_count(15), deadline=None)
@given(samples.counted_requests())
def test_an_email_about_any_request_that_several_people_approve_can_be_read(drawn: tuple[RequestView, Person]) -> None:
    card = replace(request_card.request_card(*drawn), token=REQUEST_CARD.token, until=AT)
    received_mail = parse_as_recipient(message.mail(card, envelope()))
    assert not any(part.defects for part in received_mail.walk())
    assert HtmlContent(html_of(received_mail)).links == [LINK]
    assert len(html_of(received_mail).encode()) < GMAIL_HTML_BYTES


@settings(max_examples=example_count(40), deadline=None)
@given(
    title=HOSTILE_TEXTS,
    label=HOSTILE_TEXTS,
    text=HOSTILE_TEXTS,
    before=st.none() | HOSTILE_TEXTS,
    reason=st.none() | HOSTILE_TEXTS,
)
@example(title="", label="", text="", before="", reason="")
@example(title="", label="0" * 18 + ":" + "\x1f" * 7 + "\U000f0000", text="", before=None, reason=None)
@example(title="x" * 149 + "e\u0301", label="", text="\n", before=None, reason=None)
def test_an_email_shows_any_data_and_nothing_more(
    title: str, label: str, text: str, before: str | None, reason: str | None
) -> None:
    outcome = None if reason is None else CardOutcome(line=("Rejected by Lee, ", AT), reason=reason)
    card = replace(
        REQUEST_CARD,
        title=title,
        question=title,
        requester=label,
        approvers=(label, title),
        values=(CardField(path="p", label=label, type="text", text=text, before=before),),
        notes=(CardFact(label=label, text=(text,)),),
        outcome=outcome,
    )
    email_message = message.mail(card, envelope())
    received_mail = parse_as_recipient(email_message)

    assert received_mail.keys() == email_message.keys()
    assert not any(part.defects for part in received_mail.walk())
    subject = str(received_mail["Subject"])
    # Where the standard library folds a subject, it may read a blank more than it wrote; mail programs show one.
    assert characters.line(subject) == re.sub(" +", " ", subject).strip()
    assert remove_spacing(subject) == remove_spacing(str(email_message["Subject"]))
    html_body, text_body = html_of(received_mail), text_of(received_mail)
    assert HtmlContent(html_body).links == ([LINK] if reason is None else [])
    for text_part in (text_body, HtmlContent(html_body).text):
        for value in (text, reason):
            if value is not None:
                assert remove_spacing(characters.visible(value)) in remove_spacing(text_part)
        # A label may have 120 bytes of HTML, and a hidden character takes ten of them.
        assert remove_spacing(characters.visible(label[:10])) in remove_spacing(text_part)
        assert remove_spacing(characters.line(title)) in remove_spacing(text_part)
    assert not set(text_body) & set("\u202e\u200b\u2028\x00\x85")
    usual_tags = set(HtmlContent(html_of(message.mail(REQUEST_CARD, envelope()))).tags)
    assert set(HtmlContent(html_body).tags) <= usual_tags | {"br", "wbr", "del", "strong"}
    review_lines = [line for line in text_body.splitlines() if line.startswith("Review and decide:")]
    assert review_lines == ([f"Review and decide: {LINK}"] if reason is None else [])


@settings(max_examples=example_count(60), deadline=None)
@given(HOSTILE_TEXTS, HOSTILE_TEXTS)
@example("a" * 90, f"{'a' * 90}\n- 5 EUR\n+ 7 EUR")
def test_a_difference_in_the_text_part_leads_from_one_text_to_the_other(before: str, text: str) -> None:
    """No line of data can look like a change that a person made."""
    before, text = f"{before}\n.", f"{text}\n."
    field = CardField(path="p", label="Letter", type="text", text=text, before=before)
    part, _ = parts_of(replace(CLOSED_CARD, values=(field,)))
    if "unchanged characters" in part or not characters.visible(text).strip():
        return
    expected = tuple(remove_spacing(characters.visible(value)) for value in (before, text))
    assert read_difference(part, "Letter") == expected


def test_a_reminder_of_several_requests_lists_them_and_leads_to_the_inbox() -> None:
    email_message = message.mail(LIST, envelope())
    assert email_message["Subject"] == "2 requests are waiting for you"
    assert email_message["In-Reply-To"] is None
    for text in parts_of(LIST):
        assert "Reminder: your decisions are still needed" in text
        assert "Pay 90 EUR back?" in text
        assert "Expires" in text
        assert "Send it?" in text
        assert "/inbox" in text
    assert text_of(email_message).count("https://") == 1


def test_working_hours_stay_a_duration_until_their_clock_has_started() -> None:
    card = replace(REQUEST_CARD, expires_at=None, expires_after=timedelta(days=2), in_working_hours=True)
    for text in parts_of(card):
        assert "Expires in 2 working days." in text
