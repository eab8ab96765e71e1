"""The conversion of values from typed text and to shown text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from engine import currencies, json_values
from engine.errors import InvalidValue
from engine.fields import file_rules, normal_forms, number_formats
from engine.fields.field import Field, FieldPart, FieldType, nothing, validate
from engine.json_values import Value

NOTHING: Final = "\N{EN DASH}"
"""The text that is shown for no value."""

_SPELLINGS: Final = {"yes": True, "true": True, "no": False, "false": False}
_LETTERS: Final = re.compile(r"[A-Za-z]+")
_UTC: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(.*)Z")
_TEXTS: Final = frozenset({FieldType.TEXT, FieldType.LONG_TEXT})
_QUOTED: Final = 40
"""Maximum length of typed text that an error repeats, in characters."""


def from_text(field: Field, text: str) -> Value:
    """Return the value of typed text, validated. A blank text is no value.

    Raises `InvalidValue`, with a predicate that reads on after the name of the field.
    """
    if field.type in _TEXTS:
        # Browsers send CRLF for every line end, and an unedited text must stay unchanged.
        return validate(field, text.replace("\r\n", "\n") if field.type is FieldType.LONG_TEXT else text)
    typed = text.strip()
    if not typed:
        return nothing(field, [] if field.type is FieldType.CHOICES else None)
    read = _READERS.get(field.type)
    return validate(field, read(field, typed) if read else typed)


# -- numbers ------------------------------------------------------------------------------------------------


def _read_number(field: Field, typed: str) -> Value:
    """Return the number. If its points and commas are ambiguous, raise an error that says what to write."""
    number = normal_forms.read_number(typed)
    readings = number_formats.readings(typed)
    if number is not None and len(readings) < 2:
        return number
    if len(readings) > 1:
        first, other = readings
        if field.type is FieldType.INTEGER:
            other = other.partition(".")[0]
        raise InvalidValue(f"is not clear: {typed} may mean {first} or {other}; write one of these")
    if readings:
        raise InvalidValue(f"must be written as {readings[0]}, with a decimal point and no other separators")
    raise InvalidValue("must be a number")


def _money(field: Field, typed: str) -> Value:
    """Return money from `12.50 EUR`, `EUR 12.50`, or `12.50` if the field fixes the currency."""
    if len(typed) > normal_forms.MAX_NUMBER + 10:
        raise InvalidValue(_money_example(field))
    if field.part is FieldPart.CURRENCY:
        return typed.upper()
    code, digits = _currency_in(field, typed)
    if not code and not field.currency and field.part is None:
        like = digits if normal_forms.read_number(digits) is not None else "12.50"
        raise InvalidValue(f"must say its currency, like {like} EUR")
    currency = code or field.currency
    if field.currency and code and code != field.currency:
        raise InvalidValue(f"must be in {field.currency}, not in {code}")
    amount = _amount(field, digits, currency)
    return {"amount": amount, "currency": currency} if field.part is None else amount


def _money_example(field: Field) -> str:
    if field.currency:
        return f"must be an amount in {field.currency}, like 12.50"
    return "must be an amount and a currency, like 12.50 EUR"


def _currency_in(field: Field, typed: str) -> tuple[str, str]:
    """Return the code of the currency and the rest of the typed text."""
    if normal_forms.has_currency_sign(typed):
        raise InvalidValue(_without_sign(field, typed))
    words, digits = _LETTERS.findall(typed), _LETTERS.sub("", typed).strip()
    word = "".join(words)
    if not digits or len(words) > 1 or len(word) not in (0, 3) or not (typed.startswith(word) or typed.endswith(word)):
        raise InvalidValue(_money_example(field))
    return word.upper(), digits


def _without_sign(field: Field, typed: str) -> str:
    """Return what to write instead of `€12.50`. Other signs are used by several currencies."""
    digits = "".join(character for character in typed if character.isdigit() or character in ".,'+- ").strip()
    readings = number_formats.readings(digits) or ([digits] if normal_forms.read_number(digits) is not None else [])
    amount = readings[0] if len(readings) == 1 else "12.50"
    currency = "EUR" if "€" in typed else field.currency
    if currency is None:
        return f"must say its currency in three letters, like {amount} USD"
    if field.currency and currency != field.currency:
        return f"must be in {field.currency}, not in {currency}"
    if len(readings) > 1:
        either = " or ".join(readings)
        return f"must have its currency in three letters, and {digits} may mean {either}; write one of these"
    return f"must have its currency in three letters: write {amount} {currency}"


def _amount(field: Field, digits: str, currency: str | None) -> Value:
    """Return the amount. The currency limits its decimals, which makes some numbers unambiguous."""
    readings = number_formats.readings(digits)
    decimals = currencies.usual_decimals().get(currency) if currency else None
    if decimals is None or not readings:
        return _read_number(field, digits)
    if len(readings) > 1:
        if decimals >= number_formats.GROUP:
            # Such a currency has three decimals, so a point before three digits is a decimal point.
            readings = [digits] if normal_forms.read_number(digits) is not None else readings
        elif normal_forms.read_number(digits) is not None:
            has = f"at most {decimals} decimals" if decimals else "no decimals"
            raise InvalidValue(f"must have {has} in {currency}; write {readings[0]} {currency} if you mean that")
        else:
            readings = readings[:1]
    if len(readings) > 1:
        return _read_number(field, digits)
    if readings[0] == digits:
        return normal_forms.read_number(digits)
    raise InvalidValue(f"must be written as {readings[0]} {currency}, with a decimal point and no other separators")


# -- others -------------------------------------------------------------------------------------------------


def _boolean(_: Field, typed: str) -> Value:
    word = typed.lower() if len(typed) < 10 else ""
    if word not in _SPELLINGS:
        raise InvalidValue("must be yes or no")
    return _SPELLINGS[word]


def _moment(_: Field, typed: str) -> Value:
    return f"{typed.removesuffix('UTC').rstrip()}Z" if typed.endswith("UTC") else typed


def _choice(field: Field, typed: str) -> str:
    """Return the option with this value, or else with this label."""
    if typed in field.values:
        return typed
    return next((option.value for option in field.options if option.label == typed), typed)


def picked(field: Field, typed: str) -> list[str]:
    """Return the options of the values or labels that were typed with commas between them."""
    labels = {option.label: option.value for option in field.options} | {value: value for value in field.values}
    return [labels.get(part.strip(), part.strip()) for part in typed.split(",") if part.strip()]


def _json(_: Field, typed: str) -> Value:
    try:
        return json_values.loads(typed)
    except InvalidValue as error:
        message = str(error)
    if not message.startswith(_MALFORMED):
        raise InvalidValue(message)
    if typed[0] not in '{["':
        quoted = json_values.dumps(typed if len(typed) <= _QUOTED else f"{typed[: _QUOTED - 1]}…")
        raise InvalidValue(f"must be JSON; a text is written in double quotes, like {quoted}")
    raise InvalidValue(f"is not valid JSON{message.removeprefix(_MALFORMED)}")


_MALFORMED: Final = "this is not valid JSON"


_READERS: Final[Mapping[FieldType, Callable[[Field, str], Value]]] = {
    FieldType.NUMBER: _read_number,
    FieldType.INTEGER: _read_number,
    FieldType.MONEY: _money,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATETIME: _moment,
    FieldType.CHOICE: _choice,
    FieldType.CHOICES: lambda field, typed: [*picked(field, typed)],
    FieldType.FILE: lambda _, typed: file_rules.from_text(typed),
    FieldType.JSON: _json,
}


def show(field_type: FieldType, value: Value) -> str:
    """Return a value as text for people. A value of another type is shown as well."""
    if value is None or (value == [] and field_type is FieldType.CHOICES):
        return NOTHING
    match value:
        case _ if field_type is FieldType.JSON:
            return _pretty(value)
        case dict() if field_type is FieldType.FILE:
            return file_rules.shown(value) or _pretty(value)
        case bool():
            return "yes" if value else "no"
        case int() | Decimal():
            return normal_forms.plain(value)
        case str():
            return _show_moment(value) if field_type is FieldType.DATETIME else value
        case {"amount": str(amount), "currency": str(currency)} if field_type is FieldType.MONEY:
            return f"{amount} {currency}"
        case [*items] if field_type is FieldType.CHOICES and all(isinstance(item, str) for item in items):
            return ", ".join(str(item) for item in items)
        case _:
            return _pretty(value)


def show_to_read(field_type: FieldType, value: Value) -> str:
    """Return a value as text for people who only read it: money has at least the decimals of its currency."""
    match value:
        case {"amount": str(amount), "currency": str(currency)} if field_type is FieldType.MONEY:
            return currencies.show(amount, currency)
        case _:
            return show(field_type, value)


def _pretty(value: Value) -> str:
    return msgspec.json.format(json_values.dumps(value), indent=2)


def _show_moment(text: str) -> str:
    """Return a time with its seconds unless they are zero: nothing that is approved may be hidden."""
    match = _UTC.fullmatch(text)
    if not match:
        return text
    day, minute, second = match.groups()
    return f"{day} {minute}{'' if second == ':00' else second} UTC"
