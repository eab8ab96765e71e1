"""PostgreSQL as the store of any number of processes: units of work in groups, each group one transaction.

Units that wait run together, in step, on one connection (`postgres_calls`); one commit makes them durable. Where one
fails after it has written, or another process was faster at a row, each runs again in a transaction of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import asyncpg
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from engine.domain import Work
from engine.errors import Conflict, StoreError
from engine.ports import Clock, Ids
from engine.retry import CONFLICT_SECONDS
from engine.store import audit_log
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.postgres_calls import BEGIN, BEGIN_ALONE, Calls, MustBeAlone
from engine.store.postgres_connection import Function
from engine.store.postgres_errors import (
    CommitUnknown,
    is_again,
    is_broken_off,
    is_lost,
    is_unstorable,
    translate,
)
from engine.store.postgres_line import PostgresLine, audit_turn, look_for_commit, transaction
from engine.store.server_marks import Continuity, Head

T = TypeVar("T")
GROUP: Final = 64
"""Maximum number of units in one transaction, so that the first caller of a group never waits long."""
WRITERS: Final = 1
"""Connections that write. With more, groups are smaller: as many lifecycles a second, for more CPU time."""
READERS: Final = 4
"""Connections that read."""
COMMAND_SECONDS: Final = 10.0
"""Maximum time of one statement, in seconds. A connection whose other end is gone is noticed by it."""
CONNECT_SECONDS: Final = 5.0
"""Maximum time to connect, in seconds."""
TRIES: Final = 5
"""How often a unit runs when other processes change the same rows."""

WriteHints = Callable[["asyncpg.Connection[Any]", Sequence[Work]], Awaitable[None]]
"""Writes hints of work on a connection, in the transaction that is open there."""

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _WaitingUnit(Generic[T]):
    unit: Callable[[Tx], T]
    future: asyncio.Future[T]

    def settle(self, result: T) -> None:
        if not self.future.done():
            self.future.set_result(result)

    def fail(self, error: BaseException) -> None:
        if self.future.done():
            return
        if isinstance(error, StopIteration):
            error = RuntimeError("a unit of work raised StopIteration")  # a future does not take StopIteration
        self.future.set_exception(error)


class PostgresStore:
    """A `Store` in a PostgreSQL database, for the event loop that opened it. `place` names it without its password."""

    def __init__(self, engine: AsyncEngine, continuity: Continuity, *, place: str, clock: Clock, ids: Ids) -> None:
        self.place = place
        self.continuity = continuity
        """What is known about where the database is, and whether it has all that this process saw."""
        self.commits = 0
        """Commits since the start, for measurements."""
        self._engine, self._clock, self._ids = engine, clock, ids
        self._jobs: deque[_WaitingUnit[Any]] = deque()
        self._wanted = asyncio.Semaphore(0)
        # The last one that was used is the next, because it has statements prepared; more are opened only for a crowd.
        self._readers: asyncio.LifoQueue[PostgresLine] = asyncio.LifoQueue()
        checks = [continuity.check_and_note] * WRITERS + [continuity.check] * READERS
        self._lines = [PostgresLine(engine, check) for check in checks]
        for line in self._lines[WRITERS:]:
            self._readers.put_nowait(line)
        self._listeners: list[Callable[[Sequence[Work]], None]] = []
        self._write_hints: WriteHints | None = None
        self._trouble: str | None = None
        self._closed = False
        self._writing = [asyncio.ensure_future(self._write(line)) for line in self._lines[:WRITERS]]

    def on_commit(self, listener: Callable[[Sequence[Work]], None]) -> None:
        """Call `listener` in the event loop with the work that each commit made ready."""
        self._listeners.append(listener)

    def before_commit(self, write_hints: WriteHints) -> None:
        """Have the work of each transaction written into a queue, on its connection, before it is committed."""
        self._write_hints = write_hints

    async def transact(self, unit: Callable[[Tx], T]) -> T:
        """Run `unit` in a transaction, and return its result once the transaction is durable.

        Raises the exceptions of the unit, and `StoreError` if the database cannot be reached or written.
        """
        self._check_open()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.append(_WaitingUnit(unit, future))
        self._wanted.release()
        return await future

    async def transact_with_retry(self, unit: Callable[[Tx], T]) -> T:
        """Do as `transact`, to record something that has happened already: try until it is recorded.

        Raises the exceptions of the unit, and `StoreError` only if the store is closed meanwhile.
        """
        while True:
            try:
                return await self.transact(unit)
            except Conflict:
                continue
            except StoreError:
                if self._closed:
                    raise
                await asyncio.sleep(CONFLICT_SECONDS)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run `query` on one snapshot, on a connection that cannot write. Raises `StoreError`."""
        self._check_open()
        cleans = False
        for tries_left in reversed(range(TRIES)):
            try:
                return await self._read(query, cleans=cleans)
            except Exception as error:
                if tries_left and (is_again(error) or is_broken_off(error) or (is_unstorable(error) and not cleans)):
                    cleans = cleans or is_unstorable(error)
                    continue
                translation = translate(error, self.place)
                if translation is error:
                    raise
                raise translation from error
        raise AssertionError("the last try returns or raises")

    async def _read(self, query: Callable[[Connection], T], *, cleans: bool) -> T:
        line = await self._readers.get()
        try:
            await line.open()
            await line.driver.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            try:
                (function,) = await Calls(line.driver, cleans=cleans).run([lambda: query(line.connection)])
            except Exception:
                await line.driver.execute("ROLLBACK")
                raise
            # A caller that is cancelled does not get here: a statement that hangs would keep it waiting.
            await line.driver.execute("ROLLBACK")
            if function.error is not None:
                raise function.error
        except BaseException as error:
            if is_lost(error) or isinstance(error, asyncio.CancelledError):
                await line.drop()
            raise
        finally:
            self._readers.put_nowait(line)
        result: T = function.result
        return result

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"The database {self.place} is closed: this process is stopping.")

    async def close(self) -> None:
        """Run the waiting units, then close every connection. Later callers get a `StoreError`."""
        if self._closed:
            return
        self._closed = True
        for _ in self._writing:
            self._wanted.release()
        await asyncio.gather(*self._writing, return_exceptions=True)
        for line in self._lines:
            await line.drop()
        await self._engine.dispose()

    # -- writing ------------------------------------------------------------------------------------------------

    async def _write(self, line: PostgresLine) -> None:
        while True:
            await self._wanted.acquire()
            jobs = [self._jobs.popleft() for _ in range(min(len(self._jobs), GROUP))]
            if jobs:
                await self._write_group(line, jobs)
            elif self._closed:
                return

    async def _write_group(self, line: PostgresLine, jobs: list[_WaitingUnit[Any]]) -> None:
        try:
            try:
                await self._write_jobs(line, jobs)
            except Exception as error:
                if not is_broken_off(error):
                    raise
                # Nothing of what is not settled was committed, and another connection may be there at once.
                await line.drop()
                await self._write_jobs(line, [job for job in jobs if not job.future.done()])
            self._report(None)
        except BaseException as error:
            await line.drop()
            translation = translate(error, self.place)
            for job in jobs:
                job.fail(self._for_caller(translation))
            self._report(str(translation))
            if isinstance(error, asyncio.CancelledError):
                raise

    async def _write_jobs(self, line: PostgresLine, jobs: list[_WaitingUnit[Any]]) -> None:
        if not await self._try_together(line, jobs):
            for job in jobs:
                await self._write_alone(line, job)

    def _for_caller(self, error: BaseException) -> BaseException:
        """Return an exception of its own for each caller."""
        if isinstance(error, StoreError):
            return type(error)(*error.args)
        return StoreError(
            f"A transaction on {self.place} was broken off ({type(error).__name__}), so nothing was saved."
        )

    async def _try_together(self, line: PostgresLine, jobs: list[_WaitingUnit[Any]]) -> bool:
        """Run the units in one transaction. Return False if all are rolled back, so that each has to run alone."""
        await line.open()
        try:
            async with transaction(line):
                txs = [self._new_tx(line) for _ in jobs]
                functions = await Calls(line.driver).run([_bound(job, tx) for job, tx in zip(jobs, txs, strict=True)])
                if any(function.error is not None and function.wrote for function in functions):
                    raise _RunAlone
                heads = await self._finish(
                    line, [tx for tx, function in zip(txs, functions, strict=True) if not function.error]
                )
        except _RunAlone:
            return False
        except CommitUnknown as error:
            await look_for_commit(line, error, heads, wrote=any(function.wrote for function in functions))
        except Exception as error:
            if is_lost(error):
                raise
            return False
        self.continuity.saw(heads)
        self._settle(jobs, txs, functions)
        return True

    async def _write_alone(self, line: PostgresLine, job: _WaitingUnit[Any]) -> None:
        """Run one unit in a transaction of its own, and again if other processes were faster at its rows."""
        alone = cleans = False
        for tries_left in reversed(range(TRIES)):
            try:
                async with transaction(line, BEGIN_ALONE if alone else BEGIN):
                    tx = self._new_tx(line)
                    functions = await Calls(line.driver, alone=alone, cleans=cleans).run([_bound(job, tx)])
                    if functions[0].error is not None:
                        raise _RunAlone
                    heads = await self._finish(line, [tx])
            except MustBeAlone:
                alone = True
                continue
            except _RunAlone:
                job.fail(translate(functions[0].error or RuntimeError(), self.place))
                return
            except CommitUnknown as error:
                await look_for_commit(line, error, heads, wrote=functions[0].wrote)
            except Exception as error:
                if is_lost(error):
                    raise
                if tries_left and (is_again(error) or (is_unstorable(error) and not cleans)):
                    cleans = cleans or is_unstorable(error)
                    continue
                job.fail(translate(error, self.place))
                return
            self.continuity.saw(heads)
            self._settle([job], [tx], functions)
            return

    def _new_tx(self, line: PostgresLine) -> Tx:
        return Tx(line.connection, now=self._clock.now(), ids=self._ids)

    async def _finish(self, line: PostgresLine, txs: Sequence[Tx]) -> dict[str, Head]:
        """Do what comes last in a transaction: write the hints, then the entries of the audit log."""
        works = [work for tx in txs for work in tx.works]
        if works and self._write_hints is not None:
            await self._write_hints(line.driver, works)
        return await self._seal(line, txs)

    async def _seal(self, line: PostgresLine, txs: Sequence[Tx]) -> dict[str, Head]:
        """Append the entries of the units to the chains, one process after the other; return the last of each."""
        chains = sorted({workspace for tx in txs for workspace in tx.entries})
        if not chains:
            return {}

        def seal() -> dict[str, Head]:
            for workspace in chains:
                line.connection.take_turn(audit_turn(workspace))
            return audit_log.seal(txs)

        (function,) = await Calls(line.driver).run([seal])
        if function.error is not None:
            raise function.error
        heads: dict[str, Head] = function.result
        return heads

    def _settle(self, jobs: Sequence[_WaitingUnit[Any]], txs: Sequence[Tx], functions: Sequence[Function]) -> None:
        self.commits += 1
        works: list[Work] = []
        for job, tx, function in zip(jobs, txs, functions, strict=True):
            if function.error is not None:
                job.fail(translate(function.error, self.place))
            else:
                job.settle(function.result)
                works += tx.works
        for listener in self._listeners if works else ():
            # After the callers ran, as the port promises.
            asyncio.get_running_loop().call_soon(listener, works)

    def _report(self, trouble: str | None) -> None:
        """Log when a failure begins or ends, and not for every unit."""
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if trouble is None:
            log.info("the database %s can be written again", self.place)
        else:
            log.error("%s", trouble)


