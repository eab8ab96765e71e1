"""Changes that make a request wrong: one value of an approved one, so that a careful person rejects it. Pure.

A value is changed only if the card itself shows that the new one is wrong: the old value stands elsewhere on it, or a
day that was still to come lies in the past.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from msgspec import Struct

from engine import fields, json_values
from engine.errors import InvalidValue
from engine.fields import Field, FieldType
from engine.json_values import Path, Value

FACTOR: Final = 10
"""By how much an amount or a number is larger than the real one."""
_DAYS_BACK: Final = 366
_RECIPIENTS: Final = frozenset({"bcc", "beneficiary", "cc", "channel", "payee", "recipient", "recipients", "to"})
_DIGITS: Final = re.compile(r"[0-9][0-9 ]{6,}[0-9]")
"""The digits of an account, of a card or of an order, with blanks between them."""
_TEXTS: Final = frozenset({FieldType.TEXT, FieldType.LONG_TEXT})


class ChangeKind(StrEnum):
    """What was changed."""

    TEN_TIMES = "ten_times"
    OTHER_DOMAIN = "other_domain"
    SWAPPED_DIGITS = "swapped_digits"
    OTHER_RECIPIENT = "other_recipient"
    PAST_DATE = "past_date"


class ContentPlace(Struct, frozen=True, kw_only=True):
    """A value of a past request. `others`: the values of other past requests at the same place."""

    path: Path
    label: str
    field: Field
    value: Value
    others: tuple[Value, ...] = ()


class SeededChange(Struct, frozen=True, kw_only=True):
    """One changed value."""

    path: Path
    label: str
    kind: ChangeKind
    value: Value


def possible_changes(places: Sequence[ContentPlace], texts: Sequence[str], *, asked_on: date) -> list[SeededChange]:
    """Return each change of one value that a careful person must notice.

    `texts`: what else the card says, as it stays. `asked_on`: the day of the new request.
    """
    found = []
    for place in places:
        elsewhere = [*texts, *_texts_of(other for other in places if other is not place)]
        for kind, value in _changed(place, asked_on):
            if _is_valid(place.field, value) and _is_evident(kind, place, value, elsewhere):
                found.append(SeededChange(path=place.path, label=place.label, kind=kind, value=value))
    return found


def apply_change(content: Mapping[str, Value], change: SeededChange) -> dict[str, Value]:
    """Return a content with one value changed."""
    changed = json_values.replace_all(dict(content), {change.path: change.value})
    assert isinstance(changed, dict)
    return changed


def _texts_of(places: Iterator[ContentPlace]) -> Iterator[str]:
    for place in places:
        yield from _forms(place.value)


def _changed(place: ContentPlace, asked_on: date) -> Iterator[tuple[ChangeKind, Value]]:
    """Yield the changes that suit the type of a value."""
    make = _BY_TYPE.get(place.field.type)
    if make is not None:
        yield from make(place.value, asked_on)
    if place.field.type in _TEXTS and isinstance(place.value, str):
        yield from _swapped(place.value)
    if str(place.path[-1]).lower() in _RECIPIENTS or place.field.type is FieldType.PERSON:
        yield from ((ChangeKind.OTHER_RECIPIENT, other) for other in place.others if other != place.value)


def _money(value: Value, _: date) -> Iterator[tuple[ChangeKind, Value]]:
    if isinstance(value, dict) and "amount" in value:
        amount = Decimal(str(value["amount"]))
        if amount:
            text = str(amount * FACTOR) if isinstance(value["amount"], str) else amount * FACTOR
            yield ChangeKind.TEN_TIMES, {**value, "amount": text}


def _number(value: Value, _: date) -> Iterator[tuple[ChangeKind, Value]]:
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and value:
        yield ChangeKind.TEN_TIMES, value * FACTOR


def _email(value: Value, _: date) -> Iterator[tuple[ChangeKind, Value]]:
    if isinstance(value, str) and "@" in value:
        name, _at, domain = value.rpartition("@")
        first, dot, rest = domain.partition(".")
        yield ChangeKind.OTHER_DOMAIN, f"{name}@{first}-mail{dot}{rest}"


def _day(value: Value, asked_on: date) -> Iterator[tuple[ChangeKind, Value]]:
    day = date.fromisoformat(str(value)[:10])
    past = asked_on - timedelta(days=_DAYS_BACK)
    if day >= asked_on:
        yield ChangeKind.PAST_DATE, f"{past.isoformat()}{str(value)[10:]}"


def _swapped(text: str) -> Iterator[tuple[ChangeKind, Value]]:
    """Yield the text with two neighbouring digits of a long number in the other order."""
    number = _DIGITS.search(text)
    if number is None:
        return
    places = [at for at in range(number.start(), number.end()) if text[at].isdigit()]
    pairs = [(one, two) for one, two in itertools.pairwise(places) if text[one] != text[two]]
    if pairs:
        one, two = pairs[len(pairs) // 2]
        changed = text[:one] + text[two] + text[one + 1 : two] + text[one] + text[two + 1 :]
        yield ChangeKind.SWAPPED_DIGITS, changed


_BY_TYPE: Final[Mapping[FieldType, Callable[[Value, date], Iterator[tuple[ChangeKind, Value]]]]] = {
    FieldType.MONEY: _money,
    FieldType.NUMBER: _number,
    FieldType.INTEGER: _number,
    FieldType.EMAIL: _email,
    FieldType.DATE: _day,
    FieldType.DATETIME: _day,
}


def _is_valid(field: Field, value: Value) -> bool:
    """Return whether a person could have asked for the value: what an input refuses would be noticed at once."""
    try:
        return fields.validate(field, value) == value
    except InvalidValue:
        return False


def _is_evident(kind: ChangeKind, place: ContentPlace, value: Value, elsewhere: Sequence[str]) -> bool:
    """Return whether the card shows that the new value is wrong, and does not show the new value, too."""
    if kind is ChangeKind.PAST_DATE:
        return True
    old, new = _mentions(place.value), _mentions(value)
    text = "\n".join(elsewhere)
    return any(map(_found_in(text), old)) and not any(map(_found_in(text), new))


def _found_in(text: str) -> Callable[[str], bool]:
    return lambda part: re.search(rf"(?<![\w.,]){re.escape(part)}(?![\w]|[.,]\d)", text) is not None


def _forms(value: Value) -> Iterator[str]:
    """Yield a value, and all that it holds, as texts."""
    if isinstance(value, dict):
        for part in value.values():
            yield from _forms(part)
    elif isinstance(value, list):
        for part in value:
            yield from _forms(part)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        yield from _numbers(Decimal(value))


def _numbers(number: Decimal) -> Iterator[str]:
    """Yield how a number may be written: `1200`, `1,200`, `1200.00`, `1,200.00`."""
    for style in ("{:f}", "{:,f}", "{:.2f}", "{:,.2f}"):
        yield style.format(number)
    whole = number.normalize()
    yield from (f"{whole:f}", f"{whole:,f}")


def _mentions(value: Value) -> frozenset[str]:
    """Return the texts by which a value is recognized where it stands elsewhere."""
    if isinstance(value, dict) and "amount" in value:
        return frozenset(_numbers(Decimal(str(value["amount"]))))
    if isinstance(value, str):
        number = _DIGITS.search(value)
        return frozenset({value.strip(), *([number[0]] if number else [])}) - {""}
    return frozenset(_forms(value))
