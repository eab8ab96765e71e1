"""A closed card in at most three lines: how it ended, what was asked and changed, and what became of it. Pure.

The first takes two lines if it names several people who approved, and the last if it is whole then.

Changes that do not fit are counted on the second line, and the caller says how many characters were cut. Everything is
whole in the details.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.presentation import states, summary
from bot.presentation.characters import level
from bot.slack import columns, inline_changes, notification_text, rich_text, text_objects
from bot.slack.inline_changes import SEPARATOR, InlineChange
from bot.slack.text_objects import Element
from engine.domain import Card, CardOutcome, Phrase

COLUMNS: Final = 80
"""Columns of each line: Slack shows more beside the app's picture in a window of 1,280 pixels, in any of its fonts."""
_HEADLINE: Final = 72
"""Columns of the first line, whose letters are bold and so wider."""
_QUESTION: Final = 40
"""Columns that the question has beside its changes if it needs them."""
_RESULT: Final = 36
"""Columns that what became of the step has beside a reason if it needs them."""
_GAP: Final = "  "
_ENDS: Final = (".", "?", "!", ":", "…")


@dataclass(frozen=True, slots=True)
class _Statement:
    """A part of a line: a text with moments, and a label before it."""

    phrase: Phrase
    label: str = ""

    @property
    def texts(self) -> list[str]:
        return [part for part in self.phrase if isinstance(part, str)]

    @property
    def least(self) -> int:
        """Return the columns of everything but the texts, with a blank behind each text that is cut."""
        label = columns.width(self.label + _GAP) if self.label else 0
        return label + sum(1 if isinstance(part, str) else columns.MOMENT for part in self.phrase)


@dataclass(frozen=True, slots=True)
class _ShownLine:
    """The elements of a line. `missing`: characters that were cut from its texts."""

    elements: tuple[Element, ...]
    missing: int = 0


def lines(card: Card, outcome: CardOutcome) -> tuple[list[Element], int]:
    """Return parts of rich text, one for each line, and how many characters were cut from their texts."""
    how, led_to = _split(outcome.line)
    icon = f"{states.ICONS[card.tone]} "
    shown = [
        _fitted([_statement(how)], _HEADLINE * (1 + outcome.names_several) - columns.width(icon), bold=True),
        _question(card),
        _last_line([*_results(outcome, led_to)]),
    ]
    first = (*rich_text.words(icon), *shown[0].elements)
    parts = [rich_text.section(elements) for elements in (first, *(line.elements for line in shown[1:])) if elements]
    return parts, sum(line.missing for line in shown)


def _last_line(results: Sequence[_Statement]) -> _ShownLine:
    """Return what became of it: whole if that takes two lines at most, because less is not worth a click."""
    whole = _fitted(results, 2 * COLUMNS)
    return _fitted(results, COLUMNS, first=_RESULT) if whole.missing else whole


def _split(line: Phrase) -> tuple[Phrase, Phrase]:
    """Return how a question was closed, who closed it and when, and what that led to."""
    line = text_objects.in_one_line(line)
    end = next((number for number, part in enumerate(line, start=1) if not isinstance(part, str)), len(line))
    led_to = tuple(part.lstrip(" .") if isinstance(part, str) else part for part in line[end:])
    return line[:end], led_to


def _statement(phrase: Phrase, label: str = "") -> _Statement:
    """Return a statement in one line."""
    return _Statement(tuple(part for part in text_objects.in_one_line(phrase) if part), label)


def _fitted(statements: Sequence[_Statement], room: int, *, bold: bool = False, first: int = 0) -> _ShownLine:
    """Return statements beside each other, their longest texts cut so that all fit into `room`.

    `first`: columns that the texts of the first statement have if they need them.
    """
    room -= columns.width(SEPARATOR) * (len(statements) - 1) + sum(statement.least for statement in statements)
    elements, missing = list[Element](), 0
    for number, (statement, cap) in enumerate(zip(statements, _caps(statements, room, first), strict=True)):
        phrase, cut = _cut(statement.phrase, cap)
        elements += rich_text.words(SEPARATOR if number else "")
        if statement.label:
            elements += (*rich_text.words(statement.label, bold=True), *rich_text.words(_GAP))
        elements += rich_text.phrase(phrase, bold=bold)
        missing += cut
    return _ShownLine(tuple(elements), missing)