class _RunAlone(Exception):
    """Rolls a transaction back."""


def _bound(job: _WaitingUnit[Any], tx: Tx) -> Callable[[], Any]:
    return lambda: job.unit(tx)


@asynccontextmanager
async def opened(url: str, *, clock: Clock, ids: Ids, restored: bool = False) -> AsyncIterator[PostgresStore]:
    """Open the database at a SQLAlchemy URL while the body runs. Its schema must be current.

    `restored`: use a database that may lack its latest events; without it, `StoreRestored` is raised for one.
    """
    engine = create(url)
    continuity = await Continuity.begin(engine, place_of(engine))
    if not restored:
        continuity.refuse()
    store = PostgresStore(engine, continuity, place=place_of(engine), clock=clock, ids=ids)
    try:
        yield store
    finally:
        await store.close()


def create(url: str | URL, *, seconds: float | None = COMMAND_SECONDS) -> AsyncEngine:
    """Return SQLAlchemy's engine for a database: no pool, and transactions are begun by hand.

    `seconds`: maximum time of one statement; None for work that takes as long as there are rows.
    """
    return create_async_engine(
        url,
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # otherwise an error would carry contents into the logs
        connect_args={
            "timeout": CONNECT_SECONDS,
            "command_timeout": seconds,
            "server_settings": {"application_name": "signoff"},
        },
    )


def place_of(engine: AsyncEngine) -> str:
    """Return host and name of the database, without user and password."""
    url = engine.url
    return f"{url.database} on {url.host or 'this machine'}"
