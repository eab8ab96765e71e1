"""A counter that increases with every change in the sandbox, for live pages and for tests that wait."""

from __future__ import annotations

import asyncio


class Changes:
    """Counts calls of the app, deliveries to it, and actions of people."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = asyncio.Event()

    def count_change(self) -> None:
        """Count a change. Code that changes the state directly must call this."""
        self.count += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for_change(self, known_count: int) -> int:
        """Wait until the count differs from `known_count`, and return it."""
        while self.count == known_count:
            await self._changed.wait()
        return self.count
