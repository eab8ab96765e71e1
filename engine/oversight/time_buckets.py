"""The classes by which times are counted: how long a decision took, when a request opened, how long it had. Pure.

Counts of the same class can be added, so that those of any weeks and workflows make one figure.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from typing import Final

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR

BOUNDS: Final[tuple[int, ...]] = (
    *(10, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 20 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 2 * _HOUR, 4 * _HOUR, 8 * _HOUR, 12 * _HOUR),
    *(_DAY, 2 * _DAY, 4 * _DAY, 7 * _DAY, 14 * _DAY, 28 * _DAY),
)
"""The longest time of each class, in seconds. One more class holds all that takes longer."""
DEADLINES: Final[tuple[int, ...]] = (_HOUR, 4 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY)
"""The longest expiry of each class, in seconds. Class 0 has no expiry, 1 is the first of these, the last all others."""
_FIRST_SUNDAY: Final = datetime(1969, 12, 28, tzinfo=UTC)


def bucket(duration: timedelta) -> int:
    """Return the class of a time: the first one whose bound is not shorter."""
    return bisect_left(BOUNDS, duration.total_seconds())


def deadline_class(expires_after: timedelta | None) -> int:
    """Return the class of the time until a request expires: 0 if it never does."""
    return 0 if expires_after is None else bisect_left(DEADLINES, expires_after.total_seconds()) + 1


def week(moment: datetime) -> int:
    """Return the number of the week, which begins on Sunday at midnight UTC.

    Clocks are changed on a Sunday nearly everywhere, so that a week has one offset of a time zone but for some hours.
    """
    return (moment - _FIRST_SUNDAY).days // 7


def week_start(number: int) -> datetime:
    """Return the moment at which a week begins."""
    return _FIRST_SUNDAY + timedelta(weeks=number)


def hour(moment: datetime) -> int:
    """Return the number of the hour."""
    return int(moment.timestamp()) // _HOUR


def hour_start(number: int) -> datetime:
    """Return the moment at which an hour begins."""
    return datetime.fromtimestamp(number * _HOUR, UTC)
