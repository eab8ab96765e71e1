"""Where in the text of a YAML file a value stands, and what to write there. Pure.

Each function yields splices, the best one first. The caller reads each result again, so a splice may be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import yaml

from engine.json_values import Path, Value
from engine.workflowfile.scalar_text import written

Splice: TypeAlias = tuple[int, int, str]
"""Where a text begins and ends, and what stands there afterwards."""
_LINE_END: Final = re.compile(r"\r\n|\n|\r|\Z")
_BLOCK_HEADER: Final = re.compile(r"[|>][-+0-9]*")
_COMMENT: Final = re.compile(r"( *)(?:#[^\r\n]*)?(?:\r\n|\n|\r|\Z)")


def to_set(text: str, root: Any, path: Path, value: Value) -> Iterator[Splice]:
    """Yield what writes a value at a path, in the place of the present one or as a new key or entry."""
    parent = _look(root, path[:-1])
    name, child = _entry(parent, path[-1])
    if child is not None:
        yield from _replaced(text, name, child, written(value))
    elif isinstance(parent, yaml.MappingNode):
        yield from _added(text, parent, f"{written(str(path[-1]))}: {written(value)}")
    elif isinstance(parent, yaml.SequenceNode):
        yield from _added(text, parent, written(value) if parent.flow_style else f"- {written(value)}")


def to_remove(text: str, root: Any, path: Path) -> Iterator[Splice]:
    """Yield what removes a key of a mapping, or an entry of a list."""
    parent = _look(root, path[:-1])
    name, child = _entry(parent, path[-1])
    if child is None:
        return
    if len(parent.value) == 1:
        name = _entry(_look(root, path[:-2]), path[-2])[0] if len(path) > 1 else None
        yield from _replaced(text, name, parent, "{}" if isinstance(parent, yaml.MappingNode) else "[]")
    elif parent.flow_style:
        yield _out_of_braces(parent, name or child, child)
    else:
        yield from _out_of_lines(text, parent, name or child, child)


def _look(root: Any, path: Path) -> Any:
    node = root
    for part in path:
        node = _entry(node, part)[1]
    return node


def _entry(parent: Any, key: str | int) -> tuple[Any, Any]:
    """Return the key and the value of an entry; None for the key of an entry of a list, and for what is not there."""
    if isinstance(parent, yaml.MappingNode):
        return next(((name, child) for name, child in parent.value if name.value == key), (None, None))
    if isinstance(parent, yaml.SequenceNode) and isinstance(key, int) and key < len(parent.value):
        return None, parent.value[key]
    return None, None


# -- lines ----------------------------------------------------------------------------------------------------


def _line_end(text: str, at: int) -> int:
    """Return where the line ends that a place is in, behind its line break."""
    found = _LINE_END.search(text, at)
    assert found is not None
    return found.end()


def _line_start(text: str, at: int) -> int:
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def _line_break(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _is_lines(node: Any) -> bool:
    """Return whether a value is written in lines of its own."""
    return isinstance(node, yaml.CollectionNode) and not node.flow_style


def _is_block_text(node: Any) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style in ("|", ">")


def _content_end(text: str, node: Any) -> int:
    """Return where the last character of a value is over. The parser counts comments and empty lines below to it."""
    if _is_block_text(node):
        start: int = node.start_mark.index
        return start + len(text[start : node.end_mark.index].rstrip())
    if not _is_lines(node) or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _content_end(text, last[1] if isinstance(node, yaml.MappingNode) else last)


# -- replacing ------------------------------------------------------------------------------------------------


def _replaced(text: str, name: Any, child: Any, new: str) -> Iterator[Splice]:
    start, end = child.start_mark.index, _content_end(text, child)
    if _is_block_text(child):
        header = _BLOCK_HEADER.match(text, start)
        assert header is not None
        rest = text[header.end() : _line_end(text, header.end())]
        yield start, _line_end(text, end), f"{new}{rest}"
        yield start, child.end_mark.index, f"{new}{rest}"
    elif _is_lines(child) and name is not None:
        after_key = text.index(":", name.end_mark.index) + 1
        rest = text[after_key : _line_end(text, after_key)]
        yield after_key, _line_end(text, end), f" {new}{rest}"
    else:
        yield start, max(start, end), f" {new}" if start >= end and text[start - 1 : start].strip() else new


# -- adding ---------------------------------------------------------------------------------------------------


def _added(text: str, parent: Any, new: str) -> Iterator[Splice]:
    if parent.flow_style:
        inside = _content_end(text, _last(parent)) if parent.value else parent.start_mark.index + 1
        yield inside, inside, f", {new}" if parent.value else new
        return
    if isinstance(parent, yaml.SequenceNode):
        yield _below(text, _last(parent), parent.start_mark.column, new)
        return
    column = parent.value[0][0].start_mark.column
    short = [*_short_entries(text, parent)]
    if short:
        yield _below(text, short[-1], column, new)
    first = parent.value[0][0].start_mark.index
    yield first, first, f"{new}{_line_break(text)}{' ' * column}"
    yield _below(text, _last(parent), column, new)


def _last(parent: Any) -> Any:
    last = parent.value[-1]
    return last[1] if isinstance(parent, yaml.MappingNode) else last


def _short_entries(text: str, mapping: Any) -> Iterator[Any]:
    """Yield the values of the first keys, up to the first one that takes several lines."""
    for name, child in mapping.value:
        if _line_end(text, name.start_mark.index) != _line_end(text, _content_end(text, child)):
            return
        yield child


def _below(text: str, node: Any, column: int, new: str) -> Splice:
    at = _line_end(text, _content_end(text, node))
    is_open = text[at - 1 : at] not in ("\n", "\r")
    line = f"{' ' * column}{new}"
    return at, at, f"{_line_break(text)}{line}" if is_open else f"{line}{_line_break(text)}"


# -- removing -------------------------------------------------------------------------------------------------


def _out_of_braces(parent: Any, begin: Any, child: Any) -> Splice:
    """Return what removes an entry in braces or brackets, with one comma."""
    pairs = [each if isinstance(each, tuple) else (each, each) for each in parent.value]
    at = next(index for index, (_, value) in enumerate(pairs) if value is child)
    if at + 1 < len(pairs):
        return begin.start_mark.index, pairs[at + 1][0].start_mark.index, ""
    return pairs[at - 1][1].end_mark.index, child.end_mark.index, ""


def _out_of_lines(text: str, parent: Any, begin: Any, child: Any) -> Iterator[Splice]:
    """Yield what removes the lines of an entry, first without the comments below that are indented deeper.

    Comments that are kept would become part of the text of the key before, if that is a text of several lines.
    """
    start, end = begin.start_mark.index, _line_end(text, _content_end(text, child))
    before = text[_line_start(text, start) : start]
    if before.strip(" ") and isinstance(parent, yaml.MappingNode):
        # The first key of an entry of a list stands behind its dash.
        yield start, parent.value[1][0].start_mark.index, ""
        return
    start = _line_start(text, start)
    yield start, end, ""
    yield start, _after_comments(text, end, parent.start_mark.column), ""


def _after_comments(text: str, at: int, column: int) -> int:
    end = at
    while at < len(text):
        found = _COMMENT.match(text, at)
        if found is None:
            break
        is_comment = found[0].lstrip(" ").startswith("#")
        if is_comment and len(found[1]) <= column:
            break
        at = found.end()
        end = at if is_comment else end
    return end
