"""Emails that a mail server delivers: the one sender, the plain text, and what programs sent."""

from __future__ import annotations

import base64
import contextlib
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.lmtp import email_reader
from bot.lmtp.email_reader import UnreadableEmail
from engine import charsets
from tests.support.charset_names import CHARSET_NAMES

PLAIN = b"""From: Ada Lovelace <Ada@example.com>
Subject: =?utf-8?q?Refund_A-1_=E2=82=AC?=
Message-ID: <1@example.com>
Authentication-Results: mx.example.com; dkim=pass
 header.d=example.com
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Please refund =E2=82=AC 12.
"""


def changed(**headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in headers.items())
    return lines.encode() + PLAIN


def test_an_email_is_read_with_its_words_decoded() -> None:
    mail = email_reader.read(PLAIN)
    assert (mail.sender, mail.subject, mail.text) == ("Ada@example.com", "Refund A-1 €", "Please refund € 12.")
    assert (mail.id, mail.is_automatic) == ("<1@example.com>", False)
    assert mail.results == ("mx.example.com; dkim=pass header.d=example.com",)


@pytest.mark.parametrize("method", ["q", "b"])
@given(words=st.text("abcdefghijklmnopqrstuvwxyz.;= ", max_size=40))
def test_what_is_said_of_the_sender_is_read_as_it_came(method: str, words: str) -> None:
    """A mail server removes headers with its own name, and does not find one that is written in encoded words."""
    encoded = base64.b64encode(words.encode()) if method == "b" else quopri.encodestring(words.encode(), header=True)
    forged = f"=?utf-8?{method}?{encoded.decode().replace(chr(10), '')}?="
    mail = email_reader.read(changed(Authentication_Results=forged))
    assert mail.results[0] == forged


def test_the_plain_part_of_an_email_with_html_is_read() -> None:
    parts = b"""--x
Content-Type: text/html

<p>rich</p>
--x
Content-Type: text/plain

plain words
--x--
"""
    head = PLAIN.partition(b"Content-Type")[0] + b"Content-Type: multipart/alternative; boundary=x\n\n"
    assert email_reader.read(head + parts).text == "plain words"
    with pytest.raises(UnreadableEmail, match="plain text"):
        email_reader.read(head + parts.replace(b"text/plain", b"text/calendar"))


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "Auto-Generated; owner-email=a@b.c"},
        {"Precedence": "Bulk"},
        {"Precedence": "list"},
        {"List_Id": "<news.example.com>"},
        {"List_Unsubscribe": "<mailto:a@b.c>"},
    ],
)
def test_what_programs_send_is_known(headers: dict[str, str]) -> None:
    assert email_reader.read(changed(**headers)).is_automatic
    assert not email_reader.read(changed(Auto_Submitted="no", Precedence="first-class")).is_automatic


@pytest.mark.parametrize(
    "content",
    [
        changed(From="eve@example.com"),
        PLAIN.replace(b"<Ada@example.com>", b"<Ada@example.com>, eve@example.com"),
        PLAIN.replace(b"From: Ada Lovelace <Ada@example.com>\n", b""),
        PLAIN.replace(b"<Ada@example.com>", b"<nothing>"),
        PLAIN.replace(b"Message-ID: <1@example.com>\n", b""),
        PLAIN.replace(b"<1@example.com>", b"<" + b"1" * 600 + b">"),
        PLAIN.replace(b"charset=utf-8", b"charset=no-such-charset"),
        b"",
    ],
)
def test_what_cannot_be_used_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableEmail):
        email_reader.read(content)


@pytest.mark.parametrize("name", CHARSET_NAMES)
def test_an_email_in_any_character_set_is_read_or_refused_with_what_to_do(name: str) -> None:
    """Some of Python's codecs take quadratic time, so an email of a stranger would hold up everyone else."""
    content = changed().replace(b"charset=utf-8", f"charset={name}".encode())
    if charsets.codec_for(name) is not None:
        assert email_reader.read(content).sender == "Ada@example.com"
        return
    with pytest.raises(UnreadableEmail, match="Send it in UTF-8"):
        email_reader.read(content)


@pytest.mark.parametrize(
    ("name", "value"),
    [("From", "a@b.example, "), ("Subject", "=?utf-8?q?a?= "), ("Content-Type", "a=b; "), ("Message-ID", "a.")],
)
def test_a_header_of_any_length_is_refused_at_once(name: str, value: str) -> None:
    long = f"{name}: text/plain; {value * 50_000}\n".encode()
    part = b"Content-Type: multipart/mixed; boundary=x\n\n--x\n" + long + b"\nwords\n--x--\n"
    head = PLAIN.partition(b"Content-Type")[0]
    for content in (long + PLAIN, head + part):
        with pytest.raises(UnreadableEmail, match="too long"):
            email_reader.read(content)


_TEXTS = st.text(max_size=300).map(lambda text: PLAIN + text.encode("utf-8", "replace"))


@given(content=st.binary(max_size=300) | _TEXTS)
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(UnreadableEmail):
        email_reader.read(content)


@given(at=st.integers(0, len(PLAIN)), junk=st.binary(max_size=12))
def test_a_damaged_email_is_read_or_refused(at: int, junk: bytes) -> None:
    with contextlib.suppress(UnreadableEmail):
        email_reader.read(PLAIN[:at] + junk + PLAIN[at:])
