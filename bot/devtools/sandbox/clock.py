"""The sandbox's time: a clock that can be moved on, and waits that end when it is."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from engine.ports import Clock
from engine.system import SystemClock

_POLL_SECONDS: Final = 0.01
"""How often to look at a clock that somebody else moves."""

T = TypeVar("T")


class FrozenClock:
    """Stands still until it is moved. Starts at the real time, so that signatures are not too old for an app."""

    def __init__(self, at: datetime | None = None) -> None:
        self.at = at or SystemClock().now()

    def now(self) -> datetime:
        """The time that was set."""
        return self.at


class Time:
    """The clock given, plus what `advance` added."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock: Clock = clock or SystemClock()
        self.ahead = timedelta()
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        """The sandbox's time, in UTC."""
        return (self.clock.now() + self.ahead).astimezone(UTC)

    @property
    def seconds(self) -> float:
        """Seconds since 1970."""
        return self.now().timestamp()

    def advance(self, seconds: float) -> None:
        """Move on. Everything that waits for a time until then is woken."""
        if seconds < 0:
            raise ValueError("time does not go back")
        self.ahead += timedelta(seconds=seconds)
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Return when the sandbox's clock has moved on by this much."""
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
        """The result of the work. Raises `TimeoutError` (and cancels the work) when the clock is first."""
        working = asyncio.ensure_future(work)
        timer = asyncio.ensure_future(self.sleep(seconds))
        try:
            await asyncio.wait({working, timer}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise TimeoutError
        finally:
            for one in (working, timer):
                one.cancel()
            await asyncio.gather(working, timer, return_exceptions=True)
