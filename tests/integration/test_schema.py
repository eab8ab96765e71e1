from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import bindparam, create_engine, exc, insert, select, text, update

from engine.domain import Address, Decided, RunStatus, Verdict
from engine.errors import Conflict, StoreError, StoreOutdated, StoreReadOnly
from engine.read_models import PageQuery
from engine.store import (
    audit_log,
    delivery_queries,
    due_work,
    old_runs,
    people,
    request_model,
    request_queries,
    run_queries,
    run_rows,
    schema,
    workflows,
)
from engine.store.metadata import METADATA
from engine.store.port import Connection, Tx
from engine.store.sqlite_connection import SqliteConnection, connect
from engine.store.statements import Statement
from engine.system import RandomIds, SystemClock
from tests.support import stepwise_units
from tests.support.engine_env import open_engine
from tests.support.fakes import START
from tests.support.recording_channel import RecordingChannel

ROOT = Path(__file__).parents[2]
WORKSPACE = METADATA.tables["workspace"]

GATED = """
name: flow
owner: sam@example.com
steps:
  - {id: ask, uses: set, with: {text: hello}, gate: {approvers: [lee@example.com]}}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return stepwise_units.copy_empty_database(tmp_path / "signoff.db")


@pytest.fixture
def connection(path: Path) -> Iterator[Connection]:
    connection = connect(path, writable=True)
    yield connection
    connection.close()


# -- the schema and its history -----------------------------------------------------------------------------


def test_the_migrations_create_the_tables(connection: Connection) -> None:
    context = MigrationContext.configure(connection.core, opts={"compare_type": True, "compare_server_default": True})
    assert compare_metadata(context, METADATA) == []


def test_every_index_and_column_is_the_same_in_the_migrations_and_in_the_tables(
    connection: Connection, tmp_path: Path
) -> None:
    # Alembic does not compare the conditions of partial indexes.
    engine = create_engine(f"sqlite:///{tmp_path / 'made.db'}")
    METADATA.create_all(engine)
    with engine.connect() as migrated:
        assert _shape(connection.core) == _shape(migrated)
    engine.dispose()


def _shape(connection: sqlalchemy.Connection) -> dict[str, Any]:
    names = connection.execute(
        text("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('alembic_version')")
    ).scalars()
    shape: dict[str, Any] = {}
    for name in names.all():
        for what in ("table_info", "foreign_key_list"):
            rows = connection.exec_driver_sql(f"PRAGMA {what}({name})").all()
            shape[f"{name}.{what}"] = sorted(str(tuple(row)[1:]) for row in rows)
    indexes = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL"))
    return shape | {row.name: " ".join(row.sql.split()) for row in indexes}


def test_the_names_of_the_files_tell_the_history_as_alembic_reads_it(newer_history: Callable[..., Path]) -> None:
    for history in (schema.HISTORY, newer_history()):
        scripts = ScriptDirectory(str(history))
        assert schema.revisions(history) == [revision.revision for revision in reversed([*scripts.walk_revisions()])]
        assert schema.revisions(history)[-1] == scripts.get_current_head()


def test_the_schema_of_a_file_is_the_one_that_alembic_reads(path: Path, connection: Connection) -> None:
    assert schema.revision(path) == MigrationContext.configure(connection.core).get_current_revision()
    assert schema.revision(path) is not None


def test_a_new_file_is_of_this_schema_and_needs_no_backup(tmp_path: Path) -> None:
    path = tmp_path / "new" / "signoff.db"
    path.parent.mkdir()
    assert schema.prepare(path, now=START) is None
    assert schema.prepare(path, now=START) is None
    schema.check_current(path)
    assert list(path.parent.glob("*.backup*")) == []
    assert path.stat().st_mode & 0o077 == 0


async def test_a_database_of_the_first_schema_is_upgraded_with_all_of_its_rows(tmp_path: Path) -> None:
    path, channel = tmp_path / "signoff.db", RecordingChannel()
    async with open_engine(path, channel=channel) as env:
        await env.register(GATED)
        run = await env.start()
        await env.settle()
    with closing(connect(path, writable=True)) as connection:
        now, before = _shape(connection.core), connection.execute(text("SELECT * FROM delivery")).all()
        config = Config()
        config.set_main_option("script_location", str(schema.HISTORY))
        config.attributes["connection"] = connection.core
        command.downgrade(config, "0001")
        assert "link.table_info" not in _shape(connection.core)
    assert schema.prepare(path, now=START) is not None
    with closing(connect(path, writable=True)) as connection:
        assert _shape(connection.core) == now
        assert connection.execute(text("SELECT * FROM delivery")).all() == before
    async with open_engine(path, channel=channel) as env:
        assert isinstance(await env.decide(run), Decided)
        await env.settle()
        assert (await env.view(run)).status is RunStatus.SUCCEEDED


LATER = '''
"""Something later"""
from alembic import op

revision, down_revision, branch_labels, depends_on = "9001", "{before}", None, None

def upgrade():
    op.execute("CREATE TABLE later (a TEXT)")
    op.execute("INSERT INTO later SELECT id FROM workspace")
    {then}
'''


@pytest.fixture
def newer_history(tmp_path: Path) -> Callable[..., Path]:
    """Make migrations with one more step than those of this program, as a newer program has."""

    def make(then: str = "pass") -> Path:
        history = tmp_path / "history"
        shutil.copytree(schema.HISTORY, history, ignore=shutil.ignore_patterns("__pycache__"))
        before = max(file.name[:4] for file in (history / "versions").glob("0*.py"))
        (history / "versions" / "9001_later.py").write_text(LATER.format(before=before, then=then))
        return history

    return make


def test_an_upgrade_saves_the_file_first(path: Path, newer_history: Callable[..., Path]) -> None:
    older = schema.revision(path)
    saved = schema.prepare(path, now=START, history=newer_history())
    assert saved == str(path.with_name(f"signoff.db.{older}-20260302T090000.backup"))
    assert schema.revision(path) == "9001"
    assert schema.revision(Path(saved)) == older
    assert _rows(path, "SELECT a FROM later") == [("default",)]
    assert Path(saved).stat().st_mode & 0o077 == 0
    with schema.reading(Path(saved)) as connection:
        assert connection.execute(select(WORKSPACE.c.id)).scalars().all() == ["default"]


def test_an_upgrade_that_fails_midway_changes_nothing(path: Path, newer_history: Callable[..., Path]) -> None:
    older = schema.revision(path)
    with pytest.raises(exc.OperationalError, match="no such table: nowhere"):
        schema.prepare(path, now=START, history=newer_history('op.execute("INSERT INTO nowhere VALUES (1)")'))
    assert schema.revision(path) == older
    assert _rows(path, "SELECT count(*) FROM sqlite_master WHERE name = 'later'") == [(0,)]
    schema.check_current(path)


def test_an_upgrade_that_was_cut_off_can_be_begun_again_at_once(path: Path, newer_history: Callable[..., Path]) -> None:
    older = schema.revision(path)
    broken = newer_history('op.execute("INSERT INTO nowhere VALUES (1)")')
    for _ in range(3):
        with pytest.raises(exc.OperationalError, match="no such table: nowhere"):
            schema.prepare(path, now=START, history=broken)
    path.with_name(f"signoff.db.{older}-20260302T085959.backup.part").write_text("of one that was killed")
    shutil.rmtree(broken)
    saved = schema.prepare(path, now=START, history=newer_history())
    assert saved == str(path.with_name(f"signoff.db.{older}-20260302T090000-4.backup"))
    assert schema.revision(path) == "9001"
    assert sorted(file.name for file in path.parent.glob("*.backup*")) == [
        f"signoff.db.{older}-20260302T090000{number}.backup" for number in ("-2", "-3", "-4", "")
    ]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
def test_databases_and_their_copies_are_for_one_user_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        schema.prepare(tmp_path / "signoff.db", now=START)
        schema.backup(tmp_path / "signoff.db", tmp_path / "copy.db")
    finally:
        os.umask(before)
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


def test_a_file_of_a_newer_program_is_refused_and_stays_as_it_is(
    path: Path, newer_history: Callable[..., Path]
) -> None:
    schema.prepare(path, now=START, history=newer_history())
    before = path.read_bytes()
    with pytest.raises(StoreOutdated, match="newer Signoff"):
        schema.prepare(path, now=START)
    with pytest.raises(StoreOutdated, match="newer Signoff"), schema.reading(path):
        pytest.fail("it was opened")
    assert path.read_bytes() == before


def test_a_trial_and_a_real_database_are_not_mistaken_for_each_other(tmp_path: Path) -> None:
    for trial in (True, False):
        path = tmp_path / f"{trial}.db"
        with schema.owned(path, clock=SystemClock(), ids=RandomIds(), trial=trial):
            pass
        with (
            pytest.raises(StoreError),
            schema.owned(path, clock=SystemClock(), ids=RandomIds(), trial=not trial),
        ):
            pytest.fail("it was opened")


def _rows(path: Path, statement: str) -> list[Any]:
    file = sqlite3.connect(path)
    try:
        return file.execute(statement).fetchall()
    finally:
        file.close()


# -- backups ------------------------------------------------------------------------------------------------


async def test_a_backup_of_a_busy_database_is_complete_and_has_all_acknowledged_writes(tmp_path: Path) -> None:
    path = tmp_path / "signoff.db"
    with schema.owned(path, clock=SystemClock(), ids=RandomIds()) as store:

        def pair(number: int) -> Callable[[Tx], None]:
            def unit(tx: Tx) -> None:
                for part in "ab":
                    tx.connection.execute(
                        insert(WORKSPACE), {"id": f"{number}{part}", "name": "x" * 3000, "created_at": tx.now}
                    )

            return unit

        enough, saved = threading.Event(), threading.Event()
        backups: list[Path] = []

        def save() -> None:
            enough.wait(30)
            backups.extend(schema.backup(path, tmp_path / f"copy{number}.db") for number in range(3))
            saved.set()

        saving = threading.Thread(target=save)
        saving.start()
        number = 0
        while not saved.is_set():
            await store.transact(pair(number))
            number += 1
            if number == 20:
                enough.set()
        saving.join()
    for copy in backups:
        ids = {id_ for (id_,) in _rows(copy, "SELECT id FROM workspace")} - {"default"}
        assert len(ids) >= 40
        assert ids == {f"{number}{part}" for number in range(len(ids) // 2) for part in "ab"}
        assert _rows(copy, "PRAGMA integrity_check") == [("ok",)]
        assert not copy.with_name(copy.name + "-wal").exists()


def test_a_backup_overwrites_nothing_and_leaves_no_partial_file(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("mine")
    with pytest.raises(StoreError, match="exists already"):
        schema.backup(path, target)
    assert target.read_text() == "mine"
    with pytest.raises(StoreReadOnly, match="cannot be written"):
        schema.backup(path, tmp_path / "nowhere" / "copy.db")
    with pytest.raises(StoreError, match=r"missing\.db"):
        schema.backup(tmp_path / "missing.db", tmp_path / "other.db")
    assert {file.name for file in tmp_path.iterdir()} == {"signoff.db", "copy.db"}


# -- append-only tables -------------------------------------------------------------------------------------


async def test_decisions_and_the_audit_log_are_append_only_and_can_only_be_emptied(tmp_path: Path) -> None:
    path = tmp_path / "signoff.db"
    async with open_engine(path) as env:
        await env.register(GATED)
        run = await env.start()
        await env.decide(run)
    connection = connect(path, writable=True)

    def change(statement: str) -> None:
        connection.execute(text(statement))

    unchangeable = {
        "audit": ("workspace", "seq", "run", "leaf", "hash", "salt", "content"),
        "decision": (
            *("id", "workspace", "request", "content_version", "person", "verdict", "reason", "edits"),
            *("shown_digest", "approved_digest", "assurance", "record", "decided_at"),
        ),
    }
    for table, columns in unchangeable.items():
        assert set(columns) == set(METADATA.tables[table].columns.keys())
        for column in columns:
            with pytest.raises(exc.IntegrityError, match="append-only"):
                change(f"UPDATE {table} SET {column} = 'forged'")
        with pytest.raises(exc.IntegrityError, match="append-only"):
            change(f"DELETE FROM {table}")
        with pytest.raises(exc.IntegrityError, match="append-only"):
            change(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
    change("UPDATE audit SET salt = NULL, content = NULL")
    change("UPDATE decision SET reason = NULL, edits = NULL, record = '{}'")
    decided = request_queries.requests_of_run(connection, run)[0].decision
    assert decided is not None
    assert (decided.verdict, decided.reason) == ("approved", None)
    connection.close()


# -- times --------------------------------------------------------------------------------------------------


def test_a_time_without_a_zone_is_refused(connection: Connection) -> None:
    naive = datetime(2026, 3, 2, 9, 0)  # noqa: DTZ001 that is the point

    with pytest.raises(exc.StatementError, match="without a time zone"):
        connection.execute(update(WORKSPACE), {"created_at": naive})


@pytest.mark.parametrize("hours", [0, 13, -11])
def test_times_come_back_as_the_same_moment_whatever_zone_they_were_given_in(
    connection: Connection, hours: int
) -> None:
    zone = timezone(timedelta(hours=hours))
    moment = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)
    connection.execute(update(WORKSPACE).values(created_at=moment.astimezone(zone)))
    assert connection.execute(select(WORKSPACE.c.created_at)).scalar() == moment
    assert connection.exec_driver_sql("SELECT created_at FROM workspace").scalar() == "2026-03-29 01:30:00.123456"


@pytest.mark.parametrize(
    "moment",
    [START, datetime(2020, 2, 29, 23, 59, 59, 7, tzinfo=UTC), START.astimezone(timezone(timedelta(hours=-9)))],
)
def test_prepared_statements_write_and_read_times_as_all_others_do(connection: Connection, moment: datetime) -> None:
    write, read = Statement(update(WORKSPACE).values(created_at=bindparam("at"))), Statement(select(WORKSPACE))
    connection.execute(update(WORKSPACE).values(created_at=moment))
    text = connection.exec_driver_sql("SELECT created_at FROM workspace").scalar()
    row = read.one(connection, {})
    assert row is not None
    assert row.created_at == moment
    assert row.created_at.tzinfo is UTC
    assert write.write(connection, {"at": moment}) == 1
    assert connection.exec_driver_sql("SELECT created_at FROM workspace").scalar() == text
    assert connection.execute(select(WORKSPACE.c.created_at)).scalar() == moment


def test_a_prepared_statement_writes_the_two_hours_of_one_name_in_autumn_apart(connection: Connection) -> None:
    write = Statement(update(WORKSPACE).values(created_at=bindparam("at")))
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Zurich"))
    for moment, hour in (first, "00"), (first.replace(fold=1), "01"):
        write.write(connection, {"at": moment})
        text = connection.exec_driver_sql("SELECT created_at FROM workspace").scalar()
        assert text == f"2026-10-25 {hour}:30:00.000000"


def test_a_prepared_statement_refuses_a_time_without_a_zone(connection: Connection) -> None:
    write = Statement(update(WORKSPACE).values(created_at=bindparam("at")))
    with pytest.raises(ValueError, match="without a time zone"):
        write.write(connection, {"at": datetime(2026, 3, 2, 9, 0)})  # noqa: DTZ001 that is the point


def test_reading_the_first_of_several_rows_leaves_no_cursor_open(connection: SqliteConnection) -> None:
    for table in "ab":
        connection.execute(insert(WORKSPACE), {"id": table, "name": table, "created_at": START})
    first = Statement(select(WORKSPACE.c.id).order_by(WORKSPACE.c.id))
    row = first.one(connection, {})
    assert row is not None
    assert row.id == "a"
    assert connection.cursor.fetchone() is None


ELSEWHERE = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from sqlalchemy import select, update
from engine.store.sqlite_connection import connect
from engine.store.tables import WorkspaceRow

assert time.localtime(0).tm_hour != 0, "this process has another zone"
connection = connect(Path(sys.argv[1]), writable=True)
print(connection.execute(select(WorkspaceRow.created_at)).scalar().isoformat())
connection.execute(update(WorkspaceRow), {"created_at": datetime(2026, 6, 1, 12, tzinfo=UTC)})
connection.close()
"""


