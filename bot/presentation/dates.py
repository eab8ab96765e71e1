"""Dates as every surface writes them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, tzinfo
from typing import Final, TypeAlias

from engine import timestamps
from engine.domain import Person, Phrase

Writer: TypeAlias = Callable[[datetime], str]
"""Writes a moment as one surface and its reader need it."""


def moment(at: datetime) -> str:
    """Return a date to the minute in UTC, as for a reader whose time zone is not known."""
    return in_zone(None)(at)


def exact_moment(at: datetime) -> str:
    """Return a date to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def time_of_day(at: datetime) -> str:
    """Return the time of a moment to the second, where the day is known."""
    return f"{at:%H:%M:%S}"


def in_zone(zone: tzinfo | None) -> Writer:
    """Return the writer for a reader in this time zone. Without one, times are in UTC and say so.

    The year stands in every date: an email is read again years later.
    """

    def written(at: datetime) -> str:
        local = at.astimezone(zone or UTC)
        hour, half = local.hour % 12 or 12, "AM" if local.hour < 12 else "PM"
        text = f"{local:%b} {local.day}, {local.year}, {hour}:{local.minute:02} {half}"
        return text if zone is not None else f"{text} UTC"

    return written


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


def zone_of(person: Person) -> tzinfo | None:
    """Return the time zone of a person, or None if it is not known."""
    return None if person.zone is None else timestamps.find_zone(person.zone)


def written(phrase: Phrase, writer: Writer = moment) -> str:
    """Return a phrase as one text, its moments written by `writer`."""
    return "".join(writer(part) if isinstance(part, datetime) else part for part in phrase)
