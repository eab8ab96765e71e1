"""What is in a message, as far as it can be made out. Whatever arrives, nothing here fails."""

from __future__ import annotations

import email
import re
from binascii import Error as Base64Error
from dataclasses import dataclass
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses
from functools import lru_cache
from typing import Final

Headers = tuple[tuple[str, str], ...]

# The email package of the standard library raises these, on one hostile message or another.
_BROKEN: Final = (
    Base64Error, LookupError, ValueError, TypeError, AttributeError, AssertionError, RecursionError, OverflowError,
)  # fmt: skip
_MESSAGE_ID: Final = re.compile(r"<[^<>\s]+>")


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """`headers`: all, in their order, decoded. `text`, `html`: the first of each that is no attachment.

    `attachments`: their names. `defects`: what is malformed, by the names that Python gives to it.
    """

    headers: Headers
    text: str | None
    html: str | None
    attachments: tuple[str, ...]
    defects: tuple[str, ...]

    def all(self, name: str) -> list[str]:
        """The headers of this name."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str:
        """The first header of this name; "" if there is none."""
        return next(iter(self.all(name)), "")

    @property
    def message_id(self) -> str | None:
        """The Message-ID with its angle brackets, if there is one."""
        found = _MESSAGE_ID.search(self.header("message-id"))
        return found[0] if found else None

    @property
    def references(self) -> list[str]:
        """The messages that this one answers, by Message-ID, the nearest last."""
        return _MESSAGE_ID.findall(self.header("references") + self.header("in-reply-to"))

    @property
    def addressed(self) -> list[str]:
        """The addresses in To and Cc, in lower case."""
        try:
            pairs = getaddresses([*self.all("to"), *self.all("cc")])
        except _BROKEN:
            return []
        return [address.lower() for _, address in pairs if address]


# Bytes remember their hash, and the same mails are looked at again and again.
@lru_cache(maxsize=4096)
def parsed(raw: bytes) -> Parsed:
    """The message, taken apart."""
    try:
        return _parsed(email.message_from_bytes(raw))
    except _BROKEN as error:
        return Parsed(
            headers=(), text=raw.decode(errors="replace"), html=None, attachments=(), defects=(_named(error),)
        )


def _parsed(message: Message) -> Parsed:
    text, html, attachments, defects = None, None, list[str](), list[str]()
    for part in message.walk():
        defects += [_named(one) for one in part.defects]
        kind = part.get_content_type()
        if part.is_multipart():
            continue
        name = _attachment(part)
        if name is not None:
            attachments.append(name)
        elif kind == "text/plain" and text is None:
            text = _content(part, defects)
        elif kind == "text/html" and html is None:
            html = _content(part, defects)
        elif kind not in ("text/plain", "text/html"):
            attachments.append(kind)
    headers = tuple((name, decoded(str(value))) for name, value in message.raw_items())
    return Parsed(
        headers=headers, text=text, html=html, attachments=tuple(attachments), defects=tuple(dict.fromkeys(defects))
    )


def _named(error: object) -> str:
    return type(error).__name__


def _attachment(part: Message) -> str | None:
    """The name of an attachment; None: it is none."""
    try:
        name, kept_apart = part.get_filename(), part.get_content_disposition() == "attachment"
    except _BROKEN:
        return "(a name that cannot be read)"
    if name is None and not kept_apart:
        return None
    return decoded(name) if name else "(without a name)"


def _content(part: Message, defects: list[str]) -> str:
    """The text of a part; what its charset does not have is shown by replacement characters."""
    try:
        found = part.get_payload(decode=True)
        content = found if isinstance(found, bytes) else b""
        charset = part.get_content_charset("utf-8")
    except _BROKEN as error:
        defects.append(_named(error))
        return ""
    defects += [_named(one) for one in part.defects]
    try:
        text = content.decode(charset)
    except _BROKEN:
        defects.append("UndecodableText")
        text = content.decode("utf-8", errors="replace")
    return text.replace("\r\n", "\n")


def decoded(value: str) -> str:
    """A header's value as people read it: unfolded, encoded words decoded, raw bytes taken as UTF-8."""
    plain = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    unfolded = re.sub(r"\r?\n(?=[ \t])", "", plain)
    try:
        return "".join(_word(*one) for one in decode_header(unfolded)).strip()
    except _BROKEN:
        return unfolded.strip()
    except email.errors.HeaderParseError:
        return unfolded.strip()


def _word(content: bytes | str, charset: str | None) -> str:
    if isinstance(content, str):
        return content
    try:
        return content.decode(charset or "raw-unicode-escape")
    except _BROKEN:
        return content.decode("utf-8", errors="replace")
