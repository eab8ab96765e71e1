"""The deadlines of a request, each alone and all together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from engine.domain import OnExpiry, RequestState
from engine.requests import (
    UNDELIVERED_AFTER,
    Deadlines,
    NoResponse,
    NotDelivered,
    Overdue,
    PastDue,
    Reminder,
    Unanswered,
    working_hours,
)
from engine.workflowfile.workflow import Remind

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


def test_backups_are_asked_once_the_time_is_over() -> None:
    waiting = deadlines(escalate_after=HOUR).after_shown(START)
    assert waiting.due(START + HOUR - SECOND) is None
    assert waiting.due(START + HOUR) == Overdue()
    escalated = waiting.after_escalating(START + HOUR)
    assert escalated.escalated_at == START + HOUR
    assert escalated.next_check() is None
    assert escalated.after_shown(START + 3 * HOUR).escalate_at is None, "it does not start again"


def test_backups_are_asked_of_a_request_that_reached_no_one() -> None:
    at = START + UNDELIVERED_AFTER
    notified = deadlines(escalate_after=HOUR).after_notifying_owner(at)
    assert notified.due(at + HOUR) == Overdue()
    assert notified.after_shown(at + SECOND).escalate_at == at + HOUR


def test_with_escalate_the_time_until_the_expiry_starts_again_once() -> None:
    first = deadlines(expires_after=HOUR, on_expiry=OnExpiry.ESCALATE).after_shown(START)
    assert first.expires_at is None, "a decision at the last moment is not too late"
    assert first.asks_backups_at == START + HOUR
    late = START + HOUR + SECOND
    assert first.due(late) == Overdue()
    second = first.after_escalating(late)
    assert second.expires_at == late + HOUR
    assert second.due(late + HOUR) == PastDue(RequestState.EXPIRED)


def test_an_early_escalation_does_not_start_the_time_again() -> None:
    first = deadlines(expires_after=2 * HOUR, escalate_after=HOUR, on_expiry=OnExpiry.ESCALATE).after_shown(START)
    early = first.after_escalating(START + HOUR)
    assert (early.expires_at, early.asks_backups_at) == (None, START + 2 * HOUR)
    assert early.after_escalating(START + 2 * HOUR).escalated_at == START + HOUR
    jumped = first.after_escalating(START + 9 * HOUR)
    assert (jumped.asks_backups_at, jumped.expires_at) == (None, START + 11 * HOUR), "both were due"


def test_reminders_are_at_half_and_nine_tenths_of_the_time_by_default() -> None:
    waiting = deadlines(expires_after=10 * HOUR, remind=Remind())
    assert waiting.reminders == ()
    delivered = waiting.after_shown(START)
    assert [reminder.at for reminder in delivered.reminders] == [START + 5 * HOUR, START + 9 * HOUR]
    assert delivered.due(START + 5 * HOUR) == Unanswered()
    reminded = delivered.after_reminding(START + 5 * HOUR)
    assert reminded.next_check() == START + 9 * HOUR
    assert reminded.after_reminding(START + 9 * HOUR).reminders == ()


def test_reminders_start_again_with_the_time_until_the_expiry() -> None:
    first = deadlines(expires_after=10 * HOUR, on_expiry=OnExpiry.ESCALATE, remind=Remind()).after_shown(START)
    second = first.after_reminding(START + 9 * HOUR).after_escalating(START + 10 * HOUR)
    assert [reminder.at for reminder in second.reminders] == [START + 15 * HOUR, START + 19 * HOUR]


def test_reminders_are_repeated_as_often_as_the_gate_says() -> None:
    remind = Remind(after=HOUR, every=2 * HOUR, times=3)
    clocks = deadlines(remind=remind).after_shown(START)
    moments = []
    while clocks.reminders:
        moments.append(clocks.reminders[0].at)
        clocks = clocks.after_reminding(moments[-1])
    assert moments == [START + HOUR, START + 3 * HOUR, START + 5 * HOUR]
    assert deadlines(remind=Remind(after=HOUR)).after_shown(START).reminders == (Reminder(START + HOUR),)


def test_after_a_jump_of_the_clock_one_reminder_stands_for_all_that_were_due() -> None:
    remind = Remind(after=HOUR, every=HOUR, times=100)
    jumped = deadlines(remind=remind).after_shown(START).after_reminding(START + 9 * HOUR + SECOND)
    assert jumped.reminders == (Reminder(START + 10 * HOUR, 90),)
    assert jumped.after_reminding(START + 1000 * HOUR).reminders == ()


def test_working_hours_count_until_each_approver_had_all_of_them() -> None:
    hours = working_hours.parse("mon-fri 09:00-17:00")
    asked = deadlines(
        hours=hours,
        expires_after=timedelta(days=2),
        escalate_after=4 * HOUR,
        on_expiry=OnExpiry.CONTINUE,
        remind=Remind(),
    )
    # START is a Monday at 9 in London, at 10 in Berlin and at 4 in New York.
    delivered = asked.after_shown(START, ["Europe/Berlin", "America/New_York", None])
    assert delivered.escalate_at == datetime(2026, 3, 2, 18, tzinfo=UTC), "1 PM in New York"
    assert delivered.expires_at == datetime(2026, 3, 4, 9, tzinfo=UTC), "10 AM in Berlin"
    assert [reminder.at for reminder in delivered.reminders] == [
        datetime(2026, 3, 3, 9, tzinfo=UTC),
        datetime(2026, 3, 3, 20, 24, tzinfo=UTC),
    ]
    assert asked.after_shown(START).escalate_at == START + 4 * HOUR, "without approvers the zone of the setting counts"


moments = st.none() | st.integers(0, 3000)
clocks_in_seconds = st.fixed_dictionaries(
    dict.fromkeys(("expires_at", "fall_back_at", "first_shown_at", "escalate_at", "restart_at"), moments)
)


@given(
    now=st.integers(0, 3000),
    clocks=clocks_in_seconds,
    reminders=st.lists(st.integers(0, 3000), max_size=2),
    notified=st.booleans(),
    on_expiry=st.sampled_from(OnExpiry),
)
def test_the_next_check_is_the_earliest_time_at_which_something_is_due(
    now: int, clocks: dict[str, int | None], reminders: list[int], notified: bool, on_expiry: OnExpiry
) -> None:
    request = deadlines(
        **{name: None if at is None else START + at * SECOND for name, at in clocks.items()},
        reminders=tuple(Reminder(START + at * SECOND) for at in reminders),
        owner_notified=notified,
        on_expiry=on_expiry,
    )
    at, check = START + now * SECOND, request.next_check()
    assert (request.due(at) is not None) == (check is not None and check <= at)
    if check is not None:
        assert request.due(check) is not None
        assert request.due(check - SECOND) is None


durations = st.none() | st.integers(1, 3000).map(lambda seconds: seconds * SECOND)


@st.composite
def gates(draw: st.DrawFn) -> Deadlines:
    """Return the deadlines of a request that was just opened, of any gate."""
    expires_after = draw(durations)
    on_expiry = draw(st.sampled_from(OnExpiry)) if expires_after else OnExpiry.STOP
    remind = draw(
        st.none()
        | st.just(Remind() if expires_after else None)
        | st.builds(
            Remind,
            after=st.integers(1, 2000).map(lambda seconds: seconds * SECOND),
            every=durations,
            times=st.integers(1, 4),
        )
    )
    fallback_after = draw(durations)
    return deadlines(
        expires_after=expires_after,
        on_expiry=on_expiry,
        escalate_after=draw(durations),
        remind=remind,
        fallback_after=fallback_after or SECOND,
        fall_back_at=fallback_after and START + fallback_after,
    )


class DeadlineMachine(RuleBasedStateMachine):
    """A request whose clock goes on, jumps ahead and falls back, while what is due is processed late or at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.latest = START
        self.counts = dict.fromkeys((NotDelivered, PastDue, NoResponse, Overdue, Unanswered), 0)

    @initialize(clocks=gates())
    def open(self, clocks: Deadlines) -> None:
        self.gate = self.clocks = clocks

    @property
    def is_open(self) -> bool:
        return self.counts[PastDue] == 0

    @rule(seconds=st.integers(-2000, 4000))
    def move_the_clock(self, seconds: int) -> None:
        self.now += seconds * SECOND
        self.latest = max(self.latest, self.now)

    @precondition(lambda self: self.is_open and self.clocks.first_shown_at is None)
    @rule()
    def show_the_first_copy(self) -> None:
        self.clocks = self.clocks.after_shown(self.now)

    @precondition(lambda self: self.is_open)
    @rule()
    def process_the_first_that_is_due(self) -> None:
        event = self.clocks.due(self.now)
        if event is not None:
            self.counts[type(event)] += 1
            self.clocks = self._after(event)
            assert self.clocks.next_check() != self.now or isinstance(event, PastDue) or self.clocks.due(self.now)

    def _after(self, event: NotDelivered | PastDue | NoResponse | Overdue | Unanswered) -> Deadlines:
        match event:
            case PastDue():
                assert self.clocks.expires_at is not None
                assert self.clocks.expires_at <= self.now
                return self.clocks
            case NoResponse():
                return self.clocks.after_falling_back()
            case NotDelivered():
                return self.clocks.after_notifying_owner(self.now)
            case Overdue():
                return self.clocks.after_escalating(self.now)
            case Unanswered():
                return self.clocks.after_reminding(self.now)

    @invariant()
    def nothing_happens_more_often_than_the_gate_says(self) -> None:
        gate = self.gate
        restarts = gate.on_expiry is OnExpiry.ESCALATE
        planned = 0 if gate.remind is None else 2 if gate.remind.after is None else gate.remind.times
        assert self.counts[PastDue] <= (gate.expires_after is not None)
        assert self.counts[Overdue] <= (gate.escalate_after is not None) + restarts
        assert self.counts[NoResponse] <= (gate.fall_back_at is not None)
        assert self.counts[NotDelivered] <= 1
        assert self.counts[Unanswered] <= planned * (1 + restarts)
        if self.clocks.first_shown_at is None:
            assert self.counts[PastDue] == 0 or gate.on_expiry is not OnExpiry.CONTINUE
            assert self.counts[Unanswered] == 0 or restarts

    def teardown(self) -> None:
        """Let much time pass: then everything that has a time has happened, in the end the expiry."""
        if not hasattr(self, "clocks"):
            return
        if self.is_open and self.clocks.first_shown_at is None:
            self.show_the_first_copy()
        for _ in range(30):
            self.now = max(self.latest, self.now) + 400 * SECOND
            while self.is_open and self.clocks.due(self.now) is not None:
                self.process_the_first_that_is_due()
                self.nothing_happens_more_often_than_the_gate_says()
        assert self.is_open == (self.gate.expires_after is None)
        if self.is_open:
            assert self.clocks.next_check() is None
            assert self.counts[Overdue] == (self.gate.escalate_after is not None)
            assert self.counts[NoResponse] == (self.gate.fall_back_at is not None)
            assert (self.counts[Unanswered] > 0) == (self.gate.remind is not None)
        elif self.gate.on_expiry is OnExpiry.ESCALATE:
            assert self.counts[Overdue] > 0


