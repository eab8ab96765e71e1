"""The figures on docs/oversight.md are those that the code computes."""

from __future__ import annotations

import pytest

from engine.oversight.bounds import upper_bound, upper_bound_at_any_time
from tests.support.documents import Page, Row

PAGE = Page.of("oversight.md")


@pytest.mark.parametrize("row", PAGE.table("What a figure says"))
def test_the_bounds_of_the_page_are_right(row: Row) -> None:
    reviewed, bad, share = row.cells
    assert share == f"{100 * upper_bound(int(bad), int(reviewed)):.2f} %"


def test_the_page_knows_the_bound_for_a_moment_that_was_chosen() -> None:
    assert f"It is larger: {100 * upper_bound_at_any_time(0, 100):.2f} % for 0 of 100." in PAGE.text
    assert f"so at most {100 * upper_bound(0, 100):.2f} %" in PAGE.text
