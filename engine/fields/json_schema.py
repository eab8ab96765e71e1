"""The JSON Schema of fields: what a program, such as a language model, is told about the values they take. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

from engine.fields.field import LONGEST, Field, FieldType
from engine.identifiers import in_words
from engine.json_values import Value

_MONEY_HINT: Final = "An exact amount with a decimal point and no thousands separators, like 12.50."


def object_schema(fields: Mapping[str, Field]) -> dict[str, Value]:
    """Return the schema of an object with these fields and no others."""
    return {
        "type": "object",
        "properties": {name: _described(name, field) for name, field in fields.items()},
        "required": [name for name, field in fields.items() if field.required],
        "additionalProperties": False,
    }


def _described(name: str, field: Field) -> dict[str, Value]:
    schema = _SCHEMAS[field.type](field)
    hint = schema.pop("description", "")
    texts = (field.label or in_words(name), field.help, str(hint), _bounds(field))
    return {**schema, "description": " ".join(f"{text.rstrip('.')}." for text in texts if text)}


def _bounds(field: Field) -> str:
    """Return the bounds in words. Keywords of the schema know no dates, and not every model reads them."""
    words = [f"at least {_plain(field.min)}"] if field.min is not None else []
    words += [f"at most {_plain(field.max)}"] if field.max is not None else []
    return f"It must be {' and '.join(words)}" if words else ""


def _plain(bound: int | Decimal | str) -> str:
    return f"{bound:f}" if isinstance(bound, Decimal) else str(bound)


def _text(field: Field) -> dict[str, Value]:
    longest = LONGEST[field.type] if field.max_length is None else field.max_length
    one_line = {"description": "One line of text"} if field.type is FieldType.TEXT else {}
    return {"type": "string", "maxLength": longest, **one_line}


def _format(name: str, hint: str) -> Callable[[Field], dict[str, Value]]:
    return lambda _: {"type": "string", "format": name, "description": hint}


def _hinted(hint: str) -> Callable[[Field], dict[str, Value]]:
    return lambda _: {"type": "string", "description": hint}


def _money(field: Field) -> dict[str, Value]:
    currency: dict[str, Value] = {"type": "string", "description": "A currency code of ISO 4217, like EUR."}
    if field.currency is not None:
        currency["enum"] = [field.currency]
    return {
        "type": "object",
        "properties": {"amount": {"type": "string", "description": _MONEY_HINT}, "currency": currency},
        "required": ["amount", "currency"],
        "additionalProperties": False,
    }


def _choice(field: Field) -> dict[str, Value]:
    return {"type": "string", "enum": list(field.values), **_labels(field)}


def _choices(field: Field) -> dict[str, Value]:
    return {"type": "array", "items": {"type": "string", "enum": list(field.values)}, **_labels(field)}


def _labels(field: Field) -> dict[str, Value]:
    """Return what the options mean, where their labels say more than their values."""
    named = [f"{option.value} means {option.label}" for option in field.options if option.label != option.value]
    return {"description": "; ".join(named)} if named else {}


_FILE: Final[dict[str, Value]] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "type": {"type": "string"},
        "size": {"type": "integer", "minimum": 0},
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "id": {"type": "string"},
    },
    "required": ["name", "type", "size", "sha256", "id"],
    "additionalProperties": False,
}


_SCHEMAS: Final[Mapping[FieldType, Callable[[Field], dict[str, Value]]]] = {
    FieldType.TEXT: _text,
    FieldType.LONG_TEXT: _text,
    FieldType.NUMBER: lambda _: {"type": "number"},
    FieldType.INTEGER: lambda _: {"type": "integer"},
    FieldType.MONEY: _money,
    FieldType.BOOLEAN: lambda _: {"type": "boolean"},
    FieldType.DATE: _format("date", "A date, like 2026-03-02"),
    FieldType.DATETIME: _format("date-time", "A time with its offset, like 2026-03-02T09:00:00Z"),
    FieldType.EMAIL: _format("email", "An email address without a name"),
    FieldType.URL: _format("uri", "An address that begins with https:// or http://"),
    FieldType.CHOICE: _choice,
    FieldType.CHOICES: _choices,
    FieldType.PERSON: _hinted("The email address of a person, or a Slack user id"),
    FieldType.FILE: lambda _: dict(_FILE),
    FieldType.JSON: lambda _: {},
}
