"""How sure a rate is, by Clopper and Pearson: bounds that hold at least as often as they say. Pure."""

from __future__ import annotations

from math import lgamma, log, log1p, pi
from typing import Final

from msgspec import Struct

from engine.oversight.statistics import beta_quantile

LEVEL: Final = 0.95
"""How often a bound is true, at least."""


def upper_bound(bad: int, reviewed: int, *, level: float = LEVEL) -> float:
    """Return the largest rate that so few cases do not rule out: the one-sided upper bound."""
    _check(bad, reviewed, level)
    return 1.0 if bad == reviewed else beta_quantile(level, bad + 1, reviewed - bad)


def lower_bound(hits: int, shown: int, *, level: float = LEVEL) -> float:
    """Return the smallest rate that so many cases do not rule out: the one-sided lower bound."""
    _check(hits, shown, level)
    return 0.0 if hits == 0 else beta_quantile(1 - level, hits, shown - hits + 1)


def interval(hits: int, n: int, *, level: float = LEVEL) -> tuple[float, float]:
    """Return the two-sided interval of a rate: each side is missed by at most half of what the level leaves."""
    side = _side(level)
    return lower_bound(hits, n, level=side), upper_bound(hits, n, level=side)


class Bound(Struct, frozen=True):
    """The largest bad rate that reviews do not rule out.

    `is_detection_known`: it counts what reviewers miss. Otherwise it holds for what they notice, and no more.
    """

    value: float
    is_detection_known: bool


def bad_rate_bound(bad: int, reviewed: int, detection: tuple[int, int] | None, *, level: float = LEVEL) -> Bound:
    """Return the bound of the bad rate. `detection`: the seeded requests that people rejected, and all they decided.

    Two measured rates are in it, so each may be wrong half as often as the bound: then the bound keeps its level.
    """
    if detection is None or detection[1] == 0:
        return Bound(upper_bound(bad, reviewed, level=level), is_detection_known=False)
    side = _side(level)
    noticed = upper_bound(bad, reviewed, level=side)
    detected = lower_bound(*detection, level=side)
    return Bound(noticed / detected if noticed < detected else 1.0, is_detection_known=True)


def upper_bound_at_any_time(bad: int, reviewed: int, *, level: float = LEVEL) -> float:
    """Return the largest rate that is not ruled out, however often and whenever people look at the counts.

    `upper_bound` is for one look at a number of cases that was fixed before. A look at the best moment, such as after a
    hundred good ones in a row, would be wrong far more often than it says. This bound holds at all moments together: it
    compares the likelihood of the counts with its mean over all rates, weighted by Jeffreys, which is a martingale.
    """
    _check(bad, reviewed, level)
    if bad == reviewed:
        return 1.0
    limit = _log_beta(bad + 0.5, reviewed - bad + 0.5) - log(pi) + log(1 - level)
    low, high = bad / reviewed, 1.0
    while low < (middle := (low + high) / 2) < high:
        likelihood = (bad * log(middle) if bad else 0.0) + (reviewed - bad) * log1p(-middle)
        low, high = (middle, high) if likelihood > limit else (low, middle)
    return high


def bad_rate_bound_at_any_time(
    bad: int, reviewed: int, detection: tuple[int, int] | None, *, level: float = LEVEL
) -> Bound:
    """Return the bound of the bad rate that holds however often people look: for evidence at a chosen moment."""
    if detection is None or detection[1] == 0:
        return Bound(upper_bound_at_any_time(bad, reviewed, level=level), is_detection_known=False)
    hits, shown = detection
    side = _side(level)
    noticed = upper_bound_at_any_time(bad, reviewed, level=side)
    detected = 1 - upper_bound_at_any_time(shown - hits, shown, level=side)
    return Bound(noticed / detected if noticed < detected else 1.0, is_detection_known=True)


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _side(level: float) -> float:
    """Return the level of each of two bounds that hold together at least as often as `level` says."""
    return (1 + level) / 2


def _check(hits: int, n: int, level: float) -> None:
    if not 0 <= hits <= n:
        raise ValueError(f"{hits} of {n} is no rate")
    if not 0 < level < 1:
        raise ValueError("a level is between 0 and 1")
