"""Values of expressions: their kinds, their form inside a text, and their equality."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from decimal import Context, Decimal
from difflib import get_close_matches
from typing import Final, Literal, TypeAlias

from engine import currencies, json_values
from engine.errors import ExpressionError
from engine.expressions.limits import MAX_SIZE, Budget, measure
from engine.json_values import Value
from engine.name_lists import join_names

Kind: TypeAlias = Literal["null", "boolean", "number", "text", "list", "mapping"]

_KINDS: Final[dict[type, Kind]] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    Decimal: "number",
    str: "text",
    list: "list",
    dict: "mapping",
}
PHRASES: Final[dict[Kind, str]] = {
    "null": "empty (none)",
    "boolean": "true or false",
    "number": "a number",
    "text": "text",
    "list": "a list",
    "mapping": "a mapping",
}
MONEY_KEYS: Final = frozenset({"amount", "currency"})
"""The keys of money, and of nothing else."""
_PLAIN_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)
_MAX_NUMBER_LENGTH: Final = 2 * json_values.MAX_DIGITS
_EXACT: Final = Context(prec=3 * json_values.MAX_DIGITS)
_MAX_LISTED_NAMES: Final = 8
_MAX_COMPARED_NAMES: Final = 500
_MAX_NAME_LENGTH: Final = 60


def kind_of(value: Value) -> Kind:
    """Return the kind of a value. Raises `ExpressionError` for a Python type that only a faulty step type returns."""
    kind = _KINDS.get(type(value))
    if kind is None:
        kind = next((kind for type_, kind in _KINDS.items() if isinstance(value, type_)), None)
    if kind is None:
        raise ExpressionError(f"a value of the type {type(value).__name__} cannot be used in an expression")
    return kind


def is_money(value: Value) -> bool:
    """Return whether the value is a mapping of `amount` and `currency`, and of no other key."""
    return isinstance(value, dict) and value.keys() == MONEY_KEYS


def plain_number(text: str) -> Decimal | None:
    """Return the number in a text that is written like an amount, `200` or `200.00`, or None for `007` or `2e2`."""
    return Decimal(text) if len(text) <= _MAX_NUMBER_LENGTH and _PLAIN_NUMBER.fullmatch(text) else None


def describe_kind(value: Value) -> str:
    """Return the kind of a value in words that follow `it is`."""
    return "money (a mapping)" if is_money(value) else PHRASES[kind_of(value)]


def shorten(text: str, *, length: int = _MAX_NAME_LENGTH) -> str:
    """Return the text on one line, cut to `length` characters."""
    line = " ".join(text[: length * 2].split())
    return line if len(line) <= length else line[: length - 1] + "…"


def suggest(name: str, candidates: Iterable[str]) -> str:
    """Return ` Did you mean …?` for the nearest name, or an empty text. Compares the first few hundred names only."""
    names = [
        item for _, item in zip(range(_MAX_COMPARED_NAMES), candidates, strict=False) if len(item) <= _MAX_NAME_LENGTH
    ]
    matches = get_close_matches(name[:_MAX_NAME_LENGTH], names, n=1)
    return f" Did you mean `{matches[0]}`?" if matches else ""


def list_names(names: Iterable[str]) -> str:
    """Return the names in order, separated by commas, with the number of names left out."""
    ordered = sorted(names)
    return join_names([shorten(name) for name in ordered[:_MAX_LISTED_NAMES]], len(ordered))


def format_value(value: Value) -> str:
    """Return the form of a value inside a text: `12.50`, `true`, `12.50 EUR` for money, compact JSON for other data.

    Raises `ExpressionError` for None, and for data that is too large.
    """
    return write_text(Budget({}), value)


def write_text(budget: Budget, value: Value, *, label: str = "the value") -> str:
    """Return the form of a value inside a text, like `format_value`, and charge it to `budget`.

    `label` is the name of the value in error messages.
    """
    match kind_of(value):
        case "text":
            return str(value)
        case "number":
            return format(value, "f") if isinstance(value, Decimal) else str(value)
        case "boolean":
            return "true" if value else "false"
        case "null":
            raise ExpressionError(f'{label} is empty (none), so there is nothing to write; add `| default("…")`')
        case _:
            return _write_money(value) or write_json(budget, value)


def write_shown(budget: Budget, value: Value, *, label: str = "the value") -> str:
    """Return the form of a value inside a text that is only shown: money with at least the decimals of its currency."""
    money = _write_money(value)
    return write_text(budget, value, label=label) if money is None else currencies.show(*money.split(" ", 1))


def _write_money(value: Value) -> str | None:
    if not isinstance(value, dict) or not is_money(value):
        return None
    amount, currency = value["amount"], value["currency"]
    if kind_of(amount) not in ("number", "text") or not isinstance(currency, str):
        return None
    return f"{format_value(amount)} {currency}"


def write_json(budget: Budget, value: Value) -> str:
    """Return a value as compact JSON. Its size is measured before the text is built."""
    budget.charge_read(MAX_SIZE - measure(value))
    text = json_values.dumps(value)
    budget.charge_write(len(text))
    return text


def are_equal(budget: Budget, left: Value, right: Value) -> bool:
    """Return whether two values are equal and of the same kind at every level, for `==`.

    1 equals 1.0 and never true; 5 EUR equals 5.00 EUR.
    """
    if kind_of(left) != kind_of(right):
        return False
    if is_money(left) and is_money(right):
        return _money_key(left) == _money_key(right)
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            return False
        budget.spend(len(left))
        return all(are_equal(budget, left_item, right_item) for left_item, right_item in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        if left.keys() != right.keys():
            return False
        budget.spend(len(left))
        return all(are_equal(budget, item, right[key]) for key, item in left.items())
    if isinstance(left, str) and isinstance(right, str) and len(left) == len(right):
        budget.charge_read(len(left))
    return left == right


def equality_key(value: Value) -> Hashable:
    """Return a hashable key: two keys are equal exactly if `are_equal` holds for the values."""
    if isinstance(value, list):
        return ("list", *map(equality_key, value))
    if is_money(value):
        return _money_key(value)
    if isinstance(value, dict):
        return "mapping", frozenset((key, equality_key(item)) for key, item in value.items())
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return "number", _number_key(Decimal(value))
    return kind_of(value), value


def _money_key(value: Value) -> Hashable:
    assert isinstance(value, dict)
    amount = value["amount"]
    number = plain_number(amount) if isinstance(amount, str) else None
    return "money", equality_key(amount) if number is None else _number_key(number), equality_key(value["currency"])


def _number_key(number: Decimal) -> str:
    """Return the number as text. The hashes of numbers can be chosen to collide, which makes a set quadratic."""
    return str(_EXACT.normalize(number if number else Decimal(0)))
