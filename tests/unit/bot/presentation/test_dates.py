"""Dates in the time zone of their reader."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

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
