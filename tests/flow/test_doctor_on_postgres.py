"""`signoff doctor` with a database on a real PostgreSQL server."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import trustme
from msgspec import structs

from bot import databases, loaded_settings, settings
from bot.databases import libpq
from bot.devtools.bench.postgres_server import PostgresServer, readable, run
from bot.devtools.demo.servers import free_port
from bot.doctor import database_server
from bot.doctor.context import CheckContext, ClockReading
from bot.doctor.finding import Finding, FindingState
from bot.web import routes
from bot.web.server import listening
from engine.domain import Work
from engine.ports import Clock
from engine.store import postgres, schema
from engine.store.postgres_health import ServerHealth, inspect_server
from engine.store.restored_backup import RestoreSuspicion
from engine.system import RandomIds, SystemClock
from engine.worker import distributed
from engine.worker.distributed import HintWriter
from tests.support import postgres_server
from tests.support.cli import Commands, commands
from tests.support.processes import create_installation

OK, WARNING, PROBLEM = FindingState.OK, FindingState.WARNING, FindingState.PROBLEM
KEY, OTHER_KEY = "5a" * 32, "b6" * 32


class ClockAhead:
    """The clock of this machine, set wrong."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return SystemClock().now() + self._by


@pytest.fixture(scope="module")
def ready(postgres_url: str) -> Iterator[str]:
    """Yield the URL of a database that is ready for use, which the tests of this file share."""
    with postgres_server.database(postgres_url) as url:
        asyncio.run(distributed.prepare(libpq(url)))
        yield url


@pytest.fixture
def url(ready: str) -> Iterator[str]:
    """Yield the URL of that database, and undo afterwards what a test did to it."""
    yield ready
    run_sql(
        ready,
        "UPDATE workspace SET key_fingerprint = NULL",
        "DELETE FROM pgqueuer",
        f"UPDATE alembic_version SET version_num = '{schema.revisions(schema.HISTORY)[-1]}'",
    )


@pytest.fixture
def signoff(
    tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Commands]:
    """Yield the command, with that database."""
    yield from commands(create_installation(tmp_path, database_url=url, key=KEY), capsys, monkeypatch)


def findings(url: str, clock: Clock | None = None, key: str = KEY) -> dict[str, Finding]:
    """Return the findings about the database, by check."""

    async def check() -> dict[str, Finding]:
        context = context_of(url, clock or SystemClock(), key)
        return {
            finding.check.removeprefix("database."): finding
            for network_check in database_server.CHECKS
            async for finding in network_check(context)
        }

    return asyncio.run(check())


def run_sql(url: str, *statements: str) -> None:
    asyncio.run(run(url, *statements))


def note_key(url: str, key: str) -> None:
    """Do what a server with this key does when it starts."""

    async def note() -> None:
        async with postgres.opened(url, clock=SystemClock(), ids=RandomIds()) as store:
            await databases.note_key(loaded(url, key), store)

    asyncio.run(note())


def loaded(url: str, key: str = KEY) -> settings.Settings:
    return loaded_settings.load({"SIGNOFF_DATABASE_URL": url, "SIGNOFF_KEY": key})


def context_of(url: str, clock: Clock, key: str = KEY) -> CheckContext:
    return CheckContext(
        settings=loaded(url, key),
        complaints=(),
        unusable=frozenset(),
        environment={},
        clock=clock,
        started=ClockReading.take(clock),
        serving=False,
    )


def test_a_database_that_is_ready_has_no_problem(signoff: Commands, url: str) -> None:
    note_key(url, KEY)
    finished = signoff("doctor", "--json")
    assert finished.code == 0
    assert KEY not in finished.out
    found = {finding["check"]: finding for finding in finished.json}
    assert {check: finding["state"] for check, finding in found.items() if finding["state"] != "ok"} == {}
    checked = {check.removeprefix("database.") for check in found if check.startswith("database")}
    assert checked == {"server", "schema", "rights", "clock", "connections", "tls", "key", "latest", "queue"}
    assert {"work.copies", "work.people", "work.unseen"} <= set(found), "the work in it is checked too"
    assert "PostgreSQL 1" in found["database.server"]["said"]


def test_a_bot_is_found_at_its_port(signoff: Commands) -> None:
    async def look() -> tuple[dict[str, str], dict[str, str]]:
        port = free_port()
        signoff.set(port=str(port), public_url=f"http://127.0.0.1:{port}")
        before = await said()
        async with listening(routes.site("", mounted={}), host="127.0.0.1", port=port):
            return before, await said()

    async def said() -> dict[str, str]:
        finished = await asyncio.to_thread(signoff, "doctor", "--json")
        return {finding["check"]: finding["said"] for finding in finished.json}

    before, with_bot = asyncio.run(look())
    assert "no server answers at SIGNOFF_PORT here" in before["mail.links"]
    assert "this server answers there" in with_bot["mail.links"]


