"""The sequential test: its limits, its errors over every path, and the fewest cases that it needs."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.oversight.sprt import RateAnswer, SequentialTest

TESTS = st.builds(
    SequentialTest,
    low=st.floats(0.001, 0.3),
    high=st.floats(0.31, 0.9),
    alpha=st.floats(0.001, 0.4),
    beta=st.floats(0.001, 0.4),
)


def test_enough_good_cases_say_low_and_a_few_bad_ones_say_high() -> None:
    test = SequentialTest(low=0.01, high=0.05)
    assert test.fewest_for_low() == 73
    assert test.answer(0, 73) is RateAnswer.LOW
    assert test.answer(0, 72) is test.answer(0, 0) is RateAnswer.UNDECIDED
    assert test.answer(2, 2) is RateAnswer.HIGH


@given(TESTS)
def test_the_fewest_cases_are_exact(test: SequentialTest) -> None:
    fewest = test.fewest_for_low()
    assert test.evidence(0, fewest) <= test.evidence(0, fewest - 1)
    assert test.answer(0, fewest + 1) is RateAnswer.LOW
    assert test.answer(0, fewest - 1) is not RateAnswer.LOW


@given(TESTS, st.integers(0, 50), st.integers(0, 50))
def test_a_bad_case_speaks_for_high_and_a_good_one_for_low(test: SequentialTest, bad: int, good: int) -> None:
    now = test.evidence(bad, bad + good)
    assert test.evidence(bad + 1, bad + good + 1) > now > test.evidence(bad, bad + good + 1)


@pytest.mark.parametrize(("alpha", "beta"), [(0.05, 0.05), (0.01, 0.2), (0.1, 0.01)])
@pytest.mark.parametrize(("low", "high"), [(0.01, 0.05), (0.05, 0.1), (0.2, 0.4)])
def test_over_all_paths_no_error_is_more_frequent_than_named(
    low: float, high: float, alpha: float, beta: float
) -> None:
    test = SequentialTest(low=low, high=high, alpha=alpha, beta=beta)
    for rate in (low, low / 2):
        assert answered(test, rate)[RateAnswer.HIGH] <= alpha
    for rate in (high, (1 + high) / 2):
        assert answered(test, rate)[RateAnswer.LOW] <= beta


def answered(test: SequentialTest, rate: float, *, longest: int = 600) -> dict[RateAnswer, float]:
    """Return how often each answer is the first at this rate, computed over all paths of at most so many cases."""
    chances, first = {0: 1.0}, defaultdict[RateAnswer, float](float)
    for seen in range(1, longest + 1):
        grown = defaultdict[int, float](float)
        for bad, chance in chances.items():
            grown[bad] += chance * (1 - rate)
            grown[bad + 1] += chance * rate
        answers = {bad: test.answer(bad, seen) for bad in grown}
        for bad, answer in answers.items():
            first[answer] += grown[bad] if answer is not RateAnswer.UNDECIDED else 0
        chances = {bad: chance for bad, chance in grown.items() if answers[bad] is RateAnswer.UNDECIDED}
    return first


@pytest.mark.parametrize(
    "wrong",
    [
        {"low": 0.0, "high": 0.5},
        {"low": 0.5, "high": 0.5},
        {"low": 0.1, "high": 1.0},
        {"low": 0.1, "high": 0.5, "alpha": 0.0},
        {"low": 0.1, "high": 0.5, "beta": 1.0},
        {"low": 0.1, "high": 0.5, "alpha": 0.5, "beta": 0.5},
    ],
)
def test_what_is_no_test_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"the low rate|the two errors"):
        SequentialTest(**wrong)
