"""Errors of PyYAML as sentences for the author of a file.

libyaml and the pure parser word their errors differently, so most of the diagnosis looks at the line itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import yaml

from engine.errors import Problem
from engine.workflowfile.phrases import cite

UNQUOTED_EXPRESSION: Final = 'Put the value in quotes: "{{ … }}".'
_SOMEWHERE: Final = "This is not valid YAML; check the indentation, quotes and brackets of this line and the one above."

_LINE_BREAK: Final = re.compile("\r\n|\r|\n")
_EXPRESSION: Final = re.compile(r"(?::\s+|-\s+|[\[,{]\s*)(\{[{%])")
_NO_SPACE: Final = re.compile(r"\s*(?:-\s+)?[A-Za-z_][\w-]*:[^\s:/]")
_AFTER_QUOTE: Final = re.compile(r""".*?(?::|-)\s+(["']).*?\1\s*[^\s#,\]}:]""")

_START: Final = re.compile(r"(?P<indent> *)(?P<dash>-\s+)?(?P<key>[\w\"'-]{1,63}(?=\s*:))?")

# Patterns of both parsers' messages, and the sentence for the author. They are tried after the line was looked at.
_AT_PROBLEM: Final = (
    (r"mapping values are not allowed", "There is a second `: ` here: put the whole text in quotes, or correct the "
     "indentation of this line."),
    (r"sequence entries are not allowed", "A list begins on a line of its own: put this `- ` on the next line."),
    (r"mapping keys are not allowed", "A `? ` cannot stand here; put the text in quotes."),
    (r"(did not find|expected).*(comment|line break|chomping|indentation indicator|URI|numeric character)"
     r"|indentation indicator", "Text cannot begin like this; put the whole value in quotes."),
    (r"block (collection|sequence)", "The items of a list must begin in the same column, each with `- `."),
    (r"expected key|<block end>", "The indentation does not fit the lines above; align this key with its neighbours."),
    (r"document (start|indicator)|<document start>", "This is outside the workflow; check the indentation."),
)  # fmt: skip
_AT_CONTEXT: Final = (
    (r"escape|hexadecimal|hexdecimal|Unicode character",
     "This text in double quotes has an unknown `\\` escape; use single quotes, or write `\\\\`."),
    (r"quoted scalar", "This quote is never closed."),
    (r"simple key|expected ':'", "This is not a `key: value` pair; add the colon, or indent it like the line above."),
)  # fmt: skip


def split(text: str) -> list[str]:
    """Return the lines of a file as YAML counts them: at least one."""
    return _LINE_BREAK.split(text)


def opens_expression(lines: Sequence[str], *, line: int, column: int) -> bool:
    """Return whether `{{` or `{%` stands at this line and column, which count from 0."""
    return line < len(lines) and lines[line].startswith(("{{", "{%"), column)


def somewhere(line: int, column: int) -> Problem:
    return Problem(_SOMEWHERE, line=line, column=column)


def explain(error: yaml.MarkedYAMLError, lines: Sequence[str]) -> Problem:
    """Return the problem as one sentence, at the position where the author has to change something."""
    at = _position(error.problem_mark)
    context = _position(error.context_mark) if error.context_mark else at
    for line in dict.fromkeys((at[0], context[0])):
        if line < len(lines) and (match := _EXPRESSION.search(lines[line])):
            return _problem(UNQUOTED_EXPRESSION, (line, match.start(1)))
    error_text = f"{error.context or ''} {error.problem or ''}"
    return (
        _explain_character(error_text, at, lines)
        or _explain_bracket(error_text, at, context, lines)
        or _explain_line(error_text, at, context, lines)
        or _match_message(error_text, at, context)
    )


def _position(mark: yaml.Mark | None) -> tuple[int, int]:
    return (mark.line, mark.column) if mark else (0, 0)


def _problem(message: str, position: tuple[int, int]) -> Problem:
    return Problem(message, line=position[0] + 1, column=position[1] + 1)


def _explain_character(error_text: str, at: tuple[int, int], lines: Sequence[str]) -> Problem | None:
    line, column = at
    character = lines[line][column : column + 1] if line < len(lines) else ""
    if "tab character" in error_text or (character == "\t" and "cannot start" in error_text):
        return _problem("There is a tab here. YAML needs spaces.", at)
    if "cannot start" in error_text:
        return _problem(f"A value cannot begin with `{cite(character)}`; put it in quotes.", at)
    return None


def _explain_bracket(
    error_text: str, at: tuple[int, int], context: tuple[int, int], lines: Sequence[str]
) -> Problem | None:
    """Explain an error in a list in `[ ]` or a mapping in `{ }`: on a later line it means an unclosed bracket."""
    for word, opening, closing in (("flow sequence", "[", "]"), ("flow mapping", "{", "}")):
        if word in error_text:
            if at[0] != context[0] or at[0] >= len(lines):
                return _problem(f"This `{opening}` is never closed; add the `{closing}`.", context)
            return _problem(f"A comma or `{closing}` is missing before this; a text with such signs needs quotes.", at)
    return None


def _explain_line(
    error_text: str, at: tuple[int, int], context: tuple[int, int], lines: Sequence[str]
) -> Problem | None:
    position = context if "simple key" in error_text else at
    line = lines[position[0]] if position[0] < len(lines) else ""
    if "quoted scalar" in error_text:
        return None
    if "simple key" in error_text and _NO_SPACE.match(line):
        return _problem("Put a space after the colon.", (position[0], line.index(":") + 1))
    if "mapping values" in error_text and position[0] > 0 and _NO_SPACE.match(above := lines[position[0] - 1]):
        return _problem("Put a space after the colon.", (position[0] - 1, above.index(":") + 1))
    if re.search("expected key|<block end>", error_text) and _AFTER_QUOTE.match(line[: at[1] + 1]):
        return _problem("There is text after the closing quote; put the whole value in one pair of quotes.", at)
    return (
        _explain_misalignment(at, lines)
        if re.search("block (collection|sequence)|expected key|<block end>", error_text)
        else None
    )


def _explain_misalignment(at: tuple[int, int], lines: Sequence[str]) -> Problem | None:
    """Explain a line that begins in no column of the lines above, and name the column that is probably meant."""
    line, column = at
    if line >= len(lines) or len(lines[line]) - len(lines[line].lstrip(" ")) != column:
        return None
    columns = _columns(lines[:line], dashes=lines[line].startswith("-", column))
    if not columns or column in columns:
        return None
    # Of two columns that are as near, the deeper one is meant: people mostly write too few spaces.
    nearest = min(columns, key=lambda each: (abs(each - column), -each))
    above, word = columns[nearest]
    message = f"This is not in line with the lines above. Begin it in column {nearest + 1}, like `{cite(word)}`"
    return _problem(f"{message} on line {above + 1}.", at)


def _columns(lines: Sequence[str], *, dashes: bool) -> dict[int, tuple[int, str]]:
    """Return the columns in which open lists or mappings above begin, each with its line and first word.

    `dashes`: return the columns of list items instead of those of keys.
    """
    columns: dict[int, tuple[int, str]] = {}
    closed = max(map(len, lines), default=0)
    for number in reversed(range(len(lines))):
        start = _START.match(lines[number])
        if start is None or not (start["dash"] or start["key"]) or start.end("indent") > closed:
            continue
        closed = start.end("indent")
        if dashes and start["dash"]:
            columns.setdefault(start.end("indent"), (number, "-"))
        elif not dashes and start["key"]:
            columns.setdefault(start.start("key"), (number, start["key"]))
    return columns


def _match_message(error_text: str, at: tuple[int, int], context: tuple[int, int]) -> Problem:
    for pattern, message in _AT_CONTEXT:
        if re.search(pattern, error_text):
            return _problem(message, context)
    for pattern, message in _AT_PROBLEM:
        if re.search(pattern, error_text):
            return _problem(message, at)
    return somewhere(at[0] + 1, at[1] + 1)
