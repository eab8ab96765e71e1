"""Working hours: what a setting may say, and when an amount of working time has passed, on all kinds of days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import public_holidays
from engine.requests import working_hours
from engine.requests.working_hours import WorkingHours

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
OFFICE = working_hours.parse(working_hours.DEFAULT)
BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def local(text: str, zone: str = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def after(start: str, duration: timedelta, hours: WorkingHours = OFFICE, zone: str = BERLIN) -> datetime:
    return hours.after(local(start, zone), hours.working_time(duration), zone)


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        ("2026-12-01 10:00", 4 * HOUR, "2026-12-01 14:00"),
        ("2026-12-01 15:00", 4 * HOUR, "2026-12-02 11:00"),
        ("2026-12-01 14:00", 2 * DAY, "2026-12-03 14:00"),
        ("2026-12-01 09:00", DAY, "2026-12-01 17:00"),
        ("2026-12-04 16:00", 2 * HOUR, "2026-12-07 10:00"),  # over a weekend
        ("2026-12-05 12:00", 3 * HOUR, "2026-12-07 12:00"),  # asked on a Saturday
        ("2026-12-01 20:00", HOUR, "2026-12-02 10:00"),  # asked in the evening
        ("2026-12-01 03:00", HOUR, "2026-12-01 10:00"),
        ("2028-02-28 16:00", 2 * HOUR, "2028-02-29 10:00"),  # a leap day is a working day
        ("2028-02-29 16:00", DAY, "2028-03-01 16:00"),
        ("2026-12-31 16:00", 2 * HOUR, "2027-01-01 10:00"),  # without a place there are no holidays
    ],
)
def test_a_duration_counts_working_hours_and_its_days_are_working_days(
    start: str, duration: timedelta, end: str
) -> None:
    assert after(start, duration) == local(end)


@pytest.mark.parametrize(
    ("start", "end"),
    [("2027-03-26 16:00", "2027-03-29 10:00"), ("2026-10-23 16:00", "2026-10-26 10:00")],
    ids=["to summer time", "to winter time"],
)
def test_a_change_of_the_clocks_at_night_takes_no_working_hour(start: str, end: str) -> None:
    assert after(start, 2 * HOUR) == local(end)
    assert after(start, 2 * HOUR) - local(start) != local(end, "UTC") - local(start, "UTC")


def test_on_days_with_a_change_of_the_clocks_time_counts_as_it_passes() -> None:
    always = working_hours.parse("mon-sun 00:00-24:00")
    spring, autumn = local("2027-03-28 00:00"), local("2026-10-25 00:00")
    for midnight in (spring, autumn):
        assert always.after(midnight, 23 * HOUR, BERLIN) == midnight + 23 * HOUR
        assert always.after(midnight, 30 * HOUR, BERLIN) == midnight + 30 * HOUR
    night = working_hours.parse("mon-sun 02:00-03:00")
    assert night.after(spring, HOUR, BERLIN) == local("2027-03-29 03:00"), "the hour from two to three does not exist"
    assert night.after(autumn, 2 * HOUR, BERLIN) == local("2026-10-25 03:00"), "it comes twice"


def test_holidays_are_no_working_days() -> None:
    berlin = working_hours.parse(working_hours.DEFAULT, holidays="DE-BE")
    assert after("2027-03-05 16:00", 2 * HOUR, berlin) == local("2027-03-09 10:00"), "March 8 is a holiday in Berlin"
    assert after("2026-12-24 16:00", 2 * HOUR, berlin) == local("2026-12-28 10:00")


def test_the_same_moment_is_another_time_of_day_elsewhere() -> None:
    start = local("2026-12-01 16:00")
    assert OFFICE.after(start, 2 * HOUR, BERLIN) == local("2026-12-02 10:00")
    assert OFFICE.after(start, 2 * HOUR, NEW_YORK) == local("2026-12-01 12:00", NEW_YORK)


def test_people_without_a_known_zone_have_the_one_of_the_setting() -> None:
    start = local("2026-12-01 16:00")
    assert OFFICE.after(start, 2 * HOUR, None) == start + 2 * HOUR, "UTC"
    in_berlin = working_hours.parse(f"mon-fri 09:00-17:00 {BERLIN}")
    for zone in (None, "", "No/Where"):
        end = in_berlin.after(start, 2 * HOUR, zone)
        assert end == (start + 2 * HOUR if zone == "No/Where" else local("2026-12-02 10:00"))


def test_the_next_open_moment_is_now_or_later() -> None:
    for start, opens in [
        ("2026-12-01 10:00", "2026-12-01 10:00"),
        ("2026-12-01 17:00", "2026-12-02 09:00"),
        ("2026-12-05 10:00", "2026-12-07 09:00"),
    ]:
        assert OFFICE.next_open(local(start), BERLIN) == local(opens)


moments = st.integers(0, 2_000_000).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes))
zones = st.sampled_from([None, BERLIN, NEW_YORK, "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo"])
shifts = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda pair: pair[0] < pair[1])


@given(start=moments, minutes=st.integers(1, 6000), more=st.integers(0, 6000), zone=zones, shift=shifts)
def test_working_time_adds_up_and_ends_within_working_hours(
    start: datetime, minutes: int, more: int, zone: str | None, shift: tuple[int, int]
) -> None:
    hours = WorkingHours(days=(0, 1, 2, 3, 4), begins=shift[0], ends=shift[1], holidays="DE-BE")
    time, further = timedelta(minutes=minutes), timedelta(minutes=more)
    end = hours.after(start, time, zone)
    assert end >= start + time
    assert hours.after(end, further, zone) == hours.after(start, time + further, zone) or more == 0
    just_before = (end - timedelta(microseconds=1)).astimezone(ZoneInfo(zone or "UTC"))
    assert just_before.weekday() < 5
    assert just_before.date() not in public_holidays.of_place("DE-BE")
    assert hours.next_open(just_before.astimezone(UTC), zone) == just_before


@pytest.mark.parametrize(
    ("text", "days", "begins", "ends", "zone"),
    [
        ("mon-fri 09:00-17:00", (0, 1, 2, 3, 4), 540, 1020, "UTC"),
        (" Sun-Thu 08:30-16:00 Asia/Jerusalem ", (0, 1, 2, 3, 6), 510, 960, "Asia/Jerusalem"),
        ("mon,wed,fri-sat 00:00-24:00", (0, 2, 4, 5), 0, 1440, "UTC"),
    ],
)
def test_working_hours_are_read(text: str, days: tuple[int, ...], begins: int, ends: int, zone: str) -> None:
    hours = working_hours.parse(text)
    assert hours == WorkingHours(days=days, begins=begins, ends=ends, zone=zone)
    assert working_hours.parse(str(hours)) == hours


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("9-17", "must look like mon-fri 09:00-17:00"),
        ("mon-fri", "must look like"),
        ("mon-fry 09:00-17:00", "'fry' is not a weekday: mon, tue, wed, thu, fri, sat, sun"),
        ("mon-fri 17:00-09:00", "must end later on the same day"),
        ("mon-fri 09:00-09:00", "must end later on the same day"),
        ("mon-fri 09:00-25:00", "25:00 is not a time of day"),
        ("mon-fri 09:60-17:00", "09:60 is not a time of day"),
        ("mon-fri 09:00-17:00 Berlin", "'Berlin' is not a time zone, like Europe/Berlin"),
    ],
)
def test_other_texts_are_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        working_hours.parse(text)


def test_days_are_those_of_the_zone_and_not_of_utc() -> None:
    # Sunday evening in UTC is Monday morning in Auckland.
    start = datetime(2026, 12, 6, 20, 30, tzinfo=UTC)
    assert start.astimezone(ZoneInfo("Pacific/Auckland")).date() == date(2026, 12, 7)
    assert OFFICE.after(start, HOUR, "Pacific/Auckland") == start + HOUR
