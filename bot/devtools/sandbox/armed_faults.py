"""Faults that wait for what they hit, in the order in which they were armed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar


class Countable(Protocol):
    """`times`: how often it can be used (None: until it is cleared); `skip`: what is let pass first."""

    times: int | None
    skip: int


FaultT = TypeVar("FaultT", bound=Countable)


@dataclass
class ArmedFaults(Generic[FaultT]):
    """`used`: each use, in its order."""

    queue: list[FaultT] = field(default_factory=list)
    down: bool = False
    used: list[FaultT] = field(default_factory=list)

    def first(self, hits: Callable[[FaultT], bool]) -> FaultT | None:
        """The first fault that hits and lets nothing pass any more, used up by one."""
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
