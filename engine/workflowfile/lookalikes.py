"""Characters that look like a space or a quote of YAML but are none. They come with text that was copied from a page.

YAML takes them for letters, so its errors are about the words of the line. The functions here find the character and
replace such an error by one that names it.
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

# The positions of a line where a space is part of its structure, and not of a text in it.
_BREAKING: Final = (
    rf"^[ \t]*([{_SPACES}])"  # indentation
    rf"|^{_MARGIN}-[ \t]*([{_SPACES}])"  # behind the dash of an item
    rf"""|^{_MARGIN}(?:-[ \t]+)*[^\s:#"'\[{{{_SPACES}]+[ \t]*([{_SPACES}])[^:]*:"""  # in a key
    rf"|^{_KEY}[ \t]*([{_SPACES}])"  # behind a key
)
_BREAKING_SPACE: Final = re.compile(_BREAKING)
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
_QUOTED_VALUE: Final = re.compile(rf"{_QUOTE.pattern}[^{_QUOTES}]*[{_QUOTES}]{_MARGIN}(?:$|[\]}},])")
"""A whole value in such quotes. In a file that could be read, a text may rightly begin with such a quote."""
_QUOTED: Final = re.compile(r""""(?:[^"\\]|\\.)*"|(?<![\w])'(?:[^']|'')*'""")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_MAX_LINE_LENGTH: Final = 1_000
"""Maximum part of a line that is searched, in characters."""
_MAX_LINES_ABOVE: Final = 50
"""Maximum number of lines searched above an error."""


def explain(problem: Problem, lines: Sequence[str]) -> Problem:
    """Return the problem of a lookalike in the structure of the line of `problem`, or `problem` if there is none."""
    return _build_problem(problem, lines, problem.line - 1, _SPACE, _QUOTED_VALUE) or problem


def explain_unreadable(problem: Problem, lines: Sequence[str], *others: int) -> Problem:
    """Return the same for a file that is not valid YAML. The lookalike may be in a line above the error.

    `others`: other lines that the parser's error names, counted from 0.
    """
    line = problem.line - 1
    nearby_lines = dict.fromkeys((line, *others, line - 1))
    above = range(line - 2, max(line - _MAX_LINES_ABOVE, -1), -1)
    near_problems = (_build_problem(problem, lines, number, _SPACE, _QUOTE) for number in nearby_lines)
    above_problems = (_build_problem(problem, lines, number, _BREAKING_SPACE) for number in above)
    return next(filter(None, near_problems), None) or next(filter(None, above_problems), None) or problem


def find_in_scalar(text: str, lines: Sequence[str], *, line: int, column: int, is_key: bool) -> Problem | None:
    """Return the problem of an unquoted text that begins or ends with a lookalike, or of a key that contains one.

    `line` and `column` are the place of the text, counted from 0.
    """
    if text.isascii() or not (_AT_EDGE.search(text) or (is_key and _IN_KEY.search(text))):
        return None
    match = _IN_KEY.search(lines[line], column)
    if match is not None:
        column = match.start()
    return Problem(_write_message(match[0] if match else _SPACES[0]), line=line + 1, column=column + 1)


def _build_problem(problem: Problem, lines: Sequence[str], number: int, *patterns: re.Pattern[str]) -> Problem | None:
    if not 0 <= number < len(lines) or (column := find_column(lines[number], *patterns)) is None:
        return None
    message = _write_message(lines[number][column])
    return replace(problem, message=message, hint="", line=number + 1, column=column + 1)


def find_column(line: str, *patterns: re.Pattern[str]) -> int | None:
    """Return the column of the first lookalike in the structure of a line, counted from 0, or None."""
    if line.isascii():
        return None
    masked = _COMMENT.sub(_mask, _QUOTED.sub(_mask, line[:_MAX_LINE_LENGTH]))
    matches = [match for pattern in patterns if (match := pattern.search(masked)) is not None]
    return min((match.start(match.lastindex or 0) for match in matches), default=None)


def _mask(match: re.Match[str]) -> str:
    return "x" * len(match[0])


def _write_message(character: str) -> str:
    name = f"{unicodedata.name(character, 'hidden character').lower()} (U+{ord(character):04X})"
    article = "An" if name[0] in "aeiou" else "A"
    if re.fullmatch(f"[{_QUOTES}]", character):
        return f"{article} {name} is here: replace it with a straight quote, \" or '."
    return f"{article} {name} is here: replace it with an ordinary space."
