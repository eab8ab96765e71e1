"""The changes of a closed request beside its question, each in one line, the shortest first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bot.presentation import text_diff
from bot.presentation.text_diff import Part, Segment
from bot.slack import columns, rich_text, truncate
from bot.slack.rich_text import Line
from bot.slack.text_objects import Element
from engine.domain import CardField

SEPARATOR: Final = " · "
"""Stands between two things on a line, in a text element of its own."""
_AROUND: Final = 16
"""Characters of unchanged text beside a change of a long text."""
_FOLDED: Final = "…"
_GAPS: Final = len("  ") + len(rich_text.ARROW)
"""Columns of a change beside its texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineChange:
    """A change on one line. `index`: its place on the card. `elements`: without the separator before it."""

    index: int
    field: CardField
    is_long: bool
    width: int
    elements: tuple[Element, ...]


def shortest_first(changes: Sequence[CardField]) -> list[InlineChange]:
    """Return the changes as they stand on one line, however long that is, the shortest first."""
    return sorted(_changes(changes), key=lambda change: (change.width, change.index))


def _changes(fields: Sequence[CardField]) -> Iterator[InlineChange]:
    compared = 0
    for index, field in enumerate(fields):
        line = truncate.value_line(field)
        before = line.before or ""
        is_long = truncate.is_long_change(before, line.after)
        compares = is_long and compared < truncate.MOST_DIFFERENCES
        compared += compares
        segments = _segments(before, line.after) if compares else ()
        yield InlineChange(
            index=index,
            field=field,
            is_long=is_long,
            width=_width(line, segments),
            elements=_elements(line, segments, is_long=is_long),
        )


def _segments(before: str, after: str) -> tuple[Segment, ...]:
    """Return the difference word by word, each segment in one line."""
    return tuple(
        replace(segment, text=_in_one_line(segment)) for segment in text_diff.folded(before, after, around=_AROUND)
    )


def _in_one_line(segment: Segment) -> str:
    return _FOLDED if segment.part is Part.FOLDED else rich_text.segment_line(segment)


def _difference(segments: Iterable[Segment]) -> Iterator[Element]:
    """Yield a difference whose segments are in one line already."""
    for segment in segments:
        yield from rich_text.segment_words(segment.part, segment.text)


def _width(line: Line, segments: Sequence[Segment]) -> int:
    texts = [segment.text for segment in segments] or [line.before or rich_text.EMPTY, line.after or rich_text.EMPTY]
    return sum(map(columns.width, (line.label, *texts))) + _GAPS


def _elements(line: Line, segments: Sequence[Segment], *, is_long: bool) -> tuple[Element, ...]:
    """Return a change as elements; none of a long one that was not compared, which is never shown in one line."""
    if not is_long:
        return tuple(rich_text.line_elements(line))
    if not segments:
        return ()
    label = (*rich_text.words(line.label, bold=True), *rich_text.words("  "))
    return (*label, *_difference(segments))
