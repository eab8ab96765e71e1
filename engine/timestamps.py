"""Moments as text, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import msgspec

# The standard library takes 2 microseconds to write a moment, and a unit of work writes its `now` a dozen times.
_encoder: Final = msgspec.json.Encoder()


def iso(moment: datetime) -> str:
    """What `isoformat` writes: `2026-03-02T09:05:00.120000+00:00`, without a fraction where there is none.

    Raises `ValueError` for a moment without a time zone.
    """
    return _iso(moment if moment.tzinfo is UTC else in_utc(moment))


def exact(moment: datetime) -> str:
    """Always with six digits of a second: `2026-03-02T09:05:00.120000Z`.

    Raises `ValueError` for a moment without a time zone.
    """
    return _exact(moment if moment.tzinfo is UTC else in_utc(moment))


def in_utc(moment: datetime) -> datetime:
    """The moment in UTC: in other zones the two hours of a night in autumn are equal, and would be remembered as one.

    Raises `ValueError` for a moment without a time zone, because nobody knows what it means.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a time zone")
    return moment.astimezone(UTC)


@lru_cache(64)
def _iso(moment: datetime) -> str:
    return _zulu(moment).replace("Z", "+00:00")


@lru_cache(64)
def _exact(moment: datetime) -> str:
    text = _zulu(moment)
    return text if moment.microsecond else f"{text[:-1]}.000000Z"


def _zulu(moment: datetime) -> str:
    return _encoder.encode(moment)[1:-1].decode()
