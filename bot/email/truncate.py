"""How much of a text a mail shows, pure. Sizes are bytes of the HTML part, in which a text takes the most."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import accumulate
from typing import Final, NamedTuple

from markupsafe import Markup, escape

from bot.presentation.characters import boundary, stretches

_JOINTS: Final = re.compile(r"(?<=[./:@])(?=\S)")
_COST: Final = {"&": 5, "<": 4, ">": 4, '"': 5, "'": 5, "\n": 4, ".": 6, "/": 6, ":": 6, "@": 6}

_MORE: Final = tuple((character, cost - 1) for character, cost in _COST.items())
"""By how much a character takes more there than it does by itself."""


_LINE: Final = 600
"""Octets of one line of data; with the tags around it a line stays under the 998 that every server takes."""
_FOLD: Final = Markup("<!--\n-->")
"""A line end in HTML that nobody sees, also where line ends of the text are kept."""
_NEVER_FOLDED: Final = _LINE * 2 // 7
"""Bytes of UTF-8: a character takes seven as a reference where it takes two itself, which is the most it can grow."""
_BYTES_OF_A_FOLD: Final = _NEVER_FOLDED // 2 // len(_FOLD)

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
    return Markup("<br>").join(_FOLD.join(map(_marked_up, folded(line, _reference_size))) for line in text.split("\n"))


def _marked_up(piece: str) -> Markup:
    return Markup("<wbr>").join(escape(part) for part in _JOINTS.split(piece))


def folded(line: str, cost: Callable[[str], int] = len) -> list[str]:
    """The line in pieces of at most `_LINE` octets, taken apart behind a blank where there is one near.

    `cost`: octets of a character. A server may refuse longer lines, and what is encoded instead cuts every link.
    """
    pieces, start, blank, taken = list[str](), 0, 0, 0
    for index, character in enumerate(line):
        taken += cost(character)
        if taken > _LINE:
            # Cuts are looked for within the piece alone: flags are counted from where they begin.
            whole = start + max(boundary(line[start : index + 1], index - start), 1)
            end = blank if blank > (start + index) // 2 else whole
            pieces.append(line[start:end])
            taken, start = sum(map(cost, line[end : index + 1])), end
        if character == " ":
            blank = index + 1
    return [*pieces, line[start:]]


def octets(character: str) -> int:
    return len(character.encode(errors="replace"))


def _reference_size(character: str) -> int:
    """In HTML, where a character beyond ASCII may be written as a reference."""
    return _COST.get(character) or (1 if character.isascii() else len(f"&#{ord(character)};"))


def stretched(text: str) -> list[str]:
    """The text in stretches of lines that run the same way; all of it in one where there are very many."""
    found = stretches(text)
    return found if len(found) <= _STRETCHES else [text]


def size(text: str) -> int:
    """Bytes in HTML, at most."""
    framed = len(stretched(text))
    frames = framed * _STRETCH if framed > 1 else 0
    return _with_folds(len(text.encode()) + sum(more * text.count(character) for character, more in _MORE) + frames)


def _with_folds(count: int) -> int:
    """So many bytes, and the folds between them: at most one to each half of a line that references make long."""
    return count if count <= _NEVER_FOLDED else count + count // _BYTES_OF_A_FOLD


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
        if _with_folds(taken) > room:
            end = boundary(text, index)
            return Cut(text[:end], len(text) - end + beyond)
    return Cut(text, beyond)


def _framed(text: str) -> frozenset[int]:
    """Where stretches begin, if the beginning of the text may be shown as several."""
    found = stretches(text)[:_STRETCHES]
    return frozenset(accumulate((len(one) + 1 for one in found[:-1]), initial=0)) if len(found) > 1 else frozenset()