def test_processes_in_other_time_zones_read_and_write_the_same_moments(path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(path)],
        cwd=ROOT,
        env={**os.environ, "TZ": "Pacific/Apia"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert process.stdout.strip() == START.isoformat()
    with schema.reading(path) as connection:
        assert connection.execute(select(WORKSPACE.c.created_at)).scalar() == datetime(2026, 6, 1, 12, tzinfo=UTC)


# -- plans --------------------------------------------------------------------------------------------------

Query = Callable[[Connection], object]
ALL: dict[str, Query] = {
    "due_work": lambda c: due_work.due_work(c, START, 10, ready=START),
    "runs": lambda c: run_queries.run_views(c, "default", PageQuery()),
    "older runs": lambda c: run_queries.run_views(c, "default", PageQuery(before="x")),
    "open runs": lambda c: run_queries.run_views(c, "default", PageQuery(open_only=True)),
    "requests": lambda c: request_queries.request_views(c, "default", PageQuery(before="x")),
    "pending requests": lambda c: request_queries.request_views(c, "default", PageQuery(open_only=True)),
    "inbox": lambda c: request_queries.request_views(c, "default", PageQuery(open_only=True), person="p"),
    "by key": lambda c: run_rows.find_run_by_key(c, "default", "k"),
    "export": lambda c: list(audit_log.export(c, "default", after=7)),
    "workflow": lambda c: workflows.load_workflow(c, "default", "flow"),
    "old runs": lambda c: old_runs.oldest(c, "default", START, most=5),
    "current version": lambda c: workflows.load_current_cached(Tx(c, now=START, ids=RandomIds()), "default", "flow"),
}


def _pinned(connection: Connection) -> None:
    with pytest.raises(Conflict):  # There is no such row here.
        workflows.load_pinned_cached(Tx(connection, now=START, ids=RandomIds()), "w", 1)


FEW: dict[str, Query] = {
    "run": lambda c: run_queries.run_view(c, "r"),
    "loaded run": lambda c: run_rows.load_run(Tx(c, now=START, ids=RandomIds()), "r"),
    "answer": lambda c: request_model.load_answer(c, run="r", step="s", visit=1, at="before"),
    "request": lambda c: request_model.load_request(Tx(c, now=START, ids=RandomIds()), "q"),
    "pinned version": _pinned,
    "requests of a run": lambda c: request_queries.requests_of_run(c, "r"),
    "latest requests": lambda c: request_queries.latest_requests(c, ["r", "s"]),
    "copies of a run": lambda c: delivery_queries.delivery_views(c, run="r"),
    "copies of a request": lambda c: delivery_queries.delivery_views(c, request="q"),
    "story": lambda c: audit_log.story(c, "r"),
    "person": lambda c: people.find_person(c, "default", Address("email", "a@example.com")),
    "people": lambda c: people.load_people(c, ["p", "q"]),
}


@pytest.mark.parametrize("name", [*ALL, *FEW])
def test_every_query_that_is_asked_often_goes_by_an_index(connection: SqliteConnection, name: str) -> None:
    plans = _plans(connection, lambda: (ALL | FEW)[name](connection))
    assert plans
    # A subquery is a step of its own, and held to the same; its few rows are then read one after the other.
    subqueries = {f"SCAN {step.removeprefix('CO-ROUTINE ')}" for step in plans if step.startswith("CO-ROUTINE ")}
    assert [step for step in plans if _scans(step) and step not in subqueries] == []
    if name in ALL:
        # The rows of one run may be sorted. Tables that grow without end may not.
        assert [step for step in plans if "TEMP B-TREE" in step] == []


def test_the_retention_reads_nothing_but_ended_runs_with_contents(connection: SqliteConnection) -> None:
    plans = _plans(connection, lambda: old_runs.oldest(connection, "default", START, most=5))
    assert plans == ["SEARCH run USING INDEX run_with_contents (workspace=? AND ended_at<?)"]


def _scans(step: str) -> bool:
    """Return whether a step reads a whole table. That of the tenants has few rows."""
    return step.startswith("SCAN") and "workspace USING COVERING INDEX" not in step


def _plans(connection: SqliteConnection, work: Callable[[], object]) -> list[str]:
    statements: list[str] = []
    driver = connection.driver
    driver.set_trace_callback(statements.append)
    work()
    driver.set_trace_callback(None)
    return [row[3] for statement in statements for row in driver.execute(f"EXPLAIN QUERY PLAN {statement}")]


async def test_every_write_of_a_lifecycle_goes_by_an_index(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db") as env:
        seen: set[str] = set()

        def watch(tx: Tx) -> None:
            assert isinstance(tx.connection, SqliteConnection)
            tx.connection.driver.set_trace_callback(seen.add)

        await env.store.transact(watch)
        await env.register(GATED)
        for verdict in Verdict:
            run = await env.start()
            await env.settle()
            await env.decide(run, verdict)
            await env.settle()
        file = sqlite3.connect(env.path)
        plans = {
            statement: [row[3] for row in file.execute(f"EXPLAIN QUERY PLAN {statement}")]
            for statement in seen
            if statement.startswith(("UPDATE", "SELECT", "DELETE"))
        }
        file.close()
    assert len(plans) > 20
    assert {statement for statement, plan in plans.items() if any(map(_scans, plan))} == set()


def _make_foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("CREATE TABLE notes (body TEXT)")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (Path.mkdir, "is a folder, not a database. Set SIGNOFF_DATABASE_URL to a file."),
        (os.mkfifo, "is a device or a pipe, not a database. Set SIGNOFF_DATABASE_URL to a file."),
        (Path.touch, "is empty. Start `signoff serve`, which creates its tables."),
        (_make_foreign, "is a database of another program. Set SIGNOFF_DATABASE_URL to another file."),
    ],
)
def test_a_reader_of_no_database_of_signoff_learns_what_it_is(
    tmp_path: Path, make: Callable[[Path], object], sentence: str
) -> None:
    path = tmp_path / "signoff.db"
    make(path)
    with pytest.raises(StoreError) as refused, schema.reading(path):
        pass
    assert str(refused.value).endswith(f"{path} {sentence}")
