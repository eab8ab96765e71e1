"""Canonical JSON writes each value as one text."""

from __future__ import annotations

import json
from decimal import Decimal

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine import json_values
from engine.errors import InvalidValue
from engine.json_values import Value

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES: st.SearchStrategy[Value] = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def standard_json(value: Value) -> str:
    """Return the JSON of RFC 8785, written with the standard library: keys in UTF-16 order, no spaces, few escapes."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(f"{standard_json(key)}:{standard_json(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(standard_json, value)) + "]"
    assert not isinstance(value, Decimal)
    return json.dumps(value, ensure_ascii=False)


@given(VALUES)
def test_every_value_is_written_as_the_standard_says(value: Value) -> None:
    assert json_values.canonical(value).decode() == standard_json(value)


@given(VALUES, VALUES)
def test_two_values_are_the_same_if_their_canonical_forms_are(value: Value, other: Value) -> None:
    assert json_values.same(value, value)
    assert json_values.same(value, other) == (standard_json(value) == standard_json(other))


@pytest.mark.parametrize("code", [*range(0x80), 0x80, 0x2028, 0xE000, 0x1F600])
def test_every_character_is_written_as_the_standard_says(code: int) -> None:
    text = f"a{chr(code)}b"
    value: Value = {text: [text], "z": "ä", "\ue000": 1, "\U0001f600": 2}
    assert json_values.canonical({text: [text]}).decode() == standard_json({text: [text]})
    assert json_values.canonical(value).decode() == standard_json(value)


@pytest.mark.parametrize("number", ["1.10", "0", "1E+5", "-0.5", "12345678901234567890.123", "1E-300", "0E-10"])
def test_a_decimal_is_written_as_its_own_text_on_both_ways(number: str) -> None:
    assert json_values.canonical([Decimal(number), "a"]).decode() == f'[{number},"a"]'
    assert json_values.canonical([Decimal(number), "ä"]).decode() == f'[{number},"ä"]'


def test_an_integer_of_any_size_is_written_in_full() -> None:
    assert json_values.canonical([2**53 + 1, -(10**300)]).decode() == f"[{2**53 + 1},{-(10**300)}]"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"\ud83d"', "\ufffd"),
        (r'{"a\ude00": ["x\ud83d y"]}', {"a\ufffd": ["x\ufffd y"]}),
        (r'"\ud83d\ude00 \ud83d"', "\U0001f600 \ufffd"),
        (r'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (r'"\\ud83d \uD83D"', "\\ud83d \ufffd"),
    ],
)
def test_half_of_an_emoji_is_read_as_a_replacement_character(text: str, value: Value) -> None:
    assert json_values.loads(text) == value
    assert json_values.loads(text.encode()) == value


@pytest.mark.parametrize("text", [r'"\ud83d', r'"\ud8', r'"\ud83d" x', '{"a": "\\ud83d"'])
def test_json_that_is_cut_off_stays_unreadable(text: str) -> None:
    with pytest.raises(InvalidValue, match="this is not valid JSON"):
        json_values.loads(text)


CHANGES = st.dictionaries(st.sampled_from(["a", "b"]) | st.integers(0, 2), st.integers(), max_size=3)


@given(CHANGES)
def test_many_changes_at_once_are_the_changes_one_by_one(changes: dict[str | int, int]) -> None:
    original: Value = {"a": 1, "b": {"c": 2}, "list": [1, [2], {"d": 3}]}
    paths: dict[json_values.Path, Value] = {
        (key,) if isinstance(key, str) else ("list", key): new_value for key, new_value in changes.items()
    }
    expected: Value = original
    for path, new_value in paths.items():
        expected = json_values.replace(expected, path, new_value)
    assert json_values.replace_all(original, paths) == expected
    assert original == {"a": 1, "b": {"c": 2}, "list": [1, [2], {"d": 3}]}


def test_a_missing_path_cannot_be_replaced() -> None:
    with pytest.raises(KeyError):
        json_values.replace_all({"a": [1]}, {("a", 1): 2})
    assert json_values.replace_all({"a": 1}, {(): 2}) == 2


@pytest.mark.parametrize(
    ("value", "is_larger"),
    [("abc", False), ("abcd", True), ({"ab": "c"}, True), ([1, 2, 3, 4], True), ([""] * 4, True)],
)
def test_the_size_of_a_value_is_counted_until_it_is_too_much(value: Value, *, is_larger: bool) -> None:
    assert json_values.is_larger(value, 3) is is_larger
