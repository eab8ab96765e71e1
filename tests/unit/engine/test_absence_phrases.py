"""What people type to say how long they are away: understood rightly, or asked back; never wrongly."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import absence_phrases
from engine.absence_phrases import Span, Unclear

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 4, 10, 15, tzinfo=BERLIN)
"""A Wednesday."""


def read(phrase: str, now: datetime = NOW, zone: ZoneInfo = BERLIN) -> Span | Unclear:
    return absence_phrases.read(phrase, now=now.astimezone(UTC), zone=zone)


@pytest.mark.parametrize(
    ("phrase", "ends_at"),
    [
        # What general libraries read wrongly: an hour, the old time of day, December 31.
        ("until in half an hour", "2026-03-04 10:45"),
        ("for half an hour", "2026-03-04 10:45"),
        ("until in two days at 9", "2026-03-06 09:00"),
        ("until end of day", "2026-03-05 00:00"),
        ("until the day after tomorrow", "2026-03-06 00:00"),
        ("until day after tomorrow", "2026-03-06 00:00"),
        ("until friday", "2026-03-06 00:00"),
        ("Until Fri, at 14:00", "2026-03-06 14:00"),
        ("until tomorrow at noon", "2026-03-05 12:00"),
        ("till tomorrow 9am", "2026-03-05 09:00"),
        ("until tomorrow 9 am", "2026-03-05 09:00"),
        ("until tomorrow 3 pm", "2026-03-05 15:00"),
        ("until today 16.30", "2026-03-04 16:30"),
        ("until end of the day", "2026-03-05 00:00"),
        ("until end of month", "2026-04-01 00:00"),
        ("until end of the month", "2026-04-01 00:00"),
        ("until 2026-03-09", "2026-03-09 00:00"),
        ("until march 9", "2026-03-09 00:00"),
        ("until 9th march 2026", "2026-03-09 00:00"),
        ("until mar 3", "2027-03-03 00:00"),
        ("for 2 hours and 5 minutes", "2026-03-04 12:20"),
        ("for a week", "2026-03-11 10:15"),
        # The clocks go forward on March 29.
        ("for 26 days", "2026-03-30 10:15"),
    ],
)
def test_it_understands(phrase: str, ends_at: str) -> None:
    expected = datetime.strptime(ends_at, "%Y-%m-%d %H:%M").replace(tzinfo=BERLIN)
    assert read(phrase) == Span(starts_at=None, ends_at=expected.astimezone(UTC))


@pytest.mark.parametrize("phrase", ["from friday until march 9", "from friday to march 9", "from friday for 3 days"])
def test_it_understands_a_later_beginning(phrase: str) -> None:
    starts_at, ends_at = (datetime(2026, 3, day, tzinfo=BERLIN).astimezone(UTC) for day in (6, 9))
    assert read(phrase) == Span(starts_at=starts_at, ends_at=ends_at)


@pytest.mark.parametrize("word", ["till", "til"])
def test_a_short_until_is_an_until(word: str) -> None:
    assert read(f"{word} fri") == read("until friday")
    assert read(f"from friday {word} mon") == read("from friday until monday")
    assert read(f"from in two days {word} mon") == read("from in two days until monday")


@pytest.mark.parametrize("phrase", ["until wednesday", "until next friday"])
def test_what_it_asks_people_to_write_is_understood(phrase: str) -> None:
    unclear = read(phrase)
    assert isinstance(unclear, Unclear)
    written = re.findall(r"“(.+?)”", unclear.question)
    assert len(written) == 2
    assert all(isinstance(read(f"until {day}"), Span) for day in written)


def test_a_beginning_that_is_over_is_now() -> None:
    assert read("from today until friday") == read("until friday")


@pytest.mark.parametrize(
    ("phrase", "question"),
    [
        ("until 03/04", "“03/04” can be two dates. Write the name of the month, or the date as 2026-03-04."),
        ("until 6.3.", "“6.3.” can be two dates."),
        (
            "until wednesday",
            "It is Wednesday, March 4 today. Do you mean today, or Wednesday, March 11? Write “today” or “march 11”.",
        ),
        (
            "until next friday",
            "Do you mean Friday, March 6, or Friday, March 13? Write “march 6” or “march 13”.",
        ),
        ("until tomorrow at 5", "Do you mean 5 AM or 5 PM?"),
        ("until 2026-03-01", "That is over already."),
        ("from march 9 until friday", "The end is before the beginning."),
        ("for 53 weeks", "You can be away for a year at most."),
        ("until friday-ish", "Signoff did not understand “until friday-ish”."),
    ],
)
def test_it_asks_what_is_not_clear(phrase: str, question: str) -> None:
    unclear = read(phrase)
    assert isinstance(unclear, Unclear)
    assert unclear.question.startswith(question)


@pytest.mark.parametrize(
    "phrase",
    [
        "",
        "friday",
        "until",
        "in half an hour",
        "until in an hour at 9",
        "until in two days maybe",
        "until in",
        "for some days",
        "for 0 days",
        "for 2 moons",
        "for 2",
        "until the moon",
        "until 31 february",
        "until march",
        "until march first",
        "until 2026-02-30",
        "until february 29",
        "until tomorrow 25",
        "until tomorrow 9:75",
        "until tomorrow 13pm",
        "until tomorrow 9 or later",
        "until friday evening",
        "until midnight",
        "until end of week",
        "for an hour or two",
        "until 5",
        "until 0001-01-01",
    ],
)
def test_it_guesses_nothing(phrase: str) -> None:
    assert isinstance(read(phrase), Unclear)


def test_next_friday_on_a_friday_is_a_week_later() -> None:
    assert read("until next friday", datetime(2026, 3, 6, 9, tzinfo=BERLIN)) == Span(
        starts_at=None, ends_at=datetime(2026, 3, 13, tzinfo=BERLIN).astimezone(UTC)
    )


def test_a_leap_day_is_the_next_one() -> None:
    now = datetime(2027, 6, 1, tzinfo=BERLIN)
    assert read("until february 29", now) == Span(
        starts_at=None, ends_at=datetime(2028, 2, 29, tzinfo=BERLIN).astimezone(UTC)
    )


WORDS = (
    *("until", "from", "for", "in", "at", "to", "today", "tomorrow", "friday", "next", "9", "two", "days"),
    *("half", "an", "hour", "and", "end", "of", "day", "march", "03/04"),
)


@given(st.lists(st.sampled_from(WORDS), max_size=7), st.integers(0, 400), st.sampled_from(["Asia/Kolkata", "UTC"]))
def test_whatever_is_understood_is_in_the_future(words: list[str], days: int, zone: str) -> None:
    now = NOW + timedelta(days=days, hours=days % 24)
    understood = read(" ".join(words), now, ZoneInfo(zone))
    if isinstance(understood, Span):
        assert now < understood.ends_at <= now + absence_phrases.LONGEST
        assert understood.starts_at is None or now < understood.starts_at < understood.ends_at
