"""How wide a text is on a line of Slack, in columns: letters of average width. Pure.

A Chinese, Japanese or Korean letter takes two, and so does an emoji. A mark on a letter counts as a letter, so that no
text has more characters than columns.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from bot.presentation.characters import boundary

_MOMENT: Final = "Dec 30, 2026 at 11:47 PM"
MOMENT: Final = len(_MOMENT)
"""Columns of a moment in its longest form."""
_WIDE: Final = frozenset("WF")


def width(text: str) -> int:
    """Return the columns of a text in one line."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def cut(text: str, room: int) -> tuple[str, int]:
    """Return the text, or its beginning with an ellipsis in at most `room`, and how many characters are missing."""
    if width(text) <= room:
        return text, 0
    head = _fit(text, room - 1).rstrip()
    return f"{head}…", len(text) - len(head)


def _fit(text: str, room: int) -> str:
    for index, character in enumerate(text):
        room -= _columns(character)
        if room < 0:
            return text[: boundary(text, index)]
    return text


def _columns(character: str) -> int:
    return 2 if character > "\uffff" or unicodedata.east_asian_width(character) in _WIDE else 1
