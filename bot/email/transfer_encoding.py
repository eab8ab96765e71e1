"""How the text of a mail is written for the way, pure: so that a long link stays in one line wherever that is possible.

Quoted-printable cuts every line at 76 characters, links too. ASCII in lines that a server takes needs no encoding
(7bit); other text goes as it is to a server that takes eight bits (RFC 6152), else as quoted-printable.
"""

from __future__ import annotations

import binascii
from copy import deepcopy
from email.message import EmailMessage, Message
from typing import Any, Final

LONGEST_LINE: Final = 998
"""Octets without CR LF that a server has to take: https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1.6"""
_REFERENCES: Final = 100_000
"""Bytes of HTML up to which characters beyond ASCII are written as references; with more Gmail would cut the mail."""


def set_text(part: EmailMessage, text: str, *, subtype: str) -> None:
    """Make `text` the content of the part, in seven bits."""
    part["Content-Type"] = f'text/{subtype}; charset="utf-8"'
    if subtype == "html":
        text = _with_references(text)
    plain = text.isascii() and _fits(text.encode())
    part["Content-Transfer-Encoding"] = "7bit" if plain else "quoted-printable"
    # By the encoder in C: what `set_content` does in Python took most of the time that a mail takes.
    part.set_payload(text if plain else binascii.b2a_qp(text.encode(), istext=True).decode("ascii"))


def in_eight_bits(mail: EmailMessage) -> bytes | None:
    """Return the mail with its texts as they are, or None if that is no other than in seven bits."""
    made = deepcopy(mail)
    if not any([_lifted(part) for part in made.walk()]):  # noqa: C419, every part
        return None
    return made.as_bytes(policy=mail.policy.clone(cte_type="8bit"))


def _lifted(part: Message[Any, Any]) -> bool:
    """Write a quoted-printable text as it is, if a server takes its lines."""
    if part["Content-Transfer-Encoding"] != "quoted-printable":
        return False
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes) or not _fits(content):
        return False
    part.replace_header("Content-Transfer-Encoding", "8bit")
    part.set_payload(content.decode("ascii", "surrogateescape"))
    return True


def _with_references(html: str) -> str:
    """The same page in ASCII, if it does not grow too long by that."""
    made = html.encode("ascii", "xmlcharrefreplace")
    return made.decode() if len(made) <= _REFERENCES else html


def _fits(content: bytes) -> bool:
    return b"\0" not in content and b"\r" not in content and max(map(len, content.split(b"\n"))) <= LONGEST_LINE
