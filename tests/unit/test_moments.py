from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import moments

ZONES = st.just(UTC) | st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001 the strategy adds the zone
    max_value=datetime(9998, 1, 1),  # noqa: DTZ001
    timezones=ZONES,
)
WHOLE = MOMENTS.map(lambda at: at.replace(microsecond=0))


@given(MOMENTS | WHOLE)
def test_a_moment_is_written_as_the_standard_library_writes_it(at: datetime) -> None:
    assert moments.iso(at) == at.astimezone(UTC).isoformat()


@given(MOMENTS | WHOLE)
def test_an_exact_moment_has_six_digits_and_sorts_as_text(at: datetime) -> None:
    assert moments.exact(at) == f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


@pytest.mark.parametrize("write", [moments.iso, moments.exact])
def test_a_moment_without_a_time_zone_is_refused(write: object) -> None:
    assert callable(write)
    with pytest.raises(ValueError, match="time zone"):
        write(datetime(2026, 1, 1))  # noqa: DTZ001 what is refused
