"""Chooses which lines of a card are shown, and how much of each, if not all of it fits. Deterministic.

Changed values come first, then the first values and notes, then the others. Every line that is shown has room for
`ENOUGH` of each of its texts, and what is left over is shared so that only the longest are cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate, takewhile
from typing import Final

from bot.presentation import text_diff
from bot.presentation.characters import level, stands_apart
from bot.presentation.text_diff import Part, Segment
from bot.slack import ids, rich_text, text_objects
from bot.slack.rich_text import OVERHEAD, Line
from engine.domain import CardFact, CardField

IN_DETAILS: Final = "Details has all of it."
"""Follows the sentence of `Fitted.left_out`, unless a button beside it opens everything."""
MOST_LINES: Final = 40
FIRST_VALUES: Final = 10
ENOUGH: Final = 150
LABEL: Final = 80
MOST_DIFFERENCES: Final = 5
"""Long changes of one card that are compared word by word; of the others, both texts are shown."""
MOST_SEGMENTS: Final = 100
"""Segments of one difference: each is an element of its own, which takes far more bytes than its text."""
_MOST_ROWS: Final = 15
"""Lines of one value, if `fitted` gets a limit for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A line that may be shown. `texts`: those of its line. `beyond`: characters of each that no message could hold."""

    index: int
    line: Line
    texts: tuple[str, ...]
    beyond: tuple[int, ...]
    is_value: bool

    @property
    def overhead(self) -> int:
        moments = sum(isinstance(part, datetime) for part in self.line.phrase)
        return text_objects.size(self.line.label) + OVERHEAD + moments * rich_text.DATE_SIZE

    @property
    def least(self) -> int:
        return self.overhead + sum(min(text_objects.size(text), ENOUGH) for text in self.texts)

    def cut(self, cap: int) -> tuple[Line, int]:
        """Return the line with each text cut to `cap`, and how many characters are missing."""
        if self.line.segments:
            segments, missing = _cut_segments(self.line.segments, cap)
            return replace(self.line, segments=segments), missing
        cut = [text_objects.clip(one, cap, beyond=beyond) for one, beyond in zip(self.texts, self.beyond, strict=True)]
        return self._with([clip.text for clip in cut]), sum(clip.missing for clip in cut)

    def _with(self, texts: Sequence[str]) -> Line:
        """Return the line with other texts."""
        if self.line.phrase:
            rest = iter(texts)
            parts = tuple(part if isinstance(part, datetime) else next(rest) for part in self.line.phrase)
            return replace(self.line, phrase=parts)
        return replace(self.line, before=texts[0] if len(texts) == 2 else None, after=texts[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The lines that are shown, in the order of the card, and what was left out."""

    values: tuple[Line, ...]
    notes: tuple[Line, ...]
    of_values: int
    of_notes: int
    missing: int
    """Characters cut from the lines that are shown."""

    def left_out(self, also: int = 0) -> str | None:
        """Return the sentence about what is missing, or None. `also`: characters cut elsewhere."""
        parts = []
        if len(self.values) < self.of_values:
            parts.append(f"{len(self.values)} of {self.of_values} values shown")
        if len(self.notes) < self.of_notes:
            parts.append(f"{len(self.notes)} of {self.of_notes} notes shown")
        if self.missing + also:
            parts.append(f"{self.missing + also:,} characters left out")
        return f"Not everything fits here: {', '.join(parts)}." if parts else None


def fitted(
    values: Sequence[CardField], notes: Sequence[CardFact], *, room: int, each: int = ids.MESSAGE_TEXT
) -> Fitted:
    """Return as much of the values and notes of a card as fits, and of each text at most `each`."""
    picked = _picked(_ranked(values, notes, each), room)
    sizes = [text_objects.size(text) for row in picked for text in row.texts]
    cap = min(each, level(sizes, room - sum(row.overhead for row in picked)))
    cut = [(row.is_value, *row.cut(cap)) for row in picked]
    return Fitted(
        values=tuple(line for is_value, line, _ in cut if is_value),
        notes=tuple(line for is_value, line, _ in cut if not is_value),
        of_values=len(values),
        of_notes=len(notes),
        missing=sum(missing for _, _, missing in cut),
    )


def _ranked(values: Sequence[CardField], notes: Sequence[CardFact], each: int) -> Iterator[_Row]:
    """Yield the lines that may be shown, the most important first."""
    early = [index < FIRST_VALUES for index in range(max(len(values), len(notes)))]
    ranks = [0 if field.before is not None else 1 if early[index] else 3 for index, field in enumerate(values)]
    ranks += [2 if early[index] else 4 for index in range(len(notes))]
    order = sorted(range(len(ranks)), key=lambda index: (ranks[index], index))
    compared = 0
    for index in order[:MOST_LINES]:
        line = value_line(values[index]) if index < len(values) else note_line(notes[index - len(values)])
        if line.before is not None and compared < MOST_DIFFERENCES and is_long_change(line.before, line.after):
            compared += 1
            line = compare(line)
        yield _row(index, line, is_value=index < len(values), each=each)


