"""Cuts the texts of an email to their room, pure. Sizes are bytes of the HTML part, which is the larger one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from markupsafe import Markup, escape

from bot.presentation.characters import boundary, stretches
from bot.presentation.text_diff import Part, Segment

_JOINTS: Final = re.compile(r"(?<=[./:@])(?!(?<=[0-9][./:])[0-9])(?=\S)")
"""The places in an address where it may be divided. Amounts, times and dates have none."""
_MOMENT: Final = re.compile(
    r"\b((?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{1,2}, [0-9]{4},"
    r" [0-9]{1,2}:[0-9]{2} [AP]M(?: UTC)?\b)"
)
"""A moment as `bot.presentation.dates` writes it."""
_UNDIVIDED: Final = Markup('<span\nstyle="white-space:nowrap">{}</span>')
"""The line end keeps lines short that have many moments."""
_COST: Final = {"&": 5, "<": 4, ">": 4, '"': 5, "'": 5, "\n": 4, ".": 6, "/": 6, ":": 6, "@": 6}

_MORE: Final = tuple((character, cost - 1) for character, cost in _COST.items())
"""How many bytes more each character takes in HTML than in UTF-8."""


_MARKS: Final = {
    Part.SAME: Markup("{}"),
    Part.REMOVED: Markup('<del class="old">{}</del>'),
    Part.ADDED: Markup('<strong class="new">{}</strong>'),
    Part.FOLDED: Markup('<span class="soft">{}</span>'),
}
_LINE: Final = 600
"""Maximum octets of one line of data. With the tags around it, a line stays under the 998 that every server accepts."""
_FOLD: Final = Markup("<!--\n-->")
"""A line end in HTML that is not shown, also where line ends of the text are."""
MARKED: Final = max(map(len, _MARKS.values())) - len("{}") + len(_FOLD)
"""Bytes of HTML around one segment of a difference."""
_NEVER_FOLDED: Final = _LINE * 2 // 7
"""Bytes of UTF-8 that always fit into one line: a character of two bytes may take seven as a reference, no other grows
more."""
_BYTES_OF_A_FOLD: Final = _NEVER_FOLDED // 2 // len(_FOLD)

_STRETCH: Final = len('<div dir="auto"></div>')
_STRETCHES: Final = 60
"""Maximum number of stretches of one text. With more, their frames would leave too little room for the text."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A text that may be cut. `missing`: how many characters were left out."""

    text: str
    missing: int


def markup(text: str) -> Markup:
    """Return the text as HTML.

    `<wbr>` in what looks like an address lets a long one wrap on a phone, and keeps many mail programs from making a
    link of it. Unlike an invisible character it is not copied along with the text. A moment is never divided
    between two lines.
    """
    return Markup("<br>").join(_FOLD.join(map(_marked_up, folded(line, _reference_size))) for line in text.split("\n"))


def difference(segments: Sequence[Segment]) -> Markup:
    """Return a difference as HTML: struck out what was removed, bold what was added, as every mail program shows it."""
    return Markup("").join(map(_marked_segment, segments))


def _marked_segment(segment: Segment) -> Markup:
    # More blanks than one would make a line longer than servers accept.
    marked, blank = (segment.marked, " ") if segment.blanks == " " else (segment.text, "")
    return _FOLD + _MARKS[segment.part].format(markup(marked)) + blank


def _marked_up(piece: str) -> Markup:
    parts = _MOMENT.split(piece)
    return Markup("").join(_UNDIVIDED.format(part) if index % 2 else _jointed(part) for index, part in enumerate(parts))


def _jointed(text: str) -> Markup:
    return Markup("<wbr>").join(escape(part) for part in _JOINTS.split(text))


def folded(line: str, cost: Callable[[str], int] = len) -> list[str]:
    """Return the line in pieces of at most `_LINE` octets, divided after a blank if one is near.

    `cost`: the octets of a character. A server may refuse longer lines, and an encoding would cut every link.
    """
    pieces, start, blank, used = list[str](), 0, 0, 0
    for index, character in enumerate(line):
        used += cost(character)
        if used > _LINE:
            # The boundary is searched in the piece alone, because flags are counted from the beginning of a text.
            whole = start + max(boundary(line[start : index + 1], index - start), 1)
            end = blank if blank > (start + index) // 2 else whole
            pieces.append(line[start:end])
            used, start = sum(map(cost, line[end : index + 1])), end
        if character == " ":
            blank = index + 1
    return [*pieces, line[start:]]


def octets(character: str) -> int:
    """Return the size of a character in UTF-8."""
    return len(character.encode(errors="replace"))


def _reference_size(character: str) -> int:
    """Return the size of a character in HTML, where one beyond ASCII may be written as a reference."""
    return _COST.get(character) or (1 if character.isascii() else len(f"&#{ord(character)};"))


def stretched(text: str) -> list[str]:
    """Return the text in stretches of lines that run in the same direction, or undivided if there are very many."""
    parts = stretches(text)
    return parts if len(parts) <= _STRETCHES else [text]


def size(text: str) -> int:
    """Return the maximum size of the text in HTML."""
    framed = len(stretched(text))
    frames = framed * _STRETCH if framed > 1 else 0
    return _with_folds(len(text.encode()) + sum(more * text.count(character) for character, more in _MORE) + frames)


def _with_folds(count: int) -> int:
    """Return the size with the folds: at most one for each half of a line that references make long."""
    return count if count <= _NEVER_FOLDED else count + count // _BYTES_OF_A_FOLD


def cut(text: str, room: int, *, beyond: int = 0) -> Cut:
    """Return the longest beginning of the text that fits, cut between two characters as people see them.

    `beyond`: the number of characters that follow the text and are left out in any case.
    """
    if size(text) <= room:
        return Cut(text, beyond)
    used, framed = 0, _framed(text)
    for index, character in enumerate(text):
        used += _COST.get(character) or len(character.encode())
        used += _STRETCH if index in framed else 0
        if _with_folds(used) > room:
            end = boundary(text, index)
            return Cut(text[:end], len(text) - end + beyond)
    return Cut(text, beyond)


def _framed(text: str) -> frozenset[int]:
    """Return the places where stretches begin, if the beginning of the text may be shown as several."""
    parts = stretches(text)[:_STRETCHES]
    return frozenset(accumulate((len(part) + 1 for part in parts[:-1]), initial=0)) if len(parts) > 1 else frozenset()
