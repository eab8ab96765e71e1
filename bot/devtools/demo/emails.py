"""What a mail says, as its reader finds it in the text part."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from bot.devtools.sandbox.mail.records import ReceivedMail

_LINK: Final = re.compile(r'https?://[^\s<>"]+')
_CODE: Final = re.compile(r"^\d{8}$", re.MULTILINE)
_ROW: Final = re.compile(r"^- (?P<label>\S.*):\n(?P<text>(?:  .*\n)+)", re.MULTILINE)


def links(mail: ReceivedMail, place: str) -> list[str]:
    """The addresses in it that begin like this one. Those of the data are somebody else's."""
    both = f"{mail.text or ''}\n{mail.html or ''}"
    return sorted({str(one) for one in _LINK.findall(both) if one.startswith(place)})


def rows(mail: ReceivedMail) -> Iterator[tuple[str, str]]:
    """Each fact that it tells, with its label; what takes several lines in one."""
    for found in _ROW.finditer(mail.text or ""):
        yield found["label"], " ".join(found["text"].split())


def code(mail: ReceivedMail) -> str:
    """The code in it; "" if there is none."""
    found = _CODE.search(mail.text or "")
    return found[0] if found else ""


def answers(mail: ReceivedMail, first: ReceivedMail) -> bool:
    """Whether mail programs show it in one thread with the first."""
    named = first.header("message-id")
    return bool(named) and mail.header("in-reply-to") == named and named in mail.header("references")
