"""A counter that increases with every change in the sandbox, for live pages and for tests that wait."""

from __future__ import annotations

import asyncio


class Changes:
    """Counts calls of the app, deliveries to it, and actions of people."""

    def __init__(self) -> None:
        self.count = 0
        self._moved = asyncio.Event()

    def moved(self) -> None:
        """Count a change. Code that changes the state directly must call this."""
        self.count += 1
        self._moved.set()
        self._moved = asyncio.Event()

    async def after(self, seen: int) -> int:
        """Wait until the count differs from `seen`, and return it."""
        while self.count == seen:
            await self._moved.wait()
        return self.count
