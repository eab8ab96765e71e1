"""A scope for expressions, and functions that evaluate a template and return its value or its error."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.errors import ExpressionError
from engine.expressions import compile_template

SCOPE: dict[str, Any] = {
    "inputs": {
        "amount": 120,
        "price": Decimal("12.50"),
        "name": "Ada Lovelace",
        "to": "ada@example.com",
        "ok": True,
        "off": False,
        "note": None,
        "fee": {"amount": "12.50", "currency": "EUR"},
        "tags": ["b", "a", "b"],
        "numbers": [3, 1, Decimal("2.5")],
        "empty": [],
        "nothing": {},
        "_id": "x1",
        "day": "2025-03-07",
        "moment": "2025-03-07T15:04:05+01:00",
    },
    "steps": {"draft": {"subject": "Hello", "body": "World"}, "rows": {"items": [{"n": 1, "x": {"y": "p"}}, {"n": 2}]}},
    "trigger": {},
    "run": {"id": "r1"},
}


def value_of(source: str, scope: dict[str, Any] | None = None) -> Any:
    """Return the value of a template over `scope`, or over `SCOPE`."""
    return compile_template(source).render(SCOPE if scope is None else scope)


def error_of(source: str, scope: dict[str, Any] | None = None) -> str:
    """Return the error of a template that cannot be evaluated."""
    with pytest.raises(ExpressionError) as caught:
        value_of(source, scope)
    return str(caught.value)


def compile_error_of(source: str) -> str:
    """Return the error of a template that cannot be compiled."""
    with pytest.raises(ExpressionError) as caught:
        compile_template(source)
    return str(caught.value)


def same_value_and_type(left: object, right: object) -> bool:
    """Return whether two values are equal and of the same Python type."""
    return left == right and type(left) is type(right)


def nest(levels: int, value: Any) -> Any:
    """Return `value` inside so many lists."""
    for _ in range(levels):
        value = [value]
    return value
