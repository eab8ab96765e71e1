"""Moments as text, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import msgspec

# The standard library takes 2 microseconds to write a moment, and a unit of work writes its `now` a dozen times.
_encoder: Final = msgspec.json.Encoder()


@lru_cache(64)
def iso(moment: datetime) -> str:
    """What `isoformat` writes: `2026-03-02T09:05:00.120000+00:00`, without a fraction where there is none.

    Raises `ValueError` for a moment without a time zone.
    """
    return _zulu(moment).replace("Z", "+00:00")


@lru_cache(64)
def exact(moment: datetime) -> str:
    """Always with six digits of a second: `2026-03-02T09:05:00.120000Z`.

    Raises `ValueError` for a moment without a time zone.
    """
    text = _zulu(moment)
    return text if moment.microsecond else f"{text[:-1]}.000000Z"


def _zulu(moment: datetime) -> str:
    if moment.tzinfo is not UTC:
        if moment.tzinfo is None:
            raise ValueError("a time without a time zone")
        moment = moment.astimezone(UTC)
    return _encoder.encode(moment)[1:-1].decode()
