"""Many fields at once: what starts a run or answers a form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from engine.data import Value
from engine.errors import InvalidValue
from engine.fields import values
from engine.fields.field import Field, validate
from engine.fields.text import from_text

Given = TypeVar("Given")


def validate_all(fields: Mapping[str, Field], given: Mapping[str, Value]) -> tuple[dict[str, Value], dict[str, str]]:
    """The values in the order of `fields`, and one predicate for each name that is wrong.

    What is not given takes its default, or None if it is optional. Values are of use only without errors.
    """
    return _all(fields, given, read=validate)


def from_text_all(fields: Mapping[str, Field], given: Mapping[str, str]) -> tuple[dict[str, Value], dict[str, str]]:
    """`validate_all` for what somebody typed."""
    return _all(fields, given, read=from_text)


def _all(
    fields: Mapping[str, Field], given: Mapping[str, Given], *, read: Callable[[Field, Given], Value]
) -> tuple[dict[str, Value], dict[str, str]]:
    found: dict[str, Value] = {}
    errors = {name: f"is not known here{values.near(name, fields)}" for name in given if name not in fields}
    for name, field in fields.items():
        try:
            found[name] = read(field, given[name]) if name in given else validate(field, field.default)
        except InvalidValue as error:
            errors[name] = str(error)
    return found, errors
