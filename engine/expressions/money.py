"""Money in comparisons: with money of the same currency, and with a number where a field fixes its currency.

Across currencies there is no answer: 100 JPY is not less than 1 EUR, and no rate is known here. Such a comparison
raises an error, and so the gate that depends on it opens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import ExpressionError
from engine.expressions import numbers, value_text
from engine.json_values import Value


@dataclass(frozen=True, slots=True)
class Sides:
    """The two sides of a comparison: their names in error messages, and whether a field fixes their currency."""

    left: str
    right: str
    left_fixed: bool = False
    right_fixed: bool = False


def clashes(left: Value, right: Value, sides: Sides) -> bool:
    """Return whether one value is money, and the other money of another currency, or a number without a currency."""
    left_amount, right_amount = _read_amount(left), _read_amount(right)
    if left_amount is not None and right_amount is not None:
        return _currency(left) != _currency(right)
    if left_amount is not None:
        return value_text.kind_of(right) == "number" and not sides.left_fixed
    return right_amount is not None and value_text.kind_of(left) == "number" and not sides.right_fixed


def explain_clash(symbol: str, left: Value, right: Value, sides: Sides) -> str:
    """Return the error message for two values that clash."""
    if value_text.is_money(left) and value_text.is_money(right):
        return (
            f"`{symbol}` never compares across currencies, but {sides.left} is {_describe(left)} and {sides.right} is "
            f"{_describe(right)}"
        )
    name, money = (sides.left, left) if value_text.is_money(left) else (sides.right, right)
    return (
        f"`{symbol}` compares money with a number only where the field fixes its currency, but {name} is "
        f"{_describe(money)}; compare it with money, or add `| number` if the currency does not matter"
    )


def read_amounts(left: Value, right: Value) -> tuple[Any, Any] | None:
    """Return the numbers to compare if both values are numbers or money, else None. The values do not clash."""
    pair = [value if value_text.kind_of(value) == "number" else _read_amount(value) for value in (left, right)]
    return None if pair[0] is None or pair[1] is None else (pair[0], pair[1])


def has_single_currency(name: str, items: Sequence[Value]) -> bool:
    """Return whether this is a list of money, which the filter `name` may order by the amounts.

    Raises `ExpressionError` if there are several currencies.
    """
    if not items or any(_read_amount(item) is None for item in items):
        return False
    currencies = {str(_currency(item)) for item in items}
    if len(currencies) > 1:
        names = value_text.list_names(currencies)
        raise ExpressionError(f"`{name}` never compares across currencies, but this list has {names}")
    return True


def _read_amount(value: Value) -> numbers.Number | None:
    """Return the amount of money, or None for any other value, also for one whose amount is no number."""
    if not value_text.is_money(value):
        return None
    try:
        return numbers.to_number(value)
    except ExpressionError:
        return None


def _currency(money: Value) -> Value:
    assert isinstance(money, dict)
    return money["currency"]


def _describe(money: Value) -> str:
    """Return an amount in words, shortened."""
    if isinstance(_currency(money), str):
        return value_text.shorten(value_text.format_value(money))
    return "money (a mapping)"
