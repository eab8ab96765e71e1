"""A store for people who wait: what is not done in time is withdrawn, and the person can try again.

A database that is slow for a minute would else keep everyone waiting, and Slack shows a click as failed after three
seconds although it is saved later.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from engine.domain import Work
from engine.errors import StoreBusy, StoreUnanswered, StoreUnsure
from engine.store.connection import Connection
from engine.store.port import Store, Tx

T = TypeVar("T")
PATIENCE: Final = 2.0
"""How long a person waits for a unit of work, in seconds: Slack gives up after three."""
MOST_WAITING: Final = 1_000
"""Number of units and reads that may wait at the same time; more are refused at once."""


class PunctualStore:
    """A `Store` that withdraws what `store` does not do in `patience` seconds, for each unit and each read.

    `transact` raises `StoreBusy` for a unit that is withdrawn, and `StoreUnsure` if its commit had begun or its answer
    was lost.
    """

    def __init__(self, store: Store, *, patience: float = PATIENCE, most_waiting: int = MOST_WAITING) -> None:
        self._store, self._patience, self._most = store, patience, most_waiting
        self._waiting = 0

    async def transact(self, unit: Callable[[Tx], T]) -> T:
        """Run `unit` in a transaction, or withdraw it. Raises `StoreBusy`, `StoreUnsure` and what the store raises."""
        attempt = _Withdrawable(unit)
        try:
            self._check_room()
            return await self._in_time(self._store.transact(attempt.run))
        except StoreBusy:
            if attempt.withdraw():
                raise
            raise StoreUnsure("The database did not confirm in time.") from None
        except StoreUnanswered as error:
            raise StoreUnsure(str(error)) from error

    async def transact_with_retry(self, unit: Callable[[Tx], T]) -> T:
        """Do as the store: what has happened already is recorded, however long it takes."""
        return await self._store.transact_with_retry(unit)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run `query`. Raises `StoreBusy` and what the store raises."""
        self._check_room()
        return await self._in_time(self._store.read(query))

    def on_commit(self, listener: Callable[[Sequence[Work]], None]) -> None:
        """Do as the store."""
        self._store.on_commit(listener)

    async def _in_time(self, work: Awaitable[T]) -> T:
        """Return what the store returns, if it comes in time. Raises `StoreBusy`."""
        limit = asyncio.timeout(self._patience)
        self._waiting += 1
        try:
            async with limit:
                return await work
        except TimeoutError:
            if not limit.expired():
                raise
            raise StoreBusy("The database did not answer in time.") from None
        finally:
            self._waiting -= 1

    def _check_room(self) -> None:
        if self._waiting >= self._most:
            raise StoreBusy("Too many wait for the database.")


class _Withdrawable(Generic[T]):
    """A unit of work that can be withdrawn until all of it has run: from then on a commit may follow."""

    def __init__(self, unit: Callable[[Tx], T]) -> None:
        self._unit = unit
        self._lock = threading.Lock()  # a store may run units in another thread
        self._withdrawn = self._sealed = False

    def run(self, tx: Tx) -> T:
        """Run the unit. Raises `StoreBusy` if it is withdrawn, before it runs or after it."""
        self._check()
        result = self._unit(tx)
        self._check(seal=True)
        return result

    def withdraw(self) -> bool:
        """Keep the unit from being saved. Return whether that was still possible."""
        with self._lock:
            self._withdrawn = not self._sealed
            return self._withdrawn

    def _check(self, *, seal: bool = False) -> None:
        with self._lock:
            if self._withdrawn:
                raise StoreBusy("This unit of work was withdrawn.")
            self._sealed = self._sealed or seal
