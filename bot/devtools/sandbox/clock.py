"""The sandbox's clock, which can be moved forward, and waits that end when it is."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from engine.ports import Clock
from engine.system import SystemClock

_POLL_SECONDS: Final = 0.01
"""Seconds between two polls of a clock that tests move."""

T = TypeVar("T")


class FrozenClock:
    """A clock that stands still until it is moved. Starts now, so that signatures are not too old for the app."""

    def __init__(self, at: datetime | None = None) -> None:
        self.at = at or SystemClock().now()

    def now(self) -> datetime:
        """Return the time that was set."""
        return self.at


class Time:
    """A clock plus the time that `advance` added."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or SystemClock()
        self.ahead = timedelta()
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        """Return the sandbox's time in UTC."""
        return (self.clock.now() + self.ahead).astimezone(UTC)

    @property
    def seconds(self) -> float:
        """Return the seconds since 1970."""
        return self.now().timestamp()

    def advance(self, seconds: float) -> None:
        """Move the clock forward, and wake everything that waits for a time up to then."""
        if seconds < 0:
            raise ValueError("time does not go back")
        self.ahead += timedelta(seconds=seconds)
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Wait until the sandbox's clock has advanced by this much."""
        due = self.now() + timedelta(seconds=seconds)
        while (left := (due - self.now()).total_seconds()) > 0:
            moved = self._moved
            wait = left if isinstance(self.clock, SystemClock) else _POLL_SECONDS
            try:
                async with asyncio.timeout(wait):
                    await moved.wait()
            except TimeoutError:
                continue

    async def within(self, seconds: float, work: Coroutine[Any, Any, T]) -> T:
        """Return the result of the work. If the clock is first, cancel the work and raise `TimeoutError`."""
        working = asyncio.ensure_future(work)
        timer = asyncio.ensure_future(self.sleep(seconds))
        try:
            await asyncio.wait({working, timer}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise TimeoutError
        finally:
            for item in (working, timer):
                item.cancel()
            await asyncio.gather(working, timer, return_exceptions=True)
