from __future__ import annotations

import pytest

from engine.name_lists import join_names


@pytest.mark.parametrize(
    ("first", "count", "text"),
    [
        ([], 0, ""),
        (["a"], 1, "a"),
        (["a", "b"], 2, "a, b"),
        (["a", "b"], 3, "a, b and 1 more"),
        (["a"], 1235, "a and 1,234 more"),
    ],
)
def test_names_that_are_left_out_of_a_list_are_counted(first: list[str], count: int, text: str) -> None:
    assert join_names(first, count) == text
