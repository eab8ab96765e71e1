"""The units that wait for the writing thread of a SQLite file, and their results."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from engine.domain import Work
from engine.store.port import Tx

T = TypeVar("T")


@dataclass(slots=True)
class WriteJob(Generic[T]):
    """A unit with its caller, who is answered in the loop that they wait in."""

    unit: Callable[[Tx], T]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[T]
    result: T | None = None
    error: BaseException | None = None
    works: Sequence[Work] = ()
    tx: Tx | None = None
    """The transaction of the unit, if it did not fail."""

    def settle(self) -> None:
        """Answer the caller, unless they no longer wait."""
        if self.future.done():
            return
        if isinstance(self.error, StopIteration):
            # A future does not take StopIteration, and the callers after this one would never be answered.
            self.future.set_exception(RuntimeError("a unit of work raised StopIteration"))
        elif self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type]
