"""Tasks that go on after a delivery was acknowledged: logged when they fail, and waited for at shutdown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from bot.slack.log_throttle import LogThrottle
from engine.errors import ChannelError

T = TypeVar("T")
log = logging.getLogger(__name__)

Broke = Callable[[Exception], Awaitable[None]]


class BackgroundTasks:
    """Owns the tasks. None of them is needed for correctness: decisions are committed before."""

    def __init__(self) -> None:
        self._going: set[asyncio.Future[Any]] = set()
        self._throttle = LogThrottle()

    def do(self, work: Coroutine[Any, Any, None], *, broke: Broke | None = None) -> None:
        """Start a task. `broke` handles its error; by default it is logged."""
        self._keep(asyncio.ensure_future(self._doing(work, broke)))

    async def under_way(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it now; shutdown waits for it as well."""
        return await asyncio.shield(self._keep(asyncio.ensure_future(work)))

    def _keep(self, task: asyncio.Future[T]) -> asyncio.Future[T]:
        self._going.add(task)
        task.add_done_callback(self._going.discard)
        return task

    async def _doing(self, work: Coroutine[Any, Any, None], broke: Broke | None) -> None:
        try:
            await work
        except Exception as error:
            if broke is not None:
                await broke(error)
            elif isinstance(error, ChannelError):
                self._throttle.warn(log, f"an answer to a person in Slack could not be sent: {error}")
            else:
                log.error("something after an answer to Slack failed", exc_info=error)

    @property
    def idle(self) -> bool:
        """Whether no task is running."""
        return not self._going

    async def drain(self, seconds: float) -> None:
        """Wait until all tasks are done, for at most `seconds`; then cancel the others."""
        if self._going:
            await asyncio.wait(set(self._going), timeout=seconds)
        late = list(self._going)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
