"""Figures with their targets, and the machine on which they were measured."""

from __future__ import annotations

import math
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SYNCS: Final = 30
"""Number of timed writes; the median counts."""


@dataclass(frozen=True, slots=True)
class Target:
    """A limit: the value must be below it, with `reached` at most the limit, with `least` at least the limit."""

    limit: float
    reached: bool = False
    least: bool = False

    def met(self, value: float) -> bool:
        if self.least:
            return value >= self.limit
        return value <= self.limit if self.reached else value < self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤' if self.reached else '<'} {self.limit:,g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured number. The name is `part.figure` and ends in the unit if there is one: `_ms`, `_s`."""

    name: str
    value: float
    meaning: str
    target: Target | None = None

    @property
    def rounded(self) -> float:
        """Return the value with three decimals: microseconds of a millisecond, thousandths of a ratio."""
        return round(self.value, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What else a report says, in words: where something comes from, or how it was measured."""

    name: str
    text: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine of a measurement. `load`: average of the last minute; `sync_ms`: time to write a page to the disk."""

    cores: int
    load: float
    python: str
    sync_ms: float

    @classmethod
    def detect(cls, folder: Path) -> Machine:
        """Describe this machine. The folder says which disk is measured."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return cls(
            cores=cores or 1,
            load=round(os.getloadavg()[0], 2),
            python=platform.python_version(),
            sync_ms=round(_sync_ms(folder), 3),
        )


def _sync_ms(folder: Path) -> float:
    path, durations = folder / "sync", list[float]()
    with path.open("wb") as file:
        for _ in range(_SYNCS):
            started = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            durations.append((time.perf_counter() - started) * 1000)
    path.unlink()
    return statistics.median(durations)


def percentile(samples: Sequence[float], share: float) -> float:
    """Return the smallest sample that at least `share` (0 to 1) of the samples do not exceed.

    The result is always a measured number. Raises `ValueError` if there are no samples.
    """
    if not samples:
        raise ValueError("no samples")
    return sorted(samples)[max(0, math.ceil(len(samples) * share) - 1)]


def rss_mb(process: int | str = "self") -> float:
    """Return the current resident memory of a process, not its peak."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
