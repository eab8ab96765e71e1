"""Turns at limited rates for all processes on one PostgreSQL database. `engine.pace.Pace` has the contract.

A statement takes the turns of all callers that wait at that moment. It runs on a connection of its own, outside of the
units of work, so that no unit waits for a row of a rate. The clock is the database's. Nothing here has to be durable: a
database that crashes forgets at most the turns of its last moments.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import asyncpg
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from engine.domain import DEFAULT_WORKSPACE
from engine.pace import KEPT_SECONDS, LocalPace, PaceNews, Rate, ReservedTurn
from engine.store import postgres
from engine.store.postgres_errors import is_again, is_broken_off, reason
from engine.store.postgres_line import PostgresLine

ANSWER_SECONDS: Final = 1.0
"""Maximum time to wait for the database, in seconds: a person who clicked waits too, and Slack waits only 3 s."""
ALONE_SECONDS: Final = 5.0
"""How long a process goes on alone after the database did not answer, in seconds."""
PRUNE_SECONDS: Final = 60.0
"""Time between two deletions of rows that mean nothing any more, in seconds."""

_RESERVE: Final = """
WITH wish AS MATERIALIZED (
    SELECT * FROM unnest($2::text[], $3::text[], $4::float8[], $5::float8[], $6::bool[])
        WITH ORDINALITY AS wish(key, caller, period, head_start, urgent, number)
), dropped AS (
    DELETE FROM kept_turn USING wish
    WHERE kept_turn.workspace = $1 AND kept_turn.key = wish.key AND kept_turn.caller = wish.caller AND wish.caller <> ''
    RETURNING wish.number, wish.urgent, kept_turn.at, kept_turn.put_off
), kept AS (
    SELECT * FROM dropped WHERE put_off IS NULL OR NOT urgent
), fresh AS (
    SELECT wish.*, row_number() OVER later AS place, row_number() OVER later_of_kind AS place_of_kind FROM wish
    WHERE NOT EXISTS (SELECT 1 FROM kept WHERE kept.number = wish.number)
    WINDOW later AS (PARTITION BY key ORDER BY urgent, number DESC),
        later_of_kind AS (PARTITION BY key, urgent ORDER BY number DESC)
), asked AS (
    SELECT key, max(period) AS period, max(head_start) AS head_start, max(period) * count(*) AS added,
        max(period) * count(*) FILTER (WHERE urgent) AS added_urgent
    FROM fresh GROUP BY key
), taken AS (
    INSERT INTO pace (workspace, key, next_at, urgent_at)
    SELECT $1, key, clock_timestamp() + make_interval(secs => added),
        CASE WHEN added_urgent > 0 THEN clock_timestamp() + make_interval(secs => added_urgent) END
    FROM asked ORDER BY key
    ON CONFLICT (workspace, key) DO UPDATE SET (next_at, urgent_at, put_off) = (
        SELECT greatest(pace.next_at, clock_timestamp()) + make_interval(secs => added),
            CASE WHEN added_urgent > 0 THEN greatest(pace.urgent_at, least(
                greatest(pace.next_at, clock_timestamp()),
                greatest(pace.rests_until, clock_timestamp()) + make_interval(secs => head_start + period)
            )) + make_interval(secs => added_urgent) ELSE pace.urgent_at END,
            pace.put_off + CASE WHEN pace.next_at - make_interval(secs => head_start) > clock_timestamp()
                THEN added_urgent ELSE 0 END
        FROM asked WHERE asked.key = excluded.key
    )
    RETURNING key, next_at, urgent_at, put_off, rests_until
)
SELECT coalesce(
    extract(epoch FROM kept.at - clock_timestamp()) + coalesce(greatest(pace.put_off - kept.put_off, 0), 0),
    CASE WHEN fresh.urgent THEN greatest(
        extract(epoch FROM taken.urgent_at - clock_timestamp())
            - fresh.place_of_kind * fresh.period - fresh.head_start, 0
    ) ELSE greatest(
        extract(epoch FROM taken.next_at - clock_timestamp()) - fresh.place * fresh.period - fresh.head_start, 0
    ) END
)::float8,
greatest(extract(epoch FROM coalesce(taken.rests_until, pace.rests_until) - clock_timestamp()), 0)::float8,
coalesce(CASE WHEN kept.number IS NULL THEN taken.put_off ELSE pace.put_off END, 0)::float8
FROM wish
LEFT JOIN kept USING (number)
LEFT JOIN fresh USING (number)
LEFT JOIN taken ON taken.key = fresh.key
LEFT JOIN pace ON pace.workspace = $1 AND pace.key = wish.key
ORDER BY wish.number
"""
_KEEP: Final = """
INSERT INTO kept_turn (workspace, key, caller, at, put_off)
SELECT $1, key, $3, clock_timestamp() + make_interval(secs => $4::float8), put_off
FROM unnest($2::text[], $5::float8[]) AS rate(key, put_off)
ORDER BY key
ON CONFLICT (workspace, key, caller) DO UPDATE SET at = excluded.at, put_off = excluded.put_off
"""
_REST: Final = """
INSERT INTO pace (workspace, key, next_at, rests_until)
VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3::float8 + $4::float8),
    clock_timestamp() + make_interval(secs => $3::float8))
