"""Work that depends on the size of data, moved off the event loop so that it does not delay other work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

Result = TypeVar("Result")

LARGE: Final = 4_000
"""From this many characters on, a text is processed on a thread: the worst one takes about 30 ms."""
_THREADS: Final = ThreadPoolExecutor(2, thread_name_prefix="off-loop")
"""Two threads: more of them would take time from the event loop."""


async def off_loop(work: Callable[[], Result], *, large: bool = True) -> Result:
    """Return the result of `work`, which is pure and reads only values that do not change meanwhile."""
    if not large:
        return work()
    return await asyncio.get_running_loop().run_in_executor(_THREADS, work)
