"""Limits on deliveries: a pause for channels that are broken, and a number of slots for channels that are slow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from engine import retry
from engine.domain import Receipt
from engine.errors import ChannelError
from engine.store import channel_rests
from engine.store.channel_rests import ChannelRest
from engine.store.port import Connection, Store, Tx

SLOW_AT_ONCE: Final = 16
"""Maximum number of concurrent deliveries on a slow channel, so that other channels are not blocked."""
SEPARATE_AT_ONCE: Final = 32
"""Maximum number of concurrent deliveries on a slow channel whose addresses are servers of their own."""
ADDRESS_AT_ONCE: Final = 24
"""Maximum number of them to one address."""
STRAINED_AT_ONCE: Final = 2
"""Maximum number of them to one address that was slow or failed the last time."""
STRAINED_SECONDS: Final = 2.0
"""From when on an address counts as slow, in seconds."""
MOST_WAITING: Final = 64
"""Maximum number of deliveries that wait for slots of an address that was slow or failed. Further ones are postponed in
the database: due deliveries are read in the order of their times, so many of one address would hide all others."""
CROWDED_WAIT: Final = timedelta(seconds=10)
"""How long they are postponed."""
NEWS_SECONDS: Final = 1.0
"""Time between two looks for pauses that other processes began or ended, in seconds."""

log = logging.getLogger(__name__)


class CircuitBreaker:
    """Pauses channels that an operator has to fix: no copy is tried for a while, then one is.

    The pauses are in the database, so that a restart remembers them. Other processes learn of one within
    `NEWS_SECONDS`; a process that is alone reads them once.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rests: dict[tuple[str, str], ChannelRest] = {}
        self._failing: set[str] = set()
        self._read_at: float | None = None
        self._has_rivals = True
        self._reading = asyncio.Lock()

    async def refresh(self) -> None:
        """Read the pauses that other processes may have written."""
        if self._is_current():
            return
        async with self._reading:
            if not self._is_current():
                self._has_rivals, self._rests = await self._store.read(_read)
                self._read_at = asyncio.get_running_loop().time()

    def _is_current(self) -> bool:
        if self._read_at is None or not self._has_rivals:
            return self._read_at is not None
        return asyncio.get_running_loop().time() - self._read_at < NEWS_SECONDS

    def open_until(self, workspace: str, channel: str) -> datetime | None:
        """Return when the next copy may be tried on the channel, or None if it is not paused."""
        rest = self._rests.get((workspace, channel))
        return rest.until if rest else None

    def save(self, tx: Tx, workspace: str, channel: str, result: Receipt | ChannelError | None) -> ChannelRest | None:
        """Save the pause that the result of an attempt begins or ends, and return the present one."""
        if isinstance(result, ChannelError) and result.about == "channel":
            rest = channel_rests.load(tx.connection, workspace, channel)
            if rest is None or rest.until <= tx.now:
                failures = rest.failures + 1 if rest else 1
                rest = ChannelRest(failures, tx.now + retry.waits(retry.CHANNEL_WAITS, failures))
                channel_rests.save(tx, workspace, channel, rest)
            return rest
        rest = self._rests.get((workspace, channel))
        if rest is not None and isinstance(result, Receipt):
            channel_rests.end(tx, workspace, channel)
            return None
        return rest

    def note(
        self,
        workspace: str,
        channel: str,
        result: Receipt | ChannelError | None,
        rest: ChannelRest | None,
        at: datetime,
    ) -> None:
        """Take note of the result of an attempt after it was recorded, with the pause that was saved."""
        before = self._rests.pop((workspace, channel), None)
        if rest is not None:
            self._rests[workspace, channel] = rest
        if isinstance(result, ChannelError) and result.about == "channel":
            if rest is not None and rest != before:
                wait = (rest.until - at).total_seconds()
                log.error("nothing is sent through %s for %.0f s: %s", channel, wait, result)
            self._failing.add(channel)
        elif isinstance(result, ChannelError):
            if result.about == "copy" and not result.postponed and channel not in self._failing:
                # Logged for the first copy only: a server that is down fails every copy in the same way.
                log.warning("a copy could not be shown through %s and is tried again: %s", channel, result)
                self._failing.add(channel)
        elif result is not None and channel in self._failing:
            log.info("copies get through %s again", channel)
            self._failing.discard(channel)


