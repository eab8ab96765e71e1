"""The port of a store. The outbox, the runner and the service depend on it and name no database.

What differs between databases stands in these modules, and nowhere else in the store:

- `sqlite` (the writer), `connection` (how a connection is opened and what it may be asked), `driver_types`, `errors`
- `dialect` (statements that SQL leaves to each database)
- of a database that is a file: `schema` (its lock, backup and migrations), `lock`, `files`, `file_marks`, `file_watch`,
  `log_head`, `restored_backup`, and `health`, which the doctor looks at it with

All other modules are Core statements and plain functions over a `Tx`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from engine.domain import Work
from engine.store.connection import Connection
from engine.store.transaction import Tx

T = TypeVar("T")


class Store(Protocol):
    """A database. `tests/contract/test_stores.py` holds every implementation to this.

    A unit is a plain function over a `Tx`. It may run more than once, so it touches nothing outside of its `Tx`, and
    it never waits. What it remembers in `Tx.memory` is only as true as the store makes it: a store with one writer
    keeps one memory from unit to unit, any other gives each unit an empty one.
    """

    async def transact(self, unit: Callable[[Tx], T]) -> T:
        """Run `unit` in a transaction, and return its result once that is durable.

        The unit's audit entries are sealed in the same transaction. Raises what the unit raises, and nothing of it is
        kept then; raises `StoreError` if the database cannot be written. A caller that is cancelled while it waits
        does not take the unit back.
        """

    async def transact_with_retry(self, unit: Callable[[Tx], T]) -> T:
        """Do as `transact`, for what has happened in the world already: try until it is recorded.

        `Conflict` and `StoreError` are tried again; raises `StoreError` only if the store is closed or lost.
        """

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run `query` on one snapshot, on a connection that cannot write. Raises `StoreError`."""

    def on_commit(self, listener: Callable[[Sequence[Work]], None]) -> None:
        """Call `listener` in the event loop with what each commit enqueued, after its callers have their results.

        The listener only hears of work that is durable. It is a hint: `Engine.due` finds what nobody heard of.
        """
