"""Adds a key to the gate of a step in the text of a workflow file, or removes one. Pure.

Every other character stays: comments, quotes and order are the author's. The result is read again, and a text whose
values differ in anything but the key is never returned.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Any

import yaml

from engine.errors import DefinitionError
from engine.workflowfile import yaml_tree
from engine.workflowfile.yaml_tree import PURE, Node


def add_key(source: bytes, step: str, key: str, value: str) -> bytes | None:
    """Return the file with a key as the first of a gate. `value`: YAML of one line.

    None if the gate is not found, has the key, or its text is written in a way that cannot be changed safely.
    """
    text, gate = _find(source, step)
    if gate is None or key in _names(gate[1]):
        return None
    name, mapping = gate
    if mapping.flow_style:
        at = mapping.value[0][0].start_mark.index if mapping.value else mapping.start_mark.index + 1
        added = f"{key}: {value}, "
    else:
        at = _line_start(text, name.start_mark.line + 1)
        added = f"{' ' * mapping.start_mark.column}{key}: {value}{_line_break(text)}"
    return _checked(source, text[:at] + added + text[at:], step, key, is_added=True)


def remove_key(source: bytes, step: str, key: str) -> bytes | None:
    """Return the file without a key of a gate, or None as `add_key` does."""
    text, gate = _find(source, step)
    if gate is None or key not in _names(gate[1]):
        return None
    mapping = gate[1]
    if mapping.flow_style:
        places = [_in_flow(mapping, key)]
    else:
        # Comments that are kept would become part of the text of the key before, if that is a text of several lines.
        places = [_in_block(text, mapping, key, comments=comments) for comments in (False, True)]
    changed = (_checked(source, text[:start] + text[end:], step, key, is_added=False) for start, end in places)
    return next((file for file in changed if file is not None), None)


def _find(source: bytes, step: str) -> tuple[str, tuple[Any, Any] | None]:
    """Return the text of a file, and the key and the mapping of the gate of a step, if there is exactly one."""
    text = source.decode("utf-8-sig")
    try:
        found = [*_gates(yaml.compose(text, Loader=PURE), step)]
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        return text, None
    return text, found[0] if len(found) == 1 else None


def _gates(node: Any, step: str) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _gates(child, step)
    elif isinstance(node, yaml.MappingNode):
        named = {name.value: (name, value) for name, value in node.value}
        gate, id_ = named.get("gate"), named.get("id")
        is_step = id_ is not None and id_[1].value == step
        if is_step and gate is not None and isinstance(gate[1], yaml.MappingNode):
            yield gate
        for _, child in node.value:
            yield from _gates(child, step)


def _names(mapping: Any) -> list[str]:
    return [name.value for name, _ in mapping.value]


def _in_flow(mapping: Any, key: str) -> tuple[int, int]:
    """Return where a key of a mapping in braces begins, and where the next one does, or where its value ends."""
    at = _names(mapping).index(key)
    name, value = mapping.value[at]
    if at + 1 < len(mapping.value):
        return name.start_mark.index, mapping.value[at + 1][0].start_mark.index
    before = mapping.value[at - 1][1] if at else name
    return (before.end_mark.index if at else name.start_mark.index), value.end_mark.index


def _in_block(text: str, mapping: Any, key: str, *, comments: bool) -> tuple[int, int]:
    """Return where the lines of a key begin and end, with the lines below that are indented deeper.

    `comments`: whether those below its last line belong to it. They may be about the next key.
    """
    name, value = mapping.value[_names(mapping).index(key)]
    is_text = isinstance(value, yaml.ScalarNode) and value.style in ("|", ">")
    first, lines = name.start_mark.line, text.splitlines(keepends=True)
    end = first + 1
    for number in range(first + 1, len(lines)):
        line = lines[number]
        if not line.strip():
            continue
        if len(line) - len(line.lstrip(" ")) <= name.start_mark.column:
            break
        if is_text or comments or not line.lstrip().startswith("#"):
            end = number + 1
    return _line_start(text, first), _line_start(text, end)


def _line_start(text: str, number: int) -> int:
    return sum(len(line) for line in text.splitlines(keepends=True)[:number])


def _line_break(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _checked(source: bytes, text: str, step: str, key: str, *, is_added: bool) -> bytes | None:
    """Return the new file, if its values are those of the old one but for the key."""
    mark = codecs.BOM_UTF8 if source.startswith(codecs.BOM_UTF8) else b""
    changed = mark + text.encode()
    try:
        old, new = yaml_tree.read(source).root, yaml_tree.read(changed).root
    except DefinitionError:
        return None
    with_key, without = (new, old) if is_added else (old, new)
    places = [gate for gate in _tree_gates(with_key, step) if key in gate]
    if len(places) != 1:
        return None
    del places[0][key]
    return changed if with_key.value == without.value else None


def _tree_gates(node: Node, step: str) -> Iterator[dict[str, Any]]:
    value = node.value
    if isinstance(value, dict) and value.get("id") == step and isinstance(value.get("gate"), dict):
        yield value["gate"]  # type: ignore[misc]
    for child in node.children.values():
        yield from _tree_gates(child, step)
