"""Two versions of a workflow file side by side, pure: the lines that differ, with those around them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

LineKind: TypeAlias = Literal["same", "changed", "removed", "added", "gap"]

_AROUND: Final = 3
"""Lines around a difference that are shown."""
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
    for group in difflib.SequenceMatcher(a=old, b=new, autojunk=False).get_grouped_opcodes(_AROUND):
        if group[0][1] > last:
            rows.append(ComparedLine("gap"))
        for tag, start, end, new_start, new_end in group:
            rows += _rows(tag, list(enumerate(old))[start:end], list(enumerate(new))[new_start:new_end])
        last = group[-1][2]
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
