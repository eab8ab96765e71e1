"""Patterns for names: literal characters, `*` for any number of characters, `?` for one. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

ANY: Final = "*"
"""The pattern that matches every name, the empty one too."""
_ONE: Final = "?"
_WILDCARDS: Final = re.compile(r"[*?]{2,}")


def matches(pattern: str, name: str) -> bool:
    """Return whether a pattern matches a whole name. Case counts, and no other character has a meaning of its own."""
    return _match(pattern, name, lambda part, character: part in (_ONE, character))


def covers(pattern: str, other: str) -> bool:
    """Return whether a pattern matches every name that another one matches."""
    return _match(_in_order(pattern), _in_order(other), _takes)


def _takes(part: str, other: str) -> bool:
    """Return whether a part of a pattern that is no `*` matches all that a part of another pattern matches."""
    return part == other or (part == _ONE and other != ANY)


def _in_order(pattern: str) -> str:
    """Return the pattern with the wildcards of each run in one order: `*?*` and `?*` match the same names."""

    def ordered(run: re.Match[str]) -> str:
        return _ONE * run[0].count(_ONE) + (ANY if ANY in run[0] else "")

    return _WILDCARDS.sub(ordered, pattern)


def _match(pattern: str, text: str, takes: Callable[[str, str], bool]) -> bool:
    """Return whether the pattern matches the whole text. The time is at most the product of both lengths."""
    at = position = 0
    star, resume = -1, 0
    while position < len(text):
        if at < len(pattern) and pattern[at] != ANY and takes(pattern[at], text[position]):
            at, position = at + 1, position + 1
        elif at < len(pattern) and pattern[at] == ANY:
            star, resume = at, position
            at += 1
        elif star >= 0:
            # Let the last `*` take one character more.
            resume += 1
            at, position = star + 1, resume
        else:
            return False
    return all(part == ANY for part in pattern[at:])
