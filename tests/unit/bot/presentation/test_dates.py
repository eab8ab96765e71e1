"""Dates in the time zone of their reader."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.presentation import dates
from engine.domain import Person

AT = datetime(2026, 12, 12, 22, 47, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Berlin", "Dec 12, 2026, 11:47 PM"),
        ("Asia/Kolkata", "Dec 13, 2026, 4:17 AM"),
        ("America/St_Johns", "Dec 12, 2026, 7:17 PM"),
    ],
)
def test_a_date_is_written_in_the_zone_of_its_reader(zone: str, text: str) -> None:
    assert dates.in_zone(ZoneInfo(zone))(AT) == text


@pytest.mark.parametrize(
    ("zone", "expected"),
    [("Asia/Kolkata", ZoneInfo("Asia/Kolkata")), (None, None), ("Mars/Olympus_Mons", None), ("", None)],
)
def test_the_zone_of_a_person_is_the_one_that_the_directory_named(zone: str | None, expected: ZoneInfo | None) -> None:
    assert dates.zone_of(Person("p1", "Ada", zone=zone)) == expected


def test_without_a_zone_the_date_is_in_utc_and_says_so() -> None:
    assert dates.in_zone(None)(AT) == "Dec 12, 2026, 10:47 PM UTC"


@pytest.mark.parametrize(("hour", "text"), [(0, "12:05 AM"), (11, "11:05 AM"), (12, "12:05 PM"), (23, "11:05 PM")])
def test_midnight_and_noon_are_twelve(hour: int, text: str) -> None:
    assert dates.in_zone(None)(datetime(2026, 1, 2, hour, 5, tzinfo=UTC)) == f"Jan 2, 2026, {text} UTC"


def test_a_phrase_is_written_with_its_moments() -> None:
    assert dates.written(("Approved by Ada, ", AT, "."), dates.in_zone(ZoneInfo("Europe/Berlin"))) == (
        "Approved by Ada, Dec 12, 2026, 11:47 PM."
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2026-03-02", "Mar 2, 2026"),
        ("0999-12-31", "Dec 31, 0999"),
        ("2026-03-02T09:00:00Z", "Mar 2, 2026, 9:00 AM UTC"),
        ("2026-03-02 09:00 UTC", "Mar 2, 2026, 9:00 AM UTC"),
        ("2026-03-02T00:05:07Z", "Mar 2, 2026, 12:05:07 AM UTC"),
        ("2026-03-02T12:05:00.250000Z", "Mar 2, 2026, 12:05:00.250000 PM UTC"),
        ("2026-03-02T23:05:00+01:00", "Mar 2, 2026, 11:05 PM UTC+01:00"),
        ("2026-03-02T23:05", "Mar 2, 2026, 11:05 PM"),
    ],
)
def test_a_value_that_is_a_date_is_written_in_words(value: str, text: str) -> None:
    assert dates.in_words(value) == text


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "2026-02-30",
        "2026-03-02T25:00Z",
        "2026-03-02 ",
        "INV-2026-03-02",
        "20260302",
        "2026-03-02T09:00 CET",
    ],
)
def test_a_value_that_is_no_date_stays_as_it_is(value: str) -> None:
    assert dates.in_words(value) == value


@given(st.datetimes(), st.datetimes(), st.sampled_from(["", "Z", "+01:00", "-03:30"]))
def test_two_times_never_read_the_same(first: datetime, second: datetime, zone: str) -> None:
    texts = {dates.in_words(f"{at.isoformat()}{zone}") for at in (first, second)}
    assert len(texts) == len({first, second})
