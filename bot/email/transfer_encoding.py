"""Transfer encodings of texts, pure: a long link stays in one line wherever that is possible.

Quoted-printable cuts every line at 76 characters, links too. ASCII in lines that a server takes needs no encoding
(7bit); other text goes as it is to a server that takes eight bits (RFC 6152), else as quoted-printable.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from email.message import EmailMessage, Message
from typing import Any, Final

LONGEST_LINE: Final = 998
"""Maximum length of a line that every server accepts, in octets without CR LF:
https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.6"""
_REFERENCES: Final = 100_000
"""Maximum size of HTML in which characters beyond ASCII are references, in bytes. Gmail would cut a larger email."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenEmail:
    """An email in bytes, with CR LF at the end of each line. `sender`, `to`: the addresses without names.

    `eight_bits`: the same for a server that takes eight bits, or None if no byte would differ.
    """

    sender: str
    to: str
    message_id: str
    seven_bits: bytes
    eight_bits: bytes | None


def written(mail: EmailMessage) -> WrittenEmail:
    """Return the mail in bytes. Raises `ValueError` if it cannot be written."""
    return WrittenEmail(
        sender=str(mail["From"].addresses[0].addr_spec),
        to=str(mail["To"].addresses[0].addr_spec),
        message_id=str(mail["Message-ID"]),
        seven_bits=mail.as_bytes(),
        eight_bits=in_eight_bits(mail),
    )


def set_text(part: EmailMessage, text: str, *, subtype: str) -> None:
    """Make `text` the content of the part, in seven bits."""
    part["Content-Type"] = f'text/{subtype}; charset="utf-8"'
    if subtype == "html":
        text = _with_references(text)
    plain = text.isascii() and _fits(text.encode())
    part["Content-Transfer-Encoding"] = "7bit" if plain else "quoted-printable"
    # `set_content` would encode in Python, which takes most of the time of an email: docs/benchmarks.md.
    part.set_payload(text if plain else binascii.b2a_qp(text.encode(), istext=True).decode("ascii"))


def in_eight_bits(mail: EmailMessage) -> bytes | None:
    """Return the mail with its texts written in eight bits, or None if that is the same as in seven bits."""
    if all(_eight_bit_content(part) is None for part in mail.walk()):
        return None
    return _rewritten(mail).as_bytes(policy=mail.policy.clone(cte_type="8bit"))


def _rewritten(part: Message[Any, Any]) -> EmailMessage:
    """Return a copy of the part that has the same headers, and its texts in eight bits where a server takes them."""
    copy = EmailMessage(policy=part.policy)
    for name, value in part.items():
        copy[name] = value
    content = _eight_bit_content(part)
    if content is not None:
        copy.replace_header("Content-Transfer-Encoding", "8bit")
        copy.set_payload(content.decode("ascii", "surrogateescape"))
    elif isinstance(part, EmailMessage) and part.is_multipart():
        copy.set_payload([_rewritten(inner) for inner in part.iter_parts()])
    else:
        copy.set_payload(part.get_payload())
    return copy


def _eight_bit_content(part: Message[Any, Any]) -> bytes | None:
    """Return the text of a quoted-printable part as it is, or None if the part needs its encoding."""
    if part["Content-Transfer-Encoding"] != "quoted-printable":
        return None
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) and _fits(content) else None


def _with_references(html: str) -> str:
    """Return the same page in ASCII if that is not too long, else the page itself."""
    page = html.encode("ascii", "xmlcharrefreplace")
    return page.decode() if len(page) <= _REFERENCES else html


def _fits(content: bytes) -> bool:
    """Return whether every server accepts the lines of the content."""
    return b"\0" not in content and b"\r" not in content and max(map(len, content.split(b"\n"))) <= LONGEST_LINE
