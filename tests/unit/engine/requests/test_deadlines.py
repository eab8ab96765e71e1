"""The deadlines of a request, each alone and all together."""

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


def test_the_owner_is_notified_of_a_request_that_reached_no_one_for_fifteen_minutes() -> None:
    waiting = deadlines(expires_after=HOUR)
    at = START + UNDELIVERED_AFTER
    assert waiting.due(at - SECOND) is None
    assert waiting.due(at) == NotDelivered()
    assert waiting.after_notifying_owner(at).expires_at == at + HOUR
    assert waiting.after_shown(START).due(at) is None
    assert waiting.after_notifying_owner(at).due(at) is None
    assert deadlines().due(at) == NotDelivered()
    assert deadlines().after_notifying_owner(at).expires_at is None


def test_a_request_that_reached_no_one_never_continues_without_approval() -> None:
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
    delivered = deadlines(expires_after=SECOND, on_expiry=on_expiry).after_shown(START)
    assert delivered.due(START) is None
    assert not delivered.is_past_due(START)
    assert delivered.due(START + SECOND) == PastDue(state)
    assert delivered.is_past_due(START + SECOND)


def test_the_expiry_starts_once() -> None:
    assert deadlines(expires_after=HOUR).after_shown(START).expires_at == START + HOUR
    assert deadlines(expires_after=HOUR, expires_at=START).after_shown(START + SECOND).expires_at == START
    assert deadlines().after_shown(START).expires_at is None


def test_the_fallback_to_email_counts_from_the_first_delivery_and_happens_once() -> None:
    waiting = deadlines(fallback_after=HOUR, fall_back_at=START + HOUR)
    delivered = waiting.after_shown(START + SECOND)
    assert delivered.due(START + HOUR) is None
    assert delivered.due(START + SECOND + HOUR) == NoResponse()
    assert delivered.after_falling_back().next_check() is None
    assert deadlines(fallback_after=HOUR).after_shown(START).fall_back_at is None


@given(
    opened_for=st.integers(0, 3000),
    expires_after=st.none() | st.integers(0, 3000),
    falls_back_after=st.none() | st.integers(0, 3000),
    shown_after=st.none() | st.integers(0, 3000),
    notified=st.booleans(),
    on_expiry=st.sampled_from(OnExpiry),
)
def test_the_next_check_is_the_earliest_time_at_which_something_is_due(
    opened_for: int,
    expires_after: int | None,
    falls_back_after: int | None,
    shown_after: int | None,
    notified: bool,
    on_expiry: OnExpiry,
) -> None:
    def at(seconds: int | None) -> datetime | None:
        return None if seconds is None else START + seconds * SECOND

    clocks = deadlines(
        expires_at=at(expires_after),
        fall_back_at=at(falls_back_after),
        first_shown_at=at(shown_after),
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


def handle(clocks: Deadlines, event: Event, now: datetime) -> Deadlines:
    match event:
        case PastDue():
            return clocks
        case NoResponse():
            return clocks.after_falling_back()
        case NotDelivered():
            return clocks.after_notifying_owner(now)


def let_time_pass(clocks: Deadlines, shown_after: int | None, steps: list[int]) -> tuple[Deadlines, list[Event]]:
    """Let time pass in steps, handle each due event, and stop when the request is past due."""
    now, events = START, list[Event]()
    for step in [*steps, 10_000, 10_000, 10_000]:
        if shown_after is not None and clocks.first_shown_at is None and START + shown_after * SECOND <= now:
            clocks = clocks.after_shown(now)
        while (event := clocks.due(now)) is not None:
            events.append(event)
            clocks = handle(clocks, event, now)
            if isinstance(event, PastDue):
                return clocks, events
        now += step * SECOND
    return clocks, events


@given(
    expires_after=st.none() | st.integers(1, 3000),
    fallback_after=st.none() | st.integers(1, 3000),
    on_expiry=st.sampled_from(OnExpiry),
    shown_after=st.none() | st.integers(0, 3000),
    steps=st.lists(st.integers(1, 600), max_size=20),
)
def test_handling_all_due_events_ends_and_misses_no_deadline(
    expires_after: int | None,
    fallback_after: int | None,
    on_expiry: OnExpiry,
    shown_after: int | None,
    steps: list[int],
) -> None:
    clocks = deadlines(
        expires_after=None if expires_after is None else expires_after * SECOND,
        on_expiry=on_expiry,
        fallback_after=(fallback_after or 1) * SECOND,
        fall_back_at=None if fallback_after is None else START + fallback_after * SECOND,
    )
    clocks, events = let_time_pass(clocks, shown_after, steps)
    assert len(events) <= 3
    if expires_after is not None and (shown_after is not None or on_expiry is not OnExpiry.CONTINUE):
        assert isinstance(events[-1], PastDue)
    if fallback_after is not None and not any(isinstance(event, PastDue) for event in events):
        assert NoResponse() in events
    if on_expiry is OnExpiry.CONTINUE and clocks.first_shown_at is None:
        assert not any(isinstance(event, PastDue) for event in events)
