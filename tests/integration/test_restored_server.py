"""A PostgreSQL database that lacks its latest events is noticed, and used once an operator has confirmed it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import asyncpg
import pytest
from sqlalchemy import make_url, text

from bot.databases import libpq
from bot.devtools.bench.postgres_server import PostgresServer, wait_for, with_database
from bot.devtools.bench.postgres_server import run as execute
from engine.audit_entries import EntryKind, entry
from engine.domain import DEFAULT_WORKSPACE
from engine.errors import StoreRestored
from engine.store import audit_log, postgres, postgres_schema, server_marks
from engine.store.connection import Connection
from engine.store.port import Tx
from engine.store.postgres import PostgresStore
from engine.system import RandomIds, SystemClock
from tests.support import postgres_server
from tests.support.databases import entries
from tests.support.documents import Page

PAGE = Page.of("deploying.md")


@contextlib.asynccontextmanager
async def opened(url: str, *, restored: bool = False) -> AsyncIterator[PostgresStore]:
    async with postgres.opened(url, clock=SystemClock(), ids=RandomIds(), restored=restored) as store:
        yield store


def happen(tx: Tx) -> None:
    tx.audit(DEFAULT_WORKSPACE, entry(EntryKind.RUN_STUCK, content={}))


def marks(connection: Connection) -> str | None:
    found: str | None = connection.execute(text("SELECT marks FROM workspace")).scalar()
    return found


async def is_refused(url: str) -> str:
    with pytest.raises(StoreRestored) as refused:
        async with opened(url):
            pass
    return str(refused.value)


def back_up_as_the_page_says(url: str, folder: Path) -> None:
    """Run the commands of the page on the database `signoff` of a server, with the programs of the server."""
    blocks = PAGE.under("Back up PostgreSQL", "sh")
    assert len(blocks) == 3
    for block in blocks:
        run_as_the_page_says(block.text, url, folder)
    assert (folder / "base" / "backup_manifest").exists()


def run_as_the_page_says(commands: str, url: str, folder: Path) -> None:
    binaries = postgres_server.binaries_of_machine()
    if binaries is None or os.environ.get(postgres_server.ENVIRONMENT):
        pytest.skip("the programs of another server cannot be used")
    environment = {"PATH": f"{binaries}:{os.defpath}", "PGHOST": str(make_url(url).query["host"]), "PGUSER": "postgres"}
    subprocess.run(["sh", "-ec", commands], cwd=folder, env=environment, check=True)


@pytest.fixture
def on_the_page(postgres_url: str) -> Iterator[tuple[str, str]]:
    """Yield the URLs of the two databases that the page names."""
    names = ("signoff", "signoff_restored")
    wait_for(execute(postgres_url, "CREATE DATABASE signoff"))
    try:
        yield with_database(postgres_url, names[0]), with_database(postgres_url, names[1])
    finally:
        wait_for(execute(postgres_url, *(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)" for name in names)))


async def test_a_dump_that_was_loaded_as_the_page_says_is_refused_until_an_operator_confirms_it(
    on_the_page: tuple[str, str], tmp_path: Path
) -> None:
    original, loaded = on_the_page
    engine = postgres.create(original)
    await postgres_schema.prepare(engine, now=SystemClock().now())
    await engine.dispose()
    async with opened(original) as store:
        await store.transact(happen)
        assert "database=" in (await store.read(marks) or "")
    async with opened(original) as store:
        assert store.continuity.suspicion is None
    back_up_as_the_page_says(original, tmp_path)
    sentence = await is_refused(loaded)
    assert "It was restored from a dump, or copied from another database." in sentence
    assert "asks before it uses the database" in sentence
    async with opened(loaded, restored=True) as store:
        assert await store.read(entries) == 1
        await server_marks.confirm(store, store.continuity, by="terminal:lee")
        (confirmed,) = await store.read(lambda c: list(audit_log.export(c, DEFAULT_WORKSPACE, after=1)))
        assert "database.restored" in confirmed
        assert "terminal:lee" in confirmed
    async with opened(loaded) as store:
        await store.transact(happen)
        assert await store.read(entries) == 3
    async with opened(original) as store:
        assert store.continuity.suspicion is None, "the original goes on"


@dataclass
class BusyDriver:
    """A connection of a store that commits more while this one asks."""

    driver: Any
    store: PostgresStore

    async def fetchval(self, query: str, *args: object) -> object:
        answer: object = await self.driver.fetchval(query, *args)
        await self.store.transact(happen)
        return answer


async def test_what_is_committed_while_a_new_connection_is_checked_is_not_missing(postgres_database: str) -> None:
    driver = await asyncpg.connect(libpq(postgres_database))
    async with opened(postgres_database) as store:
        await store.transact(happen)
        await store.continuity.check(cast("asyncpg.Connection[Any]", BusyDriver(driver, store)))
        assert store.continuity.suspicion is None
        assert await store.read(entries) == 2
    await driver.close()


async def test_a_user_that_may_not_read_about_the_server_is_no_reason(postgres_database: str) -> None:
    async with opened(postgres_database) as store:
        await store.transact(happen)
        noted = await store.read(marks)
    assert noted is not None
    unknown = " ".join(f"{mark.partition('=')[0]}=-" for mark in noted.split(" "))
    assert server_marks.find_suspicion(noted, unknown) is None
    assert server_marks.find_suspicion(unknown, noted) is None
    assert server_marks.find_suspicion(None, noted) is None


# -- a server that stops ------------------------------------------------------------------------------------


class OwnServer:
    """A server of a test, whose files the test may exchange while it is stopped."""

    def __init__(self, folder: Path) -> None:
        binaries = postgres_server.binaries_of_machine() or postgres_server.binaries_of_wheel()
        self.folder, archive = folder, folder / "archive"
        (settings,) = [block for block in PAGE.under("Back up PostgreSQL", "") if "archive_mode" in block.text]
        archiving = settings.text.replace("'", "").replace("/srv/archive", str(archive)).replace(" = ", "=")
        options = [*postgres_server.OPTIONS, *archiving.splitlines()]
        self._server = PostgresServer(folder, binaries, options)
        archive.mkdir()
        shutil.chown(archive, (folder / "data").owner())
        self._server.start()
        self.url, self.stop, self.start = self._server.url, self._server.stop, self._server.start

    def recover(self) -> None:
        """Recover all of it, which begins a new timeline, as a standby does that takes over."""
        self.stop()
        signal = self.folder / "data" / "recovery.signal"
        signal.touch()
        configuration = self.folder / "data" / "postgresql.auto.conf"
        configuration.write_text(f"{configuration.read_text()}\nrestore_command = 'false'\n")
        self.start()
        self._wait_until_recovered()

    def _wait_until_recovered(self) -> None:
        deadline = time.monotonic() + 30
        while self.is_recovering():
            assert time.monotonic() < deadline, "the server never was the primary one"
            time.sleep(0.05)

    def recover_as_the_page_says(self, until: str) -> None:
        (block,) = PAGE.under("Recover to a moment", "sh")
        commands = block.text.replace("/srv/archive", str(self.folder / "archive"))
        assert "2026-03-02 08:00:00+00" in commands
        run_as_the_page_says(commands.replace("2026-03-02 08:00:00+00", until), self.url, self.folder)
        self.stop()
        data, recovered = self.folder / "data", self.folder / "recovered"
        subprocess.run(["chown", "-R", data.owner(), recovered], check=True)
        data.rename(self.folder / "before")
        recovered.rename(data)
        self.start()
        self._wait_until_recovered()

    def is_recovering(self) -> bool:
        asked: list[bool] = []

        async def ask() -> None:
            connection = await asyncpg.connect(libpq(self.url))
            asked.append(await connection.fetchval("SELECT pg_is_in_recovery()"))
            await connection.close()

        wait_for(ask())
        return asked[0]

    def copy(self) -> None:
        self.stop()
        subprocess.run(["cp", "-a", self.folder / "data", self.folder / "copy"], check=True)
        self.start()

    def put_back(self) -> None:
        self.stop()
        shutil.rmtree(self.folder / "data")
        (self.folder / "copy").rename(self.folder / "data")
        self.start()


@pytest.fixture
def own_server() -> Iterator[OwnServer]:
    folder = Path(tempfile.mkdtemp(prefix="signoff-postgres-"))
    server = OwnServer(folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def test_what_a_running_process_saw_decides_after_a_failover(own_server: OwnServer) -> None:
    with postgres_server.database(own_server.url) as url:
        async with opened(url) as store:
            await store.transact(happen)
            before = await store.read(marks)
            own_server.recover()
            await store.transact(happen)
            assert before != await store.read(marks)
        async with opened(url) as store:
            own_server.copy()
            await store.transact(happen)
            own_server.put_back()
            with pytest.raises(StoreRestored, match="may be an older copy"):
                await store.transact(happen)
            with pytest.raises(StoreRestored, match="A process saw entry 3 of its audit log, which is not there"):
                await store.read(entries)
        assert "A process saw entry 3" in await is_refused(url)
        async with opened(url, restored=True) as store:
            await server_marks.confirm(store, store.continuity, by="terminal:lee")
        async with opened(url) as store:
            assert await store.read(entries) == 3


async def test_a_recovery_while_no_process_ran_is_refused(own_server: OwnServer) -> None:
    with postgres_server.database(own_server.url) as url:
        async with opened(url) as store:
            await store.transact(happen)
        own_server.recover()
        assert "Its server was recovered, or a standby has taken over." in await is_refused(url)


async def test_a_recovery_as_the_page_says_ends_at_the_moment_and_is_refused(own_server: OwnServer) -> None:
    with postgres_server.database(own_server.url) as url:
        async with opened(url) as store:
            await store.transact(happen)
            (block,) = [block for block in PAGE.under("Back up PostgreSQL", "sh") if "basebackup" in block.text]
            run_as_the_page_says(block.text, own_server.url, own_server.folder)
            await store.transact(happen)
            moment = (await store.read(lambda c: c.execute(text("SELECT clock_timestamp()")).scalar_one())).isoformat()
            await store.transact(happen)
        wait_for(execute(own_server.url, "SELECT pg_switch_wal()"))
        own_server.recover_as_the_page_says(moment)
        assert "Its server was recovered" in await is_refused(url)
        async with opened(url, restored=True) as store:
            assert await store.read(entries) == 2
