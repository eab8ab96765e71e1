"""Arithmetic: exact integers, and decimals of 50 significant digits, within the limits of `engine.json_values`."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import (
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Clamped,
    Context,
    Decimal,
    DecimalException,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    Subnormal,
)
from typing import Final, TypeAlias

from engine import json_values
from engine.errors import ExpressionError, InvalidValue
from engine.expressions import value_text
from engine.json_values import MAX_DIGITS, Value

Number: TypeAlias = int | Decimal

PRECISION: Final = 50
"""Significant digits of a decimal result. A longer result is rounded half to even."""
MAX_PLACES: Final = 50
"""Maximum number of decimal places that `round` keeps."""

_TRAPS: Final = [Clamped, DivisionByZero, InvalidOperation, Overflow, Subnormal]
_CONTEXT: Final = Context(
    prec=PRECISION, rounding=ROUND_HALF_EVEN, Emin=PRECISION - 1 - MAX_DIGITS, Emax=MAX_DIGITS, traps=_TRAPS
)
_ROUNDING: Final = Context(prec=3 * MAX_DIGITS, rounding=ROUND_HALF_UP, traps=[InvalidOperation])
_IN_THOUSANDS: Final = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}", re.ASCII)
_MAX_UNCLEAR_LENGTH: Final = 20
_TEXT: Final = re.compile(r"[+-]?(\d+(\.\d+)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)


def check_digits(number: Number) -> Number:
    """Return `number`. Raises `ExpressionError` if it has more digits than a workflow may carry."""
    try:
        json_values.clean(number)
    except InvalidValue as error:
        raise ExpressionError(f"{error}; use smaller numbers") from None
    return number


def add(left: Number, right: Number) -> Number:
    """Return the sum."""
    if isinstance(left, int) and isinstance(right, int):
        return check_digits(left + right)
    return _calculate_decimal(_CONTEXT.add, left, right)


def subtract(left: Number, right: Number) -> Number:
    """Return the difference."""
    if isinstance(left, int) and isinstance(right, int):
        return check_digits(left - right)
    return _calculate_decimal(_CONTEXT.subtract, left, right)


def multiply(left: Number, right: Number) -> Number:
    """Return the product."""
    if isinstance(left, int) and isinstance(right, int):
        return check_digits(left * right)
    return _calculate_decimal(_CONTEXT.multiply, left, right)


def divide(left: Number, right: Number) -> Number:
    """Return the quotient, always as a decimal."""
    _refuse_zero(right)
    return _calculate_decimal(_CONTEXT.divide, left, right)


def floor_divide(left: Number, right: Number) -> Number:
    """Return the quotient rounded down, for decimals as for integers."""
    _refuse_zero(right)
    if isinstance(left, int) and isinstance(right, int):
        return left // right
    return _calculate_decimal(_floor_decimal, left, right)


def modulo(left: Number, right: Number) -> Number:
    """Return the remainder of `floor_divide`. It has the sign of `right`."""
    _refuse_zero(right)
    if isinstance(left, int) and isinstance(right, int):
        return left % right
    return _calculate_decimal(_remainder, left, right)


def negate(number: Number) -> Number:
    """Return the number with the opposite sign. The negative of a zero is a zero without a sign."""
    if isinstance(number, Decimal):
        return number.copy_negate() if number else number
    return -number


def absolute(number: Number) -> Number:
    """Return the number without its sign."""
    return number.copy_abs() if isinstance(number, Decimal) else abs(number)


def round_to(number: Number, places: int) -> Number:
    """Return `number` rounded half away from zero, as people round.

    The result is an integer for 0 places, else a decimal with exactly this number of places.
    """
    if not 0 <= places <= MAX_PLACES:
        raise ExpressionError(f"`round` keeps 0 to {MAX_PLACES} decimal places, not {places}")
    if not places and isinstance(number, int):
        return number
    rounded = Decimal(number).quantize(Decimal((0, (1,), -places)), context=_ROUNDING)
    if not places:
        return int(rounded)
    return check_digits(rounded if rounded else rounded.copy_abs())


def to_integer(value: Value, *, is_gate_condition: bool = False) -> int:
    """Return the exact integer, for `| int`. Raises `ExpressionError` for a number that is not whole."""
    number = to_number(value, is_gate_condition=is_gate_condition)
    if isinstance(number, Decimal) and number != number.to_integral_value():
        raise ExpressionError(f"{value_text.format_value(number)} is not a whole number; use `| round` to round it")
    return int(number)


def to_number(value: Value, *, is_gate_condition: bool = False) -> Number:
    """Return the number of a number, a numeric text or a money mapping, for `| number`.

    `is_gate_condition`: a text such as 1.234 is an error, because its author may have meant a thousand.
    """
    if isinstance(value, dict) and value.keys() == {"amount", "currency"}:
        value, is_gate_condition = value["amount"], False
    if isinstance(value, str):
        if is_gate_condition and _IN_THOUSANDS.fullmatch(value.strip()[:_MAX_UNCLEAR_LENGTH]):
            raise ExpressionError(
                f'"{value_text.shorten(value)}" may mean thousands or decimals; declare it as a number or as money, '
                "or write a fourth decimal"
            )
        return _parse(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ExpressionError(f"a number was expected, but this is {value_text.describe_kind(value)}")
    return value


def _parse(text: str) -> Number:
    if len(text) > 2 * MAX_DIGITS or not _TEXT.fullmatch(text := text.strip()):
        raise ExpressionError(
            f'"{value_text.shorten(text)}" is not a number; write it like 1234.50, with no other signs'
        )
    return check_digits(int(text) if text.lstrip("+-").isdigit() else Decimal(text))


def _refuse_zero(divisor: Number) -> None:
    if not divisor:
        raise ExpressionError("this divides by zero; check the divisor with `if … else` first")


def _calculate_decimal(operation: Callable[[Number, Number], Decimal], left: Number, right: Number) -> Decimal:
    try:
        return operation(left, right)
    except DecimalException:
        raise ExpressionError("the result has more digits than can be kept; use smaller numbers") from None


def _remainder(left: Number, right: Number) -> Decimal:
    remainder = _CONTEXT.remainder(left, right)
    return _CONTEXT.add(remainder, right) if remainder and (remainder < 0) != (right < 0) else remainder


def _floor_decimal(left: Number, right: Number) -> Decimal:
    remainder = _CONTEXT.remainder(left, right)
    quotient = _CONTEXT.divide_int(left, right)
    return _CONTEXT.subtract(quotient, 1) if remainder and (remainder < 0) != (right < 0) else quotient
