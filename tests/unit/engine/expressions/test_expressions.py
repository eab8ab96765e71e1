"""Properties of expressions, over any text and any data."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine import json_values
from engine.errors import ExpressionError
from engine.expressions import compile_template, compile_value, iter_strings
from engine.expressions.filters import FILTERS, TESTS
from engine.expressions.parser import has_opening_marks
from tests.support.examples import example_count
from tests.support.expressions import error_of, value_of

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9),
    st.text(max_size=8),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)
TOKENS = r"""
{{ }} {% %} {# ( ) [ ] { } . , : | ~ + - * / // % ** == != < >= = ' " \ é and or not in is if else
none true 1 -1 2.5 1e9 0 'a' '%Y' a b c secret __class__ _x defined default(1) upper join('-') map('x')
sort unique sum round(2) truncate(3) json first number int date('%d') length replace('a','b') title
keys values min string reverse
"""
PIECES = st.sampled_from([*TOKENS.split(), " ", "\n", "\0"])
SCOPE: dict[str, Any] = {"a": [1, "x", {"x": 1}, None], "b": {"a": "x", "x": Decimal("2.5")}, "c": "2025-01-01"}


def check_only_expression_errors(check_value: Callable[[], object]) -> None:
    try:
        check_value()
    except ExpressionError as error:
        assert str(error)  # noqa: PT017  # Any sentence is right.


@given(st.text(max_size=200))
def test_any_text_compiles_or_is_refused(source: str) -> None:
    check_only_expression_errors(lambda: compile_template(source).resolve(SCOPE))


@settings(max_examples=example_count(1000), deadline=None)
@given(st.lists(PIECES, max_size=25))
def test_any_sequence_of_tokens_gives_a_value_or_an_expression_error(pieces: list[str]) -> None:
    check_only_expression_errors(lambda: compile_template("{{ " + " ".join(pieces) + " }}").resolve(SCOPE))
    check_only_expression_errors(lambda: compile_template("".join(pieces)).resolve(SCOPE))


def operands(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.sampled_from(["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", ">=", "in", "not in", "and", "or"])
    filters = st.sampled_from([*FILTERS, "default(a)", "join(c)", "map('x')", "round(2)", "date(c)"])
    tests = st.sampled_from([*TESTS, "defined", "undefined"])
    return st.one_of(
        st.tuples(inner, binary, inner).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(inner, filters).map(lambda parts: f"({parts[0]} | {parts[1]})"),
        st.tuples(inner, tests).map(lambda parts: f"({parts[0]} is {parts[1]})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} if {parts[1]} else {parts[2]})"),
        st.tuples(inner, inner).map(lambda parts: f"{parts[0]}[{parts[1]}]"),
        st.lists(inner, max_size=3).map(lambda parts: f"[{', '.join(parts)}]"),
    )


@settings(max_examples=example_count(500), deadline=None)
@given(
    st.recursive(st.sampled_from(["a", "b.x", "c", "d", "1", "'x'", "none", "true", "2.5"]), operands, max_leaves=12),
    VALUES,
)
def test_any_expression_over_any_data_gives_a_clean_value_or_an_expression_error(source: str, value: Any) -> None:
    def check_value() -> None:
        result = compile_template("{{ " + source + " }}").render({**SCOPE, "d": value})
        assert json_values.clean(result) == result

    check_only_expression_errors(check_value)


@given(VALUES)
def test_a_reference_gives_the_same_object(value: Any) -> None:
    assert compile_template("{{ a.b[0] }}").render({"a": {"b": [value]}}) is value


@given(VALUES)
def test_a_literal_gives_its_value(value: Any) -> None:
    def literal(item: Any) -> str:
        match item:
            case None | bool():
                return str(item).lower()
            case str():
                return json.dumps(item)
            case list():
                return f"[{', '.join(map(literal, item))}]"
            case dict():
                return f"{{{', '.join(f'{json.dumps(key)}: {literal(part)}' for key, part in item.items())}}}"
            case Decimal():
                return format(item, "f")
            case _:
                return str(item)

    result = value_of("{{ " + literal(value) + " }}", {})
    assert json_values.canonical(result) == json_values.canonical(value)


@given(VALUES)
def test_a_structure_without_expressions_renders_to_itself(value: Any) -> None:
    assume(not any(has_opening_marks(text) for _, text in iter_strings(value)))
    assert compile_value(value).render({}) is value


@given(VALUES, VALUES)
def test_equality_agrees_with_unique(left: Any, right: Any) -> None:
    scope = {"a": left, "b": right}
    try:
        equal = value_of("{{ a == b }}", scope)
    except ExpressionError:  # The values are of two kinds, or one number written in two ways.
        equal = False
    assert equal is (value_of("{{ [a, b] | unique | length }}", scope) == 1)
    assert value_of("{{ a == a }}", scope) is True


ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=2)
TEXTS_LIKE_NUMBERS = st.one_of(
    NUMBERS.map(str),
    NUMBERS.map(lambda number: f"{number:,}"),
    NUMBERS.map(lambda number: f"{number}%"),
    NUMBERS.map(lambda number: f"{number} EUR"),
    st.integers(0, 10**9).map(str),
    st.sampled_from(["low", "medium", "high", "XL", "", "2026", "20260302"]),
    st.text(max_size=12),
)


@given(
    TEXTS_LIKE_NUMBERS,
    st.one_of(TEXTS_LIKE_NUMBERS, st.dates().map(str), st.datetimes().map(lambda at: f"{at.isoformat()}Z")),
)
def test_texts_have_no_order_unless_both_are_dates(first: str, second: str) -> None:
    """Operators and filters refuse to order them, so a gate with such a condition opens and is never skipped."""
    for left, right in ((first, second), (second, first)):
        if all(re.fullmatch(r"\d{4}-\d\d-\d\d.*", text) for text in (left, right)):
            continue
        for symbol in ("<", "<=", ">", ">="):
            assert "texts have no order" in error_of(f"{{{{ a {symbol} b }}}}", {"a": left, "b": right})
        for name in ("min", "max"):
            assert "texts have no order" in error_of(f"{{{{ [a, b] | {name} }}}}", {"a": left, "b": right})


@given(NUMBERS, NUMBERS)
def test_a_list_of_texts_that_are_numbers_is_not_sorted_by_letters(left: Decimal, right: Decimal) -> None:
    assert "look like numbers" in error_of("{{ [a, b] | sort }}", {"a": str(left), "b": f"{right} EUR"})


@given(st.datetimes(timezones=ZONES), st.datetimes(timezones=ZONES))
def test_times_with_any_offset_compare_as_moments(left: datetime, right: datetime) -> None:
    scope: dict[str, Any] = {"a": left.isoformat(), "b": right.isoformat()}
    assert value_of("{{ a < b }}", scope) is (left < right)
    assert value_of("{{ ([a, b] | max) }}", scope) == scope["a" if left >= right else "b"]


@given(st.integers(-(10**20), 10**20), st.integers(-(10**20), 10**20).filter(bool), st.booleans())
def test_quotient_and_remainder_belong_together(dividend: int, divisor: int, exact: bool) -> None:
    scope: dict[str, Any] = {"a": Decimal(dividend) if exact else dividend, "b": divisor}
    assert value_of("{{ a // b * b + a % b == a }}", scope) is True
    assert value_of("{{ a // b }}", scope) == dividend // divisor
