"""A store that runs each unit twice, as a database with several writers may do, and rolls the first run back.

The memory of transactions is empty at the start of each run of a unit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import text

from engine.domain import Work
from engine.store.port import Connection, Store, Tx

T = TypeVar("T")


class RepeatingStore:
    """A `Store` that wraps another one."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self.on_commit: Callable[[Callable[[Sequence[Work]], None]], None] = inner.on_commit

    async def transact(self, unit: Callable[[Tx], T]) -> T:
        return await self._inner.transact(_twice(unit))

    async def transact_with_retry(self, unit: Callable[[Tx], T]) -> T:
        return await self._inner.transact_with_retry(_twice(unit))

    async def read(self, query: Callable[[Connection], T]) -> T:
        return await self._inner.read(query)


def _twice(unit: Callable[[Tx], T]) -> Callable[[Tx], T]:
    def repeated(tx: Tx) -> T:
        tx.connection.execute(text("SAVEPOINT first")).close()
        unit(_fresh_transaction(tx))  # the store rolls back if this raises
        tx.connection.execute(text("ROLLBACK TO first")).close()
        tx.connection.execute(text("RELEASE first")).close()
        again = _fresh_transaction(tx)
        result = unit(again)
        for work in again.works:
            tx.enqueue(work)
        for workspace, entries in again.entries.items():
            for entry in entries:
                tx.audit(workspace, entry)
        return result

    return repeated


def _fresh_transaction(tx: Tx) -> Tx:
    return Tx(tx.connection, now=tx.now, ids=tx.ids)
