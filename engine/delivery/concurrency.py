"""Limits on deliveries: a pause for channels that are broken, and a number of slots for channels that are slow."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime
from typing import Final

from engine import retry
from engine.domain import Receipt
from engine.errors import ChannelError

SLOW_AT_ONCE: Final = 16
"""Maximum number of concurrent deliveries on a slow channel: half of all, so that other channels are not blocked."""

log = logging.getLogger(__name__)


class CircuitBreaker:
    """Pauses channels that an operator has to fix: no copy is tried for a while, then one is.

    The state is lost when the server stops. The first delivery after a start finds out again.
    """

    def __init__(self) -> None:
        self._broken: dict[str, tuple[int, datetime]] = {}
        self._failing: set[str] = set()

    def open_until(self, channel: str) -> datetime | None:
        """Return when the next copy may be tried on the channel, or None if it is not paused."""
        state = self._broken.get(channel)
        return state[1] if state else None

    def record(self, channel: str, result: Receipt | ChannelError | None, at: datetime) -> None:
        """Take note of the result of an attempt, which was recorded at this time."""
        if isinstance(result, ChannelError) and result.about == "channel":
            failures = self._broken.get(channel, (0, at))[0] + 1
            wait = retry.waits(retry.CHANNEL_WAITS, failures)
            log.error("nothing is sent through %s for %d s: %s", channel, wait.total_seconds(), result)
            self._broken[channel] = (failures, at + wait)
            self._failing.add(channel)
        elif isinstance(result, ChannelError):
            if result.about == "copy" and channel not in self._failing:
                # Logged for the first copy only: a server that is down fails every copy in the same way.
                log.warning("a copy could not be shown through %s and is tried again: %s", channel, result)
                self._failing.add(channel)
        elif result is not None:
            self._broken.pop(channel, None)
            if channel in self._failing:
                log.info("copies get through %s again", channel)
                self._failing.discard(channel)


class ConcurrencyLimiter:
    """Counts the slots of slow channels. A delivery without a slot waits here until one is released.

    A waiting delivery is only a hint: if it is lost, the tables still have it as due. `try_acquire` is called in a
    unit of work, so it may run on another thread, and twice.
    """

    def __init__(self, slow: Collection[str]) -> None:
        self._active: dict[str, set[str]] = {name: set() for name in slow}
        self._waiting: dict[str, dict[str, None]] = {name: {} for name in slow}

    def __bool__(self) -> bool:
        return bool(self._active)

    def is_waiting(self, delivery: str) -> bool:
        """Return whether a delivery waits here, and its channel still has no free slot."""
        return any(
            delivery in waiting and len(self._active[channel]) >= SLOW_AT_ONCE
            for channel, waiting in self._waiting.items()
        )

    def try_acquire(self, channel: str, delivery: str) -> bool:
        """Take a slot for a delivery. Return False if the channel has no free slot."""
        active = self._active.get(channel)
        if active is None or delivery in active:
            return True
        if len(active) >= SLOW_AT_ONCE:
            return False
        active.add(delivery)
        self._waiting[channel].pop(delivery, None)
        return True

    def add_waiting(self, channel: str, delivery: str) -> None:
        """Have a delivery wait for a slot of its channel."""
        self._waiting[channel][delivery] = None

    def release(self, delivery: str) -> str | None:
        """Release the slot of a delivery, if it has one. Return the delivery that has waited longest for it."""
        for channel, active in self._active.items():
            if delivery in active:
                active.discard(delivery)
                waiting = self._waiting[channel]
                next_id = next(iter(waiting), None)
                waiting.pop(next_id or "", None)
                return next_id
        return None
