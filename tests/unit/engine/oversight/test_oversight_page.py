"""The figures on docs/oversight.md are those that the code computes."""

from __future__ import annotations

import pytest

from engine.oversight.bounds import upper_bound
from tests.support.documents import Page, Row

PAGE = Page.of("oversight.md")


@pytest.mark.parametrize("row", PAGE.table("What a figure says"))
def test_the_bounds_of_the_page_are_right(row: Row) -> None:
    reviewed, bad, share = row.cells
    assert share == f"{100 * upper_bound(int(bad), int(reviewed)):.2f} %"
