"""Characters that look like a space or a quote of YAML and are none: they come with text that was copied from a page.

YAML takes them for letters, so what is wrong with such a line is told of its words, and not of what nobody can see.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from engine.errors import Problem

_SPACES: Final = "\u00a0\u1680\u180e\u2000-\u200b\u202f\u205f\u2060\u2800\u3000\u3164"
_QUOTES: Final = "\u2018-\u201f"
_MARGIN: Final = rf"[ \t{_SPACES}]*"
_KEY: Final = rf"""{_MARGIN}(?:-{_MARGIN})*[^\s:#"'\[{{{_QUOTES}]+:"""

# Where a character is part of the structure of a line, and not of a text in it.
_BREAKING: Final = (
    rf"^[ \t]*([{_SPACES}])"  # indentation
    rf"|^{_MARGIN}-[ \t]*([{_SPACES}])"  # behind the dash of an item
    rf"""|^{_MARGIN}(?:-[ \t]+)*[^\s:#"'\[{{{_SPACES}]+[ \t]*([{_SPACES}])[^:]*:"""  # in a key
    rf"|^{_KEY}[ \t]*([{_SPACES}])"  # behind a key
)
_BREAK: Final = re.compile(_BREAKING)
_SPACE: Final = re.compile(
    _BREAKING + rf"|^{_KEY}[ \t]*[^\s#{_SPACES}]+([{_SPACES}])[^ ]*$"  # in a value that is one word
    rf"|[\[{{](?:[^\]}}]*[,:])?[ \t]*([{_SPACES}])"  # inside of [ ] and { }
    rf"|([{_SPACES}])[ \t]*[\]}},]"
    rf"|([{_SPACES}]){_MARGIN}$"  # at the end of a line
)
_IN_KEY: Final = re.compile(f"[{_SPACES}]")
_AT_EDGE: Final = re.compile(f"^-?[{_SPACES}]|[{_SPACES}]$")
_INNER_KEY: Final = rf"""[^\s:,#"'\[\]{{}}{_QUOTES}]+:{_MARGIN}"""
"""A key inside of { }."""
_QUOTE: Final = re.compile(rf"(?:^{_KEY}{_MARGIN}|^{_MARGIN}-{_MARGIN}|[\[{{,]{_MARGIN}(?:{_INNER_KEY})?)([{_QUOTES}])")
_WHOLE: Final = re.compile(rf"{_QUOTE.pattern}[^{_QUOTES}]*[{_QUOTES}]{_MARGIN}(?:$|[\]}},])")
"""A whole value in such quotes: where the file could be read, a text may well begin with one."""
_QUOTED: Final = re.compile(r""""(?:[^"\\]|\\.)*"|(?<![\w])'(?:[^']|'')*'""")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_LONGEST: Final = 1_000
"""Characters of a line that are looked at."""
_ABOVE: Final = 50
"""Lines above an error that are looked at."""


def explain(problem: Problem, lines: Sequence[str]) -> Problem:
    """Return the problem of the character behind `problem`, where one stands in the structure of its line."""
    return _named(problem, lines, problem.line - 1, _SPACE, _WHOLE) or problem


def explain_unreadable(problem: Problem, lines: Sequence[str], *others: int) -> Problem:
    """Return the same for a file that is no YAML, which may be broken further up.

    `others`: lines, from 0, that the parser speaks of too.
    """
    here = problem.line - 1
    near = (_named(problem, lines, number, _SPACE, _QUOTE) for number in dict.fromkeys((here, *others, here - 1)))
    above = (_named(problem, lines, number, _BREAK) for number in range(here - 2, max(here - _ABOVE, -1), -1))
    return next(filter(None, near), None) or next(filter(None, above), None) or problem


def find_in_scalar(text: str, lines: Sequence[str], *, line: int, column: int, is_key: bool) -> Problem | None:
    """Return the problem of an unquoted text that begins or ends with such a space, or of a key that has one."""
    if text.isascii() or not (_AT_EDGE.search(text) or (is_key and _IN_KEY.search(text))):
        return None
    found = _IN_KEY.search(lines[line], column)
    at = found.start() if found else column
    return Problem(_sentence(found[0] if found else _SPACES[0]), line=line + 1, column=at + 1)


def _named(problem: Problem, lines: Sequence[str], number: int, *patterns: re.Pattern[str]) -> Problem | None:
    if not 0 <= number < len(lines) or (column := find(lines[number], *patterns)) is None:
        return None
    message = _sentence(lines[number][column])
    return replace(problem, message=message, hint="", line=number + 1, column=column + 1)


def find(line: str, *patterns: re.Pattern[str]) -> int | None:
    """Return the column, from 0, of the first such character in the structure of a line; None if there is none."""
    if line.isascii():
        return None
    masked = _COMMENT.sub(_blank, _QUOTED.sub(_blank, line[:_LONGEST]))
    found = [match.start(match.lastindex or 0) for pattern in patterns if (match := pattern.search(masked)) is not None]
    return min(found, default=None)


def _blank(found: re.Match[str]) -> str:
    return "x" * len(found[0])


def _sentence(character: str) -> str:
    name = f"{unicodedata.name(character, 'hidden character').lower()} (U+{ord(character):04X})"
    article = "An" if name[0] in "aeiou" else "A"
    if re.fullmatch(f"[{_QUOTES}]", character):
        return f"{article} {name} stands here: replace it with a straight quote, \" or '."
    return f"{article} {name} stands here: replace it with an ordinary space."
