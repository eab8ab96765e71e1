"""An engine at work on PostgreSQL, for the clients of `bot.devtools.bench.engine_load`."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from multiprocessing.connection import Connection
from typing import Any, Final

import asyncpg

from bot.databases import libpq
from bot.devtools.bench.engine_load import EngineBenchEnv, at_work, build_env
from bot.executors import SHARED_TICK_SECONDS
from engine.store import postgres
from engine.system import RandomIds, SystemClock

_BUTTONS: Final = """
    SELECT found.run, found.id, found.digest FROM unnest($1::text[]) AS wanted(run)
    CROSS JOIN LATERAL (SELECT * FROM request WHERE request.run = wanted.run LIMIT 1) AS found
"""
"""Goes by the index however many are asked for, so that it takes little from the server."""


class ButtonReader:
    """Reads what buttons carry, on a connection of its own; one query answers all callers that wait."""

    def __init__(self, driver: asyncpg.Connection[Any]) -> None:
        self._driver = driver
        self._wanted: dict[str, asyncio.Future[tuple[str, str]]] = {}
        self._reading: asyncio.Future[None] | None = None

    async def read(self, run: str) -> tuple[str, str]:
        """Return the request of a run, and its digest."""
        future: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
        self._wanted[run] = future
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._read())
        return await future

    async def _read(self) -> None:
        await asyncio.sleep(0)  # The other callers of the same commit ask in this turn of the loop.
        while self._wanted:
            wanted, self._wanted = self._wanted, {}
            for run, request, digest in await self._driver.fetch(_BUTTONS, [*wanted]):
                wanted[run].set_result((request, digest))
        self._reading = None


@asynccontextmanager
async def open_engine(url: str) -> AsyncIterator[EngineBenchEnv]:
    """Open an engine on the database, whose schema must be current. No worker runs yet."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(postgres.opened(url, clock=SystemClock(), ids=RandomIds()))
        driver = await asyncpg.connect(libpq(url))
        stack.push_async_callback(driver.close)
        yield build_env(store, ButtonReader(driver).read)


@asynccontextmanager
async def run_engine(url: str) -> AsyncIterator[EngineBenchEnv]:
    """Open an engine on the database, with a worker that performs due work, as one process of several."""
    async with open_engine(url) as env, at_work(env, tick_seconds=SHARED_TICK_SECONDS):
        yield env


# -- engines in processes of their own ------------------------------------------------------------------------


class EngineProcess:
    """An engine with clients, in a process of its own."""

    def __init__(self, url: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, child_end = context.Pipe()
        self._process = context.Process(target=_serve_clients, args=(url, child_end))
        self._process.start()
        child_end.close()  # Otherwise recv() would wait forever for a process that has died.

    def run_lifecycles(self, count: int, clients: int) -> None:
        """Begin to run lifecycles; `wait` returns when all of them have ended."""
        self._pipe.send((count, clients))

    def wait(self) -> None:
        """Wait until the process has started, or has run its lifecycles."""
        self._pipe.recv()

    def stop(self) -> None:
        self._pipe.close()
        self._process.join()


@contextmanager
def engine_processes(url: str, count: int) -> Iterator[list[EngineProcess]]:
    """Run engines in processes of their own, on one database."""
    processes = [EngineProcess(url) for _ in range(count)]
    try:
        for process in processes:
            process.wait()
        yield processes
    finally:
        for process in processes:
            process.stop()


def lifecycles_per_second(processes: list[EngineProcess], count: int, clients: int) -> float:
    """Run lifecycles in these processes at once, and return how many a second. `clients`: of all of them."""
    started = time.perf_counter()
    for process in processes:
        process.run_lifecycles(count // len(processes), clients // len(processes))
    for process in processes:
        process.wait()
    return count // len(processes) * len(processes) / (time.perf_counter() - started)


def _serve_clients(url: str, pipe: Connection) -> None:
    async def serve() -> None:
        async with run_engine(url) as env:
            pipe.send(None)
            while True:
                try:
                    count, clients = await asyncio.to_thread(pipe.recv)
                except EOFError:
                    return
                await env.run_lifecycles(count, clients)
                pipe.send(None)

    asyncio.run(serve())
