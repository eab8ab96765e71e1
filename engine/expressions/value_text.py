"""Kinds of values, how a value is written inside text, and equality."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from decimal import Context, Decimal
from difflib import get_close_matches
from typing import Final, Literal, TypeAlias

from engine import json_values
from engine.errors import ExpressionError
from engine.expressions.limits import MAX_SIZE, Budget, measure
from engine.json_values import Value

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
_MONEY: Final = frozenset({"amount", "currency"})
_PLAIN: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)
_LONGEST_NUMBER: Final = 2 * json_values.MAX_DIGITS
_EXACT: Final = Context(prec=3 * json_values.MAX_DIGITS)
_SHOWN_NAMES: Final = 8
_COMPARED_NAMES: Final = 500
_NAME_LENGTH: Final = 60


def kind(value: Value) -> Kind:
    """Which kind of value this is. Raises `ExpressionError` for what is none, which only a faulty step type gives."""
    found = _KINDS.get(type(value))
    if found is None:
        found = next((name for cls, name in _KINDS.items() if isinstance(value, cls)), None)
    if found is None:
        raise ExpressionError(f"a value of the type {type(value).__name__} cannot be used in an expression")
    return found


def is_money(value: Value) -> bool:
    return isinstance(value, dict) and value.keys() == _MONEY


def plain_number(text: str) -> Decimal | None:
    """The number that `text` is, if it is written as amounts are: `200` or `200.00`, and not `007` or `2e2`."""
    return Decimal(text) if len(text) <= _LONGEST_NUMBER and _PLAIN.fullmatch(text) else None


def phrase(value: Value) -> str:
    """The kind of `value` in a sentence: `it is …`."""
    return "money (a mapping)" if is_money(value) else PHRASES[kind(value)]


def shorten(text: str, *, length: int = _NAME_LENGTH) -> str:
    """`text` on one line and short enough for a sentence."""
    line = " ".join(text[: length * 2].split())
    return line if len(line) <= length else line[: length - 1] + "…"


def suggestion(name: str, known: Iterable[str]) -> str:
    """` Did you mean …?`, or nothing where no name is near. Compares the first few hundred names only."""
    names = [item for _, item in zip(range(_COMPARED_NAMES), known, strict=False) if len(item) <= _NAME_LENGTH]
    near = get_close_matches(name[:_NAME_LENGTH], names, n=1)
    return f" Did you mean `{near[0]}`?" if near else ""


def listing(names: Iterable[str]) -> str:
    """The names in order, cut after a few."""
    ordered = sorted(names)
    shown = ", ".join(shorten(name) for name in ordered[:_SHOWN_NAMES])
    return f"{shown} and {len(ordered) - _SHOWN_NAMES} more" if len(ordered) > _SHOWN_NAMES else shown


def as_text(value: Value) -> str:
    """How `value` is written inside text: `12.50`, `true`, `12.50 EUR` for money, compact JSON for other data.

    Raises `ExpressionError` for None, and for data that is too large to be written.
    """
    return write(Budget({}), value)


def write(budget: Budget, value: Value, *, label: str = "the value") -> str:
    """`as_text` at the expense of `budget`; `label` is what errors call the value."""
    match kind(value):
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


def _write_money(value: Value) -> str | None:
    if not isinstance(value, dict) or not is_money(value):
        return None
    amount, currency = value["amount"], value["currency"]
    if kind(amount) not in ("number", "text") or not isinstance(currency, str):
        return None
    return f"{as_text(amount)} {currency}"


def write_json(budget: Budget, value: Value) -> str:
    """Compact JSON, measured before it is built."""
    budget.read(MAX_SIZE - measure(value))
    text = json_values.dumps(value)
    budget.write(len(text))
    return text


def same(budget: Budget, left: Value, right: Value) -> bool:
    """`==`: equal and of the same kind, at every level; 1 is 1.0, and never true; 5 EUR is 5.00 EUR."""
    if kind(left) != kind(right):
        return False
    if is_money(left) and is_money(right):
        return _money_identity(left) == _money_identity(right)
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            return False
        budget.spend(len(left))
        return all(same(budget, one, other) for one, other in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        if left.keys() != right.keys():
            return False
        budget.spend(len(left))
        return all(same(budget, item, right[key]) for key, item in left.items())
    if isinstance(left, str) and isinstance(right, str) and len(left) == len(right):
        budget.read(len(left))
    return left == right


def identity(value: Value) -> Hashable:
    """Equal exactly where `same` says so, and usable in a set."""
    if isinstance(value, list):
        return ("list", *map(identity, value))
    if is_money(value):
        return _money_identity(value)
    if isinstance(value, dict):
        return "mapping", frozenset((key, identity(item)) for key, item in value.items())
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return "number", _digits(Decimal(value))
    return kind(value), value


def _money_identity(value: Value) -> Hashable:
    assert isinstance(value, dict)
    amount = value["amount"]
    number = plain_number(amount) if isinstance(amount, str) else None
    return "money", identity(amount) if number is None else _digits(number), identity(value["currency"])


def _digits(number: Decimal) -> str:
    """By its text: the hashes of numbers can be chosen to collide, which makes a set of them quadratic."""
    return str(_EXACT.normalize(number if number else Decimal(0)))
