"""Figures with their targets, and the machine that they are of."""

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


@dataclass(frozen=True, slots=True)
class Target:
    """A limit to stay below. `reached`: the limit itself will do. `least`: to stay above, and the limit will do."""

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
    """One measured number. `name` is `part.what`, and ends in its unit where it has one: `_ms`, `_s`."""

    name: str
    value: float
    what: str
    target: Target | None = None

    @property
    def shown(self) -> float:
        """With three decimals: of a millisecond a microsecond, of a ratio a thousandth."""
        return round(self.value, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What figures depend on. `load`: of the minute before; `sync_ms`: writing a page until it is on the disk."""

    cores: int
    load: float
    python: str
    sync_ms: float

    @classmethod
    def here(cls, folder: Path) -> Machine:
        """This machine. `folder`: on the disk that counts."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return cls(
            cores=cores or 1,
            load=round(os.getloadavg()[0], 2),
            python=platform.python_version(),
            sync_ms=round(_sync_ms(folder), 3),
        )


def _sync_ms(folder: Path) -> float:
    path, took = folder / "sync", list[float]()
    with path.open("wb") as file:
        for _ in range(_SYNCS):
            began = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    path.unlink()
    return statistics.median(took)


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that at least `share` (0 to 1) of them do not exceed: never a number that was not measured.

    Raises `ValueError` where there are no samples.
    """
    if not samples:
        raise ValueError("no samples")
    return sorted(samples)[max(0, math.ceil(len(samples) * share) - 1)]
