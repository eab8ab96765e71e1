"""What is asked of the library for statistics, which only this module knows. Pure.

The library is imported by the function that needs it: a server that shows no figure never loads it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from msgspec import Struct


def beta_quantile(probability: float, a: float, b: float) -> float:
    """Return the value below which a beta distribution has this probability."""
    from scipy.special import betaincinv

    return float(betaincinv(a, b, probability))


class SurvivalStep(Struct, frozen=True):
    """A time at which something was decided. `at_risk`: how many waited just before. `waiting`: the share after it."""

    time: float
    at_risk: int
    waiting: float


class Survival(Struct, frozen=True):
    """The share that still waits after a time, estimated by Kaplan and Meier: 1 before the first step."""

    steps: tuple[SurvivalStep, ...]

    def waiting_at(self, time: float) -> float:
        """Return the share that still waits after this time."""
        return next((step.waiting for step in reversed(self.steps) if step.time <= time), 1.0)

    def time_until(self, decided: float) -> float | None:
        """Return the first time by which this share is decided, or None if it was never seen: 0.5 gives the median."""
        return next((step.time for step in self.steps if step.waiting <= 1 - decided), None)


def survival(times: Sequence[float], decided: Sequence[bool]) -> Survival:
    """Return the share that waits over time. A time that is not decided is how long it was seen to wait so far."""
    if len(times) != len(decided):
        raise ValueError("each time needs to say whether it ended in a decision")
    if not times:
        return Survival(())
    from scipy.stats import CensoredData, ecdf

    ended = [time for time, is_decided in zip(times, decided, strict=True) if is_decided]
    waiting = [time for time, is_decided in zip(times, decided, strict=True) if not is_decided]
    if not ended:
        return Survival(())
    still = ecdf(CensoredData(uncensored=ended, right=waiting)).sf
    return Survival(_steps(still.quantiles.tolist(), still.probabilities.tolist(), ended=ended, waiting=waiting))


def _steps(
    times: Sequence[float], shares: Sequence[float], *, ended: Sequence[float], waiting: Sequence[float]
) -> tuple[SurvivalStep, ...]:
    decisions = {*ended}
    ordered = sorted((*ended, *waiting))
    return tuple(
        SurvivalStep(time, len(ordered) - bisect_left(ordered, time), share)
        for time, share in zip(times, shares, strict=True)
        if time in decisions
    )
