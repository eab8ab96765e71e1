"""Work whose length is in the hands of data, done beside the event loop, so that nobody else waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

Result = TypeVar("Result")

LARGE: Final = 4_000
"""Characters from which on a text is not looked at on the loop: a worst one takes some 30 ms."""
_THREADS: Final = ThreadPoolExecutor(2, thread_name_prefix="off-loop")
"""Few: more would only take more of the loop's time."""


async def off_loop(work: Callable[[], Result], *, large: bool = True) -> Result:
    """Return what `work` returns. It is pure, and nothing that it reads changes meanwhile."""
    if not large:
        return work()
    return await asyncio.get_running_loop().run_in_executor(_THREADS, work)
