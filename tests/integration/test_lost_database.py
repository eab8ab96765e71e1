"""The database goes away in every way that it can: nothing is lost or happens twice, and no restart is needed."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, make_url, select

from engine.audit_entries import EntryKind, entry
from engine.domain import (
    DEFAULT_WORKSPACE,
    Address,
    Assurance,
    Decided,
    DeliveryKind,
    DeliveryState,
    RunStatus,
    SignIn,
    Verdict,
)
from engine.errors import ChannelError, StoreError, StoreUnanswered, StoreUnsure
from engine.store import postgres, postgres_line, reconciliation
from engine.store.port import Tx
from engine.store.postgres import PostgresStore
from engine.store.punctual import PunctualStore
from engine.store.tables import WorkspaceRow
from engine.system import RandomIds, SystemClock
from tests.support import postgres_server
from tests.support.databases import OpenStore, entries, names, on_server
from tests.support.engine_env import TERMINAL, open_engine, until
from tests.support.fakes import people_reached_by
from tests.support.http_service import PATIENCE
from tests.support.recording_channel import Fault
from tests.support.rival_processes import connect

GATED = """
name: flow
owner: sam@example.com
steps:
  - {id: act, uses: set, with: {n: 1}, gate: {approvers: [lee@example.com]}}
"""


def keep(name: str) -> Callable[[Tx], str]:
    """Return a unit that writes a row and an entry, and that may be repeated: it writes them once."""

    def unit(tx: Tx) -> str:
        if not names_of(tx, name):
            tx.connection.execute(insert(WorkspaceRow), {"id": name, "name": name, "created_at": tx.now})
            tx.audit(DEFAULT_WORKSPACE, entry(EntryKind.RUN_STUCK, content={"name": name}))
        return name

    return unit


def keep_without_entry(name: str) -> Callable[[Tx], None]:
    """Return a unit that writes a row once, and no entry."""

    def unit(tx: Tx) -> None:
        if not names_of(tx, name):
            tx.connection.execute(insert(WorkspaceRow), {"id": name, "name": name, "created_at": tx.now})

    return unit


def names_of(tx: Tx, name: str) -> bool:
    return tx.connection.execute(select(WorkspaceRow).where(WorkspaceRow.id == name)).first() is not None  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[PostgresStore]:
    async with postgres.opened(url, clock=SystemClock(), ids=RandomIds()) as store:
        yield store


async def check_whole(store: PostgresStore, acknowledged: set[str]) -> None:
    """Check that what was acknowledged is stored, each row with one entry."""
    stored = await store.read(names)
    assert acknowledged <= stored
    assert await store.read(entries) == len(stored)


# -- a server that stops ------------------------------------------------------------------------------------


@pytest.fixture
def own_server() -> Iterator[postgres_server.Server]:
    """Yield a server that only this test uses."""
    binaries = postgres_server.binaries_of_machine() or postgres_server.binaries_of_wheel()
    assert binaries is not None
    folder = Path(tempfile.mkdtemp(prefix="signoff-postgres-"))
    server = postgres_server.Server(folder, binaries)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def test_a_server_that_was_away_is_used_again_without_a_restart(own_server: postgres_server.Server) -> None:
    with postgres_server.database(own_server.url) as url:
        async with opened(url) as store:
            assert await store.transact(keep("before")) == "before"
            assert await store.read(names) == {"before"}
            recorded = [asyncio.ensure_future(store.transact_with_retry(keep(f"r{number}"))) for number in range(150)]
            await asyncio.sleep(0)
            await asyncio.to_thread(own_server.stop)
            with pytest.raises(StoreError, match="does not answer"):
                await store.transact(keep("refused"))
            with pytest.raises(StoreError, match="does not answer"):
                await store.read(names)
            await asyncio.to_thread(own_server.start)
            assert await store.transact(keep("after")) == "after"
            assert await asyncio.gather(*recorded) == [f"r{number}" for number in range(150)]
            assert await store.read(names) == {"before", "after", *(f"r{number}" for number in range(150))}
            await check_whole(store, set())


async def test_connections_that_are_broken_off_again_and_again_cost_nothing(postgres_database: str) -> None:
    administrator = await connect(postgres_database)
    others = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    async with opened(postgres_database) as store:
        writing = [asyncio.ensure_future(store.transact_with_retry(keep(f"n{number}"))) for number in range(400)]
        reading = [asyncio.ensure_future(store.read(entries)) for _ in range(40)]
        for _ in range(6):
            await asyncio.sleep(0.02)
            await administrator.execute(others)
        acknowledged = set(await asyncio.gather(*writing))
        await asyncio.gather(*reading, return_exceptions=True)
        assert await store.read(names) == acknowledged == {f"n{number}" for number in range(400)}
        await check_whole(store, acknowledged)
    await administrator.close()


async def test_a_connection_that_was_broken_off_while_idle_is_replaced_unnoticed(postgres_database: str) -> None:
    administrator = await connect(postgres_database)
    async with opened(postgres_database) as store:
        for number in range(3):
            await store.transact(keep(f"n{number}"))
            await store.read(names)
            await administrator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'signoff'"
            )
        assert await store.read(names) == {"n0", "n1", "n2"}
    await administrator.close()


async def test_a_process_that_stops_in_a_transaction_holds_up_others_for_seconds_only(postgres_database: str) -> None:
    def stop(tx: Tx) -> None:
        keep("stopped")(tx)
        time.sleep(next(pauses, 0))  # as if the whole process were stopped

    pauses = iter([postgres_line.IDLE_SECONDS + 1])
    stopped = asyncio.to_thread(asyncio.run, _stop_in_the_middle(postgres_database, stop))
    async with opened(postgres_database) as store:
        stopping = asyncio.ensure_future(stopped)
        await asyncio.sleep(1)
        began = time.monotonic()
        assert await store.transact(keep("stopped")) == "stopped"
        assert time.monotonic() - began < postgres_line.IDLE_SECONDS + 0.5
        await stopping
        await check_whole(store, {"stopped"})


async def _stop_in_the_middle(url: str, unit: Callable[[Tx], None]) -> None:
    async with opened(url) as store:
        with contextlib.suppress(StoreError):
            await store.transact(unit)


async def test_a_process_goes_on_when_another_migrates_the_schema(postgres_database: str) -> None:
    administrator = await connect(postgres_database)
    async with opened(postgres_database) as store:
        for number, kind in enumerate(["VARCHAR", "TEXT", "VARCHAR"]):
            await administrator.execute(f"ALTER TABLE workspace ALTER COLUMN name TYPE {kind}")
            await asyncio.gather(*(store.transact(keep(f"n{number}{unit}")) for unit in range(5)))
            assert len(await store.read(names)) == 5 * (number + 1)
    await administrator.close()


# -- limits of the server -----------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def role(url: str, *settings: str) -> AsyncIterator[tuple[str, Callable[[str], Any]]]:
    """Yield the URL for a user of its own, and what runs a statement as the superuser."""
    administrator = await connect(url)
    name = make_url(url).database
    await administrator.execute(f"CREATE ROLE {name} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}")
    for setting in settings:
        await administrator.execute(f"ALTER ROLE {name} {setting}")
    try:
        yield make_url(url).set(username=name).render_as_string(hide_password=False), administrator.execute
    finally:
        await administrator.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
        await administrator.close()


async def test_a_server_without_free_connections_is_named_and_used_when_it_has_some(postgres_database: str) -> None:
    async with role(postgres_database) as (url, run), opened(url) as store:
        await run(f"ALTER ROLE {make_url(url).username} CONNECTION LIMIT 0")  # the store connects when it is used
        with pytest.raises(StoreError, match="no connection left"):
            await store.transact(keep("a"))
        with pytest.raises(StoreError, match="no connection left"):
            await store.read(names)
        await run(f"ALTER ROLE {make_url(url).username} CONNECTION LIMIT 1")
        assert await store.transact(keep("a")) == "a"
        await run(f"ALTER ROLE {make_url(url).username} CONNECTION LIMIT -1")
        assert await store.transact(keep("b")) == "b"
        await check_whole(store, {"a", "b"})


async def test_a_statement_that_takes_too_long_fails_its_own_unit(postgres_database: str) -> None:
    def slow(tx: Tx) -> None:
        keep("slow")(tx)
        tx.connection.exec_driver_sql("SELECT pg_sleep(5)")

    async with role(postgres_database, "SET statement_timeout = '200ms'") as (url, _), opened(url) as store:
        results = await asyncio.gather(
            store.transact(slow), *(store.transact(keep(f"n{number}")) for number in range(9)), return_exceptions=True
        )
        assert isinstance(results[0], StoreError)
        assert results[1:] == [f"n{number}" for number in range(9)]
        assert await store.read(names) == {f"n{number}" for number in range(9)}
        await check_whole(store, {f"n{number}" for number in range(9)})


# -- commits whose answers are lost -------------------------------------------------------------------------


class Proxy:
    """Stands between a store and the server. While `loses`, it breaks off when the answer to a commit comes."""

    def __init__(self, url: str, folder: Path) -> None:
        self._socket = f"{make_url(url).query['host']}/.s.PGSQL.5432"
        self._folder, self._loses, self.lost = folder, False, 0
        self._once, self._arrives = False, True
        self.server_url = url
        self._serving: set[asyncio.Task[None]] = set()
        self.url = make_url(url).set(query={"host": str(folder)}).render_as_string(hide_password=False)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        server = await asyncio.start_unix_server(self._serve, f"{self._folder}/.s.PGSQL.5432")
        try:
            yield self
        finally:
            server.close()
            await asyncio.gather(*self._serving)

    def lose_answers(self, loses: bool = True, *, once: bool = False, arrives: bool = True) -> None:
        """Lose the answers to commits, or with `arrives` false, the commits."""
        self._loses, self._once, self._arrives = loses, once, arrives

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        server_reader, server_writer = await asyncio.open_unix_connection(self._socket)
        answers = asyncio.ensure_future(self._pass_on(server_reader, writer))
        try:
            while chunk := await reader.read(1 << 16):
                loses = self._loses and b"COMMIT" in chunk
                if loses:
                    answers.cancel()
                    await asyncio.gather(answers, return_exceptions=True)
                if loses:
                    self.lost += 1
                    self._loses = not self._once
                    if self._arrives:
                        server_writer.write(chunk)
                        await server_reader.read(1)  # The server has done it.
                    return
                server_writer.write(chunk)
        finally:
            answers.cancel()
            for end in (writer, server_writer):
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(1 << 16):
            writer.write(chunk)
        writer.close()  # the server has hung up, and the store waits for that when it closes a connection


@pytest.fixture
async def proxy(postgres_database: str) -> AsyncIterator[Proxy]:
    with tempfile.TemporaryDirectory(prefix="signoff-proxy-") as folder:
        async with Proxy(postgres_database, Path(folder)).running() as proxy:
            yield proxy


@pytest.mark.parametrize("arrives", [True, False])
async def test_a_commit_without_an_answer_is_looked_for(proxy: Proxy, arrives: bool) -> None:
    async with opened(proxy.url) as store:
        await store.transact(keep("before"))
        proxy.lose_answers(once=True, arrives=arrives)
        kept = await asyncio.gather(*(store.transact(keep(f"n{number}")) for number in range(5)))
        assert proxy.lost == 1
        await check_whole(store, {"before", *kept})


async def test_a_caller_hears_that_the_outcome_of_a_commit_without_an_entry_is_unknown(proxy: Proxy) -> None:
    write = keep_without_entry("unknown")
    async with opened(proxy.url) as store:
        await store.transact(keep("before"))
        proxy.lose_answers()
        with pytest.raises(StoreUnanswered, match="it is unknown whether it did"):
            await store.transact(write)
        with pytest.raises(StoreUnsure, match="it is unknown whether it did"):
            await PunctualStore(store, patience=PATIENCE).transact(keep_without_entry("second"))
        proxy.lose_answers(False)
        assert await store.read(names) == {"before", "unknown", "second"}
        await store.transact(write)
        assert proxy.lost == 2


async def test_a_commit_of_nothing_that_gets_no_answer_is_no_error(proxy: Proxy) -> None:
    """Such is a decision that is refused."""
    async with opened(proxy.url) as store:
        await store.transact(keep("before"))
        proxy.lose_answers(once=True)
        assert await store.transact(keep("before")) == "before"
        proxy.lose_answers(once=True)
        results = await asyncio.gather(*(store.transact(keep("before")) for _ in range(3)))
        assert results == ["before"] * 3
        assert proxy.lost == 2


UNSURE = """
name: flow
owner: sam@example.com
steps:
  - {id: act, uses: played, with: {text: hello}}