def test_a_server_that_does_not_answer_is_one_problem_without_its_password(signoff: Commands) -> None:
    signoff.set(database_url="postgresql+asyncpg://ann:geheim@127.0.0.1:1/x")
    finished = signoff("doctor")
    assert finished.code == 1
    assert "✕ database.server: The database x on 127.0.0.1 does not answer" in finished.out
    assert "geheim" not in finished.output


@pytest.mark.parametrize(
    ("revision", "state", "said", "todo"),
    [
        ("0007", WARNING, "schema of an older version", "signoff migrate"),
        ("9999", PROBLEM, "by a newer Signoff", "Install that version"),
    ],
)
def test_another_schema_is_named(url: str, revision: str, state: FindingState, said: str, todo: str) -> None:
    run_sql(url, f"UPDATE alembic_version SET version_num = '{revision}'")
    finding = findings(url)["schema"]
    assert finding.state is state
    assert said in finding.message
    assert todo in (finding.advice or "")


def test_an_empty_database_needs_its_tables_and_its_queue(postgres_url: str) -> None:
    with postgres_server.empty(postgres_url) as url:
        found = findings(url)
        assert "no tables" in found["schema"].message
        assert "queue are missing" in found["queue"].message
        run_sql(url, "CREATE TABLE run (id int)")
        assert "tables of another program" in findings(url)["schema"].message
    assert "There is no database" in findings(url)["server"].message, "it is gone now"


