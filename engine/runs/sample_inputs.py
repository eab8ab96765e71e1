"""Made-up values for the inputs of a workflow, for a trial without examples. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine import file_references
from engine.fields import Field, FieldType
from engine.json_values import Value

_DAY: Final = "2026-03-02"
_VALUES: Final[Mapping[FieldType, Value]] = {
    FieldType.TEXT: "Example",
    FieldType.LONG_TEXT: "An example.",
    FieldType.BOOLEAN: False,
    FieldType.DATE: _DAY,
    FieldType.DATETIME: f"{_DAY}T09:00:00Z",
    FieldType.EMAIL: "sample@example.com",
    FieldType.PERSON: "sample@example.com",
    FieldType.URL: "https://example.com",
    FieldType.JSON: {},
}


def sample_inputs(declared: Mapping[str, Field]) -> dict[str, Value]:
    """Return a value for each input: its default, or one that fits its type."""
    return {name: _sample(field) for name, field in declared.items()}


def _sample(field: Field) -> Value:
    if field.default is not None or not field.required:
        default: Value = field.default
        return default
    if field.type in (FieldType.NUMBER, FieldType.INTEGER):
        return _number(field)
    if field.type is FieldType.MONEY:
        return {"amount": str(_number(field)), "currency": field.currency or "EUR"}
    if field.type is FieldType.CHOICE:
        return field.values[0]
    if field.type is FieldType.CHOICES:
        return [field.values[0]]
    if field.type is FieldType.FILE:
        return file_references.example("example.pdf").value
    value = _VALUES[field.type]
    return value[: field.max_length] if isinstance(value, str) and field.max_length is not None else value


def _number(field: Field) -> Value:
    low, high = field.min, field.max
    if low is None and high is None:
        return 100
    number: Value = low if high is None else high
    if isinstance(number, str) or number is None:
        return 100
    return max(number, 100) if high is None and not isinstance(number, bool | list | dict) else number
