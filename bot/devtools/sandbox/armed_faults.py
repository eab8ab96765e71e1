"""Faults that are armed until they are used up, in the order in which they were added."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar


class LimitedFault(Protocol):
    """A fault with limits. `times`: uses that are left (None: no limit); `skip`: matching calls that pass first."""

    times: int | None
    skip: int


FaultT = TypeVar("FaultT", bound=LimitedFault)


@dataclass
class ArmedFaults(Generic[FaultT]):
    """The armed faults. `used` has one entry for each use."""

    queue: list[FaultT] = field(default_factory=list)
    down: bool = False
    used: list[FaultT] = field(default_factory=list)

    def first(self, hits: Callable[[FaultT], bool]) -> FaultT | None:
        """Use and return the first matching fault that has no calls left to skip."""
        for fault in self.queue:
            if hits(fault):
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                self.used.append(fault)
                self._spend(fault)
                return fault
        return None

    def _spend(self, fault: FaultT) -> None:
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self.queue.remove(fault)
