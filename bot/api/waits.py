"""Those who wait for the answer to an ask. Only this process knows them: each is one future, and no task.

They are woken after each commit of this process that changes their ask, and by one look a second at all of them for
what other processes changed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol, TypeVar

from engine.domain import Work
from engine.errors import StoreError

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
"""Time between two looks at what other processes changed, in seconds."""
_AT_ONCE: Final = 1_000
"""Number of asks that one query of a look is about."""


class Changing(Protocol):
    """What changes while a program waits for it."""

    @property
    def rev(self) -> int:
        """A number that rises with each change."""


V = TypeVar("V", bound=Changing)
Revs = Callable[[Sequence[str]], Awaitable[Mapping[str, int]]]
Watch = Callable[[Callable[[], None]], None]
"""Takes what is called when the client has gone."""


class _Waiter:
    """One who waits, having seen the ask at `rev`."""

    __slots__ = ("future", "is_gone", "rev")

    def __init__(self, future: asyncio.Future[None]) -> None:
        self.future, self.rev, self.is_gone = future, -1, False

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

    async def until(
        self, ask: str, read: Callable[[], Awaitable[V]], *, is_over: Callable[[V], bool], seconds: float, watch: Watch
    ) -> V:
        """Return what `read` gives once `is_over` holds for it, or after some seconds whether it holds or not."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            waiter = _Waiter(loop.create_future())
            # Before the state is read: a change in between ends the wait at once.
            self._waiting.setdefault(ask, []).append(waiter)
            try:
                view = await read()
                left = end - loop.time()
                if left <= 0 or self.is_closing or is_over(view):
                    return view
                waiter.rev = view.rev
                watch(waiter.leave)
                timer = loop.call_later(left, waiter.wake)
                try:
                    await waiter.future
                finally:
                    timer.cancel()
                if waiter.is_gone:
                    return view
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
        """Wake those whose ask is not as they saw it. `revs`: reads the present `rev` of each of some asks."""
        asks = [*self._waiting]
        for start in range(0, len(asks), _AT_ONCE):
            for ask, rev in (await revs(asks[start : start + _AT_ONCE])).items():
                for waiter in self._waiting.get(ask, ()):
                    if -1 < waiter.rev != rev:
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
