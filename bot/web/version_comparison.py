"""Two versions of a workflow file side by side, pure: the lines that differ, with those around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from engine.workflowfile import line_parts

LineKind: TypeAlias = Literal["same", "changed", "removed", "added", "gap"]

MOST_LINES: Final = 4_000
"""Maximum number of lines of a comparison: a browser is slow with more."""


@dataclass(frozen=True, slots=True)
class ComparedLine:
    """One row: the number and the text of the line before and after. A side that has no such line has no number."""

    kind: LineKind
    old_number: int | None = None
    old: str = ""
    new_number: int | None = None
    new: str = ""


def compare(before: bytes, after: bytes) -> list[ComparedLine]:
    """Return the rows of the comparison; a gap stands for lines that are the same and not shown."""
    old, new = (source.decode("utf-8-sig", "replace").splitlines() for source in (before, after))
    rows = list[ComparedLine]()
    last = 0
    for group in line_parts.grouped(old, new):
        if group[0].start > last:
            rows.append(ComparedLine("gap"))
        for part in group:
            rows += _rows(
                part.tag,
                [*enumerate(old[part.start : part.end], start=part.start)],
                [*enumerate(new[part.new_start : part.new_end], start=part.new_start)],
            )
        last = group[-1].end
    if rows and last < len(old):
        rows.append(ComparedLine("gap"))
    return rows[:MOST_LINES]


def _rows(tag: str, old: list[tuple[int, str]], new: list[tuple[int, str]]) -> Iterator[ComparedLine]:
    kinds: dict[str, LineKind] = {"equal": "same", "delete": "removed", "insert": "added"}
    for place in range(max(len(old), len(new))):
        left = old[place] if place < len(old) else None
        right = new[place] if place < len(new) else None
        kind = kinds.get(tag) or ("changed" if left and right else "removed" if left else "added")
        yield ComparedLine(
            kind,
            old_number=left[0] + 1 if left else None,
            old=left[1] if left else "",
            new_number=right[0] + 1 if right else None,
            new=right[1] if right else "",
        )
