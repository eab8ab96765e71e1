"""Moments as text, in UTC, and time zones by name."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

# msgspec writes a time faster than the standard library, and a unit of work writes its `now` several times.
_encoder: Final = msgspec.json.Encoder()


def iso(moment: datetime) -> str:
    """Return the moment as `isoformat` writes it in UTC: `2026-03-02T09:05:00.120000+00:00`, or without a fraction.

    Raises `ValueError` for a moment without a time zone.
    """
    return _iso(moment if moment.tzinfo is UTC else in_utc(moment))


def exact(moment: datetime) -> str:
    """Return the moment in UTC with six digits of a second: `2026-03-02T09:05:00.120000Z`.

    Raises `ValueError` for a moment without a time zone.
    """
    return _exact(moment if moment.tzinfo is UTC else in_utc(moment))


def in_utc(moment: datetime) -> datetime:
    """Return the moment in UTC. In other zones two moments of an autumn night are equal, and a cache would mix them up.

    Raises `ValueError` for a moment without a time zone, because it is ambiguous.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a time zone")
    return moment.astimezone(UTC)


def find_zone(name: str) -> ZoneInfo | None:
    """Return the time zone with this IANA name, or None if this machine knows none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def in_words(value: str) -> str:
    """Return a value that is an ISO date or time as people read it, "Mar 2, 2026, 9:00 AM UTC"; others as they are.

    Nothing of the value is lost, and its time stays in its own zone: people decide about exactly this value.
    """
    found = _ISO.fullmatch(value)
    if found is None:
        return value
    try:
        day = date.fromisoformat(found["day"])
        clock = time.fromisoformat(found["clock"]) if found["clock"] else None
    except ValueError:
        return value
    text = f"{day:%b} {day.day}, {found['day'][:4]}"
    return text if clock is None else f"{text}, {_clock(clock, found['fraction'] or '')}{_offset(found['zone'])}"


_ISO: Final = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<clock>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?P<fraction>\.[0-9]{1,9})?"
    r"(?P<zone> ?(?:Z|UTC|[+-][0-9]{2}:[0-9]{2}))?)?"
)


def _clock(clock: time, fraction: str) -> str:
    """Return a time of day, with its seconds unless they are zero."""
    seconds = f":{clock.second:02}{fraction}" if clock.second or fraction else ""
    return f"{clock.hour % 12 or 12}:{clock.minute:02}{seconds} {'AM' if clock.hour < 12 else 'PM'}"


def _offset(zone: str | None) -> str:
    name = (zone or "").strip()
    return f" UTC{name}" if name.startswith(("+", "-")) else " UTC" if name else ""


@lru_cache(64)
def _iso(moment: datetime) -> str:
    return _zulu(moment).replace("Z", "+00:00")


@lru_cache(64)
def _exact(moment: datetime) -> str:
    text = _zulu(moment)
    return text if moment.microsecond else f"{text[:-1]}.000000Z"


def _zulu(moment: datetime) -> str:
    return _encoder.encode(moment)[1:-1].decode()
