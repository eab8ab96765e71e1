"""How much of a text a mail shows, pure. Sizes are bytes of the HTML part, in which a text takes the most."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Final, NamedTuple

from markupsafe import Markup, escape

from bot.characters import boundary, stretches

_JOINTS: Final = re.compile(r"(?<=[./:@])(?=\S)")
_COST: Final = {"&": 5, "<": 4, ">": 4, '"': 5, "'": 5, "\n": 4, ".": 6, "/": 6, ":": 6, "@": 6}

_MORE: Final = tuple((character, cost - 1) for character, cost in _COST.items())
"""By how much a character takes more there than it does by itself."""


_STRETCH: Final = len('<div dir="auto"></div>')
_STRETCHES: Final = 60
"""Of one text: with more, the frame around each would leave too little room for the text itself."""


class Cut(NamedTuple):
    """`missing`: how many characters were left out."""

    text: str
    missing: int


def markup(text: str) -> Markup:
    """The text for HTML, as it is.

    `<wbr>` inside of what looks like an address lets a long one wrap on a telephone, and many mail programs do not
    make a link of it then; unlike an invisible character it is not copied along with the text.
    """
    lines = (Markup("<wbr>").join(escape(part) for part in _JOINTS.split(line)) for line in text.split("\n"))
    return Markup("<br>").join(lines)


def stretched(text: str) -> list[str]:
    """The text in stretches of lines that run the same way; all of it in one where there are very many."""
    found = stretches(text)
    return found if len(found) <= _STRETCHES else [text]


def size(text: str) -> int:
    """Bytes in HTML, at most."""
    framed = len(stretched(text))
    frames = framed * _STRETCH if framed > 1 else 0
    return len(text.encode()) + sum(more * text.count(character) for character, more in _MORE) + frames


def cut(text: str, room: int, *, beyond: int = 0) -> Cut:
    """The longest beginning that has room, cut between two characters as people see them.

    `beyond`: characters that follow the text, and are missing in any case.
    """
    if size(text) <= room:
        return Cut(text, beyond)
    taken, framed = 0, _framed(text)
    for index, character in enumerate(text):
        taken += _COST.get(character) or len(character.encode())
        taken += _STRETCH if index in framed else 0
        if taken > room:
            end = boundary(text, index)
            return Cut(text[:end], len(text) - end + beyond)
    return Cut(text, beyond)


def _framed(text: str) -> frozenset[int]:
    """Where stretches begin, if the beginning of the text may be shown as several."""
    found = stretches(text)[:_STRETCHES]
    return frozenset(accumulate((len(one) + 1 for one in found[:-1]), initial=0)) if len(found) > 1 else frozenset()
