"""What the points and commas in a typed number may mean, in the habits of different countries; guesses nothing."""

from __future__ import annotations

import re
from typing import Final

from engine.fields.normal_forms import MAX_NUMBER

GROUP: Final = 3
"""Digits between two thousands separators."""
_SEPARATORS: Final = re.compile(r"[.,'_\s\N{RIGHT SINGLE QUOTATION MARK}]")
_POINTS: Final = frozenset(".,")
"""What stands before the decimals, depending on the country."""


def readings(typed: str) -> list[str]:
    """Return the ways to write what was typed with a decimal point and nothing else.

    None: it is no number with separators. One: that is meant. Two: `1.234` may be more than a thousand, or little more
    than one.
    """
    if len(typed) > MAX_NUMBER:
        return []
    sign = typed[:1] if typed[:1] in ("+", "-") else ""
    groups, marks = _SEPARATORS.split(typed[len(sign) :]), _SEPARATORS.findall(typed)
    if not marks or not all(one.isascii() and one.isdigit() for one in groups):
        return []
    whole = [sign + "".join(groups)] if _in_thousands(groups, marks) else []
    parts = groups[:-1]
    has_point = marks[-1] in _POINTS and marks[-1] not in marks[:-1] and _in_thousands(parts, marks[:-1])
    if not has_point:
        return whole
    # A fourth decimal says that these are no thousands.
    exact = f"{sign}{''.join(parts)}.{groups[-1]}{'0' if whole else ''}"
    return [*whole, exact]


def _in_thousands(groups: list[str], marks: list[str]) -> bool:
    """Return whether these are groups of three behind a first one that has no needless zero."""
    if not marks:
        return True
    first, *others = groups
    return (
        len(set(marks)) == 1
        and 1 <= len(first) <= GROUP
        and first[0] != "0"
        and all(len(one) == GROUP for one in others)
    )
