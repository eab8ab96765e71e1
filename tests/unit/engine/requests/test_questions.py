"""Questions before a decision: what they do to the deadlines, and which message belongs to which."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine.domain import OnExpiry, Person
from engine.requests import Deadlines, Question, Reminder, working_hours
from engine.requests.deadlines import LONGEST_PAUSE
from engine.requests.questions import answer_topic, asks, question_of, question_topic, waiting_for
from engine.workflowfile.workflow import Remind

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""A Monday."""
HOUR = timedelta(hours=1)
CLOCKS = Deadlines(
    opened_at=NOW,
    first_shown_at=NOW,
    expires_after=8 * HOUR,
    expires_at=NOW + 8 * HOUR,
    escalate_after=2 * HOUR,
    escalate_at=NOW + 2 * HOUR,
    fall_back_at=NOW + HOUR,
    reminders=(Reminder(NOW + HOUR, 2),),
)
DANA, CLEO = Person(id="p1", name="Dana"), Person(id="p2", name="Cleo")
QUESTION = Question(id="q1", asked_by=DANA, asked_to=CLEO, text="Why?", asked_at=NOW)


def moments(deadlines: Deadlines) -> list[datetime | None]:
    return [deadlines.expires_at, deadlines.escalate_at, *(reminder.at for reminder in deadlines.reminders)]


@given(st.timedeltas(timedelta(), LONGEST_PAUSE * 2), st.timedeltas(timedelta(), HOUR))
def test_after_a_pause_as_much_is_left_as_before(pause: timedelta, before: timedelta) -> None:
    paused = CLOCKS.after_pausing(NOW + before)
    resumed = paused.after_resuming(NOW + before + pause)
    counted = min(pause, LONGEST_PAUSE)
    assert moments(resumed) == [at + counted for at in moments(CLOCKS) if at is not None]
    assert resumed.fall_back_at == CLOCKS.fall_back_at
    assert resumed.paused_at is None
    assert resumed.reminders[0].left == 2


def test_nothing_is_due_in_a_pause_but_the_fallback() -> None:
    paused = CLOCKS.after_pausing(NOW).after_falling_back()
    assert paused.due(NOW + LONGEST_PAUSE) is None
    assert paused.paused_until == NOW + LONGEST_PAUSE
    assert CLOCKS.paused_until is None


def test_a_second_question_adds_nothing_and_an_answer_without_a_pause_moves_nothing() -> None:
    paused = CLOCKS.after_pausing(NOW)
    assert paused.after_pausing(NOW + HOUR) == paused
    assert CLOCKS.after_resuming(NOW + HOUR) == CLOCKS


def test_clocks_that_start_in_a_pause_have_their_whole_time_after_it() -> None:
    waiting = Deadlines(opened_at=NOW, expires_after=8 * HOUR, remind=Remind(), on_expiry=OnExpiry.ESCALATE)
    shown = waiting.after_pausing(NOW).after_shown(NOW + HOUR)
    assert shown.restart_at == NOW + LONGEST_PAUSE + 8 * HOUR
    resumed = shown.after_resuming(NOW + 2 * HOUR)
    assert resumed.restart_at == NOW + 10 * HOUR
    assert [reminder.at for reminder in resumed.reminders] == [NOW + 6 * HOUR, NOW + 2 * HOUR + 0.9 * 8 * HOUR]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_working_hours_that_were_left_are_left_again(zone: str) -> None:
    hours = working_hours.parse("mon-fri 09:00-17:00")
    monday = hours.next_open(NOW - timedelta(hours=21), zone)
    counted = Deadlines(opened_at=NOW, expires_after=timedelta(days=1), hours=hours).after_shown(monday, (zone,))
    assert counted.expires_at == monday + 8 * HOUR
    paused = counted.after_pausing(monday + 2 * HOUR)
    # Asked on Monday with six hours left, answered on Saturday.
    resumed = paused.after_resuming(monday + timedelta(days=5), (zone,))
    assert resumed.expires_at == monday + timedelta(days=7) + 6 * HOUR
    assert paused.after_resuming(monday + 3 * HOUR, (zone,)).expires_at == monday + 25 * HOUR


def test_the_working_time_between_two_moments() -> None:
    hours = working_hours.parse("mon-fri 09:00-17:00")
    assert hours.between(NOW, NOW + timedelta(days=7), "UTC") == 40 * HOUR
    assert hours.between(NOW, NOW - HOUR, "UTC") == timedelta()
    assert hours.between(NOW + 7 * HOUR, NOW + timedelta(days=1), "UTC") == HOUR


def test_the_topic_of_a_message_names_its_question() -> None:
    asked = (QUESTION,)
    assert question_of(question_topic("q1"), asked) is QUESTION
    assert question_of(answer_topic("q1"), asked) is QUESTION
    assert [question_of(topic, asked) for topic in (None, "q1", "unseen", question_topic("q2"))] == [None] * 4
    assert [asks(topic) for topic in (question_topic("q1"), answer_topic("q1"), None)] == [True, False, False]
    assert waiting_for(asked, "p2") is QUESTION
    assert waiting_for(asked, "p1") is None
