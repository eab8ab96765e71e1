"""Those who wait for the answer to an ask. Only this process knows them: each is one future, and no task.

They are woken after each commit of this process that changes their ask, and by one look a second at all of them for
what other processes changed. While one waits, nothing of the ask is kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from engine.domain import Work
from engine.errors import StoreError

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
"""Time between two looks at what other processes changed, in seconds."""
_AT_ONCE: Final = 1_000
"""Number of asks that one query of a look is about."""

Revs = Callable[[Sequence[str]], Awaitable[Mapping[str, int]]]
"""Reads the present `rev` of each of some asks."""
Watch = Callable[[Callable[[], None]], None]
"""Takes what is called when the client has gone."""


class _Waiter:
    """One who waits, having seen the ask at `rev`."""

    __slots__ = ("future", "is_gone", "rev")

    def __init__(self, future: asyncio.Future[None], rev: int) -> None:
        self.future, self.rev, self.is_gone = future, rev, False

    def wake(self) -> None:
        if not self.future.done():
            self.future.set_result(None)

    def leave(self) -> None:
        self.is_gone = True
        self.wake()


class Waits:
    """The waiters by ask."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[_Waiter]] = {}
        self._trouble: str | None = None
        self.is_closing = False

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def hear(self, works: Sequence[Work]) -> None:
        """Wake those whose ask a commit of this process has changed."""
        for work in works:
            if work.kind == "ask":
                self._wake(work.id)

    def close(self) -> None:
        """Wake all, and let no one wait any more: the server stops."""
        self.is_closing = True
        for ask in self._waiting:
            self._wake(ask)

    async def changed(
        self, ask: str, rev: int, present: Callable[[str], Awaitable[int | None]], *, seconds: float, watch: Watch
    ) -> bool:
        """Return once the ask is no longer at `rev`, after some seconds, or at the stop of the server.

        `present`: reads the `rev` of an ask. Returns whether the client is still there.
        """
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop.create_future(), rev)
        self._waiting.setdefault(ask, []).append(waiter)
        try:
            # It may have changed before this one was in the list.
            if self.is_closing or seconds <= 0 or await present(ask) != rev:
                return True
            watch(waiter.leave)
            timer = loop.call_later(seconds, waiter.wake)
            # Thousands may wait here.
            del present, watch, loop
            try:
                await waiter.future
            finally:
                timer.cancel()
            return not waiter.is_gone
        finally:
            self._forget(ask, waiter)

    def _wake(self, ask: str) -> None:
        for waiter in self._waiting.get(ask, ()):
            waiter.wake()

    def _forget(self, ask: str, waiter: _Waiter) -> None:
        waiters = self._waiting[ask]
        waiters.remove(waiter)
        if not waiters:
            del self._waiting[ask]

    async def look(self, revs: Revs) -> None:
        """Wake those whose ask is not as they saw it."""
        asks = [*self._waiting]
        for start in range(0, len(asks), _AT_ONCE):
            for ask, rev in (await revs(asks[start : start + _AT_ONCE])).items():
                for waiter in self._waiting.get(ask, ()):
                    if waiter.rev != rev:
                        waiter.wake()

    @asynccontextmanager
    async def looking(self, revs: Revs) -> AsyncIterator[None]:
        """Look once a second while the body runs, because other processes change asks too."""
        task = asyncio.ensure_future(self._look_on(revs))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _look_on(self, revs: Revs) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look(revs)
                self._trouble = None
            except StoreError as error:
                if str(error) != self._trouble:
                    self._trouble = str(error)
                    log.error("cannot see which asks other processes changed: %s", error)
