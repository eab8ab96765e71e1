"""Moving an embedded database to PostgreSQL, with everything that waits."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from sqlalchemy import func, insert, select

from bot import app
from engine.domain import Decided, RequestState, RunStatus
from engine.errors import StoreError
from engine.store import audit_log, file_marks, metadata, move, postgres, schema
from engine.store.sqlite_connection import connect
from engine.store.tables import WorkspaceRow
from engine.system import RandomIds, SystemClock
from tests.support import postgres_server
from tests.support.cli import Commands
from tests.support.databases import on_server
from tests.support.engine_env import open_engine
from tests.support.processes import HELLO, Installation, Server, serving
from tests.support.server_env import MIA, NOA, links, open_server
from tests.support.web_env import Browser

GATED = """
name: flow
owner: sam@example.com
steps:
  - {id: act, uses: played, with: {text: "a 'quoted' ü € text\\nof two lines"}, gate: {approvers: [lee@example.com]}}
"""


EMAILED = f"""
name: flow
owner: {NOA}
steps:
  - {{id: act, uses: set, with: {{a: 1}}, gate: {{title: May it?, approvers: [{MIA}]}}}}
"""


async def moved(path: Path, url: str) -> move.Moved:
    engine = postgres.create(url)
    try:
        with closing(connect(path, writable=True)) as source:
            return await move.move(source, engine)
    finally:
        await engine.dispose()


async def test_a_request_that_waits_is_decided_after_the_move_with_the_button_from_before(
    tmp_path: Path, postgres_database: str
) -> None:
    async with open_engine(tmp_path / "signoff.db") as before:
        await before.register(GATED)
        decided, waiting = await before.start(), await before.start()
        await before.settle()
        await before.decide(decided)
        await before.settle()
        button = await before.approval_by_link(waiting)
        story = await before.kinds(decided)
    result = await moved(before.path, postgres_database)
    assert result.rows["run"] == 2
    async with open_engine(
        tmp_path / "unused", open_store=on_server(postgres_database), clock=before.clock, channel=before.channel
    ) as after:
        assert await after.kinds(decided) == story
        assert (await after.request(waiting)).model.digest == button.digest
        assert isinstance(await after.decide(waiting), Decided)
        await after.settle()
        assert (await after.view(waiting)).status is RunStatus.SUCCEEDED
        head = await after.store.read(lambda connection: audit_log.head(connection, "default"))
        assert head[0] > result.head[0]
        assert (
            await after.store.read(lambda connection: audit_log.hash_of(connection, "default", result.head[0]))
            == (result.head[1])
        )


async def test_a_database_that_is_in_use_is_refused_and_stays_as_it_is(tmp_path: Path, postgres_database: str) -> None:
    async with open_engine(tmp_path / "signoff.db") as env:
        await env.register(GATED)
        await env.start()
    await moved(env.path, postgres_database)
    with pytest.raises(StoreError, match="is in use already"):
        await moved(env.path, postgres_database)
    async with postgres.opened(postgres_database, clock=SystemClock(), ids=RandomIds()) as store:
        run = metadata.METADATA.tables["run"]
        assert await store.read(lambda c: c.execute(select(func.count()).select_from(run)).scalar()) == 1


async def test_a_table_of_more_rows_than_are_in_memory_at_once_arrives_whole(
    tmp_path: Path, postgres_database: str
) -> None:
    path = tmp_path / "signoff.db"
    schema.prepare(path, now=SystemClock().now())
    rows = [
        {"id": f"w{number:05}", "name": f"Name {number}", "created_at": SystemClock().now()}
        for number in range(2 * move.ROWS + 1)
    ]
    with closing(connect(path, writable=True)) as connection:
        connection.execute(insert(WorkspaceRow), rows)
    assert (await moved(path, postgres_database)).rows["workspace"] == len(rows) + 1


@pytest.fixture
def empty_url(postgres_url: str) -> Iterator[str]:
    with postgres_server.empty(postgres_url) as url:
        yield url


def test_the_command_moves_and_says_what_to_set_and_the_file_is_used_no_more(
    signoff: Commands, installation: Installation, empty_url: str
) -> None:
    installation.write("hello.yaml", HELLO)
    signoff.run_ok("register", "hello.yaml")
    output = signoff.run_ok("move", "--to", empty_url).output
    assert "compared them" in output
    assert "SIGNOFF_KEY" in output
    again = signoff("move", "--to", empty_url)
    assert again.code != 0
    assert "was moved to another database" in again.output
    refused = signoff("register", "hello.yaml")
    assert refused.code != 0
    assert "was moved to another database" in refused.output


def test_a_wrong_address_is_named(signoff: Commands, installation: Installation) -> None:
    installation.write("hello.yaml", HELLO)
    signoff.run_ok("register", "hello.yaml")
    refused = signoff("move", "--to", "postgres://ann:geheim@example.com/x")
    assert "--to takes an address that begins with postgresql+asyncpg://" in refused.output
    assert "geheim" not in refused.output


def test_a_server_that_does_not_answer_leaves_the_file_in_use(signoff: Commands, installation: Installation) -> None:
    installation.write("hello.yaml", HELLO)
    signoff.run_ok("register", "hello.yaml")
    refused = signoff("move", "--to", "postgresql+asyncpg://ann:geheim@127.0.0.1:1/x")
    assert refused.code != 0
    assert "x on 127.0.0.1 does not answer" in refused.output
    assert "geheim" not in refused.output
    signoff.run_ok("register", "hello.yaml")


@pytest.fixture
def registered(signoff: Commands, installation: Installation) -> Installation:
    installation.write("hello.yaml", HELLO)
    signoff.run_ok("register", "hello.yaml")
    return installation


def test_a_file_that_a_server_uses_is_refused(signoff: Commands, registered: Installation, empty_url: str) -> None:
    with serving(registered):
        refused = signoff("move", "--to", empty_url)
    assert refused.code == 4
    assert "Another Signoff process uses" in refused.output
    signoff.run_ok("move", "--to", empty_url)


def test_a_file_whose_log_was_changed_is_refused_and_goes_on(
    signoff: Commands, registered: Installation, empty_url: str
) -> None:
    signoff.run_ok("run", "hello")
    with closing(sqlite3.connect(registered.database)) as file, file:
        file.execute("DROP TRIGGER audit_unchanged")
        file.execute("UPDATE audit SET hash = zeroblob(32) WHERE seq = 1")
    refused = signoff("move", "--to", empty_url)
    assert refused.code == 4
    assert "The audit log was changed" in refused.output
    signoff.run_ok("run", "hello")


def test_a_restored_backup_is_moved_only_after_the_operator_confirmed_it(
    signoff: Commands, registered: Installation, empty_url: str
) -> None:
    signoff.run_ok("backup", "copy.db")
    signoff.run_ok("run", "hello")
    shutil.copy(registered.folder / "copy.db", registered.database)
    refused = signoff("move", "--to", empty_url)
    assert refused.code == 4
    assert "may be an older copy" in refused.output
    server = Server(registered, "--restored").wait_until_ready()
    assert server.stop() == 0
    signoff.run_ok("move", "--to", empty_url)


async def test_a_link_that_was_emailed_before_the_move_decides_afterwards(
    tmp_path: Path, postgres_database: str
) -> None:
    async with open_server(tmp_path) as before:
        await before.register(EMAILED)
        run = await before.start("flow")
        (mail,) = await before.sandbox.mail.wait_for(to=MIA)
        link = urlsplit(next(link for link in links(mail) if "/r/" in link)).path
    await moved(tmp_path / "signoff.db", postgres_database)
    key = (tmp_path / "signoff.db.key").read_text().strip()
    settings = {"SIGNOFF_DATABASE_URL": postgres_database, "SIGNOFF_KEY": key}
    async with open_server(tmp_path, more=settings) as after, aiohttp.ClientSession() as session:
        browser = Browser(session, after.url)
        page = await browser.get(link)
        at_code = await browser.send(page.page.form)
        form = at_code.page.form
        await browser.post(form.action, form.with_(code=await after.code()), kind=form.kind)
        await app.wait_for_run(after.app, run)
        assert (await after.request(run)).model.state is RequestState.APPROVED


def test_the_mark_of_a_moved_file_is_none_of_the_others(tmp_path: Path) -> None:
    path = tmp_path / "signoff.db"
    schema.prepare(path, now=SystemClock().now())
    with closing(connect(path, writable=True)) as connection:
        marks = {file_marks.set_open(connection.driver, RandomIds()) for _ in range(50)}
    assert file_marks.MOVED not in marks
