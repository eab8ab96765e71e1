"""Whether a rate is low enough or too high, asked after each case: Wald's sequential probability ratio test. Pure.

It compares how likely the cases are at two rates, `low` and `high`. Its two errors are named and never more frequent
than they are named, because its limits are 1/alpha and beta, and not Wald's approximations of them: the ratio of the
likelihoods is a martingale, so it crosses 1/alpha with a probability of at most alpha, at any time.
"""

from __future__ import annotations

from enum import StrEnum
from math import log

from msgspec import Struct


class RateAnswer(StrEnum):
    """What a test says so far."""

    LOW = "low"
    HIGH = "high"
    UNDECIDED = "undecided"


class SequentialTest(Struct, frozen=True, kw_only=True):
    """A test between a rate of at most `low` and a rate of at least `high`.

    `alpha`: how often it may say `high` although the rate is `low` or less. `beta`: how often it may say `low` although
    the rate is `high` or more.
    """

    low: float
    high: float
    alpha: float = 0.05
    beta: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high < 1:
            raise ValueError("the low rate is below the high rate, and both are between 0 and 1")
        if not (0 < self.alpha < 1 and 0 < self.beta < 1 and self.alpha + self.beta < 1):
            raise ValueError("the two errors are between 0 and 1, and less than 1 together")

    def answer(self, bad: int, seen: int) -> RateAnswer:
        """Return what the cases so far say."""
        evidence = self.evidence(bad, seen)
        if evidence >= -log(self.alpha):
            return RateAnswer.HIGH
        return RateAnswer.LOW if evidence <= log(self.beta) else RateAnswer.UNDECIDED

    def evidence(self, bad: int, seen: int) -> float:
        """Return the logarithm of how much more likely the cases are at the high rate than at the low one."""
        good = seen - bad
        return bad * log(self.high / self.low) + good * log((1 - self.high) / (1 - self.low))

    def fewest_for_low(self) -> int:
        """Return how many cases without a bad one it takes to say `low`."""
        return -int(log(self.beta) // -log((1 - self.high) / (1 - self.low)))
