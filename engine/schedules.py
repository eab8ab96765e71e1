"""Schedules of workflow files: when they are next due, in a time zone, through every change of its clocks. Pure.

Two forms: five fields as in cron, and `every 15m`. What a cron expression means when clocks change:

- With `*` as the hour it is due whenever a clock on the wall shows one of its minutes, in a repeated hour again.
- Otherwise it names times of a day. Each is due once: a repeated time the first time, a skipped time when the clocks
  have been put forward, and several times that one change skipped are due together, once.

`cronsim` reads the fields and finds days and minutes as cron does. It is only given times without a zone, because
next to a change of the clocks it leaves times out, and finds times that have passed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from msgspec import Struct

from engine import durations, timestamps
from engine.domain import Missed
from engine.errors import InvalidValue

SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(days=1)
"""The longest time of `every …`: for a longer one a cron expression says on which day it begins."""

LATE: Final = timedelta(minutes=5)
"""How late a run may start and still be in time, as while a server is restarted."""

_FIELDS: Final = (
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day", "1 to 31, or L for the last one"),
    ("month", "1 to 12 or jan to dec"),
    ("weekday", "0 to 7 or sun to sat (0 and 7 are Sunday)"),
)
_BAD_FIELDS: Final = {
    "Bad minute": 0,
    "Bad hour": 1,
    "Bad day-of-month": 2,
    "Bad month": 3,
    "Bad day-of-week": 4,
}
_EVERY: Final = re.compile(r"every\s+(?P<time>\S+)", re.IGNORECASE)
_CRON: Final = re.compile(r"[0-9A-Za-z*/,#-]{1,100}(?: +[0-9A-Za-z*/,#-]{1,100}){4}")
_NICKNAMES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * sun",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_JUMP: Final = timedelta(hours=25)
"""No clock is put forward or back by more: some islands left out a day when they crossed the date line."""
_ANY_DAY: Final = datetime(2024, 1, 1)  # noqa: DTZ001 a time of day without a zone


class Cron(Struct, frozen=True):
    """A cron expression in a time zone, by its IANA name."""

    text: str
    zone: str

    def next_after(self, moment: datetime) -> datetime:
        """Return the first time after a moment, in UTC."""
        zone = _zone(self.zone)
        after = moment.astimezone(UTC)
        search = _next_shown if self.text.split()[1] == "*" else _next_named
        return search(self.text, zone, after)


class Every(Struct, frozen=True):
    """All multiples of a duration since the beginning of 1970 in UTC, so that restarts move nothing."""

    time: timedelta
    zone: str = "UTC"

    def next_after(self, moment: datetime) -> datetime:
        """Return the first time after a moment, in UTC."""
        return _EPOCH + ((moment - _EPOCH) // self.time + 1) * self.time


Schedule: TypeAlias = Cron | Every


def parse(text: str, zone: str | None = None) -> Schedule:
    """Return the schedule that a text names, in a time zone, by default UTC. Raises `InvalidValue`, a sentence."""
    text = " ".join(text.split())
    if match := _EVERY.fullmatch(text):
        return _parse_every(match["time"])
    if text in _NICKNAMES:
        raise InvalidValue(f"`{text}` is written with five fields here: {_NICKNAMES[text]}")
    if not _CRON.fullmatch(text):
        raise InvalidValue("a schedule has five fields: minute, hour, day, month, weekday; or it is like `every 15m`")
    cron = Cron(text, zone or "UTC")
    try:
        first = next(CronSim(_for_cronsim(text), _ANY_DAY), None)
    except CronSimError as error:
        raise InvalidValue(_explain(text, str(error))) from error
    if first is None:
        raise InvalidValue(f"`{text}` never happens: no such day exists")
    return cron


def described(schedule: Schedule) -> str:
    """Return a schedule as people write it, with its time zone."""
    if isinstance(schedule, Every):
        return f"every {durations.show(schedule.time)}"
    return f"{schedule.text} in {schedule.zone}"


def upcoming(schedule: Schedule, after: datetime, count: int = 5) -> list[datetime]:
    """Return the next times, in the zone of the schedule."""
    zone = _zone(schedule.zone)
    return [moment.astimezone(zone) for moment in islice(occurrences(schedule, after), count)]


def occurrences(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """Yield every time after a moment, in UTC."""
    while True:
        after = schedule.next_after(after)
        yield after


def last_until(schedule: Schedule, first: datetime, until: datetime) -> datetime:
    """Return the last time of a schedule up to a moment. `first`: one of its times up to then."""
    step = timedelta(minutes=1)
    while step < until - first:
        # Look back further and further, so that a year of minutes is not gone through one by one.
        found = schedule.next_after(until - step)
        if found <= until:
            return _last_of(schedule, found, until)
        step *= 4
    return _last_of(schedule, first, until)


def _last_of(schedule: Schedule, found: datetime, until: datetime) -> datetime:
    while (later := schedule.next_after(found)) <= until:
        found = later
    return found


class Occurrence(Struct, frozen=True, kw_only=True):
    """What to do about a schedule whose next time has come.

    `fires`: the time for which a run is started, if any. `skipped`: the first and the last of the times for which none
    is. `next_at`: the next time, which may have come as well.
    """

    fires: datetime | None
    skipped: tuple[datetime, datetime] | None
    next_at: datetime


def occurrence(schedule: Schedule, due: datetime, now: datetime, missed: Missed) -> Occurrence:
    """Return what to do now about a time that has come. A time is missed if it is more than `LATE` ago."""
    if now - due <= LATE or missed is Missed.ALL:
        return Occurrence(fires=due, skipped=None, next_at=schedule.next_after(due))
    last = last_until(schedule, due, now)
    fires = last if missed is Missed.ONCE or now - last <= LATE else None
    skipped: tuple[datetime, datetime] | None = None
    if fires is None:
        skipped = due, last
    elif last != due:
        skipped = due, last_until(schedule, due, last - timedelta(microseconds=1))
    return Occurrence(fires=fires, skipped=skipped, next_at=schedule.next_after(last))


def _parse_every(text: str) -> Every:
    time = durations.parse(text)
    if time < SHORTEST or time.total_seconds() % 60:
        raise InvalidValue("`every` counts whole minutes, from 1m")
    if time > LONGEST:
        raise InvalidValue("`every` takes at most 1d; say on which days instead, like 0 9 * * mon")
    return Every(time)


def _explain(text: str, error: str) -> str:
    number = _BAD_FIELDS.get(error)
    if number is None:
        return f"`{text}` is not a schedule: five fields, minute, hour, day, month, weekday"
    name, allowed = _FIELDS[number]
    written = text.split()[number]
    if error == "Bad day-of-month" and not written.strip("0123456789,-/"):
        return f"the {name} `{written}` does not exist in these months, or is not {allowed}"
    return f"the {name} `{written}` of a schedule is {allowed}, like 1, 1,15, 1-5 or */2"


def _zone(name: str) -> ZoneInfo:
    zone = timestamps.find_zone(name)
    if zone is None:
        raise InvalidValue(f"this machine knows no time zone {name}")
    return zone


# -- times without a zone -----------------------------------------------------------------------------------


def _for_cronsim(text: str) -> str:
    """Return the expression with Sunday as cronsim knows it in a range: `fri-sun` is written `fri-7`."""
    *others, weekday = text.split()
    return " ".join((*others, re.sub(r"-(sun|0)(?![0-9])", "-7", weekday, flags=re.IGNORECASE)))


def _walls(text: str, after: datetime) -> Iterator[datetime]:
    """Yield the times that a clock on the wall shows, after a time without a zone. End if none comes for 50 years."""
    try:
        yield from CronSim(_for_cronsim(text), after)
    except OverflowError:
        return


def _next_named(text: str, zone: ZoneInfo, after: datetime) -> datetime:
    """Return the next time of an expression that names times of a day."""
    for wall in _walls(text, _wall_before(zone, after)):
        moment = _first_moment(zone, wall)
        if moment > after:
            return moment
    raise InvalidValue(f"`{text}` never happens again")


def _next_shown(text: str, zone: ZoneInfo, after: datetime) -> datetime:
    """Return the next time at which a clock on the wall shows a minute of an expression for every hour."""
    best: datetime | None = None
    for wall in _walls(text, _wall_before(zone, after)):
        moments = [moment for moment in _moments(zone, wall) if moment > after]
        best = min([*moments, *([best] if best else [])], default=None)
        # A repeated time comes earlier than a wall time after it that is not repeated: look on until that is over.
        if best is not None and (not _changes(zone, best - _LONGEST_JUMP, best) or _is_past(zone, wall, best)):
            return best
    raise InvalidValue(f"`{text}` never happens again")


def _is_past(zone: ZoneInfo, wall: datetime, best: datetime) -> bool:
    """Return whether no later time on the wall can come before `best`."""
    return (
        wall.replace(tzinfo=UTC) - max(_offset(zone, best + _LONGEST_JUMP), _offset(zone, best - _LONGEST_JUMP)) > best
    )


def _wall_before(zone: ZoneInfo, after: datetime) -> datetime:
    """Return what a clock on the wall shows at a moment, or earlier by as much as clocks are put back near it."""
    after -= abs(_offset(zone, after + _LONGEST_JUMP) - _offset(zone, after - _LONGEST_JUMP))
    return after.astimezone(zone).replace(tzinfo=None, fold=0)


def _changes(zone: ZoneInfo, start: datetime, end: datetime) -> bool:
    return _offset(zone, start) != _offset(zone, end)


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def _moments(zone: ZoneInfo, wall: datetime) -> list[datetime]:
    """Return the moments at which clocks show a time: one, two when clocks are put back, none when it is skipped."""
    candidates = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return [moment for moment in candidates if moment.astimezone(zone).replace(tzinfo=None) == wall]


def _first_moment(zone: ZoneInfo, wall: datetime) -> datetime:
    """Return the first moment at which clocks show a time, or at which they are put forward past it."""
    moments = _moments(zone, wall)
    if moments:
        return min(moments)
    # PEP 495: with `fold=1`, a skipped time is read with the offset after the change, and lies before it.
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return _change_between(zone, before, after)


def _change_between(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """Return the moment at which the clocks change. They do so at a full second."""
    old = _offset(zone, low)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        if middle <= low:
            break
        low, high = (middle, high) if _offset(zone, middle) == old else (low, middle)
    return high
