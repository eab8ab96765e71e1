"""The readings of a typed number whose points and commas are used differently in different countries."""

from __future__ import annotations

import re
from typing import Final

from engine.fields.normal_forms import MAX_NUMBER

GROUP: Final = 3
"""Number of digits between two thousands separators."""
_SEPARATORS: Final = re.compile(r"[.,'_\s\N{RIGHT SINGLE QUOTATION MARK}]")
_POINTS: Final = frozenset(".,")
"""The decimal separators of different countries."""


def readings(typed: str) -> list[str]:
    """Return the numbers that the text may mean, written with a decimal point and no other separators.

    There is none if the text is no number with separators, one if it is clear, and two if it is ambiguous: `1.234` may
    be more than a thousand, or a little more than one.
    """
    if len(typed) > MAX_NUMBER:
        return []
    sign = typed[:1] if typed[:1] in ("+", "-") else ""
    groups, marks = _SEPARATORS.split(typed[len(sign) :]), _SEPARATORS.findall(typed)
    if not marks or not all(group.isascii() and group.isdigit() for group in groups):
        return []
    whole = [sign + "".join(groups)] if _in_thousands(groups, marks) else []
    parts = groups[:-1]
    has_point = marks[-1] in _POINTS and marks[-1] not in marks[:-1] and _in_thousands(parts, marks[:-1])
    if not has_point:
        return whole
    # A zero is appended, so that the three decimals are not read as thousands again.
    exact = f"{sign}{''.join(parts)}.{groups[-1]}{'0' if whole else ''}"
    return [*whole, exact]


def _in_thousands(groups: list[str], marks: list[str]) -> bool:
    """Return whether the groups are thousands: three digits each after a first group without a leading zero."""
    if not marks:
        return True
    first, *others = groups
    return (
        len(set(marks)) == 1
        and 1 <= len(first) <= GROUP
        and first[0] != "0"
        and all(len(group) == GROUP for group in others)
    )
