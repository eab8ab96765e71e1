"""Counts for measuring insights: as many as the engine would make of hundreds of thousands of requests, past it."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from bot.devtools.bench import inbox_fill
from bot.devtools.bench.inbox_fill import InboxFillSize
from engine.domain import DEFAULT_WORKSPACE
from engine.insights import WHOLE
from engine.oversight import time_buckets
from engine.oversight.grouped_times import CLASSES
from engine.system import SystemClock

GATES: Final = 3
"""Gates of a workflow."""
DAYS: Final = 180
_SEED: Final = 11


async def fill(path: Path, requests: int) -> None:
    """Write a new database with the counts of so many requests of `inbox_fill`'s people and workflows."""
    await inbox_fill.record(path)
    size = InboxFillSize(stored=1, pending=0, of_reader=0)
    filled = inbox_fill.fill(path, size)
    with closing(sqlite3.connect(path)) as connection:
        workflows = [row[0] for row in connection.execute("SELECT id FROM workflow")]
        for table, rows in _counts(workflows, filled.people, requests).items():
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 our own name
            marks = ", ".join("?" * len(rows[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 our own name
        connection.commit()


def _counts(workflows: Sequence[str], people: Sequence[str], requests: int) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of each table. The longer keys are drawn, as they would come, and counted."""
    drawn, now = random.Random(_SEED), SystemClock().now()  # noqa: S311 nothing secret
    gates, times, hours, load = Counter[Any](), Counter[Any](), Counter[Any](), Counter[Any]()
    waiting = Counter[Any]()
    for number in range(requests):
        at = now - timedelta(days=DAYS * drawn.random())
        week, workflow, step = time_buckets.week(at), drawn.choice(workflows), f"step-{number % GATES}"
        deadline = number % len(time_buckets.DEADLINES)
        gates[week, workflow, step] += 1
        times[week, workflow, step, deadline, WHOLE if number % 2 else number % 3] += 1
        hours[week, workflow, at.hour] += 1
        load[week, workflow, drawn.choice(people)] += 1
        if number % 25 == 0:
            waiting[workflow, step, deadline, WHOLE, time_buckets.hour(at)] += 1
    of = DEFAULT_WORKSPACE
    return {
        "insight_gate": [(of, *key, count, count - 2, count // 9, 1, 0, 0, 1, 0, 0, 0) for key, count in gates.items()],
        "insight_times": [(of, *key, *_spread(count)) for key, count in times.items()],
        "insight_hours": [(of, *key, *_spread(count)) for key, count in hours.items()],
        "insight_load": [(of, *key, count) for key, count in load.items()],
        "insight_open": [(of, *key, count) for key, count in waiting.items()],
        "insight_field": [(of, *key, field, 1) for key in gates for field in ("amount", "reason", "note")],
        "insight_copy": [
            (of, *key, 90, 1) for key in {(*key[:2], name) for key in gates for name in ("slack", "email")}
        ],
        "insight_evidence": [(of, *key, 9_000, 90, 400, 500) for key in sorted({(key[1], 1, key[2]) for key in gates})],
        "insight_reminder": [(of, *key, number, 9, 4, 5) for key in gates for number in (1, 2)],
    }


def _spread(count: int) -> tuple[int, ...]:
    """Return numbers of all classes of times that are so many together, or nearly."""
    decided = [count // 8 if 4 <= bucket <= 11 else 0 for bucket in range(CLASSES)]
    return (*decided, *[0] * (CLASSES - 1), count % 8)
