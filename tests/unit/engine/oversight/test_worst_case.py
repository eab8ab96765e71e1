"""The worst case of a sampling plan: the published figures, the definition, and reviewers who miss some."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.oversight.bounds import lower_bound
from engine.oversight.worst_case import share_reviewed, share_unreviewed, worst_case

CLEAN = st.integers(1, 2000)
SHARE = st.floats(0.001, 0.999)
RATE = st.floats(0, 1)


@pytest.mark.parametrize(("clean", "percent", "one_in"), [(100, 1.1, 91), (299, 0.37, 272)])
def test_the_worst_case_of_known_plans(clean: int, percent: float, one_in: int) -> None:
    worst = worst_case(clean, 0.1)
    assert round(100 * worst.aoql, len(str(percent)) - 2) == percent
    assert worst.one_in == one_in
    assert 1 / one_in >= worst.aoql > 1 / (one_in + 1)


def test_a_plan_of_one_has_a_closed_form() -> None:
    # p * q / (1 + q) with half of them reviewed is largest where q = sqrt(2) - 1.
    worst = worst_case(1, 0.5)
    assert worst.at == pytest.approx(2 - 2**0.5, rel=1e-9)
    assert worst.aoql == pytest.approx(3 - 2 * 2**0.5, rel=1e-9)


def test_an_agent_that_changes_once_it_is_trusted_is_worse() -> None:
    # It passes 9 bad ones until the first is drawn, in a cycle of 100 good ones and 10: 9 of 110.
    worst = worst_case(100, 0.1)
    assert worst.if_it_changes == pytest.approx(9 / 110)
    assert worst.one_in_if_it_changes == 12


@given(CLEAN, SHARE, RATE)
def test_no_bad_rate_is_worse_than_the_worst_case(clean: int, share: float, rate: float) -> None:
    worst = worst_case(clean, share)
    assert rate * share_unreviewed(clean, share, bad_rate=rate) <= worst.aoql * (1 + 1e-9)
    assert worst.aoql == pytest.approx(worst.at * share_unreviewed(clean, share, bad_rate=worst.at))
    assert worst.aoql <= worst.if_it_changes <= 1 - share
    assert worst.least_reviewed <= share_reviewed(clean, share, bad_rate=rate) + 1e-9


@given(CLEAN, SHARE, RATE, st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_reviewers_who_miss_some_never_make_it_false(
    clean: int, share: float, rate: float, detection: tuple[int, int]
) -> None:
    worst = worst_case(clean, share, detection=detection)
    noticed = lower_bound(*detection)
    assert rate * share_unreviewed(clean, share, bad_rate=rate * noticed) <= worst.aoql * (1 + 1e-9)
    assert worst_case(clean, share).aoql <= worst.aoql <= 1 - share
    assert worst.is_detection_known


def test_no_seeded_requests_say_nothing_about_reviewers() -> None:
    assert worst_case(100, 0.1, detection=(0, 0)) == worst_case(100, 0.1)
    assert not worst_case(100, 0.1).is_detection_known


def test_an_agent_without_errors_is_reviewed_by_the_share_and_one_with_only_errors_always() -> None:
    assert share_reviewed(100, 0.1, bad_rate=0) == pytest.approx(0.1)
    assert share_reviewed(100, 0.1, bad_rate=1) == 1


@pytest.mark.parametrize(("clean", "share"), [(0, 0.1), (100, 0.0), (100, 1.0)])
def test_what_is_no_plan_is_refused(clean: int, share: float) -> None:
    with pytest.raises(ValueError, match="a plan reviews"):
        worst_case(clean, share)
