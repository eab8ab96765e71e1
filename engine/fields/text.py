"""What people type and what they read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from engine import data
from engine.data import Value
from engine.errors import InvalidValue
from engine.fields import values
from engine.fields.field import Field, FieldType, validate

NOTHING: Final = "\N{EN DASH}"
"""How the absence of a value is printed."""

_SPELLINGS: Final = {"yes": True, "true": True, "no": False, "false": False}
_LETTERS: Final = re.compile(r"[A-Za-z]+")
_UTC: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(.*)Z")


def from_text(field: Field, text: str) -> Value:
    """The value that somebody typed, validated; a blank text is no value.

    Raises `InvalidValue`, with a predicate that reads on after the name of the field.
    """
    return validate(field, _read(field, text))


def _read(field: Field, text: str) -> Value:
    if field.type is FieldType.TEXT:
        return text
    if field.type is FieldType.LONG_TEXT:
        # Browsers send CRLF whatever the text area was filled with: an unedited text must come back as it was.
        return text.replace("\r\n", "\n")
    typed = text.strip()
    if not typed:
        return [] if field.type is FieldType.CHOICES else None
    read = _READERS.get(field.type)
    return read(field, typed) if read else typed


def _number(_: Field, typed: str) -> Value:
    number = values.read_number(typed)
    if number is None and values.read_number(re.sub(r"[,'_\s\N{RIGHT SINGLE QUOTATION MARK}]", "", typed)) is not None:
        raise InvalidValue("must be written without thousands separators and with a decimal point, like 1234.50")
    if number is None:
        raise InvalidValue("must be a number")
    return number


def _money(field: Field, typed: str) -> Value:
    """`12.50 EUR`, `EUR 12.50`, or `12.50` where the field fixes the currency."""
    words, digits = _LETTERS.findall(typed), _LETTERS.sub("", typed).strip()
    word = "".join(words)
    if not digits or len(words) > 1 or len(word) not in (0, 3) or not (typed.startswith(word) or typed.endswith(word)):
        raise InvalidValue(f"must be an amount and a currency, like 12.50 {field.currency or 'EUR'}")
    amount = _number(field, digits)
    if not word and not field.currency:
        raise InvalidValue(f"must say its currency, like {digits} EUR")
    return {"amount": amount, "currency": word.upper() or field.currency}


def _boolean(_: Field, typed: str) -> Value:
    if typed.lower() not in _SPELLINGS:
        raise InvalidValue("must be yes or no")
    return _SPELLINGS[typed.lower()]


def _moment(_: Field, typed: str) -> Value:
    return re.sub(r"\s*UTC$", "Z", typed)


def _choice(field: Field, typed: str) -> str:
    """The option of that value, or else of that label."""
    if typed in field.values:
        return typed
    return next((option.value for option in field.options if option.label == typed), typed)


def _choices(field: Field, typed: str) -> Value:
    return [_choice(field, part.strip()) for part in typed.split(",") if part.strip()]


def _json(_: Field, typed: str) -> Value:
    return data.loads(typed)


_READERS: Final[Mapping[FieldType, Callable[[Field, str], Value]]] = {
    FieldType.NUMBER: _number,
    FieldType.INTEGER: _number,
    FieldType.MONEY: _money,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATETIME: _moment,
    FieldType.CHOICE: _choice,
    FieldType.CHOICES: _choices,
    FieldType.JSON: _json,
}


def show(field_type: FieldType, value: Value) -> str:
    """How a value is printed to people. A value that is not of that type is printed all the same."""
    if value is None or (value == [] and field_type is FieldType.CHOICES):
        return NOTHING
    match value:
        case _ if field_type is FieldType.JSON:
            return _pretty(value)
        case bool():
            return "yes" if value else "no"
        case int() | Decimal():
            return values.plain(value)
        case str():
            return _show_moment(value) if field_type is FieldType.DATETIME else value
        case {"amount": str(amount), "currency": str(currency)} if field_type is FieldType.MONEY:
            return f"{amount} {currency}"
        case [*items] if field_type is FieldType.CHOICES and all(isinstance(item, str) for item in items):
            return ", ".join(str(item) for item in items)
        case _:
            return _pretty(value)


def _pretty(value: Value) -> str:
    return msgspec.json.format(data.dumps(value), indent=2)


def _show_moment(text: str) -> str:
    """Seconds only where there are any: what is shown may not be less than what is approved."""
    found = _UTC.fullmatch(text)
    if not found:
        return text
    day, minute, second = found.groups()
    return f"{day} {minute}{'' if second == ':00' else second} UTC"
