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
"""What a line holds besides its texts at most: the line end, the gap, the arrow, `(empty)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A label and a value.

    `before`: what stood there, where it was changed. `account`: of the person whose name the value is.
    """

    label: str
    after: str
    before: str | None = None
    account: str | None = None


def words(content: str, *, bold: bool = False, strike: bool = False, italic: bool = False) -> Iterator[Element]:
    """Text elements of at most what a section holds: more in one is not documented to work."""
    style = {name: True for name, on in (("bold", bold), ("strike", strike), ("italic", italic)) if on}
    for piece in text_objects.pieces(content, ids.SECTION):
        yield {"type": "text", "text": piece, "style": style} if style else {"type": "text", "text": piece}


def value(content: str, *, strike: bool = False) -> Iterator[Element]:
    """A value as it is; an empty one says so, in italics, which data cannot have."""
    return words(content, strike=strike) if content else words(EMPTY, italic=True)


def lines(shown: Iterable[Line], *, block: str | None = None) -> Block:
    """Lines one below the other; each value that could pass for lines of ours in a quote of its own."""
    parts: list[Element] = []
    for one in shown:
        if stands_apart(one.after) or stands_apart(one.before or ""):
            parts += _apart(one)
        elif parts and parts[-1]["type"] == _SECTION:
            parts[-1]["elements"] += [*words("\n"), *_line(one)]
        else:
            parts.append(_part(_SECTION, _line(one)))
    return {"type": "rich_text", **({} if block is None else {"block_id": block}), "elements": parts}


def quotation(content: str, *, block: str) -> Block:
    """A text of somebody else, all of it in a quote."""
    return {"type": "rich_text", "block_id": block, "elements": [_part(_QUOTE, value(content))]}


_SECTION: Final = "rich_text_section"
_QUOTE: Final = "rich_text_quote"


def _line(one: Line) -> Iterator[Element]:
    yield from words(one.label, bold=True)
    yield from words("  ")
    if one.before is not None:
        yield from value(one.before, strike=True)
        yield from words(ARROW)
    if one.account is not None:
        yield {"type": "user", "user_id": one.account}
    else:
        yield from value(one.after)


def _apart(one: Line) -> Iterator[Element]:
    """A label of ours, and below it the value as a quotation: nothing in it can leave the quote."""
    yield _part(_SECTION, words(one.label, bold=True))
    if one.before is not None:
        yield _part(_QUOTE, value(one.before, strike=True))
        yield _part(_SECTION, words(ARROW.strip()))
    yield _part(_QUOTE, value(one.after))


def _part(kind: str, elements: Iterable[Element]) -> Element:
    return {"type": kind, "elements": [*elements]}
