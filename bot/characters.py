"""Where a text may be cut and which way its lines run, pure.

Every channel has to cut, and none may split what people see as one character.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

_HALF_NAME: Final = re.compile(r"⟦U\+[0-9A-F]{0,6}\Z")
_LONGEST_CLUSTER: Final = 40
_FROM_THE_RIGHT: Final = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
"""Where Unicode has put all letters that run from the right, and keeps room for more:
https://www.unicode.org/reports/tr44/#Bidi_Class_Values"""


def boundary(text: str, index: int) -> int:
    """The place at or before `index` where a cut splits no character and no ⟦U+…⟧; `index` if there is none near."""
    cut = index
    while cut > 0 and index - cut < _LONGEST_CLUSTER and _joined(text, cut):
        cut -= 1
    if cut == 0 or _joined(text, cut):
        return index
    half = _HALF_NAME.search(text, max(0, cut - 10), cut)
    return half.start() if half and half.start() > 0 else cut


def level(sizes: Iterable[int], room: int) -> int:
    """The largest cap under which all sizes together fit, so that only the longest texts are cut."""
    ascending = sorted(sizes)
    for index, one in enumerate(ascending):
        share = room // (len(ascending) - index)
        if one > share:
            return share
        room -= one
    return ascending[-1] if ascending else 0


def stretches(text: str) -> list[str]:
    """The text in stretches of lines that run the same way, as their first letters do.

    With a line break between them they are the text. A line without letters runs as the one before it; an empty one
    stands at the beginning of a stretch, for at the end of a block HTML shows none.
    """
    if not _FROM_THE_RIGHT.search(text):
        return [text]
    made, way = list[list[str]]([[]]), None
    for line in text.split("\n"):
        own = _way(line)
        if own is not None and way not in (None, own):
            end = len(made[-1])
            while not made[-1][end - 1].strip():
                end -= 1
            made.append(made[-1][end:])
            del made[-2][end:]
        way = own or way
        made[-1].append(line)
    return ["\n".join(lines) for lines in made]


def _way(line: str) -> str | None:
    """Of the first letter, which is what `dir="auto"` goes by."""
    kinds = map(unicodedata.bidirectional, line)
    return next(("right" if kind == "L" else "left" for kind in kinds if kind in ("L", "R", "AL")), None)


def _joined(text: str, index: int) -> bool:
    """Whether the characters on both sides of `index` belong together."""
    before, after = text[index - 1], text[index]
    if before + after == "\r\n" or "\N{ZERO WIDTH JOINER}" in before + after:
        return True
    if unicodedata.category(after).startswith("M") or "\U0001f3fb" <= after <= "\U0001f3ff":
        return True
    return _is_flag(before) and _is_flag(after) and _flags_before(text, index) % 2 == 1


def _is_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flags_before(text: str, index: int) -> int:
    start = index
    while start > 0 and _is_flag(text[start - 1]):
        start -= 1
    return index - start
