"""Canonical JSON: one text for one value, whichever way it is written."""

from __future__ import annotations

import json
from decimal import Decimal

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine import data
from engine.data import Value

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES: st.SearchStrategy[Value] = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def plain(value: Value) -> str:
    """What RFC 8785 says, by the standard library: keys by their UTF-16, no space, nothing escaped without need."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(f"{plain(key)}:{plain(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(plain, value)) + "]"
    assert not isinstance(value, Decimal)
    return json.dumps(value, ensure_ascii=False)


@given(VALUES)
def test_every_value_is_written_as_the_standard_says(value: Value) -> None:
    assert data.canonical(value).decode() == plain(value)


@pytest.mark.parametrize("code", [*range(0x80), 0x80, 0x2028, 0xE000, 0x1F600])
def test_every_character_is_written_as_the_standard_says(code: int) -> None:
    text = f"a{chr(code)}b"
    value: Value = {text: [text], "z": "ä", "\ue000": 1, "\U0001f600": 2}
    assert data.canonical({text: [text]}).decode() == plain({text: [text]})
    assert data.canonical(value).decode() == plain(value)


@pytest.mark.parametrize("number", ["1.10", "0", "1E+5", "-0.5", "12345678901234567890.123", "1E-300", "0E-10"])
def test_a_decimal_is_written_as_its_own_text_on_both_ways(number: str) -> None:
    assert data.canonical([Decimal(number), "a"]).decode() == f'[{number},"a"]'
    assert data.canonical([Decimal(number), "ä"]).decode() == f'[{number},"ä"]'


def test_an_integer_of_any_size_is_written_in_full() -> None:
    assert data.canonical([2**53 + 1, -(10**300)]).decode() == f"[{2**53 + 1},{-(10**300)}]"
