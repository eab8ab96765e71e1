"""Hints that work is ready, and how failed work is tried again."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from msgspec import Struct


class Work(Struct, frozen=True):
    """A hint that a unit of work may be ready: the tables are the truth."""

    kind: Literal["advance", "deliver", "process_due"]
    id: str


class Retry(Struct, frozen=True):
    """`attempts` counts all calls; the wait doubles each time, up to an hour."""

    attempts: int = 1
    wait: timedelta = timedelta(seconds=1)

    def delay(self, attempt: int) -> timedelta | None:
        """How long to wait after the failure of call number `attempt` (from 1); None: no further call."""
        if attempt >= self.attempts:
            return None
        return min(self.wait * (1 << min(attempt - 1, 20)), timedelta(hours=1))