ON CONFLICT (workspace, key) DO UPDATE SET
    next_at = greatest(pace.next_at, excluded.next_at), rests_until = greatest(pace.rests_until, excluded.rests_until)
"""
_NEWS: Final = """
SELECT greatest(extract(epoch FROM pace.rests_until - clock_timestamp()), 0)::float8, coalesce(pace.put_off, 0)::float8
FROM unnest($2::text[]) WITH ORDINALITY AS rate(key, number)
LEFT JOIN pace ON pace.workspace = $1 AND pace.key = rate.key ORDER BY number
"""
_PRUNE: Final = (
    """
DELETE FROM pace WHERE (workspace, key) IN (
    SELECT workspace, key FROM pace
    WHERE workspace = $1 AND next_at < clock_timestamp() - make_interval(secs => $2::float8) FOR UPDATE SKIP LOCKED)
""",
    """
DELETE FROM kept_turn WHERE (workspace, key, caller) IN (
    SELECT workspace, key, caller FROM kept_turn
    WHERE workspace = $1 AND at < clock_timestamp() - make_interval(secs => $2::float8) FOR UPDATE SKIP LOCKED)
""",
)
"""A rate whose next turn was in the past is as good as one without a row."""

_FAILURES: Final = (
    SQLAlchemyError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,  # also a timeout
)
log = logging.getLogger(__name__)
_Driver: TypeAlias = "asyncpg.Connection[Any]"


@dataclass(slots=True, eq=False)
class _Waiting:
    """A caller that waits for its turns."""

    rates: Sequence[Rate]
    caller: str
    urgent: bool
    turns: list[ReservedTurn] = field(default_factory=list)


class PostgresPace:
    """A `Pace` of all processes on one database. While that does not answer, a process keeps the rates by itself."""

    def __init__(
        self,
        line: PostgresLine,
        workspace: str = DEFAULT_WORKSPACE,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        alone_seconds: float = ALONE_SECONDS,
    ) -> None:
        self._line, self._workspace = line, workspace
        self._answer_seconds, self._alone_seconds = answer_seconds, alone_seconds
        self._alone = LocalPace()
        self._alone_until = self._pruned_at = -math.inf
        self._is_alone = False
        self._lock = asyncio.Lock()
        self._waiting: list[_Waiting] = []

    async def reserve(self, rates: Sequence[Rate], caller: str, *, urgent: bool = False) -> Sequence[ReservedTurn]:
        """Take the turns of all callers that wait, unless another caller did so for this one."""
        waiting = _Waiting(rates, caller, urgent)
        self._waiting.append(waiting)
        try:
            async with self._lock:
                if not waiting.turns:
                    await self._reserve_for_all([other for other in self._waiting if not other.turns])
        finally:
            # If it is cancelled meanwhile, another caller takes the turns of those that still wait.
            self._waiting.remove(waiting)
        return waiting.turns

    async def _reserve_for_all(self, waiting: Sequence[_Waiting]) -> None:
        if await self._ask(lambda driver: self._reserve(driver, waiting)):
            return
        for other in waiting:
            other.turns = [*await self._alone.reserve(other.rates, other.caller, urgent=other.urgent)]

    async def keep(
        self, rates: Sequence[Rate], caller: str, seconds: float, *, put_off: Sequence[float] | None = None
    ) -> None:
        """Keep the caller's turns, for whichever process it comes back in."""

        async def keep(driver: _Driver) -> None:
            keys = [rate.key for rate in rates]
            seen = [None] * len(keys) if put_off is None else list(put_off)
            await driver.execute(_KEEP, self._workspace, keys, _short(caller), seconds, seen)

        async with self._lock:
            if not await self._ask(keep):
                await self._alone.keep(rates, caller, seconds, put_off=put_off)

    async def rest(self, rate: Rate, seconds: float) -> None:
        """Let no process have a turn that is earlier than so many seconds from now."""
        await self._alone.rest(rate, seconds)

        async def rest(driver: _Driver) -> None:
            await driver.execute(_REST, self._workspace, rate.key, seconds, rate.head_start)

        async with self._lock:
            await self._ask(rest)

    async def news(self, rates: Sequence[Rate]) -> Sequence[PaceNews]:
        """Return how long each rate still rests and was put off, whichever process was refused or had urgent turns."""
        news: list[PaceNews] = []

        async def read(driver: _Driver) -> None:
            rows = await driver.fetch(_NEWS, self._workspace, [rate.key for rate in rates])
            news.extend(PaceNews(rest or 0.0, put_off) for rest, put_off in rows)

        async with self._lock:
            if not await self._ask(read):
                return await self._alone.news(rates)
        return news

    async def _reserve(self, driver: _Driver, together: Sequence[_Waiting]) -> None:
        wishes = [(rate, _short(waiting.caller)) for waiting in together for rate in waiting.rates]
        rows = await driver.fetch(
            _RESERVE,
            self._workspace,
            [rate.key for rate, _ in wishes],
            [caller for _, caller in wishes],
            [rate.interval for rate, _ in wishes],
            [rate.head_start for rate, _ in wishes],
            [waiting.urgent for waiting in together for _ in waiting.rates],
        )
        turns = iter(ReservedTurn(seconds, rest or 0.0, put_off) for seconds, rest, put_off in rows)
        for waiting in together:
            waiting.turns = [next(turns) for _ in waiting.rates]

    async def _ask(self, ask: Callable[[_Driver], Awaitable[None]]) -> bool:
        """Ask the database. Return False if it does not answer in time, or did not lately."""
        now = asyncio.get_running_loop().time()
        if now < self._alone_until:
            return False
        try:
            async with asyncio.timeout(self._answer_seconds):
                await self._ask_twice(ask)
                await self._prune(now)
        except _FAILURES as error:
            self._alone_until = asyncio.get_running_loop().time() + self._alone_seconds
            self._report(error)
            await self._line.drop()
            return False
        except BaseException:
            await self._line.drop()
            raise
        self._report(None)
        return True

    async def _ask_twice(self, ask: Callable[[_Driver], Awaitable[None]]) -> None:
        """Ask again if the connection had been broken off, or if another process was faster at the same rows."""
        await self._line.open()
        try:
            await ask(self._line.driver)
        except Exception as error:
            if is_broken_off(error):
                await self._line.drop()
                await self._line.open()
            elif not is_again(error):
                raise
            await ask(self._line.driver)

    def _report(self, error: Exception | None) -> None:
        """Log when a failure begins or ends, and not for every call."""
        if (error is not None) == self._is_alone:
            return
        self._is_alone = error is not None
        if error is not None:
            log.warning("this process paces its calls alone while the database does not answer: %s", reason(error))
        else:
            log.info("all processes pace their calls together again")

    async def _prune(self, now: float) -> None:
        if now - self._pruned_at < PRUNE_SECONDS:
            return
        self._pruned_at = now
        for statement in _PRUNE:
            await self._line.driver.execute(statement, self._workspace, KEPT_SECONDS)


def _short(caller: str) -> str:
    """Return a digest of a caller's key: keys may be long, and hold addresses."""
    return hashlib.blake2b(caller.encode(), digest_size=16).hexdigest() if caller else ""


async def _prepare(driver: _Driver) -> None:
    """Spare the disk: what is lost with it is worth nothing."""
    await driver.execute("SET synchronous_commit = off")


@asynccontextmanager
async def opened(
    url: str | URL, *, answer_seconds: float = ANSWER_SECONDS, alone_seconds: float = ALONE_SECONDS
) -> AsyncIterator[PostgresPace]:
    """Share turns through the database at a URL while the body runs. It connects when a turn is asked for."""
    engine = postgres.create(url)
    line = PostgresLine(engine, _prepare)
    try:
        yield PostgresPace(line, answer_seconds=answer_seconds, alone_seconds=alone_seconds)
    finally:
        await line.drop()
        await engine.dispose()
