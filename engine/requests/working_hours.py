"""Working hours: how long they are, and when an amount of working time has passed. Pure.

A duration is counted in working hours: each of its days is one working day. Times of day are those of a time zone, so
that a day on which the clocks change has the hours that people there really work.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from msgspec import Struct

from engine import public_holidays, timestamps
from engine.json_values import Value

DEFAULT: Final = "mon-fri 09:00-17:00"
SHAPE: Final = f"{DEFAULT}, or with a time zone: {DEFAULT} Europe/Berlin"
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY: Final = timedelta(days=1)
_WRITTEN: Final = re.compile(
    r"(?P<days>[a-z]{3}(?:-[a-z]{3})?(?:,[a-z]{3}(?:-[a-z]{3})?)*) +"
    r"(?P<begins>\d{2}:\d{2})-(?P<ends>\d{2}:\d{2})(?: +(?P<zone>[\w/+-]+))?",
    re.IGNORECASE | re.ASCII,
)


class WorkingHours(Struct, frozen=True, kw_only=True):
    """The hours of a working day, and the days.

    `days`: numbers of weekdays, Monday is 0. `begins` and `ends`: minutes after midnight. `zone`: of people whose time
    zone is not known. `holidays`: the place whose holidays are no working days, or an empty text.
    """

    days: tuple[int, ...]
    begins: int
    ends: int
    zone: str = "UTC"
    holidays: str = ""

    def __str__(self) -> str:
        days = ",".join(_DAYS[day] for day in self.days)
        return f"{days} {_clock(self.begins)}-{_clock(self.ends)} {self.zone}"

    def as_record(self) -> dict[str, Value]:
        """Return the working hours, the place of the holidays, and the library that knows them, for the record."""
        record: dict[str, Value] = {"hours": str(self)}
        return {**record, "holidays": self.holidays, "library": public_holidays.library()} if self.holidays else record

    def working_time(self, duration: timedelta) -> timedelta:
        """Return the working time of a duration whose days are working days."""
        length = timedelta(minutes=self.ends - self.begins)
        return duration.days * length + (duration - duration.days * _DAY)

    def after(self, start: datetime, working_time: timedelta, zone: str | None) -> datetime:
        """Return the moment, in UTC, at which so much working time has passed in a time zone."""
        left = working_time
        for begins, ends in self._shifts(start, zone):
            if left <= ends - begins:
                return begins + left
            left -= ends - begins
        raise AssertionError("the days never end")  # pragma: no cover

    def between(self, start: datetime, end: datetime, zone: str | None) -> timedelta:
        """Return the working time between two moments in a time zone; none if `end` is not later."""
        total = timedelta()
        for begins, ends in self._shifts(start, zone):
            if begins >= end:
                return total
            total += min(ends, end) - begins
        raise AssertionError("the days never end")  # pragma: no cover

    def next_open(self, at: datetime, zone: str | None) -> datetime:
        """Return the first moment of working hours in a time zone that is not before `at`, in UTC."""
        return next(begins for begins, ends in self._shifts(at, zone) if begins < ends)

    def _shifts(self, start: datetime, zone: str | None) -> Iterator[tuple[datetime, datetime]]:
        """Yield beginning and end of the working hours of each working day, in UTC, from `start` on."""
        place = timestamps.find_zone(zone or self.zone) or UTC
        free = public_holidays.of_place(self.holidays) if self.holidays else ()
        day = start.astimezone(place).date()
        while True:
            if day.weekday() in self.days and day not in free:
                begins = max(start, moment_of_day(day, self.begins, place))
                yield begins, max(begins, last_moment_of_day(day, self.ends, place))
            day += _DAY


def moment_of_day(day: date, minutes: int, zone: tzinfo, *, fold: int = 0) -> datetime:
    """Return the time of a day as a moment. Of a time that comes twice, the first; with `fold=1` the second."""
    midnight = datetime.combine(day + timedelta(days=minutes // 1440), time(), zone)
    return midnight.replace(hour=minutes // 60 % 24, minute=minutes % 60, fold=fold).astimezone(UTC)


def last_moment_of_day(day: date, minutes: int, zone: tzinfo) -> datetime:
    """Return the time of a day as a moment. Of a time that comes twice, the second."""
    return max(moment_of_day(day, minutes, zone), moment_of_day(day, minutes, zone, fold=1))


def parse(text: str, *, holidays: str = "") -> WorkingHours:
    """Return the working hours of `mon-fri 09:00-17:00`, with a time zone or not. Raises `ValueError`."""
    written = _WRITTEN.fullmatch(text.strip())
    if written is None:
        raise ValueError(f"must look like {SHAPE}")
    begins, ends = _minutes(written["begins"]), _minutes(written["ends"])
    if begins >= ends:
        raise ValueError("must end later on the same day than they begin")
    zone = written["zone"] or "UTC"
    if timestamps.find_zone(zone) is None:
        raise ValueError(f"{zone!r} is not a time zone, like Europe/Berlin")
    days = tuple(sorted({day for part in written["days"].lower().split(",") for day in _weekdays(part)}))
    return WorkingHours(days=days, begins=begins, ends=ends, zone=zone, holidays=holidays)


def _weekdays(part: str) -> Iterator[int]:
    """Yield the numbers of `mon` or `mon-fri`. A range may pass the end of the week: `sun-thu`."""
    for name in part.split("-"):
        if name not in _DAYS:
            raise ValueError(f"{name!r} is not a weekday: {', '.join(_DAYS)}")
    first, _, last = part.partition("-")
    begin = _DAYS.index(first)
    for number in range((_DAYS.index(last or first) - begin) % 7 + 1):
        yield (begin + number) % 7


def _minutes(text: str) -> int:
    hour, minute = int(text[:2]), int(text[3:])
    if minute > 59 or hour * 60 + minute > 24 * 60:
        raise ValueError(f"{text} is not a time of day")
    return hour * 60 + minute


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


OFFICE: Final = parse(DEFAULT)
"""The working hours where no setting names others."""