@pytest.mark.parametrize(
    ("rights", "said"), [("ALL", "may not create tables"), ("SELECT", "may not read and write all tables")]
)
def test_a_right_that_is_missing_is_named(url: str, rights: str, said: str) -> None:
    role = f"signoff_poor_{rights.lower()}"
    run_sql(
        url,
        f"CREATE ROLE {role} LOGIN",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        f"GRANT {rights} ON ALL TABLES IN SCHEMA public TO {role}",
    )
    try:
        finding = findings(url.replace("postgres@", f"{role}@", 1))["rights"]
    finally:
        run_sql(url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")
    assert finding.state is PROBLEM
    assert said in finding.message


@pytest.mark.parametrize(
    ("ahead", "state", "said"),
    [
        (0, OK, "have the same time"),
        (2, WARNING, "seconds ahead of that of the database"),
        (-60, PROBLEM, "seconds behind that of the database"),
    ],
)
def test_a_difference_of_the_clocks_is_measured(url: str, ahead: int, state: FindingState, said: str) -> None:
    finding = findings(url, ClockAhead(timedelta(seconds=ahead)))["clock"]
    assert finding.state is state
    assert said in finding.message


def test_another_key_is_a_problem_and_a_warning_of_the_server_that_starts_with_it(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert "No server has started" in findings(url)["key"].message
    note_key(url, OTHER_KEY)
    assert caplog.text == ""
    finding = findings(url)["key"]
    assert finding.state is PROBLEM
    assert finding.message == "SIGNOFF_KEY is not the key of the server that started last."
    assert "Set the same key" in (finding.advice or "")
    note_key(url, KEY)
    assert "SIGNOFF_KEY is not the key of the process that started before this one" in caplog.text
    assert KEY not in caplog.text
    assert findings(url)["key"].state is OK


def test_jobs_that_no_worker_does_are_a_problem(url: str) -> None:
    async def hint() -> None:
        connection = await asyncpg.connect(libpq(url))
        await HintWriter()(connection, [Work("advance", "r1"), Work("advance", "r2"), Work("deliver", "d1")])
        await connection.close()

    asyncio.run(hint())
    assert findings(url)["queue"].state is OK, "they are new"
    past = "created = now() - interval '2 min', execute_after = now() - interval '2 min'"
    run_sql(url, f"UPDATE pgqueuer SET {past} WHERE entrypoint = 'advance'")
    finding = findings(url)["queue"]
    assert finding.state is PROBLEM
    assert finding.message == "Jobs that no worker took for over a minute: 2."
    assert "signoff worker" in (finding.advice or "")
    run_sql(
        url,
        "UPDATE pgqueuer SET status = 'picked', heartbeat = now() - interval '2 min' WHERE entrypoint = 'advance'",
        "UPDATE pgqueuer SET status = 'failed' WHERE entrypoint = 'deliver'",
    )
    finding = findings(url)["queue"]
    assert finding.state is WARNING
    assert finding.message == "Jobs whose worker is gone: 2; jobs that failed and are kept: 1."


@contextmanager
def encrypting_server() -> Iterator[str]:
    """Run a server of its own that takes TLS over TCP, and yield the URL of a database without any use of TLS."""
    with tempfile.TemporaryDirectory(prefix="signoff-postgres-", ignore_cleanup_errors=True) as name:
        folder, port = Path(name), free_port()
        certificate = folder / "server.pem"
        options = ("listen_addresses=127.0.0.1", "fsync=off", "ssl=on")
        files = (f"ssl_cert_file={certificate}", f"ssl_key_file={certificate}")
        binaries = postgres_server.binaries_of_machine() or readable(postgres_server.binaries_of_wheel(), folder)
        server = PostgresServer(folder, binaries, (*options, *files))
        trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
        certificate.chmod(0o600)
        os.chown(certificate, folder.stat().st_uid, -1)  # the user of the server, who owns its folder
        (folder / "data" / "postgresql.auto.conf").write_text(f"port = {port}\n")
        server.url += f"&port={port}"
        server.start()
        try:
            yield f"postgresql+asyncpg://postgres@127.0.0.1:{port}/postgres"
        finally:
            server.stop()


def test_tls_is_used_if_the_url_asks_for_it_also_by_the_queue() -> None:
    with encrypting_server() as url:
        assert findings(f"{url}?ssl=disable")["tls"].message.startswith("The database is on this machine")
        asyncio.run(distributed.prepare(libpq(f"{url}?ssl=require")))
        found = findings(f"{url}?ssl=require")
    assert found["tls"].message == "The connection to the database is encrypted."
    assert found["queue"].state is OK


# -- findings that a test cannot bring about on a server that it shares ---------------------------------------

Check = Callable[[CheckContext, ServerHealth], Iterator[Finding]]


@pytest.fixture(scope="module")
def health(ready: str) -> ServerHealth:
    return asyncio.run(inspect_server(ready, SystemClock()))


@pytest.mark.parametrize(
    ("check", "changes", "state", "said"),
    [
        (
            database_server.version,
            {"version": 130_014, "version_text": "13.14"},
            PROBLEM,
            "13.14, which is too old",
        ),
        (database_server.version, {"version": 140_001, "version_text": "14.1"}, OK, "PostgreSQL 14.1."),
        (database_server.version, {"version": 180_004, "version_text": "18.4"}, OK, "PostgreSQL 18.4."),
        (
            database_server.version,
            {"version": 190_000, "version_text": "19.0"},
            WARNING,
            "was not tested with",
        ),
        (database_server.rights, {"is_read_only": True}, PROBLEM, "is read-only"),
        (
            database_server.restored_backup,
            {"suspicion": RestoreSuspicion(why="A standby has taken over.", noted=None)},
            WARNING,
            "may be an older copy. A standby has taken over.",
        ),
        (
            database_server.connections,
            {"connections": 97, "used_connections": 90},
            WARNING,
            "room for 1 more",
        ),
        (
            database_server.connections,
            {"connections": 97, "used_connections": 95},
            PROBLEM,
            "room for 0 more",
        ),
        (
            database_server.connections,
            {"connections": 97, "used_connections": 99},
            PROBLEM,
            "room for 0 more",
        ),
    ],
)
def test_what_a_server_says_is_judged(
    check: Check, changes: dict[str, Any], state: FindingState, said: str, health: ServerHealth, ready: str
) -> None:
    (finding,) = check(context_of(ready, SystemClock()), structs.replace(health, **changes))
    assert finding.state is state
    assert said in finding.message


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("postgresql+asyncpg://u@/db", True),
        ("postgresql+asyncpg://u@/db?host=/run/postgresql", True),
        ("postgresql+asyncpg://u@localhost/db", True),
        ("postgresql+asyncpg://u@[::1]/db", True),
        ("postgresql+asyncpg://u@/db?host=db.example.com", False),
        ("postgresql+asyncpg://u@10.0.0.5:5432/db", False),
    ],
)
def test_a_connection_over_a_network_has_to_be_encrypted(url: str, local: bool, health: ServerHealth) -> None:
    context = context_of(url, SystemClock())
    (plain,) = database_server.encryption(context, structs.replace(health, is_encrypted=False))
    assert plain.state is (OK if local else WARNING)
    (encrypted,) = database_server.encryption(context, structs.replace(health, is_encrypted=True))
    assert encrypted.state is OK


def test_a_restored_database_is_noticed_and_stays_as_it_is(url: str) -> None:
    note_key(url, KEY)
    run_sql(url, "UPDATE workspace SET marks = 'cluster=1 timeline=00000001 database=1 table=1'")
    for _ in range(2):
        assert "It was restored from a dump" in findings(url)["latest"].message
    run_sql(url, "UPDATE workspace SET marks = NULL")
    assert findings(url)["latest"].state is OK


def test_tools_of_postgresql_get_the_use_of_tls_as_they_write_it() -> None:
    assert libpq("postgresql+asyncpg://u@h/d?ssl=require&x=1") == "postgresql://u@h/d?sslmode=require&x=1"
    assert libpq("postgresql+asyncpg://u@h/d?x=1&ssl=prefer") == "postgresql://u@h/d?x=1&sslmode=prefer"
