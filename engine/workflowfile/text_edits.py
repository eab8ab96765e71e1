"""Sets, adds and removes values in the text of a workflow file. Pure.

Every other character stays: comments, quotes and order are the author's. The result is read again, and a text whose
values differ in anything but the one at the path is never returned.

In a path, an entry of a list is a number, or the `id` of the entry.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from typing import Any

import yaml

from engine import json_values
from engine.errors import DefinitionError
from engine.json_values import Path, Value
from engine.workflowfile import text_splices, yaml_tree
from engine.workflowfile.text_splices import Splice
from engine.workflowfile.yaml_tree import PURE


def set_value(source: bytes, path: Path, value: Value) -> bytes | None:
    """Return the file with a value at a path, whether there is one now or not.

    Mappings on the way that are missing are added, and a list takes a new entry at its end. Return None if the path
    leads nowhere, or if the text cannot be changed safely.
    """
    opened = _open(source)
    if opened is None:
        return None
    text, root, before = opened
    path, value = _down_to_a_mapping(before, _numbered(before, path), json_values.clean(value))
    expected = _with(before, path, value)
    if expected is None:
        return None
    return _first_sound(source, text, text_splices.to_set(text, root, path, value), expected)


def remove_value(source: bytes, path: Path) -> bytes | None:
    """Return the file without a key of a mapping, or an entry of a list, or None as `set_value` does."""
    opened = _open(source)
    if opened is None:
        return None
    text, root, before = opened
    path = _numbered(before, path)
    if not path or not _has(before, path):
        return None
    return _first_sound(source, text, text_splices.to_remove(text, root, path), _without(before, path))


def find_value(source: bytes, path: Path) -> Value:
    """Return the value at a path, or None if there is none."""
    opened = _open(source)
    if opened is None:
        return None
    path = _numbered(opened[2], path)
    return json_values.look(opened[2], path) if _has(opened[2], path) else None


def find_step(source: bytes, step: str) -> Path | None:
    """Return the path of the step with this id, at any depth, if there is exactly one."""
    opened = _open(source)
    found = [] if opened is None else [*_steps(opened[2], (), step)]
    return found[0] if len(found) == 1 else None


def read_path(source: bytes, text: str) -> Path:
    """Return the path that a dotted text means, such as `steps.pay.gate.edit.json.amount.max`.

    A key of the file may have dots itself. What the file does not have is split at each dot.
    """
    opened = _open(source)
    value, parts, path = None if opened is None else opened[2], text.split("."), list[str | int]()
    while parts:
        size = next((size for size in range(len(parts), 0, -1) if _has(value, _key(value, parts[:size]))), 1)
        key = _key(value, parts[:size])
        value = json_values.look(value, key) if _has(value, key) else None
        path, parts = [*path, *key], parts[size:]
    return tuple(path)


def _key(value: Value, parts: list[str]) -> Path:
    joined = ".".join(parts)
    if isinstance(value, list):
        return _numbered(value, (int(joined) if joined.isdecimal() else joined,))
    return (joined,)


# -- values ---------------------------------------------------------------------------------------------------


def _open(source: bytes) -> tuple[str, Any, Value] | None:
    """Return the text of a file, its nodes, and its value."""
    try:
        return (
            source.decode("utf-8-sig"),
            yaml.compose(source.decode("utf-8-sig"), Loader=PURE),
            yaml_tree.read(source).root.value,
        )
    except (yaml.YAMLError, DefinitionError, ValueError, OverflowError, RecursionError):
        return None


def _steps(value: Value, path: Path, step: str) -> Iterable[Path]:
    if isinstance(value, dict):
        if path and isinstance(path[-1], int) and value.get("id") == step and "uses" in value:
            yield path
        for key, item in value.items():
            yield from _steps(item, (*path, key), step)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _steps(item, (*path, index), step)


def _numbered(value: Value, path: Path) -> Path:
    """Return the path with numbers for the ids of entries, as far as the file has them."""
    numbered = list[str | int]()
    for part in path:
        if isinstance(value, list) and isinstance(part, str):
            ids = [item.get("id") if isinstance(item, dict) else None for item in value]
            part = ids.index(part) if ids.count(part) == 1 else part
        numbered.append(part)
        value = json_values.look(value, (part,)) if _has(value, (part,)) else None
    return tuple(numbered)


def _has(value: Value, path: Path) -> bool:
    try:
        json_values.look(value, path)
    except KeyError:
        return False
    return True


def _down_to_a_mapping(before: Value, path: Path, value: Value) -> tuple[Path, Value]:
    """Return the path of the first part that is missing, or that is only `true` or empty, and its whole value."""
    for length in range(1, len(path)):
        known = _has(before, path[:length])
        if not known or json_values.look(before, path[:length]) in (None, True):
            for part in reversed(path[length:]):
                value = {str(part): value}
            return path[:length], value
    return path, value


def _with(before: Value, path: Path, value: Value) -> Value:
    """Return what the file has to say afterwards, or None if the path leads nowhere."""
    if not path:
        return None
    parent, key = path[:-1], path[-1]
    if not _has(before, parent):
        return None
    held = json_values.look(before, parent)
    if isinstance(held, dict) and isinstance(key, str):
        return json_values.replace(before, parent, {**held, key: value})
    if isinstance(held, list) and isinstance(key, int) and 0 <= key <= len(held):
        return json_values.replace(before, parent, [*held[:key], value, *held[key + 1 :]])
    return None


def _without(before: Value, path: Path) -> Value:
    parent, key = path[:-1], path[-1]
    held = json_values.look(before, parent)
    if isinstance(held, dict):
        return json_values.replace(before, parent, {name: item for name, item in held.items() if name != key})
    assert isinstance(held, list)
    return json_values.replace(before, parent, [item for index, item in enumerate(held) if index != key])


def _first_sound(source: bytes, text: str, splices: Iterable[Splice], expected: Value) -> bytes | None:
    """Return the first changed file whose values are the expected ones, and that has no new problem."""
    mark = codecs.BOM_UTF8 if source.startswith(codecs.BOM_UTF8) else b""
    problems = len(yaml_tree.read(source).problems)
    for start, end, written in splices:
        changed = mark + f"{text[:start]}{written}{text[end:]}".encode()
        try:
            document = yaml_tree.read(changed)
        except DefinitionError:
            continue
        if len(document.problems) <= problems and json_values.same(document.root.value, expected):
            return changed
    return None
