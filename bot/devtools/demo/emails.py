"""Reads the links, rows and codes of a received email."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from bot.devtools.sandbox.mail.records import ReceivedMail

_LINK: Final = re.compile(r'https?://[^\s<>"]+')
_CODE: Final = re.compile(r"^\d{8}$", re.MULTILINE)
_DETAILS: Final = "\nTechnical details\n"
_ROW: Final = re.compile(r"^- (?P<label>\S.*):\n(?P<text>(?:  .*\n)+)", re.MULTILINE)


def links(email: ReceivedMail, prefix: str) -> list[str]:
    """Return the URLs in an email that start with the prefix, and so are links of ours."""
    bodies = f"{email.text or ''}\n{email.html or ''}"
    return sorted({str(url) for url in _LINK.findall(bodies) if url.startswith(prefix)})


def rows(email: ReceivedMail) -> Iterator[tuple[str, str]]:
    """Yield label and text of each row before the technical details; several lines of a text are joined."""
    text, _, _ = (email.text or "").partition(_DETAILS)
    for match in _ROW.finditer(text):
        yield match["label"], " ".join(match["text"].split())


def code(email: ReceivedMail) -> str:
    """Return the code in an email, or "" if there is none."""
    match = _CODE.search(email.text or "")
    return match[0] if match else ""


def is_reply(email: ReceivedMail, first: ReceivedMail) -> bool:
    """Return whether email programs show both in one thread."""
    message_id = first.header("message-id")
    return bool(message_id) and email.header("in-reply-to") == message_id and message_id in email.header("references")
