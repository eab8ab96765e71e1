"""The rows of an email: labels and texts, cut to the room that an email has. Pure.

A change of a short text shows both texts. In a change of a long text every word that changed stands between what
surrounds it, and long unchanged stretches are folded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from bot.email import truncate
from bot.presentation import characters, dates, text_diff
from bot.presentation.characters import level, stands_apart
from bot.presentation.text_diff import Part, Segment
from engine.domain import CardFact, CardField

ROOM: Final = 36_000
"""Bytes of HTML for all rows. With its frame the HTML stays under the 102 kB that Gmail shows:
https://github.com/hteumeuleu/email-bugs/issues/41"""
ROWS: Final = 40
LABEL: Final = 120
COMPARED: Final = 100_000
"""Characters of a text that are compared with the text before the change."""


class Group(IntEnum):
    """The part of an email that a row stands in. A smaller number is kept first where not all rows fit."""

    OUTCOME = 0
    NOTES = 1
    VALUES = 2
    DETAILS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """A label and its text. `missing`: how many characters were cut.

    `before`: the short text that stood there before a change. `segments`: the difference that a change of a long text
    makes; a folded one says how much it leaves out.
    """

    label: str
    text: str
    before: str | None = None
    segments: tuple[Segment, ...] = ()
    missing: int = 0
    link: str | None = None
    """An address of ours that the row leads to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A row before it is cut. `beyond`: how many characters of its text are left out in any case."""

    group: Group
    label: str
    segments: tuple[Segment, ...]
    changes: bool = False
    is_short: bool = False
    beyond: int = 0
    link: str | None = None

    @property
    def size(self) -> int:
        """Return the maximum size of the row's texts in HTML."""
        marks = truncate.MARKED * len(self.segments) if self.changes else 0
        return marks + sum(truncate.size(_shown(segment)) for segment in self.segments)


@dataclass(frozen=True, slots=True, kw_only=True)
class FittingRows:
    """The rows that fit, by their group, and the number of all rows."""

    by_group: dict[Group, tuple[Row, ...]]
    count: int

    @property
    def shown(self) -> int:
        return sum(map(len, self.by_group.values()))

    @property
    def missing(self) -> int:
        return sum(row.missing for rows in self.by_group.values() for row in rows)

    @property
    def folds(self) -> bool:
        """Return whether a change leaves out text that it did not change."""
        rows = [row for rows in self.by_group.values() for row in rows]
        return any(segment.part is Part.FOLDED for row in rows for segment in row.segments)


def of_facts(group: Group, facts: Sequence[CardFact], writer: dates.Writer) -> Iterator[Candidate]:
    """Yield a candidate for each fact."""
    for fact in facts:
        yield of_text(group, fact.label, dates.written(fact.text, writer))


def of_values(fields: Sequence[CardField]) -> Iterator[Candidate]:
    """Yield a candidate for each value; a changed one shows what stood there before."""
    for field in fields:
        label = field.label or field.path
        yield of_text(Group.VALUES, label, field.text) if field.before is None else _changed(label, field.before, field)


def of_text(group: Group, label: str, text: str) -> Candidate:
    """Return the candidate for a text."""
    segment = Segment(Part.SAME, characters.visible(text[:ROOM]))
    return Candidate(group=group, label=_label(label), segments=(segment,), beyond=max(0, len(text) - ROOM))


def _changed(label: str, old: str, field: CardField) -> Candidate:
    before, after = characters.visible(old[:COMPARED]), characters.visible(field.text[:COMPARED])
    is_short = not (text_diff.is_long(before, after) or stands_apart(before) or stands_apart(after))
    whole = (Segment(Part.REMOVED, before or "–"), Segment(Part.ADDED, after or "–"))
    return Candidate(
        group=Group.VALUES,
        label=_label(label),
        segments=whole if is_short else text_diff.folded(before, after),
        changes=True,
        is_short=is_short,
        beyond=max(0, len(old) - COMPARED) + max(0, len(field.text) - COMPARED),
    )


def _label(label: str) -> str:
    cut = truncate.cut(characters.line(label[:LABEL]), LABEL, beyond=max(0, len(label) - LABEL))
    return f"{cut.text}…" if cut.missing else cut.text or "–"


def fit(candidates: Sequence[Candidate]) -> FittingRows:
    """Return the rows that fit, the most important ones, with only the longest texts cut. The order stays."""
    order = sorted(range(len(candidates)), key=lambda index: _rank(candidates[index], index))
    picked = [candidates[index] for index in sorted(order[:ROWS])]
    cap = level((candidate.size for candidate in picked), ROOM)
    cut = [(candidate.group, _cut(candidate, cap)) for candidate in picked]
    by_group = {group: tuple(row for its_group, row in cut if its_group is group) for group in Group}
    return FittingRows(by_group=by_group, count=len(candidates))


def _rank(candidate: Candidate, index: int) -> tuple[bool, Group, int]:
    return not candidate.changes, candidate.group, index


def _cut(candidate: Candidate, cap: int) -> Row:
    segments, missing = _fitting(candidate, cap)
    missing += candidate.beyond
    more = f"… ({missing:,} more characters)" if missing else ""
    if not candidate.changes:
        text = "".join(segment.text for segment in segments) + more or "–"
        return Row(candidate.label, text, missing=missing, link=candidate.link)
    if candidate.is_short and len(segments) == len(candidate.segments):
        before, after = segments
        return Row(candidate.label, after.text + more, before=before.text, missing=missing)
    shown = [Segment(segment.part, _shown(segment)) for segment in segments]
    shown += [Segment(Part.FOLDED, more)] if more else []
    return Row(candidate.label, "", segments=tuple(shown), missing=missing)


def _fitting(candidate: Candidate, cap: int) -> tuple[list[Segment], int]:
    """Return the segments that fit, the last of them cut, and the number of characters that do not."""
    marks = truncate.MARKED if candidate.changes else 0
    room, kept = cap, list[Segment]()
    for index, segment in enumerate(candidate.segments):
        size = truncate.size(_shown(segment)) + marks
        if size > room:
            # How much a folded segment leaves out is said whole or not at all.
            cut = truncate.cut(segment.text, 0 if segment.part is Part.FOLDED else max(room - marks, 0))
            kept += [Segment(segment.part, cut.text)] if cut.text else []
            return kept, cut.missing + sum(len(rest.text) for rest in candidate.segments[index + 1 :])
        room -= size
        kept.append(segment)
    return kept, 0


def _shown(segment: Segment) -> str:
    """Return the text of a segment, or how much a folded one leaves out."""
    return f" … {len(segment.text):,} unchanged characters … " if segment.part is Part.FOLDED else segment.text
