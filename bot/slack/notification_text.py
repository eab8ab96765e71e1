"""The top-level `text` of a message, for mobile notifications and screen readers.

Slack shows blocks instead of it where it can, and parses it as mrkdwn. So it holds what the blocks hold, escaped; what
the decision depends on comes first, because Slack cuts the end.
https://docs.slack.dev/reference/methods/chat.postMessage#text-blocks-attachments
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Final

from bot.presentation import expiry
from bot.presentation.characters import stands_apart
from bot.slack import ids, text_objects, truncate
from bot.slack.rich_text import EMPTY, Line
from bot.slack.text_objects import Block, Element
from engine.domain import Card, CardField

Facts = Sequence[tuple[str, str]]

_INTRODUCTION: Final = frozenset({"Workflow", "Run", "Started by", "Asks about"})
"""Facts at the beginning of a card that are in small print."""
_ASKED: Final = frozenset({"Waits for", "Asked"})
"""The fact at the end of a card that is in small print at the bottom."""
_LEFT_OUT: Final = 200
"""Characters that are reserved for the sentence about what was left out."""
_QUOTE: Final = "> "
"""Prefix of the second and later lines of a text, so that data cannot imitate our own lines."""
_DATE: Final = re.compile(r"<!date\^[^|>]*\|([^>]*)>")
_UNESCAPES: Final = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """How many characters each part of a card may have if not all of it fits."""

    title: int
    state: int
    note: int
    small_print: int


_ALL: Final = _Limits(title=ids.FALLBACK_TEXT, state=ids.FALLBACK_TEXT, note=400, small_print=ids.FALLBACK_TEXT)
_TIGHT: Final = _Limits(title=500, state=1_500, note=300, small_print=400)


# -- cards --------------------------------------------------------------------------------------------------


def arrange(card: Card) -> tuple[Facts, Facts, Facts]:
    """Return the facts for the small print on top, those for the middle, and the approvers."""
    introduction = list(takewhile(lambda fact: fact[0] in _INTRODUCTION, card.facts))
    rest = list(card.facts[len(introduction) :])
    approvers = [rest.pop()] if rest and rest[-1][0] in _ASKED else []
    return introduction, rest, approvers


def introduction_text(facts: Facts) -> str:
    return " · ".join(f"{label}: {text}" for label, text in facts)


def of_card(card: Card, *, note: str | None = None) -> str:
    """Return the text of a card: question or outcome, values, reason, expiry, approvers, and then its origin.

    `note`: a sentence about this delivery.
    """
    lines, is_whole = _lines(card, note, _ALL)
    return _whole(lines if is_whole else _lines(card, note, _TIGHT)[0])


def _lines(card: Card, note: str | None, most: _Limits) -> tuple[list[str], bool]:
    """Return the lines, and whether they hold all of the card."""
    introduction, facts, approvers = arrange(card)
    head = [_line(card.title, most.title) or "–", *_several(card.state, most.state), *_several(note, most.note)]
    deadline = [] if card.expires_at is None else [expiry.due(card.expires_at)]
    tail = [*deadline, *(_line(f"{label}: {text}", most.small_print) for label, text in approvers)]
    last = [_line(introduction_text(introduction), most.small_print)] if introduction else []
    room = ids.FALLBACK_TEXT - _LEFT_OUT - sum(text_objects.size(line) + 1 for line in (*head, *tail, *last))
    # Quoted first: the marks of a value of many lines take more room.
    fitted = truncate.fitted(
        [(label, _quoted(text) or EMPTY) for label, text in facts], [*map(_field, card.fields)], room=room
    )
    left_out = fitted.left_out()
    middle = map(_labelled_line, (*fitted.fields, *fitted.facts))
    return [*head, *middle, *tail, *([left_out] if left_out else []), *last], room >= 0 and left_out is None


def _field(field: CardField) -> CardField:
    before = None if field.before is None else _quoted(field.before)
    return replace(field, text=_quoted(field.text) or EMPTY, before=before or (None if before is None else EMPTY))


def _labelled_line(line: Line) -> str:
    """Return a label and its value; a value of several lines is below the label."""
    value = line.after or EMPTY
    if line.before is not None:
        value += f" (before: {line.before or EMPTY})"
    return f"{line.label}:\n{_QUOTE}{value}" if stands_apart(value) else f"{line.label}: {value}"


def _several(text: str | None, limit: int) -> list[str]:
    return [text_objects.clipped(_quoted(text_objects.shown(text)), limit)] if text else []


def _line(text: str, limit: int) -> str:
    return text_objects.clipped(text_objects.line(text), limit)


# -- other messages -----------------------------------------------------------------------------------------


def of_blocks(blocks: Sequence[Block]) -> str:
    """Return the text of these blocks, a line each, without buttons."""
    return _whole([line for block in blocks for line in _block_texts(block)])


def _block_texts(block: Block) -> Iterator[str]:
    match block["type"]:
        case "rich_text":
            for part in block["elements"]:
                text = "".join(str(element.get("text", "")) for element in part["elements"])
                yield quoted(text) if part["type"] == "rich_text_quote" else text
        case "context":
            yield " · ".join(_content(element) for element in block["elements"] if "text" in element)
        case "section" | "header":
            yield _content(block["text"])


def _content(element: Element) -> str:
    """Return the text of a text object as people read it."""
    text = str(element["text"])
    if element["type"] != "mrkdwn":
        return text
    text = _DATE.sub(r"\1", text)
    for spelled, character in _UNESCAPES:
        text = text.replace(spelled, character)
    return text


# -- all ----------------------------------------------------------------------------------------------------


def quoted(text: str) -> str:
    """Return the text with a mark before each line."""
    return f"{_QUOTE}{_quoted(text)}"


def _quoted(text: str) -> str:
    """Return the text with a mark before all lines but the first."""
    return text.replace("\n", f"\n{_QUOTE}")


def _whole(lines: Iterable[str]) -> str:
    return text_objects.escape(text_objects.clipped("\n".join(lines), ids.FALLBACK_TEXT)) or "–"
