"""How long requests wait, where some still do: the estimate by Kaplan and Meier."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.oversight.statistics import Survival, SurvivalStep, beta_quantile, survival

TIMES = st.lists(st.tuples(st.integers(1, 12).map(float), st.booleans()), max_size=40)


def test_a_known_example() -> None:
    waits = survival([3, 5, 5, 8, 10, 12], [True, True, False, True, False, True])
    assert [(step.time, step.at_risk, round(step.waiting, 9)) for step in waits.steps] == [
        (3, 6, round(5 / 6, 9)),
        (5, 5, round(2 / 3, 9)),
        (8, 3, round(4 / 9, 9)),
        (12, 1, 0),
    ]
    assert waits.waiting_at(2.9) == 1
    assert waits.waiting_at(6) == pytest.approx(2 / 3)
    assert waits.time_until(0.5) == 8


@given(TIMES)
def test_the_share_that_waits_is_the_product_over_the_decisions(cases: list[tuple[float, bool]]) -> None:
    waits = survival([time for time, _ in cases], [is_decided for _, is_decided in cases])
    share, steps = Fraction(1), []
    for time in sorted({time for time, is_decided in cases if is_decided}):
        at_risk = sum(other >= time for other, _ in cases)
        share *= 1 - Fraction(sum(case == (time, True) for case in cases), at_risk)
        steps.append((time, at_risk))
        assert waits.waiting_at(time) == pytest.approx(float(share), abs=1e-9)
    assert [(step.time, step.at_risk) for step in waits.steps] == steps


def test_what_was_never_seen_is_not_estimated() -> None:
    assert survival([], []) == survival([5, 6], [False, False]) == Survival(())
    assert Survival(()).time_until(0.5) is None
    assert Survival((SurvivalStep(2, 10, 0.9),)).time_until(0.5) is None
    with pytest.raises(ValueError, match="each time"):
        survival([1, 2], [True])


def test_half_of_a_flat_distribution_is_below_one_half() -> None:
    assert beta_quantile(0.5, 1, 1) == 0.5


def test_a_server_that_shows_no_figure_does_not_load_the_library() -> None:
    program = "import sys; from engine.oversight import bounds, sprt, worst_case; sys.exit('scipy' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
