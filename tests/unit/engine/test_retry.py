"""How long Signoff waits before it tries again, and when it gives up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import retry
from engine.retry import RetryPolicy

SECOND = timedelta(seconds=1)
SCHEDULES = [retry.DELIVERY_WAITS, retry.CHANNEL_WAITS]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=["deliveries", "channels"])
def test_waits_grow_and_the_last_repeats(schedule: tuple[timedelta, ...]) -> None:
    waits = [retry.waits(schedule, failures) for failures in range(1, len(schedule) + 3)]
    assert waits == [*schedule, schedule[-1], schedule[-1]]
    assert waits == sorted(waits)


def test_a_step_waits_twice_as_long_each_time_up_to_an_hour() -> None:
    policy = RetryPolicy(attempts=100, wait=30 * SECOND)
    assert [policy.delay(attempt) for attempt in (1, 2, 3, 7)] == [
        30 * SECOND,
        60 * SECOND,
        120 * SECOND,
        1920 * SECOND,
    ]
    assert policy.delay(8) == policy.delay(99) == timedelta(hours=1)
    assert policy.delay(100) is None
    assert RetryPolicy().delay(1) is None


def wait(failures: int, unknown: bool = False, broken: bool = False, asked: timedelta | None = None) -> timedelta:
    return retry.delivery_wait(failures, outcome_unknown=unknown, channel_broken=broken, retry_after=asked)


def test_a_first_attempt_of_unknown_outcome_is_looked_for_soon() -> None:
    assert wait(1) == SECOND
    assert wait(1, unknown=True) == retry.UNKNOWN_OUTCOME_WAIT
    assert wait(2, unknown=True) == wait(2) == 5 * SECOND


@given(
    failures=st.integers(1, 200),
    unknown=st.booleans(),
    broken=st.booleans(),
    asked=st.none() | st.timedeltas(timedelta(days=-1), timedelta(days=9999)),
)
def test_a_delivery_waits_as_long_as_the_vendor_asks_but_never_longer_than_a_day(
    failures: int, unknown: bool, broken: bool, asked: timedelta | None
) -> None:
    waited = wait(failures, unknown, broken, asked)
    assert SECOND <= waited <= retry.MAX_RETRY_AFTER
    assert waited >= min(asked or timedelta(0), retry.MAX_RETRY_AFTER)
    assert not broken or waited >= retry.BROKEN_CHANNEL_WAIT
    assert wait(failures + 1, unknown, broken, asked) >= waited or unknown
