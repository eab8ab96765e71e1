"""Values as they are written inside a text."""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Any

import pytest

from engine.errors import ExpressionError
from engine.expressions import format_value
from tests.support.expressions import error_of, value_of


class Colour(enum.StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (Colour.RED, "red"),
        (7, "7"),
        (Decimal("12.50"), "12.50"),
        (Decimal("1E+5"), "100000"),
        (Decimal("1E-7"), "0.0000001"),
        (True, "true"),
        (False, "false"),
        ({"amount": Decimal("12.50"), "currency": "EUR"}, "12.50 EUR"),
        ({"amount": 3, "currency": "EUR"}, "3 EUR"),
        ({"amount": 3, "currency": 4}, '{"amount":3,"currency":4}'),
        ({"amount": [3], "currency": "EUR"}, '{"amount":[3],"currency":"EUR"}'),
        ({"amount": None, "currency": "EUR"}, '{"amount":null,"currency":"EUR"}'),
        ([1, "é", None, Decimal("1.0")], '[1,"é",null,1.0]'),
        ({}, "{}"),
    ],
)
def test_a_value_is_written_plainly(value: Any, text: str) -> None:
    assert format_value(value) == text
    assert value_of("-{{ v }}", {"v": value}) == "-" + text
    assert value_of("{{ v | string }}", {"v": value}) == text


def test_an_empty_value_cannot_be_written() -> None:
    with pytest.raises(ExpressionError, match=r'the value is empty .* add `\| default\("…"\)`'):
        format_value(None)
    assert error_of("Dear {{ inputs.note }}").startswith("inputs.note is empty (none), so there is nothing to write")
    assert "item 1 of the list is empty" in error_of("{{ ['a', none] | join }}")


def test_an_unknown_python_type_is_refused() -> None:
    assert error_of("{{ a ~ '' }}", {"a": 1.5}) == "a value of the type float cannot be used in an expression"
