"""How long requests waited, from counts by class: Kaplan and Meier's estimate, its interval, and what half took. Pure.

Each time counts as the longest of its class. So the share that still waits is that of the bound of a class, and a
statement such as "half within 20 minutes" is never better than what was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log, sqrt
from typing import Final

from msgspec import Struct

from engine.oversight.bounds import interval
from engine.oversight.time_buckets import BOUNDS

CLASSES: Final = len(BOUNDS) + 1
_Z: Final = 1.959964
"""Two-sided 95 % of a normal distribution."""


class WaitingShare(Struct, frozen=True):
    """The share that still waits after so many seconds, with a 95 % interval. `at_risk`: how many waited until then."""

    seconds: int
    share: float
    low: float
    high: float
    at_risk: int


class GroupedTimes(Struct, frozen=True):
    """Numbers of requests by the class of their time: decided after it, or not decided and seen to wait so long."""

    decided: tuple[int, ...]
    undecided: tuple[int, ...]

    @classmethod
    def of(cls, decided: Mapping[int, int], undecided: Mapping[int, int]) -> GroupedTimes:
        """Return the times with these numbers by class."""
        return cls(
            tuple(decided.get(bucket, 0) for bucket in range(CLASSES)),
            tuple(undecided.get(bucket, 0) for bucket in range(CLASSES)),
        )

    def __add__(self, other: GroupedTimes) -> GroupedTimes:
        return GroupedTimes(
            tuple(a + b for a, b in zip(self.decided, other.decided, strict=True)),
            tuple(a + b for a, b in zip(self.undecided, other.undecided, strict=True)),
        )

    @property
    def decisions(self) -> int:
        return sum(self.decided)

    @property
    def requests(self) -> int:
        return self.decisions + sum(self.undecided)

    def waiting(self) -> tuple[WaitingShare, ...]:
        """Return the share that still waits at the bound of each class, but the last one, which has none.

        The interval is Greenwood's on the scale of log(-log), so that it stays between 0 and 1. Where none or all are
        decided, it has no width, and the interval is that of the rate among those who waited until then.
        """
        shares, share, variance, at_risk = list[WaitingShare](), 1.0, 0.0, self.requests
        for bucket, seconds in enumerate(BOUNDS):
            decided = self.decided[bucket]
            if at_risk and decided:
                share *= 1 - decided / at_risk
                variance += decided / (at_risk * (at_risk - decided)) if at_risk > decided else 0.0
            low, high = _interval(share, variance, at_risk)
            shares.append(WaitingShare(seconds, share, low, high, at_risk))
            at_risk -= decided + self.undecided[bucket]
        return tuple(shares)

    def within(self, part: float) -> int | None:
        """Return the seconds within which this part of the requests is decided, or None if it was not seen."""
        return next((point.seconds for point in self.waiting() if point.share <= 1 - part), None)


NO_TIMES: Final = GroupedTimes((0,) * CLASSES, (0,) * CLASSES)


def _interval(share: float, variance: float, at_risk: int) -> tuple[float, float]:
    if not 0 < share < 1:
        return interval(round(share) * at_risk, at_risk) if at_risk else (0.0, 1.0)
    centre, spread = log(-log(share)), _Z * sqrt(variance) / -log(share)
    return exp(-exp(centre + spread)), exp(-exp(centre - spread))
