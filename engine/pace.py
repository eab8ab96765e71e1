"""Turns at what has a limited rate: the port `Pace`, and its implementation for one process."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from msgspec import Struct

KEPT_SECONDS: Final = 10.0
"""How long a turn is kept for its caller after its time, in seconds."""


class Rate(Struct, frozen=True):
    """How often something may happen: once every `interval` seconds, and `burst` times at once after a pause.

    `key` names what is limited, such as a method of an API.
    """

    key: str
    interval: float
    burst: float

    @property
    def head_start(self) -> float:
        """Return how much earlier than evenly a turn may be, in seconds."""
        return (self.burst - 1) * self.interval


class ReservedTurn(Struct, frozen=True):
    """A turn, so many `seconds` from now; less than 0 if its time has passed. `rest`: seconds that the rate rests."""

    seconds: float
    rest: float


class Pace(Protocol):
    """Hands out turns at what has a limited rate; processes that share a `Pace` keep the rates together.

    All times are seconds from now, so that the clocks of the processes need not agree. Never raises: where the others
    cannot be asked, a process keeps the rates by itself. `tests/contract/test_paces.py` holds every implementation to
    this.
    """

    async def reserve(self, rates: Sequence[Rate], caller: str) -> Sequence[ReservedTurn]:
        """Take the next turn of each rate. A caller that is not "" gets the turn that was kept for it."""

    async def keep(self, rates: Sequence[Rate], caller: str, seconds: float) -> None:
        """Keep a turn of each rate, so many seconds from now, for a caller that comes back."""

    async def rest(self, rate: Rate, seconds: float) -> None:
        """Let no turn be earlier than so many seconds from now, and then one at a time."""

    async def rests(self, rates: Sequence[Rate]) -> Sequence[float]:
        """Return how many seconds each rate still rests, or 0."""


@dataclass(slots=True)
class _Plan:
    """The turns of one rate. `next_at`: time of the next turn, if every turn so far is taken in time and evenly."""

    next_at: float = -math.inf
    rests_until: float = -math.inf
    kept: dict[str, float] = field(default_factory=dict)
    """Times of the turns that are kept for callers that come back."""


class LocalPace:
    """A `Pace` in memory: it knows the calls of this process. Its methods never wait."""

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        self._now = now or (lambda: asyncio.get_running_loop().time())
        self._plans: dict[str, _Plan] = {}

    async def reserve(self, rates: Sequence[Rate], caller: str) -> Sequence[ReservedTurn]:
        """Take the next turn of each rate, or the one that was kept for the caller."""
        now = self._now()
        return [self._reserve(rate, caller, now) for rate in rates]

    async def keep(self, rates: Sequence[Rate], caller: str, seconds: float) -> None:
        """Keep the caller's turns, and drop those of callers that did not come back."""
        now = self._now()
        for rate in rates:
            plan = self._plan(rate)
            plan.kept = {other: time for other, time in plan.kept.items() if time > now - KEPT_SECONDS}
            plan.kept[caller] = now + seconds

    async def rest(self, rate: Rate, seconds: float) -> None:
        """Let no turn be earlier than so many seconds from now."""
        plan, until = self._plan(rate), self._now() + seconds
        plan.rests_until = max(plan.rests_until, until)
        plan.next_at = max(plan.next_at, until + rate.head_start)

    async def rests(self, rates: Sequence[Rate]) -> Sequence[float]:
        """Return how many seconds each rate still rests."""
        now = self._now()
        return [max(0.0, self._plan(rate).rests_until - now) for rate in rates]

    def _reserve(self, rate: Rate, caller: str, now: float) -> ReservedTurn:
        plan = self._plan(rate)
        at = plan.kept.pop(caller, None) if caller else None
        if at is None:
            at = max(now, plan.next_at - rate.head_start)
            plan.next_at = max(plan.next_at, now) + rate.interval
        return ReservedTurn(at - now, max(0.0, plan.rests_until - now))

    def _plan(self, rate: Rate) -> _Plan:
        return self._plans.setdefault(rate.key, _Plan())
