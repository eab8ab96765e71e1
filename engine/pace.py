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
_FEW_KEPT: Final = 64
"""Up to this many kept turns are not looked through."""


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
    """A turn, so many `seconds` from now; less than 0 if its time has passed. `rest`: seconds that the rate rests.

    `put_off`: what `PaceNews` said of the rate when the turn was at this time.
    """

    seconds: float
    rest: float
    put_off: float = 0.0


class PaceNews(Struct, frozen=True):
    """How many seconds a rate still `rests`, or 0, and by how much urgent turns have put off all others so far.

    A caller that waits for a turn that is not urgent waits longer by as much as `put_off` has grown.
    """

    rest: float
    put_off: float


class Pace(Protocol):
    """Hands out turns at what has a limited rate; processes that share a `Pace` keep the rates together.

    All times are seconds from now, so that the clocks of the processes need not agree. Never raises: where the others
    cannot be asked, a process keeps the rates by itself. `tests/contract/test_paces.py` holds every implementation to
    this.
    """

    async def reserve(self, rates: Sequence[Rate], caller: str, *, urgent: bool = False) -> Sequence[ReservedTurn]:
        """Take the next turn of each rate. A caller that is not "" gets the turn that was kept for it.

        An `urgent` turn comes before all that are not, and puts those off, also the caller's own that was kept.
        """

    async def keep(
        self, rates: Sequence[Rate], caller: str, seconds: float, *, put_off: Sequence[float] | None = None
    ) -> None:
        """Keep a turn of each rate, so many seconds from now, for a caller that comes back.

        `put_off`: what `PaceNews` said of each rate when the turn was at this time; None: an urgent turn.
        """

    async def rest(self, rate: Rate, seconds: float) -> None:
        """Let no turn be earlier than so many seconds from now, and then one at a time."""

    async def news(self, rates: Sequence[Rate]) -> Sequence[PaceNews]:
        """Return what has changed for callers that wait for a turn of each rate."""


class _KeptTurn(Struct, frozen=True):
    """A turn that is kept for a caller; `put_off` as in `Pace.keep`."""

    at: float
    put_off: float | None


@dataclass(slots=True)
class _Plan:
    """The turns of one rate. `next_at`: time of the next turn, if every turn so far is taken in time and evenly.

    `urgent_at`: the same of the next urgent turn.
    """

    next_at: float = -math.inf
    urgent_at: float = -math.inf
    rests_until: float = -math.inf
    put_off: float = 0.0
    kept: dict[str, _KeptTurn] = field(default_factory=dict)
    """The turns that are kept for callers that come back."""
    most_kept: int = _FEW_KEPT
    """The number of kept turns at which those of callers that did not come back are dropped."""

    def take(self, rate: Rate, now: float) -> float:
        """Return the time of a turn behind all others."""
        at = max(now, self.next_at - rate.head_start)
        self.next_at = max(self.next_at, now) + rate.interval
        return at

    def take_urgent(self, rate: Rate, now: float) -> float:
        """Return the time of a turn behind the urgent ones. A call that is on its way now does not wait for it."""
        soonest = max(now, self.rests_until) + rate.head_start + rate.interval
        first = max(self.urgent_at, min(max(self.next_at, now), soonest))
        self.urgent_at = first + rate.interval
        if self.next_at - rate.head_start > now:
            self.put_off += rate.interval
        self.next_at = max(self.next_at, now) + rate.interval
        return max(now, first - rate.head_start)

    def drop_forgotten(self, now: float) -> None:
        """Drop the turns of callers that did not come back, each time when there are twice as many as then.

        So a crowd of callers costs each of them the same.
        """
        if len(self.kept) >= self.most_kept:
            self.kept = {caller: turn for caller, turn in self.kept.items() if self.is_kept(turn, now)}
            self.most_kept = max(_FEW_KEPT, 2 * len(self.kept))

    def is_kept(self, turn: _KeptTurn, now: float) -> bool:
        """Return whether a turn is still kept for its caller."""
        return self.time_of(turn) > now - KEPT_SECONDS

    def time_of(self, turn: _KeptTurn) -> float:
        """Return the time of a kept turn by now."""
        return turn.at if turn.put_off is None else turn.at + max(0.0, self.put_off - turn.put_off)


class LocalPace:
    """A `Pace` in memory: it knows the calls of this process. Its methods never wait."""

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        self._now = now or (lambda: asyncio.get_running_loop().time())
        self.plans: dict[str, _Plan] = {}
        """The plan of each rate, by its key."""

    async def reserve(self, rates: Sequence[Rate], caller: str, *, urgent: bool = False) -> Sequence[ReservedTurn]:
        """Take the next turn of each rate, or the one that was kept for the caller."""
        now = self._now()
        return [self._reserve(rate, caller, now, urgent=urgent) for rate in rates]

    async def keep(
        self, rates: Sequence[Rate], caller: str, seconds: float, *, put_off: Sequence[float] | None = None
    ) -> None:
        """Keep the caller's turns, and drop those of callers that did not come back."""
        now = self._now()
        for number, rate in enumerate(rates):
            plan = self._plan(rate)
            plan.kept[caller] = _KeptTurn(now + seconds, None if put_off is None else put_off[number])
            plan.drop_forgotten(now)

    async def rest(self, rate: Rate, seconds: float) -> None:
        """Let no turn be earlier than so many seconds from now."""
        plan, until = self._plan(rate), self._now() + seconds
        plan.rests_until = max(plan.rests_until, until)
        plan.next_at = max(plan.next_at, until + rate.head_start)

    async def news(self, rates: Sequence[Rate]) -> Sequence[PaceNews]:
        """Return how many seconds each rate still rests, and by how much its turns were put off."""
        now, plans = self._now(), [self._plan(rate) for rate in rates]
        return [PaceNews(max(0.0, plan.rests_until - now), plan.put_off) for plan in plans]

    def _reserve(self, rate: Rate, caller: str, now: float, *, urgent: bool) -> ReservedTurn:
        plan = self._plan(rate)
        kept = plan.kept.pop(caller, None) if caller else None
        if kept is not None and plan.is_kept(kept, now) and (kept.put_off is None or not urgent):
            at = plan.time_of(kept)
        else:
            at = plan.take_urgent(rate, now) if urgent else plan.take(rate, now)
        return ReservedTurn(at - now, max(0.0, plan.rests_until - now), plan.put_off)

    def _plan(self, rate: Rate) -> _Plan:
        return self.plans.setdefault(rate.key, _Plan())