"""


async def test_an_effect_whose_claim_got_no_answer_is_called_and_its_owner_is_not_asked(
    proxy: Proxy, open_by_proxy: OpenStore
) -> None:
    async with open_engine(Path("unused"), open_store=open_by_proxy) as env:
        await env.register(UNSURE)
        run = await env.start()
        proxy.lose_answers(once=True)
        await env.runner.advance(run)
        assert proxy.lost == 1
        assert len(env.step.calls) == 1
        assert (await env.view(run)).status is RunStatus.SUCCEEDED


@pytest.fixture
def open_by_proxy(proxy: Proxy) -> OpenStore:
    return on_server(proxy.url)


@pytest.mark.parametrize("fault", [None, ChannelError("the mailbox is gone", permanent=True)])
async def test_a_result_of_a_copy_is_recorded_once_though_the_answer_was_lost(
    proxy: Proxy, open_by_proxy: OpenStore, fault: ChannelError | None
) -> None:
    directory = people_reached_by("email")
    async with open_engine(Path("unused"), directory=directory, open_store=open_by_proxy) as env:
        await env.register(GATED)
        run, gate = await env.start(), asyncio.Event()
        env.mail.channel.queue_faults(Fault(error=fault, gate=gate))
        (delivery,) = [work.id for work in await env.engine.due(env.clock.now()) if work.kind == "deliver"]
        delivering = asyncio.ensure_future(env.relay.deliver(delivery))
        await until(lambda: env.mail.channel.calls == 1)
        proxy.lose_answers()
        gate.set()
        await until(lambda: proxy.lost == 1)
        proxy.lose_answers(False)
        await delivering
        await env.settle()
        kinds = await env.kinds(run)
        assert kinds.count("delivery.shown" if fault is None else "delivery.dead") == 1
        views = await env.engine.deliveries(run=run)
        copies = [view.state for view in views if view.kind is DeliveryKind.REQUEST]
        assert copies == [DeliveryState.SHOWN if fault is None else DeliveryState.DEAD]
        alerts = [view.topic for view in views if view.kind is DeliveryKind.ALERT]
        assert alerts == ([] if fault is None else ["unreachable"])


async def test_a_connection_that_the_server_has_ended_is_replaced_though_it_is_not_closed_yet(proxy: Proxy) -> None:
    """The server says that it ends a connection a moment before the end; the proxy makes that moment long."""
    administrator = await connect(proxy.server_url)
    async with opened(proxy.url) as store:
        for number in range(2 * postgres.READERS):
            await store.transact(keep(f"n{number}"))
            assert len(await store.read(names)) == number + 1
            await administrator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'signoff'"
            )
            await asyncio.sleep(0.05)
    await administrator.close()


# -- texts that PostgreSQL does not store -------------------------------------------------------------------


TITLED = """
name: flow
owner: sam@example.com
inputs:
  what: {type: json}
