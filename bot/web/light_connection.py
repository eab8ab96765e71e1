"""Parts of a connection that uvicorn makes of queues, of which thousands of waiting connections would have three each.

An empty `deque` has room for 64 values: three of them take more than all else that a connection keeps of its request.
"""

from __future__ import annotations

import asyncio
from typing import Any


class LightEvent:
    """What `asyncio.Event` does."""

    __slots__ = ("_is_set", "_waiting")

    def __init__(self, *, is_set: bool = False) -> None:
        self._is_set = is_set
        self._waiting: list[asyncio.Future[None]] | None = None
        """Those who wait. An empty list for each of thousands of requests would take half a megabyte."""

    def is_set(self) -> bool:
        """Return whether it is set."""
        return self._is_set

    def set(self) -> None:
        """Set it, and wake all that wait."""
        self._is_set = True
        for future in self._waiting or ():
            if not future.done():
                future.set_result(None)

    def clear(self) -> None:
        """Have callers wait from now on."""
        self._is_set = False

    async def wait(self) -> bool:
        """Return once it is set."""
        if not self._is_set:
            future = asyncio.get_running_loop().create_future()
            waiting = self._waiting = self._waiting or []
            waiting.append(future)
            try:
                await future
            finally:
                waiting.remove(future)
                if not waiting and self._waiting is waiting:
                    self._waiting = None
        return True


class LightFlow:
    """What uvicorn's `FlowControl` does: it pauses reading, and lets senders wait while the client reads too slowly."""

    __slots__ = ("_can_write", "_transport", "read_paused", "write_paused")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.read_paused = self.write_paused = False
        self._can_write: LightEvent | None = None

    async def drain(self) -> None:
        """Return once the client has read enough."""
        if self._can_write is not None:
            await self._can_write.wait()

    def pause_reading(self) -> None:
        """Read nothing more of the client."""
        if not self.read_paused:
            self.read_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        if self.read_paused:
            self.read_paused = False
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """Let senders wait: the client does not read what was sent."""
        self.write_paused = True
        self._can_write = self._can_write or LightEvent()

    def resume_writing(self) -> None:
        """Let senders go on."""
        self.write_paused = False
        if self._can_write is not None:
            self._can_write.set()
            self._can_write = None


class Pipeline(list[Any]):
    """The further requests of a connection, the newest first: what uvicorn uses of a `deque`."""

    __slots__ = ()

    def appendleft(self, request: Any) -> None:
        """Add a request."""
        self.insert(0, request)
