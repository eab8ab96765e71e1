"""The executor of one process. Hints come after commits; a tick reads the tables for due work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final, Protocol

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from engine.domain import Work
from engine.errors import StoreError
from engine.retry import TICK_SECONDS

log = logging.getLogger(__name__)

CONCURRENT: Final = {"advance": 64, "deliver": 80, "process_due": 8, "take_turns": 1}
"""Maximum number of concurrent units of each kind, so that slow steps do not delay deliveries or deadlines."""

Unit = Callable[[str], Awaitable[None]]


class LooksForWork(Protocol):
    """Reads the work that is ready at a time, and has been for `grace`."""

    async def __call__(self, now: datetime, *, grace: timedelta = ...) -> list[Work]: ...


class Embedded:
    """Runs work in this process. `units`: the function for each kind of work. `due`: reads the work that is due."""

    def __init__(
        self,
        *,
        units: dict[str, Unit],
        due: Callable[[datetime], Awaitable[list[Work]]],
        now: Callable[[], datetime],
        tick_seconds: float = TICK_SECONDS,
    ) -> None:
        self._units, self._due, self._now, self._tick_seconds = units, due, now, tick_seconds
        self._queues: dict[str, asyncio.Queue[str]] = {kind: asyncio.Queue() for kind in units}
        self._queued: set[tuple[str, str]] = set()
        self._busy = 0
        self._stopping = False
        self._trouble: str | None = None

    @property
    def idle(self) -> bool:
        """Whether no work is queued or running. More work may become due later."""
        return not self._queued and self._busy == 0

    def submit(self, works: Sequence[Work]) -> None:
        """Queue work that may be ready, unless it is queued already."""
        for work in works:
            known = work.kind, work.id
            if work.kind in self._queues and known not in self._queued:
                self._queued.add(known)
                self._queues[work.kind].put_nowait(work.id)

    async def run(self) -> None:
        """Do work until cancelled, or until `stop` was called and running work has ended."""
        async with _ticking(self._tick, seconds=self._tick_seconds), asyncio.TaskGroup() as group:
            await self._tick()
            for kind in self._units:
                for _ in range(CONCURRENT[kind]):
                    group.create_task(self._consume(kind))

    def stop(self) -> None:
        """Start no more work. `run` returns when the running work has ended."""
        self._stopping = True
        for kind, queue in self._queues.items():
            for _ in range(CONCURRENT[kind]):
                queue.put_nowait("")

    async def _tick(self) -> None:
        try:
            self.submit(await self._due(self._now()))
        except StoreError as error:
            self._report(f"cannot read due work: {error}")
        except Exception:
            log.exception("cannot read due work")

    async def _consume(self, kind: str) -> None:
        while True:
            item = await self._queues[kind].get()
            if self._stopping:
                return
            # Removed before the work is done, because a hint that comes meanwhile must count.
            self._queued.discard((kind, item))
            self._busy += 1
            try:
                await self._do(kind, item)
            finally:
                self._busy -= 1

    async def _do(self, kind: str, item: str) -> None:
        try:
            await self._units[kind](item)
            self._trouble = None
        except StoreError as error:
            self._report(str(error))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # This task was not cancelled, but a task that the unit awaited.
            log.exception("%s %s was cancelled from inside; it is tried again", kind, item)
        except Exception:
            log.exception("%s %s failed; it is tried again", kind, item)

    def _report(self, trouble: str) -> None:
        """Log an error of the database once, and not again for every unit of every tick."""
        if trouble != self._trouble:
            self._trouble = trouble
            log.error("%s", trouble)


@asynccontextmanager
async def _ticking(tick: Callable[[], Awaitable[None]], *, seconds: float) -> AsyncIterator[None]:
    """Call `tick` every `seconds` while the body runs: never two at once, and once for several that are late."""
    scheduler, has_ended = AsyncIOScheduler(timezone="UTC"), False

    async def job() -> None:
        try:
            await tick()
        except asyncio.CancelledError:
            # The scheduler cancels the job as it shuts down, and would log that as a failed job.
            if not has_ended:
                raise

    scheduler.add_job(
        job, "interval", seconds=seconds, max_instances=1, coalesce=True, misfire_grace_time=None, id="tick"
    )
    scheduler.start()
    try:
        yield
    finally:
        has_ended = True
        scheduler.shutdown(wait=False)
