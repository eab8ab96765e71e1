"""The tick: looks for due work every half second, so that a lost hint costs no more than that. Holds no truth."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from apscheduler.schedulers.asyncio import AsyncIOScheduler

TICK_SECONDS: Final = 0.5


@asynccontextmanager
async def ticking(tick: Callable[[], Awaitable[None]], *, seconds: float = TICK_SECONDS) -> AsyncIterator[None]:
    """Call `tick` every `seconds` while the body runs; never two at once, and late ones are one."""
    scheduler = AsyncIOScheduler(timezone="UTC")
    scheduler.add_job(
        tick, "interval", seconds=seconds, max_instances=1, coalesce=True, misfire_grace_time=None, id="tick"
    )
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)
