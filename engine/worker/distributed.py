"""The executor of many processes: hints travel through PgQueuer, in the transaction that made the work ready.

Only this module knows PgQueuer. A hint that is lost costs seconds, because every worker looks into the tables for
work that no one has taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
from pgqueuer import AsyncpgDriver, AsyncpgPoolDriver, Job, PgQueuer, Queries
from pgqueuer.errors import PgqException

from engine.domain import Work
from engine.errors import StoreError
from engine.worker.embedded import CONCURRENT, Unit

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
BATCH: Final = 16
"""Jobs that a worker takes at once."""
COMMAND_SECONDS: Final = 10.0
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
        different = [*dict.fromkeys(works)]
        if different:
            await _enqueue(Queries(AsyncpgDriver(connection)), different)


async def _enqueue(queries: Queries, works: Sequence[Work], *, dedupe: bool = False) -> None:
    await queries.enqueue(
        [work.kind for work in works],
        [work.id.encode() for work in works],
        [0] * len(works),
        dedupe_key=[f"{work.kind} {work.id}" for work in works] if dedupe else None,
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

    `due`: reads the work that is ready at a time. `address`: the database, as libpq takes it.
    """

    def __init__(
        self,
        address: str,
        *,
        units: dict[str, Unit],
        due: Callable[[datetime], Awaitable[list[Work]]],
        now: Callable[[], datetime],
    ) -> None:
        self._address, self._units, self._due, self._now = address, units, due, now
        self._limits = {kind: asyncio.Semaphore(CONCURRENT[kind]) for kind in units}
        self._busy = 0
        self._stopping = asyncio.Event()
        self._queue: PgQueuer | None = None
        self._trouble: str | None = None

    @property
    def idle(self) -> bool:
        """Whether no work is running here."""
        return self._busy == 0

    def submit(self, works: Sequence[Work]) -> None:
        """Do nothing: the hints are in the queue since the commit."""

    def stop(self) -> None:
        """Start no more work. `run` returns when the running work has ended."""
        self._stopping.set()
        if self._queue is not None:
            self._queue.shutdown.set()

    async def run(self) -> None:
        """Do work until cancelled, or until `stop` was called and running work has ended."""
        while not self._stopping.is_set():
            try:
                await self._run_connected()
            except _LOST as error:
                self._report(f"the queue in the database cannot be reached ({error or type(error).__name__})")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), RECONNECT_SECONDS)

    async def _run_connected(self) -> None:
        async with asyncpg.create_pool(
            self._address, min_size=2, max_size=4, command_timeout=COMMAND_SECONDS, reset=_keep
        ) as pool:
            queue = PgQueuer(AsyncpgPoolDriver(pool))
            for kind in self._units:
                queue.entrypoint(kind, on_failure="hold")(self._worker(kind))
            looking = asyncio.ensure_future(self._look(Queries(AsyncpgPoolDriver(pool))))
            self._queue = queue
            try:
                if not self._stopping.is_set():
                    self._report(None)
                    await queue.qm.run(
                        dequeue_timeout=POLL,
                        batch_size=BATCH,
                        heartbeat_timeout=HEARTBEAT,
                        shutdown_on_listener_failure=True,
                    )
            finally:
                self._queue = None
                looking.cancel()
                await asyncio.gather(looking, return_exceptions=True)

    def _worker(self, kind: str) -> Callable[[Job], Awaitable[None]]:
        async def work(job: Job) -> None:
            async with self._limits[kind]:
                self._busy += 1
                try:
                    await self._do(kind, (job.payload or b"").decode())
                finally:
                    self._busy -= 1

        return work

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
                works = await self._due(self._now() - GRACE)
                if works:
                    await _enqueue(queries, works, dedupe=True)
            except StoreError as error:
                self._report(str(error))
            except _LOST as error:
                self._report(f"cannot hint at due work ({error or type(error).__name__})")
            except Exception:
                log.exception("cannot read due work")
            await asyncio.sleep(LOOK_SECONDS)

    def _report(self, trouble: str | None) -> None:
        """Log a trouble once, and not again for every unit of every look."""
        if trouble != self._trouble:
            self._trouble = trouble
            if trouble is not None:
                log.error("%s", trouble)
