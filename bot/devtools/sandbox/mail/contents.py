"""Rules for the content of emails: strict servers refuse some violations and complain about others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Final

from bot.devtools.sandbox.mail import message_parser, syntax
from bot.devtools.sandbox.mail.dialogue import SmtpEnvelope
from bot.devtools.sandbox.mail.message_parser import ParsedMessage
from bot.devtools.sandbox.mail.replies import SmtpRefusal
from bot.devtools.sandbox.mail.wire import LONGEST_TEXT_LINE, MailData

_ONCE: Final = (
    "Date", "From", "Sender", "Reply-To", "To", "Cc", "Message-ID", "In-Reply-To", "References", "Subject",
    "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
)  # fmt: skip
_MESSAGE_ID: Final = re.compile(r"<[^<>@\s]+@[^<>@\s]+>")
_HEADER: Final = re.compile(rb"[!-9;-~]+:")


def addresses(rest: str) -> list[str]:
    """Return the address that RCPT names, or nothing if it cannot be read."""
    try:
        return [syntax.parse_path(rest, "TO").address]
    except SmtpRefusal:
        return []


def check(content: MailData, envelope: SmtpEnvelope, *, most: int) -> None:
    """Raise `SmtpRefusal` for content that some real servers always refuse."""
    if content.size > most:
        raise SmtpRefusal(552, "5.3.4", f"Message too big: at most {most} bytes")
    if content.bare:
        raise SmtpRefusal(554, "5.6.0", "A CR or LF stands alone in the message")
    if content.longest > LONGEST_TEXT_LINE:
        raise SmtpRefusal(554, "5.6.0", f"A line is longer than {LONGEST_TEXT_LINE} bytes")
    if b"\0" in content.raw:
        raise SmtpRefusal(554, "5.6.0", "There is a NUL in the message")
    head, _, body = content.raw.partition(b"\r\n\r\n")
    if not head.isascii() and not envelope.utf8:
        raise SmtpRefusal(554, "5.6.9", "The headers are not ASCII, and SMTPUTF8 was not said")
    if not body.isascii() and not (envelope.eight_bit or envelope.utf8):
        raise SmtpRefusal(554, "5.6.3", "The content is not ASCII, and BODY=8BITMIME was not said")


def complaints(raw: bytes, envelope: SmtpEnvelope, *, exposed: bool) -> list[str]:
    """Return a sentence for each fault of an accepted email, by the rules of email alone."""
    message = message_parser.parse(raw)
    return [
        *_headers(raw, message),
        *_origin(message),
        *_delivery(message, envelope),
        *_content(raw, message),
        *(["The credentials were sent unencrypted."] if exposed else []),
    ]


def _headers(raw: bytes, message: ParsedMessage) -> Iterator[str]:
    for name in ("Message-ID", "Date", "From"):
        if not message.header(name):
            yield f"There is no {name}."
    for name in _ONCE:
        if len(message.all(name)) > 1:
            yield f"There is more than one {name}."
    for line in raw.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        if not line.startswith((b" ", b"\t")) and not _HEADER.match(line):
            yield "A line among the headers is none."
            break


def _origin(message: ParsedMessage) -> Iterator[str]:
    message_id = message.header("Message-ID")
    if message_id and not _MESSAGE_ID.fullmatch(message_id):
        yield "The Message-ID is not of the form <left@right>."
    if message.header("Date"):
        try:
            parsedate_to_datetime(message.header("Date"))
        except message_parser.BROKEN:
            yield "The Date cannot be read."
    authors = message_parser.addresses(message.all("From"))
    if message.header("From") and not (authors and all("@" in author for author in authors)):
        yield "The From is no address."
    if len(authors) > 1 and not message.header("Sender"):
        yield "There are several addresses in From, and no Sender."


def _delivery(message: ParsedMessage, envelope: SmtpEnvelope) -> Iterator[str]:
    if len(envelope.recipients) > 1:
        yield "One message went to several recipients, who learn of each other."
    if message.all("Bcc"):
        yield "The Bcc was sent along."
    if not message.addressed:
        yield "To and Cc name no person."


def _content(raw: bytes, message: ParsedMessage) -> Iterator[str]:
    if message.header("Content-Type") and not message.header("MIME-Version"):
        yield "There is a Content-Type, and no MIME-Version."
    if message.html is not None and message.text is None:
        yield "There is HTML, and no text for those who do not show it."
    plain, marked = (
        raw.lower().find(content_type) for content_type in (b"content-type: text/plain", b"content-type: text/html")
    )
    if 0 <= marked < plain:
        yield "The HTML comes before the text; the best form is to come last."
    for name in message.defects:
        yield f"The message is malformed: {name}."
