"""The clocks of a request, each alone and all of them together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.domain import OnExpiry, RequestState
from engine.requests import UNDELIVERED_AFTER, Deadlines, NoResponse, NotDelivered, PastDue

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def deadlines(**changes: Any) -> Deadlines:
    return replace(Deadlines(opened_at=START), **changes)


def test_the_owner_hears_after_fifteen_minutes_of_a_request_that_reached_nobody() -> None:
    waiting = deadlines(expires_after=HOUR)
    at = START + UNDELIVERED_AFTER
    assert waiting.due(at - SECOND) is None
    assert waiting.due(at) == NotDelivered()
    assert waiting.after_notifying_owner(at).expires_at == at + HOUR
    assert waiting.after_shown(START).due(at) is None
    assert waiting.after_notifying_owner(at).due(at) is None
    assert deadlines().due(at) == NotDelivered()
    assert deadlines().after_notifying_owner(at).expires_at is None


def test_going_on_without_approval_never_starts_on_a_request_that_reached_nobody() -> None:
    waiting = deadlines(expires_after=HOUR, on_expiry=OnExpiry.CONTINUE)
    at = START + UNDELIVERED_AFTER
    assert waiting.due(at) == NotDelivered()
    notified = waiting.after_notifying_owner(at)
    assert notified.expires_at is None
    assert notified.due(START + timedelta(days=1000)) is None
    assert notified.after_shown(START + timedelta(days=1)).expires_at == START + timedelta(days=1) + HOUR


@pytest.mark.parametrize(
    ("on_expiry", "state"),
    [
        (OnExpiry.STOP, RequestState.EXPIRED),
        (OnExpiry.CONTINUE, RequestState.EXPIRED),
        (OnExpiry.REJECT, RequestState.REJECTED),
    ],
)
def test_a_request_is_past_due_exactly_when_it_expires(on_expiry: OnExpiry, state: RequestState) -> None:
    shown = deadlines(expires_after=SECOND, on_expiry=on_expiry).after_shown(START)
    assert shown.due(START) is None
    assert not shown.is_past_due(START)
    assert shown.due(START + SECOND) == PastDue(state)
    assert shown.is_past_due(START + SECOND)


def test_the_expiry_starts_once() -> None:
    assert deadlines(expires_after=HOUR).after_shown(START).expires_at == START + HOUR
    assert deadlines(expires_after=HOUR, expires_at=START).after_shown(START + SECOND).expires_at == START
    assert deadlines().after_shown(START).expires_at is None


def test_email_goes_out_once_counted_from_the_first_delivery() -> None:
    waiting = deadlines(fallback_after=HOUR, fall_back_at=START + HOUR)
    shown = waiting.after_shown(START + SECOND)
    assert shown.due(START + HOUR) is None
    assert shown.due(START + SECOND + HOUR) == NoResponse()
    assert shown.after_falling_back().next_check() is None
    assert deadlines(fallback_after=HOUR).after_shown(START).fall_back_at is None


@given(
    opened_for=st.integers(0, 3000),
    expires=st.none() | st.integers(0, 3000),
    falls_back=st.none() | st.integers(0, 3000),
    shown=st.none() | st.integers(0, 3000),
    notified=st.booleans(),
    on_expiry=st.sampled_from(OnExpiry),
)
def test_the_next_check_is_the_earliest_time_at_which_something_is_due(
    opened_for: int,
    expires: int | None,
    falls_back: int | None,
    shown: int | None,
    notified: bool,
    on_expiry: OnExpiry,
) -> None:
    def at(seconds: int | None) -> datetime | None:
        return None if seconds is None else START + seconds * SECOND

    clocks = deadlines(
        expires_at=at(expires),
        fall_back_at=at(falls_back),
        first_shown_at=at(shown),
        owner_notified=notified,
        on_expiry=on_expiry,
    )
    now = START + opened_for * SECOND
    check = clocks.next_check()
    assert (clocks.due(now) is not None) == (check is not None and check <= now)
    if check is not None:
        assert clocks.due(check) is not None
        assert clocks.due(check - SECOND) is None


Event = NotDelivered | PastDue | NoResponse


def done(clocks: Deadlines, event: Event, now: datetime) -> Deadlines:
    match event:
        case PastDue():
            return clocks
        case NoResponse():
            return clocks.after_falling_back()
        case NotDelivered():
            return clocks.after_notifying_owner(now)


def carried(clocks: Deadlines, shown: int | None, steps: list[int]) -> tuple[Deadlines, list[Event]]:
    """Let time pass in these steps, and do what is due; a request that is past due is closed."""
    now, events = START, list[Event]()
    for step in [*steps, 10_000, 10_000, 10_000]:
        if shown is not None and clocks.first_shown_at is None and START + shown * SECOND <= now:
            clocks = clocks.after_shown(now)
        while (event := clocks.due(now)) is not None:
            events.append(event)
            clocks = done(clocks, event, now)
            if isinstance(event, PastDue):
                return clocks, events
        now += step * SECOND
    return clocks, events


@given(
    expires=st.none() | st.integers(1, 3000),
    fallback=st.none() | st.integers(1, 3000),
    on_expiry=st.sampled_from(OnExpiry),
    shown=st.none() | st.integers(0, 3000),
    steps=st.lists(st.integers(1, 600), max_size=20),
)
def test_doing_what_is_due_comes_to_an_end_and_misses_no_clock(
    expires: int | None, fallback: int | None, on_expiry: OnExpiry, shown: int | None, steps: list[int]
) -> None:
    clocks = deadlines(
        expires_after=None if expires is None else expires * SECOND,
        on_expiry=on_expiry,
        fallback_after=(fallback or 1) * SECOND,
        fall_back_at=None if fallback is None else START + fallback * SECOND,
    )
    clocks, events = carried(clocks, shown, steps)
    assert len(events) <= 3
    if expires is not None and (shown is not None or on_expiry is not OnExpiry.CONTINUE):
        assert isinstance(events[-1], PastDue)
    if fallback is not None and not any(isinstance(event, PastDue) for event in events):
        assert NoResponse() in events
    if on_expiry is OnExpiry.CONTINUE and clocks.first_shown_at is None:
        assert not any(isinstance(event, PastDue) for event in events)
