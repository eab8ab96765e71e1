"""The reading of emails: parts, headers, threads and complaints, also for arbitrary bytes."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.devtools.sandbox import RunningSandbox
from bot.devtools.sandbox.mail import contents, mailbox, message_parser
from bot.devtools.sandbox.mail.dialogue import SmtpEnvelope
from bot.devtools.sandbox.mail.mailbox_page import open_links_in_new_window
from bot.devtools.sandbox.mail.records import ReceivedMail
from tests.support.examples import example_count
from tests.support.smtp_conversation import MIA, SENDER, message

ENVELOPE = SmtpEnvelope(sender=SENDER, recipients=[MIA])


def complaints(raw: bytes | EmailMessage, envelope: SmtpEnvelope = ENVELOPE) -> list[str]:
    content = raw.as_bytes().replace(b"\n", b"\r\n") if isinstance(raw, EmailMessage) else raw
    return contents.complaints(content, envelope, exposed=False)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("plain", "plain"),
        ("=?utf-8?q?gr=C3=BC=C3=9Fe?=", "grüße"),
        ("=?utf-8?b?Z3LDvMOfZQ==?= =?utf-8?b?IQ==?=", "grüße!"),
        ("=?utf-8?q?a_b?= c", "a b c"),
        ("=?iso-8859-1*de?q?=E4?=", "ä"),
        ("folded\r\n over\r\n\ttwo", "folded over\ttwo"),
        ("=?nonsense?q?=E4?=", "=?nonsense?q?=E4?="),
        ("=?utf-8?b?A?=", "=?utf-8?b?A?="),
        ("=?utf-8?q?=ff?=", "\ufffd"),
        (r"C:\users\u0041", r"C:\users\u0041"),
        ("gr\udcc3\udcbc", "gr\u00fc"),
        ("\ud800", "\ufffd\ufffd\ufffd"),
    ],
)
def test_headers_are_decoded(value: str, read: str) -> None:
    assert message_parser.decode_header(value) == read


def test_parts_are_found_wherever_they_are() -> None:
    email = message(html="<p>Hello</p>")
    email.add_attachment(b"a,b", maintype="text", subtype="csv", filename="übersicht.csv")
    email.add_attachment("kept apart", filename="notes.txt")
    email.add_attachment(message("inner"))
    email.add_attachment(b"GIF", maintype="image", subtype="gif", disposition="inline")
    parsed = message_parser.parse(email.as_bytes())
    assert (parsed.text, parsed.html) == ("Refund order A-1007?\n\nAmount: 120 EUR\n", "<p>Hello</p>\n")
    assert parsed.attachments == ("übersicht.csv", "notes.txt", "image/gif")
    assert parsed.defects == ()


@pytest.mark.parametrize(
    ("raw", "text", "html"),
    [
        (b"", "", None),
        (b"no headers at all", "no headers at all", None),
        (b"Content-Type: text/plain; charset=nonsense\r\n\r\ngr\xc3\xbc", "gr\u00fc", None),
        (b"Content-Type: text/plain; charset=utf-8\r\n\r\n\xff\xfe", "\ufffd\ufffd", None),
        (b"Content-Type: text/plain; charset=unicode_escape\r\n\r\n\\ud800", "\ufffd\ufffd\ufffd", None),
        (b"Content-Type: text/plain; charset=idna\r\n\r\nxn--\xff", "xn--\ufffd", None),
        (b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nA", None, "A"),
        (b"Content-Type: multipart/mixed\r\n\r\nno boundary", None, None),
        (b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nnever closed", "never closed", None),
        (b"Content-Type: multipart/mixed; boundary=x\r\n\r\nnothing of it", None, None),
        (b"Content-Type: text/plain; name*0*=x''%ff; name*1=\xff\r\n\r\nx", None, None),
        (b"Content-Type: nonsense\r\n\r\nstill text", "still text", None),
        (b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninside", "inside", None),
    ],
)
def test_broken_emails_are_read_as_far_as_possible(raw: bytes, text: str | None, html: str | None) -> None:
    parsed = message_parser.parse(raw)
    assert (parsed.text, parsed.html) == (text, html)


def test_an_email_that_is_nested_too_deeply_is_shown_as_it_is() -> None:
    raw = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (item, item) for item in range(2000)
    )
    parsed = message_parser.parse(raw)
    assert parsed.text is not None
    assert parsed.defects == ("RecursionError",)
    assert "The message is malformed: RecursionError." in complaints(raw)


_WORDS = r"""
From To Cc Bcc Subject Date Message-ID References Content-Type Content-Disposition Content-Transfer-Encoding : ; = " \ <
> @ , ( ) =?utf-8?q? ?= =?x?b? multipart/mixed multipart/alternative message/rfc822 text/plain text/html boundary=x
boundary="" --x --x-- charset= utf-8 utf-7 punycode idna undefined rot13 hex base64 quoted-printable x-uuencode begin
filename*0*=utf-8''%ff filename="a" a@b.example <1@b> Mon, 05 Jan 2026 99:99 +9999 é
"""
WORD = st.sampled_from([*_WORDS.split(), "\x00", "\x1b"])
PIECE = (
    WORD.map(lambda word: word.encode())
    | st.sampled_from([b"\r\n", b"\r\n\r\n", b" ", b": ", b"\n"])
    | st.binary(max_size=6)
)


@settings(deadline=None, max_examples=example_count(400))
@given(pieces=st.lists(PIECE, max_size=60))
def test_any_bytes_are_read_and_checked_without_an_exception(pieces: list[bytes]) -> None:
    raw = b"".join(pieces)
    parsed = message_parser.parse(raw)
    for text in (parsed.text or "", parsed.html or "", *(part for header in parsed.headers for part in header)):
        text.encode()
    assert isinstance(parsed.references, list)
    assert isinstance(open_links_in_new_window(parsed.html or ""), str)
    complaints(raw)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"Message_ID": ""}, ["There is no Message-ID."]),
        ({"Message_ID": "<without-at>"}, ["The Message-ID is not of the form <left@right>."]),
        ({"Date": ""}, ["There is no Date."]),
        ({"From": ""}, ["There is no From."]),
        ({"From": "nobody"}, ["The From is no address."]),
        ({"From": "a@b.example, c@d.example"}, ["There are several addresses in From, and no Sender."]),
        ({"To": ""}, ["To and Cc name no person."]),
        ({"Bcc": "boss@example.com"}, ["The Bcc was sent along."]),
    ],
)
def test_missing_and_surplus_headers_are_complaints(change: dict[str, str], expected: list[str]) -> None:
    base: dict[str, Any] = {key: value for key, value in change.items() if key != "To"}
    email = message(**base)
    for name, value in change.items():
        del email[name.replace("_", "-")]
        if value:
            email[name.replace("_", "-")] = value
    assert complaints(email) == expected


def test_invalid_dates_and_repeated_headers_are_complaints() -> None:
    raw = message().as_bytes().replace(b"\n", b"\r\n")
    assert complaints(raw.replace(b"05 Jan 2026", b"some day")) == ["The Date cannot be read."]
    assert complaints(b"Subject: Another\r\n" + raw) == ["There is more than one Subject."]


def test_several_recipients_are_a_complaint() -> None:
    envelope = SmtpEnvelope(sender=SENDER, recipients=[MIA, "ben@example.com"])
    assert complaints(message(), envelope) == ["One message went to several recipients, who learn of each other."]


def test_html_without_text_and_html_before_text_are_complaints() -> None:
    alone = message()
    alone.clear_content()
    alone.set_content("<p>x", subtype="html")
    assert complaints(alone) == ["There is HTML, and no text for those who do not show it."]
    around = message()
    around.clear_content()
    around.set_content("<p>x", subtype="html")
    around.add_alternative("x")
    assert complaints(around) == ["The HTML comes before the text; the best form is to come last."]


def test_malformed_structure_is_a_complaint() -> None:
    head = b"From: a@b.example\r\nTo: c@d.example\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\n"
    head += b"Message-ID: <1@b.example>\r\n"
    assert complaints(head + b"Content-Type: text/plain\r\n\r\nx") == ["There is a Content-Type, and no MIME-Version."]
    assert complaints(head + b"this is no header\r\n\r\nx")[0] == "A line among the headers is none."
    broken = head + b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed\r\n\r\nx"
    assert "The message is malformed: NoBoundaryInMultipartDefect." in complaints(broken)


def mail(number: int, **headers: str) -> ReceivedMail:
    email = message(Message_ID=f"<{number}@b.example>", **headers)
    return ReceivedMail(
        id=str(number), received_at=0, helo="", sender=SENDER, recipients=[MIA], raw=email.as_bytes(), complaints=[]
    )


def test_replies_belong_to_the_thread_of_their_email() -> None:
    mails = [
        mail(1),
        mail(2),
        mail(3, In_Reply_To="<1@b.example>"),
        mail(4, References="<1@b.example> <3@b.example>", In_Reply_To="<3@b.example>"),
        mail(5, References="<gone@b.example>"),
        mail(6, In_Reply_To="<gone@b.example>"),
    ]
    assert mailbox.threads(mails) == {"1": "1", "2": "2", "3": "1", "4": "1", "5": "5", "6": "5"}


def test_an_address_without_a_person_has_a_mailbox_after_its_first_email(slack: RunningSandbox) -> None:
    owned = ["ada@example.com", "ben@example.com", "cleo@example.com", "gus@example.com", "una@example.com", MIA]
    assert mailbox.addresses(slack.world) == owned
    new = mail(1)
    new.recipients = ["Somebody@Elsewhere.example", "ADA@example.com"]
    mailbox.add(slack.world, new)
    assert mailbox.addresses(slack.world) == [*owned, "somebody@elsewhere.example"]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<a href="x">', '<a target="_blank" rel="noopener noreferrer" href="x">'),
        ("<A\nHREF=x target=_top>", '<A target="_blank" rel="noopener noreferrer"\nHREF=x target=_top>'),
        ("<area/><abbr>", '<area target="_blank" rel="noopener noreferrer"/><abbr>'),
    ],
)
def test_links_open_in_a_window_of_their_own(html: str, expected: str) -> None:
    assert open_links_in_new_window(html) == expected
