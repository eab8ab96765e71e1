"""When a person is told of what waits for them: in a digest, and not in quiet hours."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

FEWEST: Final = 2
MOST: Final = 20
"""Bounds of the number of requests after which a digest is sent."""
_MORNING: Final = 9 * 60


class Digest(StrEnum):
    """Whether requests are told in a digest: never, every day, or when several wait."""

    NONE = "none"
    DAILY = "daily"
    COUNT = "count"


class Preferences(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person chose. Times of day are minutes after midnight in their time zone.

    `at`: when the digest comes every day; with `Digest.COUNT` at the latest, if fewer than `count` requests wait.
    `quiet_from` and `quiet_until`: both or none. `quiet_weekends`: whether Saturday and Sunday are quiet as well.
    """

    digest: Digest = Digest.NONE
    at: int = _MORNING
    count: int = 5
    quiet_from: int | None = None
    quiet_until: int | None = None
    quiet_weekends: bool = False

    @property
    def has_quiet_hours(self) -> bool:
        """Whether some hours of every day are quiet."""
        return self.quiet_from is not None and self.quiet_until is not None

    @property
    def holds(self) -> bool:
        """Whether anything is told later than at once."""
        return self.digest is not Digest.NONE or self.has_quiet_hours or self.quiet_weekends


AT_ONCE: Final = Preferences()
"""The preferences of people who chose nothing: one message for each request, at once."""
