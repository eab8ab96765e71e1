"""The lines that differ between two texts, with those around them, in bounded time. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

_AROUND: Final = 3
"""Lines around a difference that are shown."""
_MOST_MATCHED: Final = 3_000
"""Maximum number of lines that are matched with each other."""


class LinePart(NamedTuple):
    """Lines of the old file, and those of the new one in their place. `tag`: as `difflib` names it."""

    tag: str
    start: int
    end: int
    new_start: int
    new_end: int


def grouped(old: Sequence[str], new: Sequence[str]) -> Iterator[list[LinePart]]:
    """Yield the parts that differ with the lines around them; those near each other belong together."""
    return _groups(_differences(old, new))


def _differences(old: Sequence[str], new: Sequence[str]) -> list[LinePart]:
    """Return the parts of both files in order. The time grows with the square of the lines between the first difference
    and the last, so very many of them are one part.
    """
    shorter = min(len(old), len(new))
    head = next((number for number in range(shorter) if old[number] != new[number]), shorter)
    most = shorter - head
    tail = next((number for number in range(most) if old[-1 - number] != new[-1 - number]), most)
    end, new_end = len(old) - tail, len(new) - tail
    if max(end, new_end) - head > _MOST_MATCHED:
        middle = [LinePart("replace", head, end, head, new_end)]
    else:
        matcher = difflib.SequenceMatcher(a=old[head:end], b=new[head:new_end], autojunk=False)
        middle = [LinePart(tag, *(place + head for place in places)) for tag, *places in matcher.get_opcodes()]
    around = [
        LinePart("equal", 0, head, 0, head),
        *middle,
        LinePart("equal", end, len(old), new_end, len(new)),
    ]
    return [part for part in around if part.end > part.start or part.new_end > part.new_start]


def _groups(parts: Sequence[LinePart]) -> Iterator[list[LinePart]]:
    group = list[LinePart]()
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


def _first_lines(part: LinePart) -> LinePart:
    count = min(_AROUND, part.end - part.start)
    return part._replace(end=part.start + count, new_end=part.new_start + count)


def _last_lines(part: LinePart) -> LinePart:
    count = min(_AROUND, part.end - part.start)
    return part._replace(start=part.end - count, new_start=part.new_end - count)
