"""How much of a draft people changed."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.oversight.edit_distance import edit_distance


def test_texts_count_by_their_characters_and_other_values_as_a_whole() -> None:
    assert edit_distance("Hello", "Hallo") == 1 / 5
    assert edit_distance("", "Hello") == 1
    assert edit_distance("abc", "xyz") == 1
    assert edit_distance(12, 13) == edit_distance(["a"], ["b"]) == edit_distance("12", 12) == 1
    assert edit_distance(Decimal("1.0"), Decimal("1.0")) == edit_distance({"a": 1}, {"a": 1}) == 0


@given(st.text(max_size=40), st.text(max_size=40))
def test_only_what_is_the_same_has_no_distance(before: str, after: str) -> None:
    distance = edit_distance(before, after)
    assert (distance == 0) is (before == after)
    assert 0 <= distance == edit_distance(after, before) <= 1


def test_a_change_at_the_end_of_a_long_text_counts() -> None:
    assert 0 < edit_distance("a" * 50_000, "a" * 49_999 + "b") < 0.001