def _read(connection: Connection) -> tuple[bool, dict[tuple[str, str], ChannelRest]]:
    return connection.has_rivals, channel_rests.load_all(connection)


class ConcurrencyLimiter:
    """Counts the slots of slow channels. A delivery without a slot waits here until one is released.

    `separate`: the slow channels whose addresses are servers of their own. There each address has slots, and one that
    is slow or fails has few, so that it never takes those of the others.

    A waiting delivery is only a hint: if it is lost, the tables still have it as due. `try_acquire` is called in a
    unit of work, so it may run on another thread, and twice.
    """

    def __init__(self, slow: Collection[str], separate: Collection[str] = ()) -> None:
        self._active: dict[str, dict[str, str]] = {name: {} for name in slow}
        self._waiting: dict[str, dict[str, dict[str, None]]] = {name: {} for name in slow}
        self._separate, self._strained = frozenset(separate), set[str]()

    def __bool__(self) -> bool:
        return bool(self._active)

    def is_waiting(self, delivery: str) -> bool:
        """Return whether a delivery waits here, and there is still no free slot for it."""
        return any(
            delivery in deliveries and not self._has_room(channel, address)
            for channel, waiting in self._waiting.items()
            for address, deliveries in waiting.items()
        )

    def try_acquire(self, channel: str, address: str, delivery: str) -> bool:
        """Take a slot for a delivery. Return False if there is none."""
        active, address = self._active.get(channel), self._group(channel, address)
        if active is None or delivery in active:
            return True
        if not self._has_room(channel, address):
            return False
        active[delivery] = address
        self._drop(channel, address, delivery)
        return True

    def add_waiting(self, channel: str, address: str, delivery: str) -> None:
        """Have a delivery wait for a slot."""
        self._waiting[channel].setdefault(self._group(channel, address), {})[delivery] = None

    def is_crowded(self, channel: str, address: str) -> bool:
        """Return whether so many deliveries wait for one address, which is slow, that others have to come later."""
        waiting = self._waiting.get(channel, {}).get(address, {})
        return address in self._strained and channel in self._separate and len(waiting) >= MOST_WAITING

    def note(self, channel: str, address: str, *, strained: bool) -> None:
        """Take note of whether an address was slow or failed the last time."""
        if channel in self._separate:
            (self._strained.add if strained else self._strained.discard)(address)

    def release(self, delivery: str) -> str | None:
        """Release the slot of a delivery, if it has one. Return the delivery that has waited longest for it."""
        for channel, active in self._active.items():
            if active.pop(delivery, None) is not None:
                for address, waiting in self._waiting[channel].items():
                    if self._has_room(channel, address):
                        next_id = next(iter(waiting))
                        self._drop(channel, address, next_id)
                        return next_id
        return None

    def _group(self, channel: str, address: str) -> str:
        return address if channel in self._separate else ""

    def _has_room(self, channel: str, address: str) -> bool:
        active = self._active[channel]
        if channel not in self._separate:
            return len(active) < SLOW_AT_ONCE
        if len(active) >= SEPARATE_AT_ONCE:
            return False
        most = STRAINED_AT_ONCE if address in self._strained else ADDRESS_AT_ONCE
        return sum(other == address for other in active.values()) < most

    def _drop(self, channel: str, address: str, delivery: str) -> None:
        """Forget that a delivery waits. The address goes to the end, so that each has its turn."""
        waiting = self._waiting[channel].pop(address, {})
        waiting.pop(delivery, None)
        if waiting:
            self._waiting[channel][address] = waiting
