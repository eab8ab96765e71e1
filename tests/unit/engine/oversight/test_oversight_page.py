"""The figures on docs/oversight.md are those that the code computes."""

from __future__ import annotations

import pytest

from engine.oversight.bounds import upper_bound, upper_bound_at_any_time
from engine.oversight.worst_case import worst_case
from tests.support.documents import Page, Row

PAGE = Page.of("oversight.md")


@pytest.mark.parametrize("row", PAGE.table("What a figure says"))
def test_the_bounds_of_the_page_are_right(row: Row) -> None:
    reviewed, bad, share = row.cells
    assert share == f"{100 * upper_bound(int(bad), int(reviewed)):.2f}%"


def test_the_page_knows_the_bound_for_a_moment_that_was_chosen() -> None:
    assert f"It is larger: {100 * upper_bound_at_any_time(0, 100):.2f}% for 0 of 100." in PAGE.text
    assert f"so at most {100 * upper_bound(0, 100):.2f}%" in PAGE.text


@pytest.mark.parametrize("row", PAGE.table("A share without review"))
def test_the_worst_cases_of_the_page_are_right(row: Row) -> None:
    plan, steady, changing = row.cells
    clean, share = plan.removesuffix("%").split(", then ")
    worst = worst_case(int(clean), int(share) / 100)
    assert (steady, changing) == (f"1 in {worst.one_in}", f"1 in {worst.one_in_if_it_changes}")
