"""What starts a run, answers a form or edits a request: many fields at once, and what counts as changed.

The same for every surface, so that the same typing has the same result and the same sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from engine import json_values
from engine.errors import InvalidValue
from engine.fields import normal_forms
from engine.fields.field import Field, FieldType, absent, validate
from engine.fields.text import from_text
from engine.json_values import Value

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
    errors = {name: f"is not known here{normal_forms.near(name, fields)}" for name in given if name not in fields}
    for name, field in fields.items():
        try:
            found[name] = read(field, given[name]) if name in given else absent(field)
        except InvalidValue as error:
            errors[name] = str(error)
    return found, errors


def labels(fields: Mapping[str, Field]) -> dict[str, str]:
    """Return what people call these fields, by name."""
    return {name: field.label or name for name, field in fields.items()}


# -- what was changed ---------------------------------------------------------------------------------------


def as_seen(text: str) -> str:
    """Return a text without what a browser may change in it by itself, and nobody can see in an input.

    That is: line ends, control characters, white space around it.
    """
    unix = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(character for character in unix if character >= " " or character in "\n\t").strip()


def same(field: Field, now: Value, after: Value) -> bool:
    """Return whether two values are one and the same to a person: `12.5` and `12.50` are, of numbers and of money."""
    if isinstance(now, str) and isinstance(after, str) and field.type is not FieldType.MONEY:
        return as_seen(now) == as_seen(after)
    return same_value(field, now, after)


def same_value(field: Field, now: Value, after: Value) -> bool:
    """`same`, except that of texts every character counts."""
    if field.type in _NUMBERS:
        one, other = _number(now), _number(after)
        if one is not None and other is not None:
            return one == other
    return json_values.canonical(json_values.clean(now)) == json_values.canonical(json_values.clean(after))


_NUMBERS = frozenset({FieldType.NUMBER, FieldType.INTEGER, FieldType.MONEY})


def _number(value: Value) -> tuple[object, object] | None:
    """What a number is compared by, with its currency if it has one; None: it is no number."""
    try:
        if isinstance(value, dict):
            money = normal_forms.money(value, currency=None)
            return normal_forms.amount(money["amount"]), money["currency"]
        return (normal_forms.number(value) if not isinstance(value, str) else normal_forms.amount(value)), type(
            value
        ) is str
    except InvalidValue:
        return None


def edit(field: Field, now: Value, after: Value) -> tuple[Value] | None:
    """Return what somebody typed, or None where it is what stood there before.

    A null that somebody wrote where nothing stood counts: it may be the answer to a form.
    """
    if field.type is FieldType.JSON and now is None and after is None:
        return (None,)
    return None if same(field, now, after) else (after,)


def money_text(amount: str, currency: str) -> str:
    """Return what was typed into two inputs, as it is typed into one."""
    amount, currency = amount.strip(), currency.strip()
    alone = not amount or not currency or any(one.isalpha() for one in amount) or normal_forms.has_currency_sign(amount)
    return amount if alone else f"{amount} {currency}"


def in_order(field: Field, now: Value, picked: Collection[str]) -> list[Value]:
    """Return the options that were picked: those that were there before in their order, then the others as listed."""
    before = [one for one in now if isinstance(one, str)] if isinstance(now, list) else []
    place = {value: index for index, value in reversed([*enumerate([*before, *field.values])])}
    return [*sorted(picked, key=lambda value: place.get(value, -1))]
