from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import timestamps

ZONES = st.just(UTC) | st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001 the strategy adds the zone
    max_value=datetime(9998, 1, 1),  # noqa: DTZ001
    timezones=ZONES,
)
WHOLE_SECONDS = MOMENTS.map(lambda at: at.replace(microsecond=0))


@given(MOMENTS | WHOLE_SECONDS)
def test_a_moment_is_written_as_the_standard_library_writes_it(at: datetime) -> None:
    assert timestamps.iso(at) == at.astimezone(UTC).isoformat()


@given(MOMENTS | WHOLE_SECONDS)
def test_an_exact_moment_has_six_digits_and_sorts_as_text(at: datetime) -> None:
    assert timestamps.exact(at) == f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/Argentina/Buenos_Aires", "UTC"])
def test_a_time_zone_is_found_by_its_name(name: str) -> None:
    assert timestamps.find_zone(name) == ZoneInfo(name)


@pytest.mark.parametrize(
    "name", ["", "Europe", "Mars/Olympus_Mons", "../etc/passwd", "/etc/passwd", "\0", "\ud800", "x" * 999]
)
def test_a_name_that_is_no_time_zone_finds_none(name: str) -> None:
    assert timestamps.find_zone(name) is None


@pytest.mark.parametrize("write", [timestamps.iso, timestamps.exact])
def test_the_two_hours_of_one_name_in_autumn_are_two_moments(write: Callable[[datetime], str]) -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Zurich"))
    second = first.replace(fold=1)
    assert first == second, "equal moments of one zone must not share a cached text"
    assert [write(moment)[11:16] for moment in (first, second, first)] == ["00:30", "01:30", "00:30"]


@pytest.mark.parametrize("write", [timestamps.iso, timestamps.exact])
def test_a_moment_without_a_time_zone_is_refused(write: object) -> None:
    assert callable(write)
    with pytest.raises(ValueError, match="time zone"):
        write(datetime(2026, 1, 1))  # noqa: DTZ001 the test needs a naive datetime
