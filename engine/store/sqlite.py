"""One SQLite file, one writer: units of work run in a thread of their own, grouped into few commits.

A unit is a plain function over a `Tx`. Units that wait run together with one durable commit; then their callers are
answered, and the listener hears of the work that is ready. Where a unit fails after it has written, the others run
again, a savepoint each. Reads use connections of their own that cannot write.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import exc

from engine.domain import DEFAULT_WORKSPACE, Work
from engine.errors import Conflict, StoreError, StoreLost
from engine.ports import Clock, Ids
from engine.retry import CONFLICT_SECONDS
from engine.store import audit_log, file_marks
from engine.store.connection import Connection
from engine.store.file_watch import FileLoss, FileWatch
from engine.store.log_head import QUIET_SECONDS, Head, HeadNote
from engine.store.port import Memory, Tx
from engine.store.restored_backup import RestoreSuspicion
from engine.store.sqlite_connection import BUSY_SECONDS, SqliteConnection, connect
from engine.store.sqlite_errors import translate, translated
from engine.store.write_jobs import WriteJob

T = TypeVar("T")
GROUP: Final = 128
"""Maximum number of units in one commit, so that the first caller of a group never waits long."""
ANSWERED_SECONDS: Final = 0.005
"""How long the next group waits for the callers that just got their results, in seconds: their next units join it."""

log = logging.getLogger(__name__)


class SqliteStore:
    """A `Store` in a SQLite file. `noting`: write the head of its log to a file beside it, as `log_head` describes."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        ids: Ids,
        busy_seconds: float = BUSY_SECONDS,
        noting: bool = False,
        suspicion: RestoreSuspicion | None = None,
    ) -> None:
        self.path = path
        self.suspicion = suspicion
        """Why the file may be a restored backup, if the operator confirmed its use."""
        self.commits = 0
        """Commits since the start, for measurements."""
        self._clock, self._ids, self._busy_seconds = clock, ids, busy_seconds
        self._queue: queue.SimpleQueue[WriteJob[Any] | None] = queue.SimpleQueue()
        self._entrance = threading.Lock()
        self._answered = threading.Event()
        self._memory = Memory()
        self._closed = False
        self._trouble: str | None = None
        self._listeners: list[Callable[[Sequence[Work]], None]] = []
        self._readers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="signoff-read")
        self._local = threading.local()
        self._opened: list[SqliteConnection] = []
        self._connection = connect(path, writable=True, busy_seconds=busy_seconds)
        self._driver = self._connection.driver
        self._note = HeadNote(path, self._head) if noting else None
        if self._note is not None and self._note.note():
            file_marks.set_noted(self._driver)
        self._watch = FileWatch(path, mark=file_marks.set_open(self._driver, ids))
        self._loss: FileLoss | None = None
        self._loss_listener: Callable[[], None] | None = None
        self._thread = threading.Thread(target=self._write_groups, name="signoff-write", daemon=True)
        self._thread.start()

    def on_commit(self, listener: Callable[[Sequence[Work]], None]) -> None:
        """Call `listener` in the event loop with the work that each commit made ready."""
        self._listeners.append(listener)

    def on_loss(self, listener: Callable[[], None]) -> None:
        """Call `listener`, in any thread, when the files of the database were moved, removed or replaced."""
        self._loss_listener = listener
        if self._loss is not None:
            listener()

    async def transact(self, unit: Callable[[Tx], T]) -> T:
        """Run `unit` in a transaction; it is on the disk when this returns.

        `unit` may run more than once and must touch nothing outside of its `Tx`. An exception of the unit is raised
        here, and then nothing of the unit is saved. Raises `StoreError` if the file cannot be written. If the caller
        is cancelled while it waits, the unit may still be committed, and then the listener hears of its work.
        """
        if self._loss is not None:
            raise self._lost(self._loss)
        return await self._submit(unit)

    async def _submit(self, unit: Callable[[Tx], T]) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._entrance:
            self._check_open()
            self._queue.put(WriteJob(unit, loop, future))
        return await future

    async def transact_with_retry(self, unit: Callable[[Tx], T]) -> T:
        """Do as `transact`, to record something that has happened already: try until it is recorded.

        A file that was moved or removed is still written, and saved when the store is closed. Raises the exceptions of
        the unit, and `StoreError` only if the store is closed meanwhile or another program overwrote its file.
        """
        while True:
            try:
                return await self._submit(unit)
            except Conflict:
                continue
            except StoreError:
                if self._closed or self._loss is FileLoss.CONTENT:
                    raise
                await asyncio.sleep(CONFLICT_SECONDS)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run `query` on a connection that cannot write, in a thread of its own. Raises `StoreError`."""
        if self._loss is not None:
            raise self._lost(self._loss)
        with self._entrance:
            self._check_open()
            answer = asyncio.get_running_loop().run_in_executor(self._readers, self._read, query)
        return await answer

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"The database {self.path} is closed: this process is stopping.")

    def _check_files(self) -> None:
        """Raise `StoreLost` if the opened files were moved, removed or replaced; call the listener once."""
        if self._loss is FileLoss.CONTENT:
            raise self._lost(self._loss)
        if self._loss is not None or (loss := self._watch.look()) is None:
            return
        self._loss = loss
        if self._loss_listener is not None:
            self._loss_listener()
        raise self._lost(loss)

    def _lost(self, loss: FileLoss) -> StoreLost:
        return StoreLost(self._watch.sentence(loss))

    def close(self) -> None:
        """Run the queued units, then close every connection. Later callers get a `StoreError`.

        Raises `StoreLost` if the files were lost meanwhile, with the name of the file that holds all data.
        """
        with self._entrance:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        self._readers.shutdown(wait=True)
        for connection in self._opened:
            connection.close()
        if self._loss is FileLoss.BESIDE:
            # Files are removed one by one: the database itself may be gone by now too.
            self._loss = self._watch.look() or self._loss
        if self._loss in (FileLoss.FILE, FileLoss.BESIDE):
            file_marks.set_unnoted(self._driver)
        if self._loss is not FileLoss.CONTENT:
            file_marks.set_closed(self._driver)
        if self._note is not None and self._loss is None:
            self._note.note()
        rescue_note = self._watch.rescue(self._driver) if self._loss is FileLoss.FILE else None
        self._connection.close()
        self._watch.close()
        if self._loss is not None:
            raise StoreLost(" ".join(filter(None, (self._watch.sentence(self._loss), rescue_note))))

    # -- the reading threads --

    def _read(self, query: Callable[[Connection], T]) -> T:
        if self._watch.is_stale:
            self._check_files()
        with translated(self.path):
            connection = self._reader()
            # One snapshot, so that a request fits its decision.
            connection.exec_driver_sql("BEGIN")
            try:
                return query(connection)
            except BaseException:
                connection.renew()
                raise
            finally:
                connection.exec_driver_sql("ROLLBACK")

    def _reader(self) -> SqliteConnection:
        connection: SqliteConnection | None = getattr(self._local, "connection", None)
        if connection is not None:
            return connection
        reader = self._local.connection = connect(self.path, writable=False, busy_seconds=self._busy_seconds)
        self._opened.append(reader)
        return reader

    # -- the writing thread --

    def _write_groups(self) -> None:
        while (job := self._next()) is not None:
            group = [job, *self._take_waiting()]
            stop = group[-1] is None
            jobs = [member for member in group if member is not None]
            self._commit(jobs)
            self._answer(jobs)
            if self._note is not None:
                self._note.committed()
            if stop:
                return
            self._answered.wait(ANSWERED_SECONDS)

    def _next(self) -> WriteJob[Any] | None:
        """Wait for the next unit. If none comes for a moment, note the head of the log."""
        while self._note is not None and self._note.is_behind:
            try:
                return self._queue.get(timeout=QUIET_SECONDS)
            except queue.Empty:
                self._note.note()
        return self._queue.get()

    def _head(self) -> Head:
        with translated(self.path):
            return audit_log.head(self._connection, DEFAULT_WORKSPACE)

    def _take_waiting(self) -> Iterator[WriteJob[Any] | None]:
        for _ in range(GROUP - 1):
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return
            yield job
            if job is None:
                return

    def _commit(self, jobs: list[WriteJob[Any]]) -> None:
        try:
            if not self._run_together(jobs):
                self._run_apart(jobs)
            self._execute("COMMIT")
            self.commits += 1
            self._check_files()
            self._report(None)
        except BaseException as error:  # noqa: BLE001 whatever happened, every caller must hear of it
            self._fail_all(jobs, error)

    def _run_together(self, jobs: list[WriteJob[Any]]) -> bool:
        """Run the units without savepoints, for each of which SQLite would copy every page that it writes.

        Return False if a unit failed after it had written, so that all are rolled back. docs/benchmarks.md has the
        cost of savepoints.
        """
        self._execute("BEGIN IMMEDIATE")
        now = self._clock.now()  # one time for all units, so that values made of it are computed once
        for job in jobs:
            before = self._driver.total_changes
            self._run(job, now)
            self._check_transaction(job)
            if job.error is not None and self._driver.total_changes != before:
                self._undo(jobs)
                return False
        try:
            # All entries are sealed at once, which saves statements and reads of the end of the chain.
            audit_log.seal([job.tx for job in jobs if job.tx is not None])
        except Exception as error:  # noqa: BLE001 running the units apart shows which one has the entry
            jobs[0].error = jobs[0].error or translate(error, self.path)
            self._undo(jobs)
            return False
        return True

    def _undo(self, jobs: list[WriteJob[Any]]) -> None:
        """Roll a group back, so that each of its units can run again apart. If there is only one unit, it fails."""
        self._memory.forget()
        if self._in_transaction:
            self._execute("ROLLBACK")
        if len(jobs) == 1 and jobs[0].error is not None:
            raise jobs[0].error

    def _run_apart(self, jobs: list[WriteJob[Any]]) -> None:
        """Run the units again with a savepoint each, so that one that fails does not affect the others."""
        self._execute("BEGIN IMMEDIATE")
        for job in jobs:
            self._execute("SAVEPOINT unit")
            self._run(job, self._clock.now(), alone=True)
            self._check_transaction(job)
            if job.error is not None:
                self._memory.forget()
                self._execute("ROLLBACK TO unit")
            self._execute("RELEASE unit")

    def _check_transaction(self, job: WriteJob[Any]) -> None:
        """Raise if the whole transaction was rolled back, as some errors (a full disk) do."""
        if not self._in_transaction:
            raise job.error or StoreError(f"A transaction on {self.path} was broken off, so nothing was saved.")

    def _fail_all(self, jobs: list[WriteJob[Any]], error: BaseException) -> None:
        self._memory.forget()
        with contextlib.suppress(exc.SQLAlchemyError, sqlite3.Error):
            if self._in_transaction:
                self._execute("ROLLBACK")
        for job in jobs:
            job.error = job.error or self._caller_error(error)
            job.works = ()
            if isinstance(job.error, StoreError):
                self._report(str(job.error))

    def _caller_error(self, error: BaseException) -> StoreError:
        """Return the error for a caller whose own unit did not fail. Each caller gets an exception of its own."""
        translated_error = translate(error, self.path)
        if isinstance(translated_error, StoreError):
            return type(translated_error)(*translated_error.args)
        return StoreError(
            f"A transaction on {self.path} was broken off ({type(error).__name__}), so nothing was saved."
        )

    def _report(self, trouble: str | None) -> None:
        """Log when a failure begins or ends, and not for every unit: the disk may be full."""
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if trouble is None:
            log.info("the database %s can be written again", self.path)
        else:
            log.error("%s", trouble)

    def _run(self, job: WriteJob[Any], now: datetime, *, alone: bool = False) -> None:
        """Run one unit. `alone`: seal its entries at once, and not with those of the group."""
        tx = Tx(self._connection, now=now, ids=self._ids, memory=self._memory)
        job.result, job.error, job.works, job.tx = None, None, (), None
        try:
            job.result = job.unit(tx)
            if alone:
                audit_log.seal([tx])
            job.works, job.tx = tx.works, tx
        except BaseException as error:  # noqa: BLE001 a unit's failure belongs to its caller, whatever it is
            job.error = translate(error, self.path)
            self._connection.renew()

    def _execute(self, statement: str) -> None:
        # Straight to the driver: these statements have no parameters.
        self._driver.execute(statement)

    @property
    def _in_transaction(self) -> bool:
        return self._driver.in_transaction

    def _answer(self, jobs: list[WriteJob[Any]]) -> None:
        self._answered.clear()
        by_loop: dict[asyncio.AbstractEventLoop, list[WriteJob[Any]]] = {}
        for job in jobs:
            by_loop.setdefault(job.loop, []).append(job)
        for loop, settled in by_loop.items():
            # A loop that closed meanwhile has no callers left, and `Engine.due` finds the work in the tables.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._settle, settled, loop)

    def _settle(self, jobs: list[WriteJob[Any]], loop: asyncio.AbstractEventLoop) -> None:
        works = [work for job in jobs for work in job.works]
        for job in jobs:
            job.settle()
        for listener in self._listeners if works else ():
            listener(works)
        # Set after the callers ran, so that they have queued their next units.
        loop.call_soon(self._answered.set)
