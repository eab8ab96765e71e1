"""Reads an email that a mail server delivers: who wrote it, what it says, and whether a program sent it. Pure."""

from __future__ import annotations

import email
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import EmailPolicy
from typing import Final, cast

from msgspec import Struct

from engine import charsets, fields
from engine.domain import EmailAttachment
from engine.errors import InvalidValue
from engine.fields import Field, FieldType

MOST_BYTES: Final = 1_000_000
"""Maximum size of an email without its attachments, in bytes."""
MOST_ATTACHMENTS: Final = 10
_ADDRESS: Final = Field(type=FieldType.EMAIL)
_PROGRAMS: Final = frozenset({"bulk", "list", "junk", "auto_reply"})
_OF_LISTS: Final = ("list-id", "list-post", "list-unsubscribe", "x-autoreply", "x-autorespond")
_LONGEST_ID: Final = 500
_LONGEST_HEADER: Final = 5_000
"""Maximum length of a header that is read, in characters."""
_PARSED: Final = frozenset(
    {"from", "subject", "message-id", "auto-submitted", "precedence", "mime-version"}
    | {"content-type", "content-disposition", "content-transfer-encoding"}
)


class ReadEmail(Struct, frozen=True, kw_only=True):
    """An email. `results`: the headers `Authentication-Results`, the topmost first.

    `is_automatic`: a program sent it, and must get no answer.
    """

    sender: str
    subject: str
    text: str
    id: str
    results: tuple[str, ...]
    is_automatic: bool
    named: frozenset[str] = frozenset()
    """The addresses in `To` and `Cc`, in lower case."""
    attachments: tuple[EmailAttachment, ...] = ()


class UnreadableEmail(ValueError):
    """An email that starts nothing. The text says why, for its sender."""


class _BoundedHeaders(EmailPolicy):
    """Refuses headers that are read and very long: the library takes minutes for them, in the parts as well."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name = sourcelines[0].partition(":")[0].lower()
        if name in _PARSED and sum(map(len, sourcelines)) > _LONGEST_HEADER:
            raise UnreadableEmail(f"Its header {name} is too long.")
        return super().header_source_parse(sourcelines)


_POLICY: Final = cast("EmailPolicy[EmailMessage]", _BoundedHeaders())


def read(content: bytes) -> ReadEmail:
    """Return an email. Raises `UnreadableEmail`."""
    try:
        return _read(email.message_from_bytes(content, policy=_POLICY))
    except UnreadableEmail:
        raise
    except Exception as error:
        raise UnreadableEmail("It cannot be read.") from error


def _read(message: EmailMessage) -> ReadEmail:
    return ReadEmail(
        sender=_sender(message),
        subject=" ".join(str(message.get("subject", "")).split()),
        text=_text(message),
        id=_id(message),
        results=tuple(_results(message)),
        is_automatic=is_automatic(message),
        named=frozenset(_named(message)),
        attachments=_attachments(message),
    )


def _named(message: EmailMessage) -> Iterator[str]:
    """Yield the people that an email is written to. The signature of its sender covers them, and not the envelope."""
    for name in ("to", "cc"):
        for header in message.get_all(name, []):
            yield from (address.addr_spec.lower() for address in header.addresses)


def _results(message: EmailMessage) -> Iterator[str]:
    """Yield the headers `Authentication-Results` as they came: a filter that removes forged ones decodes no words."""
    for name, value in message.raw_items():
        if name.lower() == "authentication-results":
            yield " ".join(str(value).split())


def is_automatic(message: EmailMessage) -> bool:
    """Return whether a program sent it: a reply while a person is away, a list, a report about a delivery."""
    submitted = str(message.get("auto-submitted", "no")).partition(";")[0].strip().lower()
    precedence = str(message.get("precedence", "")).strip().lower()
    return (
        submitted != "no"
        or precedence in _PROGRAMS
        or any(name in message for name in _OF_LISTS)
        or message.get_content_type() == "multipart/report"
    )


def _sender(message: EmailMessage) -> str:
    """Return the address of the one person in the one header `From`."""
    headers = message.get_all("from", [])
    addresses = [address.addr_spec for header in headers for address in header.addresses]
    if len(headers) != 1 or len(addresses) != 1:
        raise UnreadableEmail("It does not name exactly one sender.")
    try:
        return str(fields.validate(_ADDRESS, addresses[0]))
    except InvalidValue:
        raise UnreadableEmail("The address of its sender cannot be used.") from None


def _text(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain",))
    if part is None:
        raise UnreadableEmail("It has no part in plain text. Send it as plain text.")
    codec = charsets.codec_for(part.get_content_charset("us-ascii"))
    if codec is None:
        raise UnreadableEmail("Its character set is not known here. Send it in UTF-8.")
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)  # a part of text is no list of parts
    return content.decode(codec, "replace").replace("\r\n", "\n").strip()


def _attachments(message: EmailMessage) -> tuple[EmailAttachment, ...]:
    """Return the files of an email. What is no file, such as a text in HTML or another email, is left out."""
    parts = [part for part in message.iter_attachments() if part.get_filename() and not part.is_multipart()]
    if len(parts) > MOST_ATTACHMENTS:
        raise UnreadableEmail(f"It has more than {MOST_ATTACHMENTS} attachments.")
    payloads = [(str(part.get_filename()), part.get_payload(decode=True)) for part in parts]
    return tuple(EmailAttachment(name, payload) for name, payload in payloads if isinstance(payload, bytes))


def _id(message: EmailMessage) -> str:
    """Return the Message-ID, by which an email that is delivered again starts nothing."""
    found = "".join(str(message.get("message-id", "")).split())
    if not found or len(found) > _LONGEST_ID:
        raise UnreadableEmail("It has no Message-ID.")
    return found
