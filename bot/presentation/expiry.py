"""The sentences about when a request expires. Pure."""

from __future__ import annotations

from datetime import timedelta

from engine import durations


def after_shown(delta: timedelta) -> str:
    """When a request expires whose clock has not started."""
    return f"{durations.in_words(delta)} after somebody was first shown it"
