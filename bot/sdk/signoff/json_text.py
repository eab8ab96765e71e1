"""JSON with exact numbers, and the arguments of a call as JSON and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, Final

from signoff.errors import NotJson

MAX_DEPTH: Final = 60
"""Maximum depth of nested lists and mappings, which also ends a list that contains itself."""


def encode(value: object) -> bytes:
    """Return a value that `snapshot` made as JSON text. A `Decimal` becomes a number with all of its digits.

    It always has a point: `Decimal(100)` is an amount that people may change to 99.50, and 100 a whole number.
    """
    return _text(value).encode()


def decode(text: str | bytes) -> Any:
    """Return the value of JSON text, with numbers that have a point as `Decimal`. Raise `ValueError` if it is none."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except (RecursionError, InvalidOperation):
        raise ValueError("this JSON cannot be read") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _text(value: object) -> str:
    match value:
        case Decimal():
            text = str(value)
            return f"{text}.0" if text.removeprefix("-").isdigit() else text
        case dict():
            return "{" + ",".join(f"{json.dumps(key)}:{_text(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ",".join(_text(item) for item in value) + "]"
        case _:
            return json.dumps(value)


def snapshot(value: object, name: str, *, depth: int = 0) -> Any:
    """Return a copy of a value as JSON can hold it. Raise `NotJson`, which says what `name` is instead."""
    if depth > MAX_DEPTH:
        raise NotJson(f"{name} lies too deep in lists or mappings, or contains itself. Pass flat values.")
    match value:
        case None | bool():
            return value
        case str():
            return _whole_text(value, name)
        case int():
            return int(value)
        case float() if isfinite(value):
            return Decimal(repr(float(value)))
        case Decimal() if value.is_finite():
            return value
        case float() | Decimal():
            raise NotJson(f"{name} is {value}, which JSON has no number for. Pass a finite number, or None.")
        case list() | tuple():
            return [snapshot(item, f"{name}[{index}]", depth=depth + 1) for index, item in enumerate(value)]
        case dict():
            return {_key(key, name): snapshot(item, f"{name}.{key}", depth=depth + 1) for key, item in value.items()}
        case _:
            raise NotJson(
                f"{name} is a value of the type {type(value).__name__}, and people can only be shown JSON: text, "
                "numbers, true and false, None, lists, and mappings with text keys. Pass such a value, or a text."
            )


def _whole_text(text: str, name: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NotJson(f"{name} contains half of a character, which JSON cannot carry. Pass a whole text.") from None
    return str(text)


def _key(key: object, name: str) -> str:
    if not isinstance(key, str):
        raise NotJson(f"{name} has the key {key!r}, and JSON has only keys of text. Use a text as the key.")
    return _whole_text(key, f"A key of {name}")


def same(left: object, right: object) -> bool:
    """Return whether two values of JSON are equal. `true` is not 1, and 1.50 is 1.5."""
    match left, right:
        case (dict(), dict()):
            return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
        case (list(), list()):
            return len(left) == len(right) and all(same(one, other) for one, other in zip(left, right, strict=True))
        case _:
            return isinstance(left, bool) == isinstance(right, bool) and left == right


def restored(original: object, approved: object) -> Any:
    """Return an approved value with the type of numbers that the caller passed: `Decimal` or `float`."""
    if isinstance(approved, int) and isinstance(original, float | Decimal):
        return type(original)(approved) if not isinstance(approved, bool) else approved
    return approved if _has_decimals(original) else _with_floats(approved)


def _has_decimals(value: object) -> bool:
    match value:
        case Decimal():
            return True
        case Mapping():
            return any(_has_decimals(item) for item in value.values())
        case list() | tuple():
            return any(_has_decimals(item) for item in value)
        case _:
            return False


def _with_floats(value: object) -> Any:
    match value:
        case Decimal():
            return float(value)
        case dict():
            return {key: _with_floats(item) for key, item in value.items()}
        case list():
            return [_with_floats(item) for item in value]
        case _:
            return value
