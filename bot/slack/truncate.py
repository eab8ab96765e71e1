"""Chooses the lines of a card to show, and cuts them, if not all of it fits. Deterministic.

Changed fields come first, then the first facts, then the other fields, then the other facts. Every line that is shown
has room for `ENOUGH` of each of its texts, and what is left over is shared so that only the longest are cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, takewhile
from typing import Final

from bot.presentation.characters import level
from bot.slack import ids, text_objects
from bot.slack.rich_text import OVERHEAD, Line
from engine.domain import CardField

MOST_LINES: Final = 40
FIRST_FACTS: Final = 10
ENOUGH: Final = 150
LABEL: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A line that may be shown. `beyond`: characters of each text that no message could hold."""

    index: int
    label: str
    texts: tuple[str, ...]
    beyond: tuple[int, ...]
    is_field: bool
    account: str | None = None

    @property
    def overhead(self) -> int:
        return text_objects.size(self.label) + OVERHEAD

    @property
    def least(self) -> int:
        return self.overhead + sum(min(text_objects.size(text), ENOUGH) for text in self.texts)

    def cut(self, cap: int) -> tuple[Line, int]:
        """Return the line with each text cut to `cap`, and how many characters are missing."""
        cut = [text_objects.clip(one, cap, beyond=beyond) for one, beyond in zip(self.texts, self.beyond, strict=True)]
        before = cut[0].text if len(cut) == 2 else None
        line = Line(label=self.label, before=before, after=cut[-1].text, account=self.account)
        return line, sum(clip.missing for clip in cut)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The lines that are shown, in the order of the card, and what was left out."""

    facts: tuple[Line, ...]
    fields: tuple[Line, ...]
    of_facts: int
    of_fields: int
    missing: int
    """Characters cut from the lines that are shown."""

    def left_out(self, also: int = 0) -> str | None:
        """Return the sentence about what is missing, or None. `also`: characters cut elsewhere."""
        parts = []
        if len(self.fields) < self.of_fields:
            parts.append(f"{len(self.fields)} of {self.of_fields} fields shown")
        if len(self.facts) < self.of_facts:
            parts.append(f"{len(self.facts)} of {self.of_facts} notes shown")
        if self.missing + also:
            parts.append(f"{self.missing + also:,} characters left out")
        return f"Not everything fits here: {', '.join(parts)}." if parts else None


def fitted(facts: Sequence[tuple[str, str]], fields: Sequence[CardField], *, room: int) -> Fitted:
    """Return as much of the facts and fields of a card as fits."""
    picked = _picked(_ranked(facts, fields), room)
    sizes = [text_objects.size(text) for row in picked for text in row.texts]
    cap = level(sizes, room - sum(row.overhead for row in picked))
    cut = [(row.is_field, *row.cut(cap)) for row in picked]
    return Fitted(
        facts=tuple(line for is_field, line, _ in cut if not is_field),
        fields=tuple(line for is_field, line, _ in cut if is_field),
        of_facts=len(facts),
        of_fields=len(fields),
        missing=sum(missing for _, _, missing in cut),
    )


def _ranked(facts: Sequence[tuple[str, str]], fields: Sequence[CardField]) -> list[_Row]:
    """Yield the lines that may be shown, the most important first."""
    ranks = [1 if index < FIRST_FACTS else 3 for index in range(len(facts))]
    ranks += [2 if field.before is None else 0 for field in fields]
    order = sorted(range(len(ranks)), key=lambda index: (ranks[index], index))
    return [
        _fact(index, facts[index]) if index < len(facts) else _field(index, fields[index - len(facts)])
        for index in order[:MOST_LINES]
    ]


def _fact(index: int, fact: tuple[str, str]) -> _Row:
    return _row(index, fact[0], fact[1:], is_field=False)


def _field(index: int, field: CardField) -> _Row:
    texts = (field.text,) if field.before is None else (field.before, field.text)
    return replace(_row(index, field.label or field.path, texts, is_field=True), account=field.account)


def _row(index: int, label: str, texts: tuple[str, ...], *, is_field: bool) -> _Row:
    return _Row(
        index=index,
        label=_label(label),
        texts=tuple(text_objects.shown(text[: ids.MESSAGE_TEXT]) for text in texts),
        beyond=tuple(max(0, len(text) - ids.MESSAGE_TEXT) for text in texts),
        is_field=is_field,
    )


def _label(label: str) -> str:
    return text_objects.clipped(text_objects.line(label[: LABEL * 2]), LABEL) or "–"


def _picked(ranked: Sequence[_Row], room: int) -> list[_Row]:
    """Return the first lines that fit together, in the order of the card."""
    spent = accumulate(row.least for row in ranked)
    fitting = takewhile(lambda pair: pair[1] <= room, zip(ranked, spent, strict=True))
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