test_nothing_happens_twice_and_nothing_is_missed = DeadlineMachine.TestCase


# -- requests that no one is told of yet --------------------------------------------------------------------


def test_the_time_of_a_held_request_runs_and_only_the_email_counts_from_when_it_is_told() -> None:

    opened = Deadlines(
        opened_at=START,
        expires_after=40 * HOUR,
        escalate_after=30 * HOUR,
        fallback_after=2 * HOUR,
        fall_back_at=START + 2 * HOUR,
        remind=Remind(after=20 * HOUR),
    )
    held = opened.after_holding(START, START + 8 * HOUR)
    assert not held.is_plain
    assert held.decided_by == START + 30 * HOUR
    assert held.due(START + 8 * HOUR) is None
    assert held.due(START + 8 * HOUR + UNDELIVERED_AFTER) == NotDelivered(), "the digest did not come"
    told = held.after_shown(START + 8 * HOUR)
    assert (told.first_shown_at, told.held_until) == (START + 8 * HOUR, None)
    assert (told.expires_at, told.escalate_at) == (held.expires_at, held.escalate_at)
    assert told.reminders == held.reminders == (Reminder(START + 20 * HOUR),)
    assert told.fall_back_at == START + 10 * HOUR


def test_a_person_who_is_told_later_has_the_time_until_the_email_from_then_on() -> None:

    shown = Deadlines(opened_at=START, fallback_after=2 * HOUR, fall_back_at=START + 2 * HOUR).after_shown(START)
    assert shown.after_telling_more(START + HOUR).fall_back_at == START + 2 * HOUR, "others do not wait longer"
    fallen_back = shown.after_falling_back()
    assert fallen_back.after_telling_more(START + 8 * HOUR).fall_back_at == START + 10 * HOUR
    assert shown.after_falling_back(next_at=START + 9 * HOUR).fall_back_at == START + 9 * HOUR
    assert Deadlines(opened_at=START).decided_by is None
