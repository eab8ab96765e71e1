"""Every state has one wording for every surface."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import pytest

from bot.presentation import dates, expiry, states
from engine.domain import DeliveryState, OnExpiry, RequestState, ReviewPoint, RunStatus, StepStatus
from engine.requests import Deadlines, Subject

AT: Final = datetime(2026, 3, 2, 9, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (RunStatus, states.RUNS),
        (RunStatus, states.RUN_CLAUSES),
        (StepStatus, states.STEPS),
        (RequestState, states.REQUESTS),
        (RequestState, states.FAILURES),
        (DeliveryState, states.DELIVERIES),
        (OnExpiry, {on_expiry: expiry.consequence(on_expiry) for on_expiry in OnExpiry}),
    ],
)
def test_every_state_has_words_and_none_is_shown_as_an_identifier(
    kind: type[StrEnum], words: Mapping[str, str]
) -> None:
    assert set(words) == set(kind)
    assert all(text.strip() and "_" not in text for text in words.values())


def test_the_end_of_an_expired_run_says_that_it_had_no_decision() -> None:
    assert states.run_end(RunStatus.EXPIRED) == "expired without a decision"
    assert states.run_end(RunStatus.SUCCEEDED) == "done"


def test_a_form_is_filled_in_and_never_approved() -> None:
    form, other = subject_of("form"), subject_of("http")
    assert states.request_words(RequestState.APPROVED, form) == "filled in"
    assert states.request_words(RequestState.APPROVED, other) == "approved"
    assert states.request_words(RequestState.REJECTED, form) == "rejected"
    assert states.request_words(RequestState.PENDING, form) == "waiting"


def test_a_failure_is_neither_approved_nor_rejected() -> None:
    failed = subject_of("http", ReviewPoint.FAILED)
    assert states.request_words(RequestState.APPROVED, failed) == "tried again"
    assert states.request_words(RequestState.SKIPPED, failed) == "skipped"
    assert states.request_words(RequestState.REJECTED, failed) == "stopped"
    assert states.closed(RequestState.APPROVED, "this step", about_failure=True) == "tried this step again"


def subject_of(uses: str, at: ReviewPoint = ReviewPoint.BEFORE) -> Subject:
    return Subject(workflow="flow", hash="", run="r1", step="pay", visit=1, uses=uses, at=at)


def test_an_expiry_is_worded_alike_with_each_way_to_write_a_date() -> None:
    assert dates.written(expiry.deadline(AT, None)) == "Expires Mar 2, 2026, 9:30 AM UTC"
    assert dates.written(expiry.deadline(AT, None), lambda at: f"<{at:%A}>") == "Expires <Monday>"
    assert dates.written(expiry.deadline(None, timedelta(hours=1))) == "Expires in 1 hour"
    assert expiry.deadline(None, None) == ()


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(days=1), "1 working day"),
        (timedelta(days=7), "7 working days"),
        (timedelta(days=2, hours=4), "2 working days and 4 hours"),
        (timedelta(hours=4), "4 working hours"),
        (timedelta(minutes=90), "1 working hour and 30 minutes"),
    ],
)
def test_working_time_is_worded_as_such(duration: timedelta, words: str) -> None:
    assert expiry.span(duration, working=True) == words
    assert dates.written(expiry.deadline(None, duration, working=True)) == f"Expires in {words}"


def test_an_escalation_that_starts_the_time_again_is_not_called_an_expiry() -> None:
    deadlines = Deadlines(opened_at=AT, expires_after=timedelta(days=2), on_expiry=OnExpiry.ESCALATE)
    assert dates.written(expiry.of_deadlines(deadlines)) == "Escalates in 2 days"
    started = deadlines.after_shown(AT)
    assert dates.written(expiry.of_deadlines(started)) == "Escalates Mar 4, 2026, 9:30 AM UTC"
    again = started.after_escalating(AT + timedelta(days=2))
    assert dates.written(expiry.of_deadlines(again)) == "Expires Mar 6, 2026, 9:30 AM UTC"


def test_dates_are_written_in_utc() -> None:
    assert dates.moment(AT) == "Mar 2, 2026, 9:30 AM UTC"
    assert dates.exact_moment(AT) == "2026-03-02 09:30:05 UTC"
    assert dates.time_of_day(AT) == "09:30:05"


_EMOJI = frozenset("⌚⌛⌨⏏⏩⏪⏫⏬⏭⏮⏯⏰⏱⏲⏳⏸⏹⏺▪▫▶◀◻◼◽◾☀☁☂☃☄☑⚠⚡⛔✅✔✖❌❎❓❔❕❗❣❤")
"""Emoji of emoji-data.txt in the blocks of symbols that look like ours."""


def test_no_icon_is_drawn_as_an_emoji() -> None:
    for icon in states.ICONS.values():
        assert len(icon) == 1
        assert icon < "\U0001f000"
        assert icon not in _EMOJI
