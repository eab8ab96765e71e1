"""Reads the contents of an email, as far as possible. Nothing here fails, whatever the email contains."""

from __future__ import annotations

import base64
import quopri
import re
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.utils import getaddresses
from functools import cached_property, lru_cache
from html.parser import HTMLParser
from typing import Final

Headers = tuple[tuple[str, str], ...]

# The email package of the standard library raises these for hostile messages.
BROKEN: Final = (
    LookupError, ValueError, TypeError, AttributeError, AssertionError, RecursionError, OverflowError,
)  # fmt: skip
_WORD: Final = re.compile(r"=\?([^?\s]+)\?([bBqQ])\?([^?]*)\?=")
_NO_TEXT: Final = frozenset({"head", "style", "script", "title"})
_MESSAGE_ID: Final = re.compile(r"<[^<>\s]+>")


@dataclass(frozen=True, kw_only=True)
class ParsedMessage:
    """The contents of an email.

    `headers`: all, in order, decoded. `text`, `html`: the first part of each kind that is no attachment.
    `attachments`: their names. `defects`: what is malformed, by the names that Python gives to it.
    """

    headers: Headers
    text: str | None
    html: str | None
    attachments: tuple[str, ...]
    defects: tuple[str, ...]

    def all(self, name: str) -> list[str]:
        """Return the headers of this name."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str:
        """Return the first header of this name, or ""."""
        return next(iter(self.all(name)), "")

    @cached_property
    def preview(self) -> str:
        """Return the text in one line as mail programs show it beside the subject: of HTML, hidden text first."""
        return " ".join((_text_of(self.html) if self.html is not None else self.text or "").split())

    @property
    def message_id(self) -> str | None:
        """Return the Message-ID with its angle brackets, or None."""
        match = _MESSAGE_ID.search(self.header("message-id"))
        return match[0] if match else None

    @property
    def references(self) -> list[str]:
        """Return the Message-IDs of the emails that this one replies to, the nearest last."""
        return _MESSAGE_ID.findall(self.header("references") + self.header("in-reply-to"))

    @property
    def addressed(self) -> list[str]:
        """Return the addresses in To and Cc, in lower case."""
        return addresses([*self.all("to"), *self.all("cc")])


class _TextReader(HTMLParser):
    """Collects the text of a page without its head."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 as it is called
        self._hidden += tag in _NO_TEXT

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _NO_TEXT

    def handle_data(self, data: str) -> None:
        if self._hidden <= 0:
            self.texts.append(data)


def _text_of(html: str) -> str:
    reader = _TextReader()
    reader.feed(html)
    reader.close()
    return " ".join(reader.texts)


def addresses(values: list[str]) -> list[str]:
    """Return the addresses in headers, in lower case."""
    try:
        return [address.lower() for _, address in getaddresses(values) if address]
    except BROKEN:
        return []


# Bytes cache their hash, and the same emails are parsed again and again.
@lru_cache(maxsize=4096)
def parse(raw: bytes) -> ParsedMessage:
    """Return the contents of the email."""
    try:
        return _parse(message_from_bytes(raw))
    except BROKEN as error:
        return ParsedMessage(
            headers=(), text=raw.decode(errors="replace"), html=None, attachments=(), defects=(_defect_name(error),)
        )


def _parse(message: Message) -> ParsedMessage:
    text, html, attachments, defects = None, None, list[str](), list[str]()
    for part in message.walk():
        defects += [_defect_name(defect) for defect in part.defects]
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
    headers = tuple((name, decode_header(str(value))) for name, value in message.raw_items())
    return ParsedMessage(
        headers=headers, text=text, html=html, attachments=tuple(attachments), defects=tuple(dict.fromkeys(defects))
    )


def _defect_name(error: object) -> str:
    return type(error).__name__


def _attachment(part: Message) -> str | None:
    """Return the name of an attachment, or None if the part is no attachment."""
    try:
        name, kept_apart = part.get_filename(), part.get_content_disposition() == "attachment"
    except BROKEN:
        return "(a name that cannot be read)"
    if name is None and not kept_apart:
        return None
    return decode_header(name) if name else "(without a name)"


def _content(part: Message, defects: list[str]) -> str:
    """Return the text of a part, with replacement characters for bytes that its charset does not have."""
    try:
        payload = part.get_payload(decode=True)
        content = payload if isinstance(payload, bytes) else b""
        charset = part.get_content_charset("utf-8")
    except BROKEN as error:
        defects.append(_defect_name(error))
        return ""
    defects += [_defect_name(defect) for defect in part.defects]
    try:
        text = content.decode(charset)
    except BROKEN:
        defects.append("UndecodableText")
        text = content.decode("utf-8", errors="replace")
    return _clean(text).replace("\r\n", "\n")


def decode_header(value: str) -> str:
    """Return a header as people read it: unfolded, encoded words decoded, raw bytes read as UTF-8."""
    unfolded = re.sub(r"\r?\n(?=[ \t])", "", _clean(value))
    joined = re.sub(r"(?<=\?=)[ \t]+(?==\?)", "", unfolded)
    return _clean(_WORD.sub(_word, joined)).strip()


def _word(match: re.Match[str]) -> str:
    """Decode an encoded word (RFC 2047). The standard library takes backslashes after it for escapes."""
    charset, coding, text = match.groups()
    try:
        content = base64.b64decode(text) if coding in "bB" else quopri.decodestring(text.replace("_", " "))
        return content.decode(charset.partition("*")[0], errors="replace")
    except BROKEN:
        return match[0]


def _clean(text: str) -> str:
    """Return the text without lone surrogates. Those that stand for bytes are read as UTF-8."""
    try:
        content = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        content = text.encode("utf-8", "surrogatepass")
    return content.decode("utf-8", "replace")
