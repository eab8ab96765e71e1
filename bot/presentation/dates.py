"""Dates as every surface writes them. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Final, TypeAlias

from engine import timestamps
from engine.domain import Person, Phrase

Writer: TypeAlias = Callable[[datetime], str]
"""Writes a moment as one surface and its reader need it."""


def moment(at: datetime) -> str:
    """Return a date to the minute in UTC, as for a reader whose time zone is not known."""
    return in_zone(None)(at)


def iso(at: datetime | None) -> str | None:
    """Return a date for programs, or None if there is none."""
    return at.isoformat() if at is not None else None


def exact_moment(at: datetime) -> str:
    """Return a date to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def time_of_day(at: datetime) -> str:
    """Return the time of a moment to the second, where the day is known."""
    return f"{at:%H:%M:%S}"


def clock(hour: int, minute: int) -> str:
    """Return a time of day as people read it: 9:30 AM."""
    return f"{hour % 12 or 12}:{minute:02} {'AM' if hour < 12 else 'PM'}"


def in_zone(zone: tzinfo | None) -> Writer:
    """Return the writer for a reader in this time zone. Without one, times are in UTC and say so.

    The year stands in every date: an email is read again years later.
    """

    def written(at: datetime) -> str:
        local = at.astimezone(zone or UTC)
        text = f"{local:%b} {local.day}, {local.year}, {clock(local.hour, local.minute)}"
        return text if zone is not None else f"{text} UTC"

    return written


in_words: Final = timestamps.in_words
"""Returns a value that is an ISO date or time as people read it, "Mar 2, 2026, 9:00 AM UTC"; others as they are."""


def zone_of(person: Person) -> tzinfo | None:
    """Return the time zone of a person, or None if it is not known."""
    return None if person.zone is None else timestamps.find_zone(person.zone)


def written(phrase: Phrase, writer: Writer = moment) -> str:
    """Return a phrase as one text, its moments written by `writer`."""
    return "".join(writer(part) if isinstance(part, datetime) else part for part in phrase)
