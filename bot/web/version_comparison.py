"""Two versions of a workflow file side by side, pure: the lines that differ, with those around them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

LineKind: TypeAlias = Literal["same", "changed", "removed", "added", "gap"]

_AROUND: Final = 3
"""Lines around a difference that are shown."""
_MOST_MATCHED: Final = 3_000
"""Maximum number of lines that are matched with each other."""
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
    for group in _grouped(_differences(old, new)):
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


class _ComparedPart(NamedTuple):
    """Lines of the old file, and those of the new one in their place. `tag`: as `difflib` names it."""

    tag: str
    start: int
    end: int
    new_start: int
    new_end: int


def _differences(old: list[str], new: list[str]) -> list[_ComparedPart]:
    """Return the parts of both files in order. The time grows with the square of the lines between the first difference
    and the last, so very many of them are one part.
    """
    shorter = min(len(old), len(new))
    head = next((number for number in range(shorter) if old[number] != new[number]), shorter)
    most = shorter - head
    tail = next((number for number in range(most) if old[-1 - number] != new[-1 - number]), most)
    end, new_end = len(old) - tail, len(new) - tail
    if max(end, new_end) - head > _MOST_MATCHED:
        middle = [_ComparedPart("replace", head, end, head, new_end)]
    else:
        matcher = difflib.SequenceMatcher(a=old[head:end], b=new[head:new_end], autojunk=False)
        middle = [_ComparedPart(tag, *(place + head for place in places)) for tag, *places in matcher.get_opcodes()]
    around = [
        _ComparedPart("equal", 0, head, 0, head),
        *middle,
        _ComparedPart("equal", end, len(old), new_end, len(new)),
    ]
    return [part for part in around if part.end > part.start or part.new_end > part.new_start]


def _grouped(parts: list[_ComparedPart]) -> Iterator[list[_ComparedPart]]:
    """Yield the parts that differ with the lines around them; those near each other belong together."""
    group = list[_ComparedPart]()
    for number, part in enumerate(parts):
        if part.tag != "equal":
            group.append(part)
            continue
        is_first, is_last = number == 0, number == len(parts) - 1
        if not is_first and (is_last or part.end - part.start > 2 * _AROUND):
            yield [*group, _first_lines(part)]
            group = []
        if not is_last:
            group.append(part if group else _last_lines(part))
    if any(part.tag != "equal" for part in group):
        yield group


def _first_lines(part: _ComparedPart) -> _ComparedPart:
    count = min(_AROUND, part.end - part.start)
    return part._replace(end=part.start + count, new_end=part.new_start + count)


def _last_lines(part: _ComparedPart) -> _ComparedPart:
    count = min(_AROUND, part.end - part.start)
    return part._replace(start=part.end - count, new_start=part.new_end - count)


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
