"""How long a server takes to find what is due beside many schedules: `signoff bench engine` measures it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from bot.devtools.bench.engine_load import ORIGIN, REQUESTER, run_engine
from bot.devtools.bench.figures import percentile
from engine.domain import Register
from engine.system import SystemClock
from engine.workflowfile.grammar import MAX_TRIGGERS

_ZONES: Final = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "UTC")


async def measure(path: Path, *, schedules: int, ticks: int) -> dict[str, float]:
    """Return how long one tick takes beside this many schedules, in milliseconds."""
    seconds = list[float]()
    async with run_engine(path) as env:
        for number in range(schedules // MAX_TRIGGERS):
            await env.engine.register(Register(source=_workflow(number), actor=REQUESTER, origin=ORIGIN))
        for _ in range(ticks):
            began = time.perf_counter()
            await env.engine.due(SystemClock().now())
            seconds.append(time.perf_counter() - began)
    return {
        "engine.schedule_tick_p50_ms": percentile(seconds, 0.5) * 1000,
        "engine.schedule_tick_p99_ms": percentile(seconds, 0.99) * 1000,
    }


def _workflow(number: int) -> bytes:
    """Return a workflow with as many schedules as one may have, none of which is due within minutes."""
    lines = [f"name: scheduled-{number}", "triggers:"]
    for index in range(MAX_TRIGGERS):
        zone, minute = _ZONES[index % len(_ZONES)], (number + index) % 60
        # February 29 is years away for most of a benchmark's time.
        lines.append(f'  - {{schedule: "{minute} {index} 29 2 *", timezone: {zone}}}')
    return "\n".join([*lines, "steps:", "  - {id: one, uses: set, with: {n: 1}}", ""]).encode()