def _caps(statements: Sequence[_Statement], room: int, first: int) -> list[int]:
    """Return the columns of each text of each statement."""
    widths = [[*map(columns.width, statement.texts)] for statement in statements]
    cap = level(itertools.chain(*widths), room)
    own = level(widths[0], first) if widths else 0
    if own <= cap:
        return [cap] * len(statements)
    taken = sum(min(width, own) for width in widths[0])
    return [own, *[level(itertools.chain(*widths[1:]), room - taken)] * (len(statements) - 1)]


def _cut(phrase: Phrase, cap: int) -> tuple[Phrase, int]:
    """Return a phrase with each text cut to `cap`, and how many characters are missing."""
    parts, missing = list[str | datetime](), 0
    for part in phrase:
        if isinstance(part, str):
            head, cut = columns.cut(part, cap)
            missing += cut
            parts.append(f"{head} " if cut and part is not phrase[-1] else head)
        else:
            parts.append(part)
    return tuple(parts), missing


# -- the question and its changes ---------------------------------------------------------------------------


def _question(card: Card) -> _ShownLine:
    """Return the question with the shortest of its changes, and the number of the others."""
    title = text_objects.line(summary.question(card.title, ())) or "–"
    changes = inline_changes.shortest_first(notification_text.changed(card))
    count = _fitting(changes, COLUMNS - min(columns.width(title), _QUESTION))
    shown, note = changes[:count], _folded(changes, count)
    room = COLUMNS - _width(shown, note)
    question = text_objects.line(notification_text.question(card)) or "–"
    # The values that tell it from others are no part of it, so they are shown if there is room for them.
    asked, missing = columns.cut(question if columns.width(question) <= room else title, room)
    return _ShownLine((*rich_text.words(asked), *_beside(shown, note)), missing)


def _fitting(changes: Sequence[InlineChange], room: int) -> int:
    """Return how many of the changes fit, with the number of the others."""
    counts = range(min(len(changes), COLUMNS), 0, -1)
    return next((count for count in counts if _width(changes[:count], _folded(changes, count)) <= room), 0)


def _folded(changes: Sequence[InlineChange], shown: int) -> str:
    """Return how many changes are not shown; an empty text if there are none."""
    left = changes[shown:]
    if not left:
        return ""
    kind = f"{' more' if shown else ''}{' long' if all(change.is_long for change in left) else ''}"
    return f"{len(left):,}{kind} {'change' if len(left) == 1 else 'changes'} in Details"


def _width(shown: Sequence[InlineChange], note: str) -> int:
    """Return the columns of what follows the question."""
    texts = [change.width for change in shown] + ([columns.width(note)] if note else [])
    return sum(texts) + columns.width(SEPARATOR) * len(texts)


def _beside(shown: Sequence[InlineChange], note: str) -> Iterator[Element]:
    """Yield the changes in the order of the card, then the note, in italics, which no data has."""
    for change in sorted(shown, key=lambda change: change.index):
        yield from (*rich_text.words(SEPARATOR), *change.elements)
    if note:
        yield from (*rich_text.words(SEPARATOR), *rich_text.words(note, italic=True))


# -- what became of it --------------------------------------------------------------------------------------


def _results(outcome: CardOutcome, led_to: Phrase) -> Iterator[_Statement]:
    """Yield what the end led to, what became of the step, and the reason."""
    statements = (
        _statement(_ended(led_to)),
        _statement(_ended(outcome.became, only_after=". ")),
        _statement((text_objects.line(outcome.reason or ""),), "Reason"),
    )
    yield from (statement for statement in statements if statement.phrase)


def _ended(phrase: Phrase, *, only_after: str = "") -> Phrase:
    """Return a phrase with a full stop, if it is without one and has `only_after` in it."""
    last = phrase[-1] if phrase else ""
    if not isinstance(last, str) or not last.strip() or last.rstrip().endswith(_ENDS) or only_after not in last:
        return phrase
    return *phrase[:-1], f"{last.rstrip()}."
