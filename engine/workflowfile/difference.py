"""What differs between two versions of a workflow, in its parts and not in its lines. Pure.

Every value of the file is compared, so whatever can change what a run does is among the changes. Comments, quotes and
the order of keys are not.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final, TypeAlias, cast

from msgspec import Struct

from engine.json_values import Path, Value, dumps
from engine.workflowfile import line_parts, yaml_tree
from engine.workflowfile.workflow import Workflow, label_of

_ORDERED: Final = frozenset({"inputs", "edit", "paths", "context", "output"})
"""Keys of mappings whose order people see, or in which conditions are asked."""
_Mapping: TypeAlias = Mapping[str, Value]


class PartChangeKind(StrEnum):
    """How a part changed."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"
    """It stands at another place among the parts around it."""


class PartChange(Struct, frozen=True, kw_only=True):
    """One part that changed.

    `place`: where, in words; empty: the workflow itself. `key`: the keys below that place, empty for the whole of it.
    """

    place: str
    key: Path
    kind: PartChangeKind
    before: Value = None
    after: Value = None


def differences(before: Workflow | None, after: Workflow) -> list[PartChange]:
    """Return what differs between two versions, in the order of the file; for a new workflow, its parts."""
    old: Value = {} if before is None else yaml_tree.read(before.source).root.value
    return [*_compare("", (), old, yaml_tree.read(after.source).root.value)]


def text_difference(before: bytes, after: bytes) -> str:
    """Return the lines that differ, with those around them."""
    old, new = (source.decode("utf-8-sig", "replace").splitlines() for source in (before, after))
    lines = list[str]()
    for group in line_parts.grouped(old, new):
        first, last = group[0], group[-1]
        lines.append(f"@@ -{_lines(first.start, last.end)} +{_lines(first.new_start, last.new_end)} @@")
        for part in group:
            if part.tag == "equal":
                lines += [f" {line}" for line in old[part.start : part.end]]
            else:
                lines += [f"-{line}" for line in old[part.start : part.end]]
                lines += [f"+{line}" for line in new[part.new_start : part.new_end]]
    return "\n".join(lines)


def _lines(start: int, end: int) -> str:
    """Return the numbers of the lines of one side, as unified differences name them."""
    count = end - start
    return f"{start + 1}" if count == 1 else f"{start + (1 if count else 0)},{count}"


def _compare(place: str, key: Path, before: Value, after: Value) -> Iterator[PartChange]:
    if isinstance(before, dict) and isinstance(after, dict):
        if key and key[-1] in _ORDERED and _is_reordered(before, after):
            yield PartChange(place=place, key=key, kind=PartChangeKind.MOVED)
        yield from _compare_keys(place, key, before, after)
    elif _are_steps(before) and _are_steps(after) and (before or after):
        yield from _compare_steps(cast("list[_Mapping]", before), cast("list[_Mapping]", after))
    elif not _is_same(before, after):
        yield PartChange(place=place, key=key, kind=PartChangeKind.CHANGED, before=before, after=after)


def _is_same(before: Value, after: Value) -> bool:
    """Return whether two values are the same. For Python, `true` equals 1."""
    return dumps(before) == dumps(after)


def _is_reordered(before: _Mapping, after: _Mapping) -> bool:
    return [name for name in before if name in after] != [name for name in after if name in before]


def _compare_keys(place: str, key: Path, before: _Mapping, after: _Mapping) -> Iterator[PartChange]:
    for name in dict.fromkeys((*before, *after)):
        at = (*key, name)
        if name not in after:
            yield PartChange(place=place, key=at, kind=PartChangeKind.REMOVED, before=before[name])
        elif name in before:
            yield from _compare(place, at, before[name], after[name])
        elif after[name] and _are_steps(after[name]):
            yield from _compare_steps([], cast("list[_Mapping]", after[name]))
        else:
            yield PartChange(place=place, key=at, kind=PartChangeKind.ADDED, after=after[name])


def _are_steps(value: Value) -> bool:
    """Return whether a value is a list of parts with different ids, which are compared by their ids."""
    if not isinstance(value, list):
        return False
    ids = [part.get("id") for part in value if isinstance(part, dict)]
    texts = {one for one in ids if isinstance(one, str)}
    return len(ids) == len(value) == len(texts)


def _compare_steps(before: Sequence[_Mapping], after: Sequence[_Mapping]) -> Iterator[PartChange]:
    old, new = ({str(step["id"]): step for step in steps} for steps in (before, after))
    for name, step in old.items():
        if name not in new:
            yield PartChange(place=_place(step), key=(), kind=PartChangeKind.REMOVED, before=dict(step))
    moved = _moved([name for name in old if name in new], [name for name in new if name in old])
    for name, step in new.items():
        if name not in old:
            yield PartChange(place=_place(step), key=(), kind=PartChangeKind.ADDED, after=dict(step))
            continue
        if name in moved:
            yield PartChange(place=_place(step), key=(), kind=PartChangeKind.MOVED)
        yield from _compare_keys(_place(step), (), old[name], step)


def _moved(before: Sequence[str], after: Sequence[str]) -> frozenset[str]:
    """Return the names that stand at another place, as few as explain the new order."""
    matcher = difflib.SequenceMatcher(a=before, b=after, autojunk=False)
    kept = {name for block in matcher.get_matching_blocks() for name in after[block.b : block.b + block.size]}
    return frozenset(after) - kept


def _place(step: _Mapping) -> str:
    title = step.get("title")
    return f"step “{label_of(str(step['id']), title if isinstance(title, str) else '')}”"
