"""Which copies are worth trying now: channels that are broken rest, and slow ones never take every place."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime
from typing import Final

from engine import retry
from engine.domain import Receipt
from engine.errors import ChannelError

SLOW_AT_ONCE: Final = 16
"""Copies at once on a channel that may take long for one: half of all places, so that other channels have theirs."""

log = logging.getLogger(__name__)


class CircuitBreaker:
    """Channels whose set-up somebody has to mend: nothing is tried on them for a while, then one copy is.

    Only a hint: a server that starts anew finds out by its first copy.
    """

    def __init__(self) -> None:
        self._broken: dict[str, tuple[int, datetime]] = {}
        self._failing: set[str] = set()

    def until(self, channel: str) -> datetime | None:
        """When the channel is worth trying; None: now."""
        found = self._broken.get(channel)
        return found[1] if found else None

    def learn(self, channel: str, came: Receipt | ChannelError | None, at: datetime) -> None:
        """What came of an attempt that was recorded at this time."""
        if isinstance(came, ChannelError) and came.about == "channel":
            failures = self._broken.get(channel, (0, at))[0] + 1
            wait = retry.waits(retry.CHANNEL_WAITS, failures)
            log.error("nothing is sent through %s for %d s: %s", channel, wait.total_seconds(), came)
            self._broken[channel] = (failures, at + wait)
            self._failing.add(channel)
        elif isinstance(came, ChannelError):
            if came.about == "copy" and channel not in self._failing:
                # The first of them: a server that is down fails every copy, and says the same of each.
                log.warning("a copy could not be shown through %s and is tried again: %s", channel, came)
                self._failing.add(channel)
        elif came is not None:
            self._broken.pop(channel, None)
            if channel in self._failing:
                log.info("copies get through %s again", channel)
                self._failing.discard(channel)


class ConcurrencyLimiter:
    """The places of slow channels. What finds none waits here, holding no other place, until one is free.

    Only hints: what is lost here is still due. `enter` may be called from a unit of work, on another thread and twice.
    """

    def __init__(self, slow: Collection[str]) -> None:
        self._inside: dict[str, set[str]] = {name: set() for name in slow}
        self._waiting: dict[str, dict[str, None]] = {name: {} for name in slow}

    def __bool__(self) -> bool:
        return bool(self._inside)

    def waits(self, delivery: str) -> bool:
        """Whether a copy waits here already, for a place that is still taken."""
        return any(
            delivery in waiting and len(self._inside[channel]) >= SLOW_AT_ONCE
            for channel, waiting in self._waiting.items()
        )

    def enter(self, channel: str, delivery: str) -> bool:
        """Take a place for a copy. False: there is none."""
        inside = self._inside.get(channel)
        if inside is None or delivery in inside:
            return True
        if len(inside) >= SLOW_AT_ONCE:
            return False
        inside.add(delivery)
        self._waiting[channel].pop(delivery, None)
        return True

    def wait(self, channel: str, delivery: str) -> None:
        """Have a copy wait for a place."""
        self._waiting[channel][delivery] = None

    def leave(self, delivery: str) -> str | None:
        """Give a place back, if the copy has one; the copy that has waited longest for it."""
        for channel, inside in self._inside.items():
            if delivery in inside:
                inside.discard(delivery)
                waiting = self._waiting[channel]
                following = next(iter(waiting), None)
                waiting.pop(following or "", None)
                return following
        return None
