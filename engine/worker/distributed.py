"""The executor of many processes: hints travel through PgQueuer, in the transaction that made the work ready.

Only this module knows PgQueuer. A hint that is lost costs seconds, because every worker looks into the tables for
work that no one has taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
from pgqueuer import AsyncpgDriver, AsyncpgPoolDriver, Job, PgQueuer, Queries
from pgqueuer.errors import PgqException

from engine.domain import Work
from engine.errors import StoreError
from engine.store.postgres_errors import reason
from engine.worker.embedded import CONCURRENT, LooksForWork, Unit

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 2.0
"""Time between two looks into the tables, in seconds."""
GRACE: Final = timedelta(seconds=1)
"""How long work may be ready before a look hints at it again: its first hint is usually being worked on."""
RECONNECT_SECONDS: Final = 1.0
"""Wait before the queue is opened again after the database was lost, in seconds."""
POLL: Final = timedelta(seconds=10)
"""How long a worker waits for a notification before it asks the queue, in case notifications are lost."""
HEARTBEAT: Final = timedelta(seconds=10)
"""After how long without a sign of life the job of a worker goes to another one."""
SLOT: Final = timedelta(seconds=5)
"""For how long one hint of a look is enough for a piece of work, however many workers look. It is shorter than a lease:
the hint that a killed worker had taken must not count any more when its lease has lapsed."""
BATCH: Final = 16
"""Jobs that a worker takes at once."""
CHECK_SECONDS: Final = 10.0
"""Time between two checks that notifications arrive, in seconds."""
COMMAND_SECONDS: Final = 5.0
"""Maximum time of one statement of the queue, in seconds."""

_PREPARING: Final = (int.from_bytes(b"Sign", "big"), 2)
"""The advisory lock of those who prepare the queue; it ends with their connection."""
_LOST: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    PgqException,
)


class HintWriter:
    """Writes hints into the queue, on the connection and in the transaction that made the work ready."""

    async def __call__(self, connection: asyncpg.Connection[Any], works: Sequence[Work]) -> None:
        """Add one job for each different piece of work. No dedupe key: a job that runs already would swallow it."""
        different = [work for work in dict.fromkeys(works) if work.kind in CONCURRENT]
        if different:
            await _enqueue(Queries(AsyncpgDriver(connection)), different)


async def _enqueue(queries: Queries, works: Sequence[Work], *, slot: int | None = None) -> None:
    """Add a job for each piece of work, or with a `slot`, for each that has none of this slot."""
    await queries.enqueue(
        [work.kind for work in works],
        [work.id.encode() for work in works],
        [0] * len(works),
        dedupe_key=None if slot is None else [f"{work.kind} {work.id} {slot}" for work in works],
        on_conflict="skip",
    )


async def _keep(connection: asyncpg.Connection[Any]) -> None:
    """Leave the session as it is: no query of the queue changes it, and a reset after each is one query more."""


async def prepare(address: str) -> None:
    """Create the tables of the queue, or bring them up to date. `address`: as libpq takes it.

    Call it before workers start. Processes that do so at the same time wait for each other.
    """
    connection = await asyncpg.connect(address, command_timeout=60)
    try:
        # PgQueuer's own lock is for upgrades only: of two installations at once, one fails.
        await connection.execute("SELECT pg_advisory_lock($1, $2)", *_PREPARING)
        queries = Queries(AsyncpgDriver(connection))
        await (queries.upgrade() if await queries.schema_is_installed() else queries.install())
    finally:
        await connection.close()


class Distributed:
    """Runs work that any process hinted at. `units`: the function for each kind of work.

    `due`: reads the work that is ready. `address`: the database, as libpq takes it.

    A job of the queue ends when its work is known here, so that long work keeps neither a job nor a connection of the
    queue. If this process is killed then, its work is found in the tables.
    """

    def __init__(
        self,
        address: str,
        *,
        units: dict[str, Unit],
        due: LooksForWork,
        now: Callable[[], datetime],
    ) -> None:
        self._address, self._units, self._due, self._now = address, units, due, now
        self._limits = {kind: asyncio.Semaphore(CONCURRENT[kind]) for kind in units}
        self._waiting: dict[Work, asyncio.Task[None]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._queue: PgQueuer | None = None
        self._trouble: str | None = None

    @property
    def idle(self) -> bool:
        """Whether no work is running here."""
        return not self._waiting and not self._running

    def submit(self, works: Sequence[Work]) -> None:
        """Do nothing: the hints are in the queue since the commit."""

    def stop(self) -> None:
        """Start no more work. `run` returns when the running work has ended."""
        self._stopping.set()
        if self._queue is not None:
            self._queue.shutdown.set()

    async def run(self) -> None:
        """Do work until cancelled, or until `stop` was called and running work has ended.

        Work that has not begun goes to other processes at once.
        """
        try:
            await self._run_until_stopped()
            await self._hand_back()
            await asyncio.gather(*self._running)
        finally:
            tasks = [*self._waiting.values(), *self._running]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _hand_back(self) -> None:
        """Hint again at the work that waits here. If that fails, it is found in the tables."""
        works = [*self._waiting]
        for task in self._waiting.values():
            task.cancel()
        if works:
            with contextlib.suppress(*_LOST):
                connection = await asyncpg.connect(self._address, timeout=RECONNECT_SECONDS)
                try:
                    await HintWriter()(connection, works)
                finally:
                    connection.terminate()

    async def _run_until_stopped(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._run_connected()
            except _LOST as error:
                self._report(f"the queue in the database cannot be reached ({reason(error)})")
            except Exception:
                log.exception("the queue in the database failed; it is opened again")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), RECONNECT_SECONDS)

    async def _run_connected(self) -> None:
        async with self._pool() as pool:
            queue = PgQueuer(AsyncpgPoolDriver(pool))
            for kind in self._units:
                queue.entrypoint(kind, on_failure="hold")(self._worker(kind))
            tasks = [
                asyncio.ensure_future(self._look(Queries(AsyncpgPoolDriver(pool)))),
                asyncio.ensure_future(self._check(queue)),
            ]
            self._queue = queue
            try:
                if not self._stopping.is_set():
                    self._report(None)
                    await queue.qm.run(
                        dequeue_timeout=POLL,
                        batch_size=BATCH,
                        heartbeat_timeout=HEARTBEAT,
                    )
            finally:
                self._queue = None
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    @asynccontextmanager
    async def _pool(self) -> AsyncIterator[asyncpg.Pool[Any]]:
        """Open connections for the queue. If one of them ends, the queue does too, and is opened again."""

        def end(_: object) -> None:
            if self._queue is not None:
                self._queue.shutdown.set()

        async def watch(connection: asyncpg.Connection[Any]) -> None:
            connection.add_termination_listener(end)

        pool = await asyncpg.create_pool(
            self._address,
            min_size=2,
            max_size=4,
            command_timeout=COMMAND_SECONDS,
            timeout=COMMAND_SECONDS,
            max_inactive_connection_lifetime=0,
            init=watch,
            reset=_keep,
        )
        try:
            yield pool
        finally:
            # Closing them in order would wait for a server that may not be there.
            pool.terminate()

    async def _check(self, queue: PgQueuer) -> None:
        """End the queue when its notifications do not arrive any more, though no connection was closed."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                async with asyncio.timeout(COMMAND_SECONDS):
                    await queue.qm.listener_healthy()
            except _LOST as error:
                self._report(f"the queue in the database does not answer ({reason(error)})")
                queue.shutdown.set()

    def _worker(self, kind: str) -> Callable[[Job], Awaitable[None]]:
        async def take(job: Job) -> None:
            work = Work(kind, (job.payload or b"").decode())  # type: ignore[arg-type]
            if work not in self._waiting:
                self._waiting[work] = asyncio.ensure_future(self._work(work))

        return take

    async def _work(self, work: Work) -> None:
        task = self._waiting.get(work)
        try:
            await self._limits[work.kind].acquire()
        finally:
            self._waiting.pop(work, None)
        assert task is not None
        self._running.add(task)
        try:
            await self._do(work.kind, work.id)
        finally:
            self._running.discard(task)
            self._limits[work.kind].release()

    async def _do(self, kind: str, item: str) -> None:
        try:
            await self._units[kind](item)
        except StoreError as error:
            self._report(str(error))
        except Exception:
            log.exception("%s %s failed; it is tried again", kind, item)

    async def _look(self, queries: Queries) -> None:
        """Hint at work that is ready and that no one has taken, and at deadlines that have come."""
        while True:
            try:
                now = self._now()
                works = await self._due(now, grace=GRACE)
                if works:
                    await _enqueue(queries, works, slot=int(now.timestamp() // SLOT.total_seconds()))
            except StoreError as error:
                self._report(str(error))
            except _LOST as error:
                self._report(f"cannot hint at due work ({reason(error)})")
            except Exception:
                log.exception("cannot read due work")
            await asyncio.sleep(LOOK_SECONDS)

    def _report(self, trouble: str | None) -> None:
        """Log a trouble once, and not again for every unit of every look."""
        if trouble != self._trouble:
            self._trouble = trouble
            if trouble is not None:
                log.error("%s", trouble)
