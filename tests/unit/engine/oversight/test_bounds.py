"""Bounds of a rate: against closed forms, two libraries that name the sides differently, and their own promise."""

from __future__ import annotations

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.oversight.bounds import Bound, bad_rate_bound, interval, lower_bound, upper_bound

LEVELS = st.sampled_from([0.8, 0.9, 0.95, 0.975, 0.99])


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    n = draw(st.integers(1, 400))
    return draw(st.integers(0, n)), n


@pytest.mark.parametrize(("n", "percent"), [(59, 4.95), (299, 1.00)])
def test_none_of_n_is_bounded_by_the_closed_form(n: int, percent: float) -> None:
    assert upper_bound(0, n) == pytest.approx(1 - 0.05 ** (1 / n), rel=1e-12)
    assert round(100 * upper_bound(0, n), 2) == percent
    assert lower_bound(n, n) == pytest.approx(0.05 ** (1 / n), rel=1e-12)


def test_nothing_seen_rules_nothing_out() -> None:
    assert (lower_bound(0, 0), upper_bound(0, 0)) == (0, 1)
    assert (lower_bound(0, 5), upper_bound(5, 5)) == (0, 1)
    assert interval(0, 0) == (0, 1)


@given(counts(), LEVELS)
def test_a_bound_is_the_rate_at_which_so_few_or_so_many_are_as_rare_as_the_level_says(
    case: tuple[int, int], level: float
) -> None:
    hits, n = case
    if hits < n:
        assert at_most(hits, n, upper_bound(hits, n, level=level)) == pytest.approx(1 - level, rel=1e-6)
    if hits > 0:
        assert 1 - at_most(hits - 1, n, lower_bound(hits, n, level=level)) == pytest.approx(1 - level, rel=1e-6)


def at_most(hits: int, n: int, rate: float) -> float:
    """Return the probability of at most so many hits, by the definition of the binomial distribution."""
    return sum(comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in range(hits + 1))


@given(counts(), LEVELS)
def test_scipy_means_the_lower_bound_by_greater(case: tuple[int, int], level: float) -> None:
    from scipy.stats import binomtest  # here, because every process of tests would spend a second on it

    hits, n = case
    # scipy names the alternative of the test: "greater" asks whether the rate is greater, so it bounds it from below.
    assert binomtest(hits, n, alternative="greater").proportion_ci(level) == pytest.approx(
        (lower_bound(hits, n, level=level), 1), rel=1e-6
    )
    assert binomtest(hits, n, alternative="less").proportion_ci(level) == pytest.approx(
        (0, upper_bound(hits, n, level=level)), rel=1e-6
    )
    assert binomtest(hits, n).proportion_ci(level) == pytest.approx(interval(hits, n, level=level), rel=1e-6)


@given(counts(), LEVELS)
def test_statsmodels_means_the_upper_bound_by_larger(case: tuple[int, int], level: float) -> None:
    from statsmodels.stats.proportion import proportion_confint

    hits, n = case
    # statsmodels names the end that is not 0 or 1: "larger" keeps the larger end, so it bounds the rate from above.
    larger = proportion_confint(hits, n, alpha=1 - level, method="beta", alternative="larger")
    smaller = proportion_confint(hits, n, alpha=1 - level, method="beta", alternative="smaller")
    assert larger == pytest.approx((0, upper_bound(hits, n, level=level)), rel=1e-6)
    assert smaller == pytest.approx((lower_bound(hits, n, level=level), 1), rel=1e-6)
    both = proportion_confint(hits, n, alpha=1 - level, method="beta")
    assert both == pytest.approx(interval(hits, n, level=level), rel=1e-6)


@pytest.mark.parametrize("n", [1, 10, 59, 100])
@pytest.mark.parametrize("rate", [0.001, 0.01, 0.05, 0.3, 0.5, 0.9, 0.999])
def test_bounds_and_intervals_hold_at_least_as_often_as_they_say(n: int, rate: float) -> None:
    chances = [comb(n, k) * rate**k * (1 - rate) ** (n - k) for k in range(n + 1)]
    above = sum(chance for k, chance in enumerate(chances) if rate <= upper_bound(k, n))
    below = sum(chance for k, chance in enumerate(chances) if rate >= lower_bound(k, n))
    between = sum(chance for k, chance in enumerate(chances) if interval(k, n)[0] <= rate <= interval(k, n)[1])
    assert min(above, below, between) >= 0.95 - 1e-12


# -- with the reviewers' detection rate ---------------------------------------------------------------------


def test_without_seeded_requests_the_detection_is_said_to_be_unknown() -> None:
    unknown = Bound(upper_bound(2, 100), is_detection_known=False)
    assert bad_rate_bound(2, 100, None) == bad_rate_bound(2, 100, (0, 0)) == unknown


def test_a_known_detection_divides_the_bound_by_its_lower_bound() -> None:
    bound = bad_rate_bound(0, 299, (45, 50))
    # Both rates are bounded at 97.5 %, so that both bounds hold together at 95 %.
    assert bound.value == pytest.approx(upper_bound(0, 299, level=0.975) / lower_bound(45, 50, level=0.975))
    assert bound.is_detection_known
    assert bound.value > bad_rate_bound(0, 299, (50, 50)).value > upper_bound(0, 299)


@given(counts(), counts())
def test_no_bound_is_above_one_or_below_what_was_seen(case: tuple[int, int], detection: tuple[int, int]) -> None:
    bound = bad_rate_bound(*case, detection)
    assert upper_bound(*case) <= bound.value <= 1


def test_reviewers_who_notice_nothing_leave_everything_possible() -> None:
    assert bad_rate_bound(0, 1000, (0, 50)) == Bound(1, is_detection_known=True)


@pytest.mark.parametrize(("hits", "n", "level"), [(-1, 5, 0.95), (6, 5, 0.95), (1, 5, 0), (1, 5, 1)])
def test_what_is_no_rate_is_refused(hits: int, n: int, level: float) -> None:
    with pytest.raises(ValueError, match=r"no rate|a level"):
        upper_bound(hits, n, level=level)