steps:
  - {id: act, uses: set, with: {n: 1}, gate: {approvers: [lee@example.com], title: "Pay {{ inputs.what }}"}}
"""


async def test_a_character_that_postgresql_does_not_store_harms_no_unit(open_store: OpenStore, tmp_path: Path) -> None:
    directory = people_reached_by("email")
    async with open_engine(tmp_path / "signoff.db", directory=directory, open_store=open_store) as env:
        await env.register(TITLED)
        run = await env.start(what="a\0b")
        assert (await env.request(run)).title in ("Pay a\0b", "Pay a\ufffdb")
        assert await env.engine.run("no\0run") is None
        assert await env.engine.person(Address("email", "no\0one@example.com")) is None
        await env.identity.sign_in(SignIn(email="no\0one@example.com", holder="browser"))
        env.mail.channel.queue_faults(Fault(error=ChannelError("550 no \0 such mailbox", permanent=True)))
        await env.settle()
        model = (await env.request(run)).model
        terminal = {"origin": TERMINAL, "assurance": Assurance.TERMINAL}
        rejection = await env.approval_by_link(run, verdict=Verdict.REJECT, reason="not \0 this", **terminal)
        assert isinstance(await env.engine.decide(rejection), Decided)
        decision = (await env.request(run)).decision
        assert decision is not None
        assert decision.reason == "not \ufffd this"
        assert (await env.request(run)).model.digest == model.digest
        assert await env.store.read(lambda connection: [*reconciliation.compare(connection, DEFAULT_WORKSPACE)]) == []
