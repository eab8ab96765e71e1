"""Where a text may be cut, pure: every channel has to cut, and none may split what people see as one character."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

_HALF_NAME: Final = re.compile(r"⟦U\+[0-9A-F]{0,6}\Z")
_LONGEST_CLUSTER: Final = 40


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
