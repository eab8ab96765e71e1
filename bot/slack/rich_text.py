"""Rich text: lines of a label and a value in which data can never be markup.

Slack parses nothing inside the text elements of a rich_text block: no mentions, links, emoji names or asterisks.
https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from bot.presentation.characters import stands_apart
from bot.slack import ids, text_objects
from bot.slack.text_objects import Block, Element

EMPTY: Final = "(empty)"
ARROW: Final = " → "
OVERHEAD: Final = 16
"""Maximum number of characters of a line besides its texts: line end, gap, arrow, `(empty)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A label and a value.

    `before`: the value before a change. `account`: of the person whose name the value is.
    """

    label: str
    after: str
    before: str | None = None
    account: str | None = None


def words(content: str, *, bold: bool = False, strike: bool = False, italic: bool = False) -> Iterator[Element]:
    """Return text elements, each no longer than a section may be: longer ones are not documented to work."""
    style = {name: True for name, on in (("bold", bold), ("strike", strike), ("italic", italic)) if on}
    for piece in text_objects.pieces(content, ids.SECTION):
        yield {"type": "text", "text": piece, "style": style} if style else {"type": "text", "text": piece}


def value(content: str, *, strike: bool = False) -> Iterator[Element]:
    """Return a value. An empty one is "(empty)" in italics, which data cannot imitate."""
    return words(content, strike=strike) if content else words(EMPTY, italic=True)


def lines(shown: Iterable[Line], *, block: str | None = None) -> Block:
    """Return lines one below the other. A value that could imitate our own lines is in a quote of its own."""
    parts: list[Element] = []
    for line in shown:
        if stands_apart(line.after) or stands_apart(line.before or ""):
            parts += _quoted_line(line)
        elif parts and parts[-1]["type"] == _SECTION:
            parts[-1]["elements"] += [*words("\n"), *_line(line)]
        else:
            parts.append(_part(_SECTION, _line(line)))
    return {"type": "rich_text", **({} if block is None else {"block_id": block}), "elements": parts}


def quotation(content: str, *, block: str) -> Block:
    """Return a text in a quote."""
    return {"type": "rich_text", "block_id": block, "elements": [_part(_QUOTE, value(content))]}


_SECTION: Final = "rich_text_section"
_QUOTE: Final = "rich_text_quote"


def _line(line: Line) -> Iterator[Element]:
    yield from words(line.label, bold=True)
    yield from words("  ")
    if line.before is not None:
        yield from value(line.before, strike=True)
        yield from words(ARROW)
    if line.account is not None:
        yield {"type": "user", "user_id": line.account}
    else:
        yield from value(line.after)


def _quoted_line(line: Line) -> Iterator[Element]:
    """Return a label, and below it the value in a quote that nothing in it can leave."""
    yield _part(_SECTION, words(line.label, bold=True))
    if line.before is not None:
        yield _part(_QUOTE, value(line.before, strike=True))
        yield _part(_SECTION, words(ARROW.strip()))
    yield _part(_QUOTE, value(line.after))


def _part(kind: str, elements: Iterable[Element]) -> Element:
    return {"type": kind, "elements": [*elements]}
