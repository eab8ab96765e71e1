"""What a sampling plan lets through at worst, unreviewed and bad: computed before anyone agrees to it. Pure.

The plan is CSP-1 by Dodge: everything is reviewed until `clean` in a row were good, then the share `share`, drawn at
random, until one of them is bad. With q = 1 - p for a bad rate p, the share

    F(p) = (1 - share) * q^clean / (share + (1 - share) * q^clean)

goes through without review, and p * F(p) is unreviewed and bad.
"""

from __future__ import annotations

from msgspec import Struct

from engine.oversight.bounds import LEVEL, lower_bound


class WorstCase(Struct, frozen=True, kw_only=True):
    """The worst case of a plan over time.

    `aoql`: the largest share of all that is unreviewed and bad, while the bad rate stays as it is. `at`: the bad rate
    where that happens. `if_it_changes`: the largest share, however the bad rate changes, even if an agent is good until
    it is trusted. `least_reviewed`: the share that is reviewed at least. `is_detection_known`: what reviewers miss is
    counted; otherwise the figures are those of reviewers who notice everything.
    """

    aoql: float
    at: float
    if_it_changes: float
    least_reviewed: float
    is_detection_known: bool = False

    @property
    def one_in(self) -> int:
        """Return n for "at worst 1 in n", rounded to the worse side."""
        return int(1 / self.aoql)

    @property
    def one_in_if_it_changes(self) -> int:
        """Return n for "at worst 1 in n, however the bad rate changes", rounded to the worse side."""
        return int(1 / self.if_it_changes)


def worst_case(clean: int, share: float, *, detection: tuple[int, int] | None = None) -> WorstCase:
    """Return the worst case of a plan. `detection`: the seeded requests that people rejected, and all they decided.

    Reviewers who notice the share d see a bad rate of d * p, so at most the d-th part of the worst case is divided by
    d; d is the lower bound of what was measured. No more can go through than what is not reviewed.
    """
    _check(clean, share)
    at = _worst_bad_rate(clean, share)
    noticed = lower_bound(*detection, level=LEVEL) if detection is not None and detection[1] else None
    divisor = 1.0 if noticed is None else noticed
    return WorstCase(
        aoql=_divided(at * share_unreviewed(clean, share, bad_rate=at), divisor, most=1 - share),
        at=_divided(at, divisor, most=1.0),
        if_it_changes=_divided((1 - share) / (1 + share * clean), divisor, most=1 - share),
        least_reviewed=share,
        is_detection_known=noticed is not None,
    )


def share_unreviewed(clean: int, share: float, *, bad_rate: float) -> float:
    """Return the share that goes through without review at this bad rate, over time: F(p)."""
    _check(clean, share)
    passing = (1 - share) * (1 - bad_rate) ** clean
    return passing / (share + passing)


def share_reviewed(clean: int, share: float, *, bad_rate: float) -> float:
    """Return the share that is reviewed at this bad rate, over time."""
    return 1 - share_unreviewed(clean, share, bad_rate=bad_rate)


def _worst_bad_rate(clean: int, share: float) -> float:
    """Return the p at which p * F(p) is largest.

    Its derivative is 0 where share * (1 + clean) * q + (1 - share) * q^(clean + 1) = share * clean. The left side grows
    with q, so halving finds the one solution.
    """
    low, high = 0.0, 1.0
    while low < (middle := (low + high) / 2) < high:
        grown = share * (1 + clean) * middle + (1 - share) * middle ** (clean + 1)
        low, high = (middle, high) if grown < share * clean else (low, middle)
    return 1 - low


def _divided(value: float, divisor: float, *, most: float) -> float:
    return value / divisor if value < most * divisor else most


def _check(clean: int, share: float) -> None:
    if clean < 1 or not 0 < share < 1:
        raise ValueError("a plan reviews at least 1 in a row, and then more than none and less than all")