def value_line(field: CardField) -> Line:
    """Return the line of a value."""
    before = None if field.before is None else text_objects.shown(field.before)
    after = text_objects.shown(field.text)
    return Line(label=_label(field.label or field.path), before=before, after=after, account=field.account)


def note_line(note: CardFact) -> Line:
    """Return the line of a note."""
    parts = (part if isinstance(part, datetime) else text_objects.shown(part) for part in note.text)
    return Line(label=_label(note.label), phrase=tuple(parts))


def is_long_change(before: str, after: str) -> bool:
    """Return whether a change is shown word by word, in a quote."""
    return text_diff.is_long(before, after) or stands_apart(before) or stands_apart(after)


def compare(line: Line) -> Line:
    """Return a changed line with its change word by word, long unchanged stretches folded."""
    assert line.before is not None
    segments = text_diff.folded(line.before, line.after)
    return replace(line, before=None, after="", segments=segments)


def difference_line(line: Line, cap: int) -> Line:
    """Return a changed line with its change word by word, cut to `cap`."""
    compared = compare(line)
    return replace(compared, segments=_cut_segments(compared.segments, cap)[0])


def _row(index: int, line: Line, *, is_value: bool, each: int) -> _Row:
    whole = _texts(line)
    # Segments are cut by their characters alone, so all of these count.
    texts = tuple(_beginning(text, ids.MESSAGE_TEXT if line.segments else each) for text in whole)
    beyond = tuple(len(text) - len(shown) for text, shown in zip(whole, texts, strict=True))
    return _Row(index=index, line=line, texts=texts, beyond=beyond, is_value=is_value)


def _texts(line: Line) -> tuple[str, ...]:
    if line.segments:
        return ("".join(map(rich_text.segment_text, line.segments)),)
    if line.phrase:
        return tuple(part for part in line.phrase if isinstance(part, str))
    return (line.after,) if line.before is None else (line.before, line.after)


def _beginning(text: str, each: int) -> str:
    """Return what a message could hold of a text; where each text has a limit, no more than its first lines."""
    head = text[: ids.MESSAGE_TEXT]
    return head if each == ids.MESSAGE_TEXT else "\n".join(head.split("\n", _MOST_ROWS)[:_MOST_ROWS])


def _cut_segments(segments: Sequence[Segment], cap: int) -> tuple[tuple[Segment, ...], int]:
    """Return as many of the segments as fit into `cap`, and how many characters of the others are missing."""
    room = cap
    for number, segment in enumerate(segments):
        need = text_objects.size(rich_text.segment_text(segment))
        if need > room or number == MOST_SEGMENTS:
            return _with_end(segments[:number], segment, segments[number + 1 :], room)
        room -= need
    return tuple(segments), 0


def _with_end(
    kept: Sequence[Segment], cut: Segment, left: Sequence[Segment], room: int
) -> tuple[tuple[Segment, ...], int]:
    """Return segments that end inside of `cut`, with the number of characters that are missing."""
    beyond = sum(len(segment.text) for segment in left if segment.part is not Part.FOLDED)
    if cut.part is Part.FOLDED:
        cut = Segment(Part.SAME, "")
    end = text_objects.clip(cut.text, room, beyond=beyond)
    return (*kept, Segment(cut.part, end.text)), end.missing


def _label(label: str) -> str:
    return text_objects.clipped(text_objects.line(label[: LABEL * 2]), LABEL) or "–"


def _picked(ranked: Iterator[_Row], room: int) -> list[_Row]:
    """Return the first lines that fit together, in the order of the card."""
    rows = [*ranked]
    spent = accumulate(row.least for row in rows)
    fitting = takewhile(lambda pair: pair[1] <= room, zip(rows, spent, strict=True))
    return sorted((row for row, _ in fitting), key=lambda row: row.index)


def first(lines: Sequence[Line], *, room: int, each: int) -> tuple[list[Line], int]:
    """Return as many of the first lines as fit, each cut to `each`, and how many are left out."""
    shown: list[Line] = []
    for line in lines[:MOST_LINES]:
        cut = Line(label=_label(line.label), after=text_objects.clipped(text_objects.shown(line.after), each))
        room -= text_objects.size(cut.label + cut.after) + OVERHEAD
        if room < 0:
            break
        shown.append(cut)
    return shown, len(lines) - len(shown)
