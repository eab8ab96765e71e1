"""Times by class: the estimate is Kaplan and Meier's, as the library makes it of single times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.oversight import time_buckets
from engine.oversight.grouped_times import CLASSES, NO_TIMES, GroupedTimes
from engine.oversight.statistics import survival
from engine.oversight.time_buckets import BOUNDS, DEADLINES

NUMBERS = st.lists(st.integers(0, 6), min_size=CLASSES - 1, max_size=CLASSES - 1)


def times(decided: list[int], undecided: list[int]) -> GroupedTimes:
    return GroupedTimes((*decided, 0), (*undecided, 0))


@given(NUMBERS, NUMBERS)
def test_the_share_is_that_of_the_library(decided: list[int], undecided: list[int]) -> None:
    single = [(BOUNDS[at], True) for at, number in enumerate(decided) for _ in range(number)]
    single += [(BOUNDS[at], False) for at, number in enumerate(undecided) for _ in range(number)]
    library = survival([float(time) for time, _ in single], [is_decided for _, is_decided in single])
    for point in times(decided, undecided).waiting():
        assert point.share == pytest.approx(library.waiting_at(point.seconds))
        assert 0 <= point.low <= point.share <= point.high <= 1
    assert times(decided, undecided).within(0.5) == library.time_until(0.5)


@given(NUMBERS, NUMBERS)
def test_counts_can_be_added(first: list[int], second: list[int]) -> None:
    together = [a + b for a, b in zip(first, second, strict=True)]
    assert times(first, second) + times(second, first) == times(together, together)
    assert times(first, second) + NO_TIMES == times(first, second)
    assert times(first, second).requests == sum(first) + sum(second)


@given(st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_class_has_all_times_up_to_its_bound(duration: timedelta) -> None:
    bucket = time_buckets.bucket(duration)
    assert bucket == len(BOUNDS) or duration.total_seconds() <= BOUNDS[bucket]
    assert bucket == 0 or duration.total_seconds() > BOUNDS[bucket - 1]


def test_deadlines_have_classes() -> None:
    assert time_buckets.deadline_class(None) == 0
    assert [time_buckets.deadline_class(timedelta(seconds=longest)) for longest in DEADLINES] == [1, 2, 3, 4, 5]
    assert time_buckets.deadline_class(timedelta(days=30)) == len(DEADLINES) + 1


@given(
    st.timedeltas(timedelta(0), timedelta(days=40_000)).map(lambda passed: datetime(1990, 1, 1, tzinfo=UTC) + passed)
)
def test_weeks_and_hours_hold_their_moments(moment: datetime) -> None:
    start = time_buckets.week_start(time_buckets.week(moment))
    assert start <= moment < start + timedelta(weeks=1)
    assert start.isoweekday() == 7
    hour = time_buckets.hour_start(time_buckets.hour(moment))
    assert hour <= moment < hour + timedelta(hours=1)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Adelaide", "Asia/Kolkata"])
def test_a_week_has_one_offset_but_for_the_hours_around_a_change(zone: str) -> None:
    for week in range(2900, 3030):
        start = time_buckets.week_start(week)
        offsets = {(start + timedelta(hours=hour)).astimezone(ZoneInfo(zone)).utcoffset() for hour in range(24, 144)}
        assert len(offsets) == 1
