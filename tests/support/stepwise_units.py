"""The real units on a real SQLite file, one transaction after the other, in the thread of the test.

A `StepwiseTask` stops before each of its transactions, so that a test decides what happens in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from engine.domain import Work
from engine.ports import Clock, Ids
from engine.store import audit_log, schema
from engine.store.connection import Connection
from engine.store.port import Memory, Tx
from engine.store.sqlite_connection import connect
from tests.support.fakes import START

T = TypeVar("T")


class StepwiseTask:
    """A coroutine that stands still at every pause until it is sent on."""

    def __init__(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, object]) -> None:
        self._loop = loop
        self._go, self._stands = asyncio.Event(), asyncio.Event()
        self._task = loop.create_task(self._fly(coroutine))

    async def _fly(self, coroutine: Coroutine[Any, Any, object]) -> None:
        _flight.set(self)
        try:
            await self.stand()
            await coroutine
        finally:
            coroutine.close()
            self._stands.set()

    async def stand(self) -> None:
        self._go.clear()
        self._stands.set()
        await self._go.wait()

    def go_on(self) -> bool:
        """Up to the next pause. False: it has ended. Raises what it raises."""
        self._loop.run_until_complete(self._stands.wait())
        self._stands.clear()
        self._go.set()
        self._loop.run_until_complete(self._stands.wait())
        self._loop.run_until_complete(asyncio.sleep(0))
        if self._task.done():
            self._task.result()
        return not self._task.done()

    def crash(self) -> None:
        """It never gets any further."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)


_flight: ContextVar[StepwiseTask | None] = ContextVar("flight", default=None)


async def pause() -> None:
    """Where a flight stops until it is sent on; anything else goes on at once."""
    flight = _flight.get()
    if flight is not None:
        await flight.stand()


class DirectStore:
    """What the units see of `SqliteStore`, without threads and without the wait for the disk."""

    def __init__(self, path: Path, *, clock: Clock, ids: Ids) -> None:
        self.connection = connect(path, writable=True)
        self._clock, self._ids = clock, ids
        self.works: list[Work] = []
        self._memory = Memory()
        self.driver.execute("PRAGMA synchronous=OFF")

    @property
    def driver(self) -> sqlite3.Connection:
        driver: sqlite3.Connection = self.connection.driver
        return driver

    def run(self, unit: Callable[[Tx], T]) -> T:
        """One unit, one transaction."""
        self.driver.execute("BEGIN IMMEDIATE")
        try:
            tx = Tx(self.connection, now=self._clock.now(), ids=self._ids, memory=self._memory)
            result = unit(tx)
            audit_log.seal([tx])
        except BaseException:
            self._memory.forget()
            self.driver.execute("ROLLBACK")
            raise
        self.driver.execute("COMMIT")
        self.works += tx.works
        return result

    async def transact(self, unit: Callable[[Tx], T]) -> T:
        await pause()
        return self.run(unit)

    async def transact_with_retry(self, unit: Callable[[Tx], T]) -> T:
        return await self.transact(unit)

    async def read(self, query: Callable[[Connection], T]) -> T:
        return query(self.connection)

    def close(self) -> None:
        self.connection.close()


@cache
def empty_database() -> bytes:
    """The bytes of an empty database of this program's schema. To make one takes many waits for the disk."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "signoff.db")
        schema.prepare(path, now=START)
        return path.read_bytes()


def copy_empty_database(path: Path) -> Path:
    """Put an empty database there, unless there is a file already."""
    if not path.exists():
        path.write_bytes(empty_database())
        path.chmod(0o600)
    return path
