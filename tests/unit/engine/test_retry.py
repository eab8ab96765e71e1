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


def delivery_wait(
    failures: int, outcome_unknown: bool = False, channel_broken: bool = False, retry_after: timedelta | None = None
) -> timedelta:
    return retry.delivery_wait(
        failures, outcome_unknown=outcome_unknown, channel_broken=channel_broken, retry_after=retry_after
    )


def test_a_first_attempt_of_unknown_outcome_is_retried_soon() -> None:
    assert delivery_wait(1) == SECOND
    assert delivery_wait(1, outcome_unknown=True) == retry.UNKNOWN_OUTCOME_WAIT
    assert delivery_wait(2, outcome_unknown=True) == delivery_wait(2) == 5 * SECOND


@given(
    failures=st.integers(1, 200),
    outcome_unknown=st.booleans(),
    channel_broken=st.booleans(),
    retry_after=st.none() | st.timedeltas(timedelta(days=-1), timedelta(days=9999)),
)
def test_a_delivery_waits_as_long_as_the_vendor_asks_but_never_longer_than_a_day(
    failures: int, outcome_unknown: bool, channel_broken: bool, retry_after: timedelta | None
) -> None:
    wait = delivery_wait(failures, outcome_unknown, channel_broken, retry_after)
    assert SECOND <= wait <= retry.MAX_RETRY_AFTER
    assert wait >= min(retry_after or timedelta(0), retry.MAX_RETRY_AFTER)
    assert not channel_broken or wait >= retry.BROKEN_CHANNEL_WAIT
    assert delivery_wait(failures + 1, outcome_unknown, channel_broken, retry_after) >= wait or outcome_unknown
