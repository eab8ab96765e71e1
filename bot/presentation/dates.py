"""Dates as every surface writes them. Pure."""

from __future__ import annotations

from datetime import datetime


def moment(at: datetime) -> str:
    """Return a date to the minute."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def exact_moment(at: datetime) -> str:
    """Return a date to the second."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def time_of_day(at: datetime) -> str:
    """Return the time of a moment to the second, where the day is known."""
    return f"{at:%H:%M:%S}"
