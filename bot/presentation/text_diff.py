"""The difference between two texts word by word, with long unchanged stretches folded. Pure.

Cards, modals, pages, emails and the terminal show the same difference. What differs is found exactly; which words are
paired may be any of several good ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum
from typing import Final

import regex

AROUND: Final = 60
"""Characters of unchanged text that stay beside a change, so that it can be found in its surroundings."""
SHORT: Final = 80
"""Length up to which both texts of a change are shown whole, one after the other, in characters."""
_MOST_PAIRS: Final = 250_000
"""Words of one text times words of the other that are compared word by word: about a tenth of a second at most."""
_WORDS: Final = regex.compile(
    r"⟦U\+[0-9A-F]{4,6}⟧\p{M}{0,40}\s{0,40}|\p{Grapheme_Cluster_Break=Prepend}{1,40}(?=⟦U\+)"
    r"|\p{N}{1,20}(?:[.,:]\p{N}{1,20}){1,8}\s{0,40}"
    r"|(?:[\p{L}\p{N}_][\p{M}\u200C\u200D]*){1,40}\s{0,40}|\s{1,40}|\X\s{0,40}"
)
"""A word with the blank behind it: an amount, a time and the name of a hidden character are one word each.

A text without blanks is taken apart as well.
"""
_LINES: Final = regex.compile(r"[^\n]*\n|[^\n]+")


class Part(Enum):
    """What a segment of a difference is."""

    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"
    FOLDED = "folded"
    """Unchanged text that is left out; the segment's `text` is what is left out."""


@dataclass(frozen=True, slots=True)
class Segment:
    part: Part
    text: str

    @property
    def marked(self) -> str:
        """The text without the blanks behind its last word, which are not struck out with it."""
        return self.text.rstrip(" ") or self.text

    @property
    def blanks(self) -> str:
        """The blanks that follow `marked`."""
        return self.text[len(self.marked) :]


def is_long(before: str, after: str) -> bool:
    """Return whether a change is shown word by word, and not as one whole text after the other."""
    return max(len(before), len(after)) > SHORT or "\n" in before or "\n" in after


def difference(before: str, after: str) -> tuple[Segment, ...]:
    """Return the segments that lead from one text to the other.

    Without those that are `ADDED` they are `before`, without those that are `REMOVED` they are `after`.
    """
    return tuple(_joined(_compare(_split(before, _WORDS), _split(after, _WORDS))))


def folded(before: str, after: str, *, around: int = AROUND) -> tuple[Segment, ...]:
    """Return `difference` with every unchanged stretch folded except its ends beside a change."""
    segments = difference(before, after)
    last = len(segments) - 1
    return tuple(
        part
        for index, segment in enumerate(segments)
        for part in (
            _fold(segment.text, keep_start=index > 0, keep_end=index < last, around=around)
            if segment.part is Part.SAME
            else (segment,)
        )
    )


def _split(text: str, pieces: regex.Pattern[str]) -> list[str]:
    return [found[0] for found in pieces.finditer(text)]


def _compare(old: Sequence[str], new: Sequence[str]) -> Iterator[Segment]:
    """Yield segments, the common beginning and end first: most changes are small ones in long texts."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    yield Segment(Part.SAME, "".join(old[:start]))
    yield from _changed(old[start : len(old) - end], new[start : len(new) - end])
    yield Segment(Part.SAME, "".join(old[len(old) - end :]))


def _changed(old: Sequence[str], new: Sequence[str]) -> Iterator[Segment]:
    if len(old) * len(new) <= _MOST_PAIRS:
        yield from _matched(old, new)
        return
    before, after = "".join(old), "".join(new)
    old_lines, new_lines = _split(before, _LINES), _split(after, _LINES)
    if min(len(old_lines), len(new_lines)) < 2 or len(old_lines) * len(new_lines) > _MOST_PAIRS:
        yield from (Segment(Part.REMOVED, before), Segment(Part.ADDED, after))
        return
    yield from _matched(old_lines, new_lines)


def _matched(old: Sequence[str], new: Sequence[str]) -> Iterator[Segment]:
    for tag, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Segment(Part.SAME, "".join(old[start:end]))
        else:
            yield Segment(Part.REMOVED, "".join(old[start:end]))
            yield Segment(Part.ADDED, "".join(new[new_start:new_end]))


def _joined(segments: Iterator[Segment]) -> Iterator[Segment]:
    """Yield segments without empty ones, neighbours of the same kind as one."""
    held: Segment | None = None
    for segment in segments:
        if not segment.text:
            continue
        if held is not None and held.part is segment.part:
            held = Segment(held.part, held.text + segment.text)
            continue
        if held is not None:
            yield held
        held = segment
    if held is not None:
        yield held


def _fold(text: str, *, keep_start: bool, keep_end: bool, around: int) -> Iterator[Segment]:
    """Yield an unchanged text, its middle folded; cut between words, and not at all for a little."""
    words = _split(text, _WORDS)
    start = _within(words, around) if keep_start else 0
    end = len(words) - (_within(words[::-1], around) if keep_end else 0)
    middle = "".join(words[start:end])
    if len(middle) <= around:
        yield Segment(Part.SAME, text)
        return
    if start:
        yield Segment(Part.SAME, "".join(words[:start]))
    yield Segment(Part.FOLDED, middle)
    if end < len(words):
        yield Segment(Part.SAME, "".join(words[end:]))


def _within(words: Sequence[str], room: int) -> int:
    """Return how many of the words fit into this many characters; at least one, unless there is none."""
    taken = 0
    for index, word in enumerate(words):
        taken += len(word)
        if taken > room:
            return max(index, 1)
    return len(words)
