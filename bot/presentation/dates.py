"""Dates as every surface writes them. Pure."""

from __future__ import annotations

from datetime import datetime


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
