"""When schedules are due: in every time zone, through every change of its clocks, without drift."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import schedules
from engine.domain import Missed
from engine.errors import InvalidValue
from engine.schedules import LATE, Cron, Every, Occurrence
from tests.support.examples import example_count

YEAR = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = sorted(available_timezones())
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def times(text: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    schedule = schedules.parse(text, zone)
    return [*takewhile(lambda at: at <= end, schedules.occurrences(schedule, start))]


def local(text: str, zone: str, start: datetime, count: int = 4) -> list[str]:
    return [f"{at:%b %d %H:%M %z}" for at in schedules.upcoming(schedules.parse(text, zone), start, count)]


@cache
def changing_zones() -> dict[str, list[datetime]]:
    """Return the hours of the year in which clocks change, for one zone of all those with the same clocks."""
    found: dict[tuple[timedelta | None, ...], tuple[str, list[datetime]]] = {}
    for name in ZONES:
        zone = ZoneInfo(name)
        offsets = tuple((YEAR + day * DAY).astimezone(zone).utcoffset() for day in range(367))
        if offsets not in found and len(set(offsets)) > 1:
            found[offsets] = name, [*_changes(zone, offsets)]
    return dict(found.values())


def _changes(zone: ZoneInfo, offsets: Sequence[timedelta | None]) -> Iterator[datetime]:
    for day, (before, after) in enumerate(pairwise(offsets)):
        if before != after:
            hours = (YEAR + day * DAY + hour * HOUR for hour in range(24))
            yield next(at for at in hours if (at + HOUR).astimezone(zone).utcoffset() != before)


# -- the nights when clocks change --------------------------------------------------------------------------


def test_a_repeated_time_is_due_the_first_time_only() -> None:
    start = datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert local("30 2 * * *", "Europe/Berlin", start, 3) == [
        "Oct 25 02:30 +0200",
        "Oct 26 02:30 +0100",
        "Oct 27 02:30 +0100",
    ]
    # Also when the search begins between the two.
    assert local("30 2 * * *", "Europe/Berlin", datetime(2026, 10, 25, 0, 45, tzinfo=UTC), 1) == ["Oct 26 02:30 +0100"]
    assert local("30 2 * * *", "Europe/Berlin", datetime(2026, 10, 25, 1, 10, tzinfo=UTC), 1) == ["Oct 26 02:30 +0100"]


def test_a_skipped_time_is_due_when_the_clocks_were_put_forward() -> None:
    start = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert local("30 2 * * *", "Europe/Berlin", start, 2) == ["Mar 29 03:00 +0200", "Mar 30 02:30 +0200"]
    # Several times that are skipped at once are due once, and with a time that is then, also once.
    assert local("*/20 2 * * *", "Europe/Berlin", start, 2) == ["Mar 29 03:00 +0200", "Mar 30 02:00 +0200"]
    assert local("0,30 2,3 * * *", "Europe/Berlin", start, 3) == [
        "Mar 29 03:00 +0200",
        "Mar 29 03:30 +0200",
        "Mar 30 02:00 +0200",
    ]
    # Midnight does not exist on this day.
    assert local("0 0 * * *", "Africa/Cairo", datetime(2026, 4, 23, 12, tzinfo=UTC), 2) == [
        "Apr 24 01:00 +0300",
        "Apr 25 00:00 +0300",
    ]


def test_every_hour_is_due_in_a_repeated_hour_again() -> None:
    start = datetime(2026, 10, 24, 23, 45, tzinfo=UTC)
    assert local("30 * * * *", "Europe/Berlin", start, 3) == [
        "Oct 25 02:30 +0200",
        "Oct 25 02:30 +0100",
        "Oct 25 03:30 +0100",
    ]
    spring = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)
    assert local("30 * * * *", "Europe/Berlin", spring, 2) == ["Mar 29 01:30 +0100", "Mar 29 03:30 +0200"]


def test_an_island_that_leaves_out_a_day_misses_nothing() -> None:
    # Samoa left out December 30, 2011.
    assert local("0 9 * * *", "Pacific/Apia", datetime(2011, 12, 29, tzinfo=UTC), 3) == [
        "Dec 29 09:00 -1000",
        "Dec 31 00:00 +1400",
        "Dec 31 09:00 +1400",
    ]


@pytest.mark.parametrize("text", ["30 2 * * *", "0 0 * * *", "5 1,3 * * *", "0 */2 * * *"])
def test_a_time_of_day_is_due_once_a_day_in_every_zone(text: str) -> None:
    minute, hours = text.split()[:2]
    per_day = {"*/2": 12}.get(hours, hours.count(",") + 1)
    for name, changes in changing_zones().items():
        zone = ZoneInfo(name)
        for change in changes:
            found = times(text, name, change - 3 * DAY, change + 3 * DAY)
            assert found == sorted(set(found)), name
            days = Counter(at.astimezone(zone).date() for at in found)
            full = sorted(days)[1:-1]
            # Times that one change skips are due together.
            assert all(per_day - 1 <= days[day] <= per_day for day in full), (name, days)
            assert per_day > 1 or all(days[day] == 1 for day in full), (name, days)
            shown = [at.astimezone(zone) for at in found]
            assert sum(at.minute != int(minute) for at in shown) <= 1, name


@pytest.mark.parametrize("text", ["45 * * * *", "*/7 * * * *", "15,45 * * * sun"])
def test_every_hour_is_due_whenever_a_clock_shows_the_minute_in_every_zone(text: str) -> None:
    minutes = {"45": {45}, "*/7": {*range(0, 60, 7)}, "15,45": {15, 45}}[text.split()[0]]
    for name, changes in changing_zones().items():
        zone = ZoneInfo(name)
        for change in changes:
            start, end = change - 5 * HOUR, change + 5 * HOUR
            expected, at = list[datetime](), start + MINUTE
            while at <= end:
                shown = at.astimezone(zone)
                if shown.minute in minutes and ("sun" not in text or shown.weekday() == 6):
                    expected.append(at)
                at += MINUTE
            assert times(text, name, start, end) == expected, name


def test_nothing_drifts_over_a_year_in_any_zone() -> None:
    for name in ZONES:
        zone = ZoneInfo(name)
        found = times("0 9 * * mon", name, YEAR, YEAR + 364 * DAY)
        assert len(found) == 52
        assert {f"{at.astimezone(zone):%a %H:%M}" for at in found} == {"Mon 09:00"}


@given(st.sampled_from(ZONES), st.integers(0, 59), st.integers(0, 23), st.integers(0, 525_600), st.integers(1, 2_000))
@settings(max_examples=example_count(150), deadline=None)
def test_the_next_time_does_not_depend_on_where_the_search_begins(
    zone: str, minute: int, hour: int, start: int, step: int
) -> None:
    schedule = schedules.parse(f"{minute} {hour} * * *", zone)
    begin = YEAR + start * MINUTE
    first, second, third = (at.astimezone(UTC) for at in schedules.upcoming(schedule, begin, 3))
    assert begin < first < second < third
    assert all(step <= timedelta(hours=49) for step in (second - first, third - second))
    between = min(first + step * MINUTE, second - timedelta(seconds=1))
    assert schedule.next_after(between) == second
    assert schedule.next_after(first - timedelta(microseconds=1)) == first


# -- days and weekdays --------------------------------------------------------------------------------------


def days(text: str, count: int = 4) -> list[str]:
    start = datetime(2026, 3, 1, tzinfo=UTC)  # a Sunday
    return [f"{at:%a %d}" for at in schedules.upcoming(schedules.parse(text), start, count)]


def test_a_day_and_a_weekday_are_either_unless_one_begins_with_a_star() -> None:
    assert days("0 9 13 * 5") == ["Fri 06", "Fri 13", "Fri 20", "Fri 27"]
    assert days("0 9 10 * 5") == ["Fri 06", "Tue 10", "Fri 13", "Fri 20"]
    assert days("0 9 */2 * 1") == ["Mon 09", "Mon 23", "Mon 13", "Mon 27"]
    assert days("0 9 * * 1-5", 2) == ["Mon 02", "Tue 03"]


def test_sunday_is_0_and_7() -> None:
    assert days("0 9 * * 0") == days("0 9 * * 7") == days("0 9 * * sun") == ["Sun 01", "Sun 08", "Sun 15", "Sun 22"]
    assert days("0 9 * * fri-sun") == days("0 9 * * 5-0") == ["Sun 01", "Fri 06", "Sat 07", "Sun 08"]
    for number, name in enumerate(WEEKDAYS):
        assert days(f"0 9 * * {number}") == days(f"0 9 * * {name.upper()}")


def test_the_last_day_and_the_second_monday_of_a_month() -> None:
    assert days("0 9 L * *", 2) == ["Tue 31", "Thu 30"]
    assert days("0 9 * * mon#2", 2) == ["Mon 09", "Mon 13"]
    assert days("0 9 29 2 *", 1) == ["Tue 29"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0 9 * *", "five fields"),
        ("0 0 9 * * 1", "five fields"),
        ("@daily", "0 0 * * *"),
        ("60 9 * * *", "minute"),
        ("0 24 * * *", "hour"),
        ("0 9 0 * *", "day"),
        ("0 9 * 13 *", "month"),
        ("0 9 * * 8", "weekday"),
        ("0 9 * * mom", "weekday"),
        ("0 9 30 2 *", "does not exist"),
        ("every 90s", "whole minutes"),
        ("every 30s", "whole minutes"),
        ("every 2d", "at most 1d"),
        ("every", "five fields"),
        ("every soon", "not a duration"),
        ("", "five fields"),
    ],
)
def test_a_schedule_that_cannot_be_meant_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InvalidValue, match=problem):
        schedules.parse(text)


@given(st.text(alphabet="0123456789*/,-#L WEvrymo", max_size=30))
@settings(max_examples=example_count(300), deadline=None)
def test_any_text_is_a_schedule_or_refused(text: str) -> None:
    try:
        schedule = schedules.parse(text, "Europe/Berlin")
    except InvalidValue:
        return
    first, second = schedules.upcoming(schedule, YEAR, 2)
    assert YEAR < first < second


# -- every --------------------------------------------------------------------------------------------------


def test_every_counts_from_the_same_moment_for_ever() -> None:
    assert local("every 15m", "UTC", YEAR + 7 * MINUTE, 2) == ["Jan 01 00:15 +0000", "Jan 01 00:30 +0000"]
    found = [*takewhile(lambda at: at < YEAR + 365 * DAY, schedules.occurrences(schedules.parse("every 7h"), YEAR))]
    assert {later - earlier for earlier, later in pairwise(found)} == {7 * HOUR}
    assert schedules.described(schedules.parse("every  90m")) == "every 1h30m"
    assert schedules.described(schedules.parse("0  9 * * mon", "Europe/Berlin")) == "0 9 * * mon in Europe/Berlin"


# -- missed times -------------------------------------------------------------------------------------------

DAILY = Cron("0 9 * * *", "UTC")
NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_a_time_that_comes_is_no_missed_time() -> None:
    for missed in Missed:
        assert schedules.occurrence(DAILY, NINE, NINE + LATE, missed) == Occurrence(
            fires=NINE, skipped=None, next_at=NINE + DAY
        )


def test_missed_times_are_skipped_or_run_once_or_each() -> None:
    now = NINE + 3 * DAY + HOUR
    last, next_at = NINE + 3 * DAY, NINE + 4 * DAY
    assert schedules.occurrence(DAILY, NINE, now, Missed.SKIP) == Occurrence(
        fires=None, skipped=(NINE, last), next_at=next_at
    )
    assert schedules.occurrence(DAILY, NINE, now, Missed.ONCE) == Occurrence(
        fires=last, skipped=(NINE, last - DAY), next_at=next_at
    )
    assert schedules.occurrence(DAILY, NINE, now, Missed.ALL) == Occurrence(
        fires=NINE, skipped=None, next_at=NINE + DAY
    )
    # The server is back right in time for the last one.
    assert schedules.occurrence(DAILY, NINE, last + MINUTE, Missed.SKIP).fires == last


@given(
    st.sampled_from([DAILY, Every(15 * MINUTE), Cron("0 */6 * * *", "Europe/Berlin")]),
    st.sampled_from(Missed),
    st.lists(st.integers(0, 20_000), min_size=1, max_size=6),
)
@settings(max_examples=example_count(80), deadline=None)
def test_every_time_is_run_or_skipped_exactly_once(
    schedule: schedules.Schedule, missed: Missed, gaps: list[int]
) -> None:
    due = schedule.next_after(NINE)
    begin, now, run, skipped = due, due, list[datetime](), list[tuple[datetime, datetime]]()
    for gap in gaps:
        now += gap * MINUTE
        while due <= now:
            now_due = schedules.occurrence(schedule, due, now, missed)
            assert now_due.next_at > due
            run += [now_due.fires] if now_due.fires is not None else []
            skipped += [now_due.skipped] if now_due.skipped is not None else []
            due = now_due.next_at
    every = [*takewhile(lambda at: at <= now, schedules.occurrences(schedule, begin - MINUTE))]
    left_out = [at for at in every if any(first <= at <= last for first, last in skipped)]
    assert sorted([*run, *left_out]) == every
    assert missed is not Missed.ALL or run == every
