"""When the next digest comes, when quiet hours end, and until when a request is held. Pure.

Times of day are those of a time zone. A time that a change of the clocks leaves out comes as much later as the clocks
were put forward; of a time that comes twice, a digest comes at the first, and quiet hours end at the second.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from engine import timestamps
from engine.domain.preferences import Digest, Preferences
from engine.requests.working_hours import last_moment_of_day, moment_of_day

_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5


def place_of(*zones: str | None) -> tzinfo:
    """Return the first of these time zones that is known, or UTC."""
    found = (timestamps.find_zone(zone) for zone in zones if zone)
    return next((zone for zone in found if zone is not None), UTC)


def next_digest(preferences: Preferences, now: datetime, zone: tzinfo) -> datetime:
    """Return the next moment, in UTC, at which the daily digest comes; later than `now`."""
    day = now.astimezone(zone).date()
    while (moment := moment_of_day(day, preferences.at, zone)) <= now:
        day += _DAY
    return moment


def quiet_end(preferences: Preferences, at: datetime, zone: tzinfo) -> datetime:
    """Return the first moment that is not quiet and not before `at`, in UTC."""
    while (end := _end_of_quiet(preferences, at, zone)) is not None:
        at = end
    return at.astimezone(UTC)


def _end_of_quiet(preferences: Preferences, at: datetime, zone: tzinfo) -> datetime | None:
    """Return the end of a quiet time in which `at` lies, or None."""
    today = at.astimezone(zone).date()
    days = (today - _DAY, today)
    return next((end for begin, end in _quiet_times(preferences, days, zone) if begin <= at < end), None)


def _quiet_times(preferences: Preferences, days: tuple[date, ...], zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
    """Yield beginning and end of the quiet times that begin on these days."""
    begins, ends = preferences.quiet_from, preferences.quiet_until
    for day in days:
        if begins is not None and ends is not None:
            last = day if begins < ends else day + _DAY
            yield moment_of_day(day, begins, zone), last_moment_of_day(last, ends, zone)
        if preferences.quiet_weekends and day.weekday() >= _SATURDAY:
            yield moment_of_day(day, 0, zone), moment_of_day(day + _DAY, 0, zone)


def held_until(
    preferences: Preferences, now: datetime, zone: tzinfo, *, ends_at: datetime | None = None
) -> datetime | None:
    """Return until when a request that opens now is held at the latest, or None if it is told at once.

    `ends_at`: when its time to decide ends. At least half of that time is left when its approver is told. A request
    that cannot wait for the digest may still wait for the end of quiet hours.
    """
    ends = [quiet_end(preferences, now, zone)]
    if preferences.digest is not Digest.NONE:
        ends = [quiet_end(preferences, next_digest(preferences, now, zone), zone), *ends]
    return next((end for end in ends if end > now and _leaves_time(now, end, ends_at)), None)


def later(preferences: Preferences | None, at: datetime, zone: tzinfo, *, ends_at: datetime | None = None) -> datetime:
    """Return when a message that is due at this time is sent: after the quiet hours, if enough time is left then."""
    end = quiet_end(preferences, at, zone) if preferences is not None else at
    return end if _leaves_time(at, end, ends_at) else at


def _leaves_time(now: datetime, until: datetime, ends_at: datetime | None) -> bool:
    return ends_at is None or until - now <= ends_at - until
