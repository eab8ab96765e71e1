"""A count that moves whenever something in the sandbox changed, for pages that show it live, and for whoever waits."""

from __future__ import annotations

import asyncio


class Changes:
    """What happens reports here: calls of the app, deliveries to it, and acts of people."""

    def __init__(self) -> None:
        self.count = 0
        self._moved = asyncio.Event()

    def moved(self) -> None:
        """Something changed. Whoever changes the state by hand says so too."""
        self.count += 1
        self._moved.set()
        self._moved = asyncio.Event()

    async def after(self, seen: int) -> int:
        """The count, once it is another than `seen`."""
        while self.count == seen:
            await self._moved.wait()
        return self.count
