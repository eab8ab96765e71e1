"""Runs the real units on a real SQLite file, one transaction after the other, in the thread of the test.

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
    """A coroutine that stops at every pause until the test continues it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, object]) -> None:
        self._loop = loop
        self._continue, self._stopped = asyncio.Event(), asyncio.Event()
        self._crashed = False
        self._task = loop.create_task(self._run(coroutine))

    async def _run(self, coroutine: Coroutine[Any, Any, object]) -> None:
        _current_task.set(self)
        try:
            await self.stop_here()
            await coroutine
        finally:
            coroutine.close()
            self._stopped.set()

    async def stop_here(self) -> None:
        if self._crashed:
            raise asyncio.CancelledError
        self._continue.clear()
        self._stopped.set()
        await self._continue.wait()

    def go_on(self) -> bool:
        """Run up to the next pause, and return False if the coroutine has ended. Raise the error of the coroutine."""
        self._loop.run_until_complete(self._stopped.wait())
        self._stopped.clear()
        self._continue.set()
        self._loop.run_until_complete(self._stopped.wait())
        self._loop.run_until_complete(asyncio.sleep(0))
        if self._task.done():
            self._task.result()
        return not self._task.done()

    def crash(self) -> None:
        """End the coroutine where it is. Transactions that it begins because of that do not happen."""
        self._crashed = True
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)


_current_task: ContextVar[StepwiseTask | None] = ContextVar("current_task", default=None)


async def pause() -> None:
    """Stop a `StepwiseTask` until the test continues it. Return at once everywhere else."""
    task = _current_task.get()
    if task is not None:
        await task.stop_here()


class DirectStore:
    """The part of `SqliteStore` that units use, without threads and without waiting for the disk."""

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
        """Run one unit in one transaction."""
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
    """Return the bytes of an empty database with the current schema. They are cached, because creating one is slow."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "signoff.db")
        schema.prepare(path, now=START)
        return path.read_bytes()


def copy_empty_database(path: Path) -> Path:
    """Write an empty database to the path, unless there is a file already."""
    if not path.exists():
        path.write_bytes(empty_database())
        path.chmod(0o600)
    return path
