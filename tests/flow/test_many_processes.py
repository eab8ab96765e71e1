"""The whole program on PostgreSQL: real processes of the command on a real server."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot import trace_ids
from bot.devtools.bench.postgres_server import run as execute
from bot.devtools.bench.postgres_server import wait_for
from tests.support import postgres_server
from tests.support.processes import CommandResult, Installation, Process, create_installation
from tests.support.span_receiver import receiving_spans

KEY = "5a" * 32
WORKFLOW = """
name: flow
title: Pay it
owner: sam@example.com
steps:
  - {id: act, uses: set, with: {a: 1}, gate: {title: May it?, approvers: [ann@example.com]}}
  - {id: pause, uses: wait, with: {for: 1s}}
  - {id: last, uses: set, with: {a: "{{ steps.act.a }}"}}
"""
PATIENCE = 40.0


@pytest.fixture
def installation(tmp_path: Path, postgres_url: str) -> Iterator[Installation]:
    """Yield an installation whose database is an empty one on a server."""
    with postgres_server.empty(postgres_url) as url:
        made = create_installation(tmp_path)
        made.settings.update(
            SIGNOFF_DATABASE_URL=url, SIGNOFF_KEY=KEY, SIGNOFF_OPERATOR="ann@example.com", SIGNOFF_LOG_LEVEL="warning"
        )
        made.write("flow.yaml", WORKFLOW)
        yield made


def ok(finished: CommandResult) -> CommandResult:
    assert finished.code == 0, finished.output
    return finished


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.1)


@contextmanager
def serving(installation: Installation, command: str = "serve", **settings: str) -> Iterator[Process]:
    """Run a process until the body ends, which must end in order."""
    process = started(installation, command, **settings)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in out + err


def started(installation: Installation, command: str = "serve", **settings: str) -> Process:
    """Start a process, and wait until it is ready."""
    before = dict(installation.settings)
    installation.settings.update(settings)
    process = installation.start(command)
    installation.settings.clear()
    installation.settings.update(before)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Ready"):
            return process
    raise AssertionError(process.stderr.read() if process.stderr else "it never was ready")


def start_run(installation: Installation) -> str:
    return str(ok(installation.run("run", "flow", "--json")).json["run"])


def decide(installation: Installation) -> None:
    (request,) = ok(installation.run("requests", "--json")).json
    ok(installation.run("decide", request["id"], "approve"))


def status(installation: Installation, run: str) -> str:
    return str(ok(installation.run("runs", run, "--json")).json["status"])


def test_a_run_goes_through_a_server_that_shares_its_database(installation: Installation) -> None:
    ok(installation.run("migrate"))
    with serving(installation):
        ok(installation.run("register", "flow.yaml"))
        run = start_run(installation)
        decide(installation)
        until(lambda: status(installation, run) == "succeeded")
    assert "intact" in ok(installation.run("audit", "verify")).out


def test_bots_and_workers_share_the_work_and_a_killed_worker_is_replaced(installation: Installation) -> None:
    with serving(installation, SIGNOFF_ROLE="bot"):
        ok(installation.run("register", "flow.yaml"))
        with serving(installation, "worker"):
            victim = started(installation, "worker")
            runs = [start_run(installation) for _ in range(4)]
            for request in ok(installation.run("requests", "--json")).json:
                ok(installation.run("decide", request["id"], "approve"))
            os.kill(victim.pid, signal.SIGKILL)
            victim.communicate(timeout=PATIENCE)
            until(lambda: {status(installation, run) for run in runs} == {"succeeded"})
    assert "intact" in ok(installation.run("audit", "verify")).out


def test_all_processes_write_one_trace_of_a_run(installation: Installation) -> None:
    with receiving_spans() as collector:
        installation.settings["SIGNOFF_TRACING"] = "on"
        installation.write(".env", f"OTEL_EXPORTER_OTLP_ENDPOINT={collector.url}\n")
        with serving(installation, OTEL_SERVICE_NAME="server"):
            ok(installation.run("register", "flow.yaml"))
            run = start_run(installation)
            decide(installation)
            until(lambda: status(installation, run) == "succeeded")
    trace = f"{trace_ids.trace_id(run):032x}"
    tree = collector.tree(trace)
    assert tree[""] == ["command start"]
    assert tree["command start"] == ["start"]
    assert tree["command start > start > command decide"] == ["decide"]
    services = {span.name: span.service for span in collector.spans if span.trace == trace}
    assert {services[name] for name in ("start", "decide")} == {"signoff"}, "each by its own command"
    assert services["advance"] == "server"


def test_a_restored_database_is_used_once_the_operator_says_so(installation: Installation) -> None:
    ok(installation.run("migrate"))
    ok(installation.run("register", "flow.yaml"))
    run = start_run(installation)
    url = installation.settings["SIGNOFF_DATABASE_URL"]
    # As a dump that was loaded into another server has it.
    wait_for(execute(url, "UPDATE workspace SET marks = 'cluster=1 timeline=00000001 database=1 table=1'"))
    for command in (["serve"], ["worker"]):
        refused = installation.run(*command)
        assert refused.code == 4
        assert "It was restored from a dump, or copied from another database." in refused.output
        assert "1 request is open in it. People may be asked again" in refused.output
        assert run in refused.output
        assert "continue with this one: signoff serve --restored" in refused.output
    assert "Start `signoff serve`" in installation.run("run", "flow").err
    restored = installation.start("serve", "--restored")
    assert restored.stdout is not None
    assert any(line.startswith("Ready") for line in restored.stdout)
    restored.send_signal(signal.SIGTERM)
    restored.communicate(timeout=PATIENCE)
    decide(installation)
    assert "database.restored" in ok(installation.run("audit", "export")).out
    assert "intact" in ok(installation.run("audit", "verify")).out


def test_a_command_before_the_tables_were_made_says_what_to_run(installation: Installation) -> None:
    finished = installation.run("register", "flow.yaml")
    assert finished.code != 0
    assert "Make them: signoff migrate" in finished.output


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"SIGNOFF_KEY": ""}, "SIGNOFF_KEY: is needed with PostgreSQL"),
        ({"SIGNOFF_KEY": "short"}, "at least 64 hexadecimal digits"),
        ({"SIGNOFF_DATABASE_URL": "postgres://ann:geheim@db/x"}, "must look like postgresql+asyncpg://"),
        ({"SIGNOFF_DATABASE_URL": "postgresql+asyncpg://ann:geheim@127.0.0.1:1/x"}, "x on 127.0.0.1 does not answer"),
        ({"SIGNOFF_ROLE": "boss"}, "SIGNOFF_ROLE: must be"),
    ],
)
def test_a_wrong_setting_is_said_and_no_password(
    installation: Installation, settings: dict[str, str], sentence: str
) -> None:
    installation.settings.update(settings)
    finished = installation.run("requests")
    assert finished.code != 0
    assert sentence in finished.output
    assert "geheim" not in finished.output


def test_what_needs_a_file_says_so(installation: Installation) -> None:
    ok(installation.run("migrate"))
    assert "pg_dump" in installation.run("backup", "copy.db").output
    assert "were up to date already" in ok(installation.run("migrate")).out


def test_a_worker_of_a_file_is_refused(tmp_path: Path) -> None:
    assert "Workers need PostgreSQL" in create_installation(tmp_path).run("worker").output


def test_a_key_is_new_each_time_and_long_enough(installation: Installation) -> None:
    keys = {ok(installation.run("key")).out.strip() for _ in range(2)}
    assert len(keys) == 2
    assert {len(bytes.fromhex(key)) for key in keys} == {32}


SCHEDULES = 20
SCHEDULED = f"""
name: often
triggers:
{chr(10).join("  - {schedule: every 1h}" for _ in range(SCHEDULES))}
steps:
  - {{id: act, uses: set, with: {{a: 1}}}}
"""


def test_two_servers_start_one_run_for_each_time_of_a_schedule(installation: Installation) -> None:
    ok(installation.run("migrate"))
    installation.write("often.yaml", SCHEDULED)
    url = installation.settings["SIGNOFF_DATABASE_URL"]
    with serving(installation), serving(installation):
        ok(installation.run("register", "often.yaml"))
        due = "date_trunc('second', now())"
        wait_for(execute(url, f"UPDATE trigger SET next_at = {due}, look_at = {due}"))

        def started_runs() -> list[str]:
            return [run["id"] for run in ok(installation.run("runs", "--json")).json]

        until(lambda: len(started_runs()) >= SCHEDULES)
        # Both have looked again meanwhile.
        time.sleep(3)
        assert len(started_runs()) == SCHEDULES
    assert "intact" in ok(installation.run("audit", "verify")).out
