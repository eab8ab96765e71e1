"""`signoff doctor` on a healthy installation, and on installations with one fault each."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from bot.cli import doctor as command
from bot.devtools.language_model import KEY, MODEL, ModelService
from bot.devtools.sandbox import RunningSandbox, sandbox
from bot.doctor import checks, database, database_folder, machine, samples
from bot.doctor.context import NETWORK_SECONDS, TIMEOUT, CheckContext
from engine.domain.oversight import OversightPurpose
from engine.requests.oversight_request import OversightRequest
from engine.store import health, lock, schema
from engine.system import RandomIds, SystemClock
from engine.worker.oversight_requests import open_oversight_request
from tests.support.cli import Commands
from tests.support.documents import Page
from tests.support.engine_env import open_engine
from tests.support.fakes import START, FakeClock
from tests.support.http_service import open_http_service
from tests.support.language_model import open_threaded_provider
from tests.support.object_storage import BUCKET, KEY_ID, REGION, run_bucket
from tests.support.object_storage import SECRET as BUCKET_SECRET
from tests.support.processes import SIGNOFF, Installation, create_installation, serving

SECRETS = (
    "xoxb-sandbox-signoff",
    "xapp-sandbox-signoff",
    "sandbox-signing-secret",
    "sandbox-client-secret",
    "s3cret-of-the-shop",
)
HELLO = """\
name: hello
title: Hello
owner: sam@example.com
steps:
  - id: greet
    uses: set
    with: {text: Hello}
    gate: {approvers: [lee@example.com]}
"""
CALL = """\
name: call
title: Call
owner: sam@example.com
steps:
  - id: call
    uses: http
    with: {method: POST, url: "URL/pay", json: {}, headers: {Authorization: "Bearer {{ secret.SHOP }}"}}
"""
LATER = '''
"""Something later"""
from alembic import op

revision, down_revision, branch_labels, depends_on = "9001", "{before}", None, None

def upgrade():
    op.execute("CREATE TABLE later (a TEXT)")
'''


@pytest.fixture
def installation(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    installation.write("hello.yaml", HELLO)
    mounts = installation.write("mounts", "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n")
    monkeypatch.setattr(database_folder, "MOUNTS", mounts)
    return installation


@pytest.fixture
def slack(signoff: Commands) -> Iterator[RunningSandbox]:
    """Run a local Slack that the settings name."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(sandbox()) as running:
        signoff.set(
            slack_bot_token=running.app.bot_token,
            slack_app_token=running.app.app_token,
            slack_api_url=running.api_url,
            builders="cleo@example.com",
        )
        yield running


def traces(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return every file with its time and content, except files that other processes change."""
    theirs = ("-wal", "-shm", ".head", ".head.part")
    ours = [file for file in sorted(folder.rglob("*")) if file.is_file() and not file.name.endswith(theirs)]
    return {str(item): (item.stat().st_mtime_ns, item.read_bytes()) for item in ours}


def run_doctor(signoff: Commands, *, code: int | None = None) -> dict[str, list[dict[str, Any]]]:
    """Run the command and return its findings by check. They are sentences without secrets, and no file changes."""
    before, names = traces(signoff.installation.folder), sorted(os.listdir(signoff.installation.folder))
    finished = signoff("doctor", "--json")
    assert (traces(signoff.installation.folder), sorted(os.listdir(signoff.installation.folder))) == (before, names)
    assert finished.err == ""
    assert not [item for item in SECRETS if item in finished.out]
    findings: dict[str, list[dict[str, Any]]] = {}
    for finding in finished.json:
        assert list(finding) == ["check", "state", "said", "todo"]
        assert finding["said"][-1] in ".?", finding
        assert finding["todo"] or finding["state"] == "ok", finding
        findings.setdefault(finding["check"], []).append(finding)
    assert finished.code == int(any(finding["state"] == "problem" for finding in finished.json))
    assert code in (None, finished.code), finished.out
    return findings


def states(findings: dict[str, list[dict[str, Any]]], *ignored: str) -> dict[str, str]:
    """Return the state of each check that is not ok."""
    return {
        check: item["state"]
        for check, many in findings.items()
        for item in many
        if item["state"] != "ok" and check not in ignored
    }


def single(findings: dict[str, list[dict[str, Any]]], check: str) -> tuple[str, str]:
    (finding,) = findings[check]
    return finding["state"], finding["said"]


# -- healthy ---------------------------------------------------------------------------------------------------


def test_an_installation_without_slack_is_well(signoff: Commands) -> None:
    findings = run_doctor(signoff, code=0)
    assert states(findings) == {}
    assert "Slack is not set up" in single(findings, "slack.token")[1]
    assert "No server uses the database" in single(findings, "database.owner")[1]
    assert {"database.file", "database.schema", "database.wal", "database.integrity", "database.disk"} <= set(findings)
    assert {"machine.clock", "machine.time_zones", "workflows", "work.copies", "work.attention"} <= set(findings)


def test_an_installation_with_slack_is_well_but_for_its_sandbox(signoff: Commands, slack: RunningSandbox) -> None:
    findings = run_doctor(signoff, code=0)
    assert states(findings) == {"slack.api": "warning"}
    assert "not the real Slack" in single(findings, "slack.api")[1]
    assert single(findings, "slack.token")[1] == "The bot token works: the bot is signoff in the workspace Sandbox."
    assert "all 8 scopes" in single(findings, "slack.scopes")[1]
    assert "cannot be seen without a configuration token" in single(findings, "slack.manifest")[1]
    assert "a request, a decided request, the Edit form" in single(findings, "slack.blocks")[1]
    assert "may use Socket Mode" in single(findings, "slack.app_token")[1]
    assert "Socket Mode; no port is listened on" in single(findings, "slack.deliveries")[1]
    # The command sends no message and keeps no connection.
    assert {call.method for call in slack.slack.calls} == {
        *("auth.test", "users.info", "blocks.validate", "apps.connections.open")
    }
    assert slack.sockets.of(slack.app.id) == []


def test_the_sign_in_with_slack_is_checked(signoff: Commands, slack: RunningSandbox) -> None:
    signoff.set(slack_client_id=slack.app.client_id)
    missing = "SIGNOFF_PUBLIC_URL, SIGNOFF_SLACK_CLIENT_SECRET"
    said = f"People cannot sign in with Slack, because {missing} is not set."
    assert single(run_doctor(signoff, code=1), "slack.sign-in") == ("problem", said)
    signoff.set(
        slack_client_secret=slack.app.client_secret, slack_issuer=slack.base_url, public_url="http://127.0.0.1:9"
    )
    back = "http://127.0.0.1:9/signed-in"
    said = f"People can sign in with Slack at {slack.base_url}. It sends them back to {back}."
    assert single(run_doctor(signoff), "slack.sign-in") == ("ok", said)
    signoff.set(slack_client_secret="another")
    (refused,) = run_doctor(signoff, code=1)["slack.sign-in"]
    assert (refused["state"], refused["said"]) == ("problem", "Slack does not accept this app (bad_client_secret).")
    assert f"add {back} to its redirect URLs" in refused["todo"]
    slack.fault("openid.keys", "status", status=500, times=None)
    assert "answers with the status 500" in single(run_doctor(signoff, code=1), "slack.sign-in")[1]


def test_people_read_a_line_for_each_finding_and_one_for_what_to_do(signoff: Commands) -> None:
    signoff.set(port="many")
    finished = signoff("doctor")
    assert finished.code == 1
    assert finished.out.startswith("✕ settings: SIGNOFF_PORT: must be a whole number from 1 to 65535")
    assert "\n    Correct it in the environment or in the file .env" in finished.out
    assert "\n✓ database.integrity: SQLite's quick check of the database finds no damage.\n" in finished.out
    assert finished.out.endswith("\n\n1 problem, 0 warnings.\n")
    assert finished.err == ""


def test_it_looks_beside_a_server_that_takes_deliveries(
    signoff: Commands, slack: RunningSandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    signoff.set(slack_app_token="", slack_signing_secret="sandbox-signing-secret", port=str(port))
    installation = create_installation(
        signoff.installation.folder, slack_bot_token=slack.app.bot_token, slack_api_url=slack.api_url
    )
    installation.settings.update(
        SIGNOFF_SLACK_SIGNING_SECRET="sandbox-signing-secret", SIGNOFF_PORT=str(port), SIGNOFF_BUILDERS="U0CLEO"
    )
    with serving(installation) as server:
        findings = run_doctor(signoff, code=0)
        assert states(findings, "slack.api") == {}
        assert f"A server uses the database (process {server.process.pid})." in single(findings, "database.owner")[1]
        assert "an unsigned request is refused with 401" in single(findings, "slack.deliveries")[1]
        signoff.set(port=str(free_port()))
        findings = run_doctor(signoff, code=1)
        assert "A server runs, but does not take Slack's deliveries" in single(findings, "slack.deliveries")[1]
        # The server still works.
        signoff.set(port=str(port))
        signoff.installation.write(
            "hello.yaml", HELLO.replace("lee@", "ada@")
        )  # an approver with an account in this Slack
        signoff.run_ok("register", "hello.yaml")
        assert server.stop() == 0
    assert "is free for `signoff serve`" in single(run_doctor(signoff, code=0), "slack.deliveries")[1]


# -- settings -----------------------------------------------------------------------------------------------


def test_wrong_settings_hide_nothing_else(signoff: Commands, slack: RunningSandbox) -> None:
    signoff.set(
        port="0", slack_app_token="xoxb-sandbox-signoff", prot="80", slack_signing_secret="sandbox-signing-secret"
    )
    findings = run_doctor(signoff, code=1)
    assert [item["said"].partition(":")[0] for item in findings["settings"]] == [
        "SIGNOFF_PROT",
        "SIGNOFF_SLACK_APP_TOKEN",
        "SIGNOFF_PORT",
    ]
    assert states(findings, "settings", "slack.api") == {"slack.deliveries": "warning"}
    assert single(findings, "slack.scopes")[0] == "ok"


@pytest.mark.parametrize(("setting", "check"), [("database_url", "database.file"), ("slack_bot_token", "slack.token")])
def test_the_subject_of_a_wrong_setting_is_not_checked(
    signoff: Commands, slack: RunningSandbox, setting: str, check: str
) -> None:
    signoff.set(**{setting: "mysql://db.example.com/signoff"})
    findings = run_doctor(signoff, code=1)
    assert single(findings, check)[0] == "warning"
    assert (check == "database.file") == ("database.integrity" not in findings)
    assert "/root" not in str(findings)


def test_tokens_are_not_sent_to_a_wrong_address(signoff: Commands, slack: RunningSandbox) -> None:
    signoff.set(slack_api_url="slack.com")
    findings = run_doctor(signoff, code=1)
    assert states(findings) == {"settings": "problem", "slack.token": "warning"}
    assert "slack.app_token" not in findings


def test_a_token_in_the_wrong_place_is_not_printed(signoff: Commands) -> None:
    signoff.set(operator="xoxb-1-2-sandbox", database_url="sqlite:///", http_allow="xapp-1-A0-sandbox:no")
    findings = run_doctor(signoff, code=1)
    assert len(findings["settings"]) == 3
    assert "sandbox" not in str(findings)


def test_a_file_of_settings_that_cannot_be_read_is_one_finding(signoff: Commands) -> None:
    (signoff.installation.folder / ".env").write_bytes(b"\xff\xfe")
    findings = run_doctor(signoff, code=1)
    assert "is not UTF-8 text" in single(findings, "settings")[1]
    assert states(findings) == {"settings": "problem"}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://127.0.0.1:9/api/", "a sandbox, not the real Slack"),
        ("http://localhost:9/api/", "a sandbox, not the real Slack"),
        ("https://slack.example.com/api/", "is not the real Slack."),
        ("http://slack.example.com/api/", "Tokens travel to it unencrypted."),
    ],
)
def test_a_slack_that_is_not_the_real_one_is_reported(signoff: Commands, address: str, expected: str) -> None:
    signoff.set(slack_api_url=address)
    state, message = single(run_doctor(signoff, code=0), "slack.api")
    assert (state, expected in message) == ("warning", True)


def test_missing_builders_are_reported(signoff: Commands, slack: RunningSandbox) -> None:
    signoff.set(builders="")
    assert single(run_doctor(signoff, code=0), "slack.builders")[0] == "warning"


# -- slack --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", ["token_revoked", "account_inactive", "token_expired"])
def test_a_token_that_no_longer_works_is_reported(signoff: Commands, slack: RunningSandbox, error: str) -> None:
    slack.app.token_error = error
    findings = run_doctor(signoff, code=1)
    state, message = single(findings, "slack.token")
    assert (state, f"({error})." in message) == ("problem", True)
    assert "slack.scopes" not in findings
    assert single(findings, "database.integrity")[0] == "ok"


def test_a_token_of_another_app_is_reported(signoff: Commands, slack: RunningSandbox) -> None:
    signoff.set(slack_bot_token="xoxb-unknown", slack_app_token="xapp-unknown")
    findings = run_doctor(signoff, code=1)
    assert states(findings, "slack.api") == {"slack.token": "problem", "slack.app_token": "problem"}
    assert "(invalid_auth)" in single(findings, "slack.token")[1]
    assert "Copy the token of this app again" in findings["slack.app_token"][0]["todo"]


def test_each_missing_scope_is_reported_with_its_purpose(signoff: Commands, slack: RunningSandbox) -> None:
    slack.app.scopes[:] = [item for item in slack.app.scopes if item not in ("im:history", "users:read")]
    findings = run_doctor(signoff, code=1)
    state, message = single(findings, "slack.scopes")
    assert state == "problem"
    assert (
        "lacks im:history (to find a request again whose sending was cut off, and answer who writes to it), users:read"
        in message
    )
    assert single(findings, "slack.manifest")[0] == "warning"
    assert "slack.bot_user" not in findings
    slack.app.scopes += ["im:history", "users:read", "chat:write.public"]
    assert single(run_doctor(signoff, code=0), "slack.scopes")[1].endswith(
        "scopes that Signoff never uses: chat:write.public."
    )


def test_scopes_that_slack_does_not_list_are_a_warning(signoff: Commands, slack: RunningSandbox) -> None:
    body = b'{"ok": true}'
    head = b"HTTP/1.1 200 OK\r\nDate: some day\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    with listening(head + body) as port:
        signoff.set(slack_api_url=f"http://127.0.0.1:{port}/api/")
        findings = run_doctor(signoff, code=0)
    assert states(findings) == {"slack.api": "warning", "slack.scopes": "warning"}
    assert "slack.clock" not in findings


def test_a_page_in_the_place_of_slack_is_reported(signoff: Commands, slack: RunningSandbox) -> None:
    with listening(b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n") as port:
        signoff.set(slack_api_url=f"http://127.0.0.1:{port}/api/")
        findings = run_doctor(signoff, code=1)
    assert "Slack refused (HTTP 302)." in single(findings, "slack.token")[1]


def test_a_slack_that_is_down_is_reported(signoff: Commands, slack: RunningSandbox) -> None:
    slack.faults.down = True
    findings = run_doctor(signoff, code=1)
    assert states(findings, "slack.api") == {"slack.token": "problem", "slack.app_token": "problem"}
    assert "could not be checked. Slack did not answer" in single(findings, "slack.token")[1]
    assert "slack-status.com" in findings["slack.token"][0]["todo"]


def test_a_slack_that_cannot_be_reached_is_reported(signoff: Commands, slack: RunningSandbox) -> None:
    signoff.set(slack_api_url=f"http://127.0.0.1:{free_port()}/api/")
    findings = run_doctor(signoff, code=1)
    assert "cannot be reached: Connection refused." in single(findings, "slack.token")[1]


@pytest.mark.parametrize(
    ("kind", "expected"), [("reset", "closed the connection (ServerDisconnectedError)."), ("status", "(HTTP 502)")]
)
def test_an_answer_that_breaks_is_reported(signoff: Commands, slack: RunningSandbox, kind: Any, expected: str) -> None:
    slack.fault("auth.test", kind, status=502)
    assert expected in single(run_doctor(signoff, code=1), "slack.token")[1]


def test_a_slack_that_does_not_answer_is_waited_for_a_moment_only(
    signoff: Commands, slack: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert TIMEOUT.total == NETWORK_SECONDS == 3
    slack.fault("*", "hang", times=None)
    findings = run_doctor(signoff, code=1)
    assert "did not answer within 3 seconds." in single(findings, "slack.token")[1]
    assert "did not answer within 3 seconds." in single(findings, "slack.app_token")[1]


def test_a_limit_is_no_problem(signoff: Commands, slack: RunningSandbox) -> None:
    slack.fault("auth.test", "ratelimited", seconds=40)
    slack.fault("apps.connections.open", "ratelimited", seconds=50)
    findings = run_doctor(signoff, code=0)
    assert states(findings, "slack.api") == {"slack.token": "warning", "slack.app_token": "warning"}
    assert findings["slack.token"][0]["todo"] == "Run this again in 40 seconds."


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"code": "missing_scope"}, "lacks the scope connections:write"),
        ({"code": "forbidden"}, "Socket Mode is off"),
        ({"code": "not_allowed_token_type"}, "(not_allowed_token_type)"),
    ],
)
def test_an_app_token_that_opens_nothing_is_reported(
    signoff: Commands, slack: RunningSandbox, fault: dict[str, str], expected: str
) -> None:
    slack.fault("apps.connections.open", "error", **fault)
    state, message = single(run_doctor(signoff, code=1), "slack.app_token")
    assert (state, expected in message) == ("problem", True)


def test_a_bot_user_that_is_gone_is_reported(signoff: Commands, slack: RunningSandbox) -> None:
    slack.world.users[slack.app.bot_user].deleted = True
    assert single(run_doctor(signoff, code=1), "slack.bot_user")[0] == "problem"


@pytest.mark.parametrize(
    ("seconds", "signed", "state"),
    [(10, True, "ok"), (60, True, "warning"), (600, True, "problem"), (600, False, "warning")],
)
def test_a_clock_that_is_off_is_reported(
    signoff: Commands,
    slack: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
    seconds: int,
    signed: bool,
    state: str,
) -> None:
    # Both clocks stand still: on a busy machine a second passes between the two readings.
    now = FakeClock(SystemClock().now())
    monkeypatch.setattr(command, "SystemClock", lambda: now)
    slack.time.clock = now
    slack.time.advance(seconds)
    if signed:
        signoff.set(slack_signing_secret="sandbox-signing-secret", port=str(free_port()))
    findings = run_doctor(signoff)
    assert single(findings, "slack.clock")[0] == state
    if state != "ok":
        assert f"{seconds} seconds behind Slack's" in single(findings, "slack.clock")[1]


def test_blocks_that_slack_refuses_are_reported_with_its_words(
    signoff: Commands, slack: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = samples.build_samples

    def invalid_samples(now: datetime) -> Iterator[tuple[str, str, dict[str, Any]]]:
        yield "a riddle", "message", {"blocks": [{"type": "riddle"}]}
        yield from real(now)

    monkeypatch.setattr(samples, "build_samples", invalid_samples)
    state, message = single(run_doctor(signoff, code=1), "slack.blocks")
    assert state == "problem"
    assert message.startswith("Slack would not accept a riddle: /blocks/0")


@pytest.mark.parametrize(("code", "state"), [("unknown_method", "warning"), ("fatal_error", "problem")])
def test_a_slack_that_cannot_check_blocks_is_reported(
    signoff: Commands, slack: RunningSandbox, code: str, state: str
) -> None:
    slack.fault("blocks.validate", "error", code=code)
    assert single(run_doctor(signoff), "slack.blocks")[0] == state
    assert len([call for call in slack.slack.calls if call.method == "blocks.validate"]) == 1


# -- the port of deliveries -----------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def listening(answer: bytes | None) -> Iterator[int]:
    """Run a TCP server that sends this answer to every client, or nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                with caller:
                    if answer is None:
                        stop.wait(10)
                    elif not stop.is_set():
                        caller.recv(65_536)
                        caller.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            with closing(socket.create_connection(server.getsockname())):
                thread.join(10)


@pytest.mark.parametrize(
    ("answer", "state", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "problem", "with 200 and not with 401. It is not Signoff."),
        (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", "warning", "no server of this database runs"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "problem", "is not a web server"),
        (None, "problem", "did not answer within 3 seconds"),
    ],
)
def test_a_port_of_another_program_is_reported(
    signoff: Commands, slack: RunningSandbox, answer: bytes | None, state: str, expected: str
) -> None:
    with listening(answer) as port:
        signoff.set(slack_signing_secret="sandbox-signing-secret", port=str(port))
        findings = single(run_doctor(signoff), "slack.deliveries")
    assert (findings[0], expected in findings[1]) == (state, True), findings


def test_an_address_that_is_not_of_this_machine_is_reported(signoff: Commands, slack: RunningSandbox) -> None:
    signoff.set(slack_signing_secret="sandbox-signing-secret", host="nowhere.invalid")
    assert single(run_doctor(signoff, code=1), "slack.deliveries")[0] == "problem"


def test_a_host_that_does_not_exist_is_reported(signoff: Commands, slack: RunningSandbox) -> None:
    signoff.set(slack_signing_secret="sandbox-signing-secret", host="a..b", slack_api_url="https://a:99999/")
    findings = run_doctor(signoff, code=1)
    assert "SIGNOFF_HOST: must be an address of this machine" in single(findings, "settings")[1]
    assert single(findings, "slack.deliveries")[0] == "warning"
    assert "SIGNOFF_SLACK_API_URL is not an address" in single(findings, "slack.token")[1]


def test_a_server_on_all_addresses_is_asked_at_loopback(signoff: Commands, slack: RunningSandbox) -> None:
    port = free_port()
    signoff.set(slack_signing_secret="sandbox-signing-secret", host="0.0.0.0", port=str(port))
    assert f"127.0.0.1:{port} is free" in single(run_doctor(signoff, code=0), "slack.deliveries")[1]


# -- the database -------------------------------------------------------------------------------------------


def test_no_database_is_no_problem_and_none_is_made(signoff: Commands) -> None:
    signoff.installation.database.unlink()
    findings = run_doctor(signoff, code=0)
    assert states(findings) == {"database.file": "warning"}
    signoff.set(database_url=f"sqlite:///{signoff.installation.folder}/deep/er/signoff.db")
    assert states(run_doctor(signoff, code=0)) == {"database.file": "warning"}


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as file:
        for statement in statements:
            file.execute(statement)
        file.commit()


@pytest.mark.parametrize(
    ("damage_file", "check", "state", "expected"),
    [
        (lambda path: path.write_bytes(b""), "database.schema", "warning", "is empty"),
        (lambda path: path.write_bytes(b"no database" * 999), "database.schema", "problem", "not a Signoff database"),
        (
            lambda path: execute(path.with_name("other"), "CREATE TABLE a (b)"),
            "database.schema",
            "problem",
            "another",
        ),
        (lambda path: path.mkdir(), "database.file", "problem", "is not a file"),
    ],
    ids=["empty", "not one", "another program's", "folder"],
)
def test_a_file_that_is_no_database_of_signoff_is_reported(
    signoff: Commands, damage_file: Callable[[Path], object], check: str, state: str, expected: str
) -> None:
    path = signoff.installation.database
    path.unlink()
    damage_file(path)
    if not path.exists():
        path.with_name("other").rename(path)
    if path.is_file():
        path.chmod(0o600)
    findings = run_doctor(signoff)
    assert states(findings) == {check: state}
    assert expected in single(findings, check)[1]


def test_a_database_of_a_trial_is_reported(signoff: Commands) -> None:
    signoff.installation.database.unlink()
    with schema.owned(signoff.installation.database, clock=SystemClock(), ids=RandomIds(), trial=True):
        pass
    assert "signoff try" in single(run_doctor(signoff, code=1), "database.schema")[1]


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Return a history of migrations with one more step."""
    home = tmp_path / "history"
    shutil.copytree(schema.HISTORY, home, ignore=shutil.ignore_patterns("__pycache__"))
    before = max(file.name[:4] for file in (home / "versions").glob("0*.py"))
    (home / "versions" / "9001_later.py").write_text(LATER.format(before=before))
    return home


@pytest.fixture
def no_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep Python from writing bytecode beside the test's own history."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


@pytest.mark.usefixtures("no_bytecode")
def test_an_older_schema_is_reported(signoff: Commands, history: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "HISTORY", history)
    findings = run_doctor(signoff, code=0)
    assert states(findings) == {"database.schema": "warning"}
    assert "signoff migrate" in findings["database.schema"][0]["todo"]
    assert "work.copies" not in findings


@pytest.mark.usefixtures("no_bytecode")
def test_a_newer_schema_is_reported(signoff: Commands, history: Path) -> None:
    schema.prepare(signoff.installation.database, now=START, history=history)
    findings = run_doctor(signoff, code=1)
    assert states(findings) == {"database.schema": "problem"}
    assert "newer Signoff" in single(findings, "database.schema")[1]


def test_damage_is_reported(signoff: Commands) -> None:
    path = signoff.installation.database
    with closing(sqlite3.connect(path)) as file:
        (page,) = file.execute("PRAGMA page_size").fetchone()
        (root,) = file.execute("SELECT rootpage FROM sqlite_master WHERE name = 'person'").fetchone()
    with path.open("r+b") as raw:
        raw.seek((root - 1) * page)
        raw.write(b"\xff" * page)
    state, message = single(run_doctor(signoff, code=1), "database.integrity")
    assert (state, "is damaged" in message) == ("problem", True)


def test_a_check_that_takes_too_long_is_given_up(signoff: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "QUICK_CHECK_SECONDS", -1.0)
    monkeypatch.setattr(health, "_STEPS_BETWEEN_LOOKS", 1)
    assert single(run_doctor(signoff, code=0), "database.integrity")[0] == "warning"


def test_a_copy_without_a_log_is_reported(signoff: Commands) -> None:
    signoff.run_ok("backup", "copy.db")
    signoff.set(database_url=f"sqlite:///{signoff.installation.folder}/copy.db")
    findings = run_doctor(signoff, code=0)
    assert states(findings) == {"database.wal": "warning", "database.latest": "warning"}
    assert "It is a copy that `signoff backup` made." in single(findings, "database.latest")[1]


@pytest.mark.parametrize(("mode", "state"), [(0o640, "warning"), (0o622, "problem")])
def test_a_file_that_others_may_open_is_reported(signoff: Commands, mode: int, state: str) -> None:
    signoff.installation.database.chmod(mode)
    findings = run_doctor(signoff)
    assert states(findings) == {"database.permissions": state}
    assert findings["database.permissions"][0]["todo"] == f"Run: chmod 600 {signoff.installation.database}"


BOUND = """
import ctypes, os, sys
# root bypasses permissions with these two capabilities
if os.geteuid() == 0:
    for capability in (1, 2):
        assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize("locked", ["file", "folder"])
def test_a_read_only_folder_is_reported(signoff: Commands, locked: str, empty_database: bytes) -> None:
    folder = signoff.installation.folder / "locked"
    folder.mkdir()
    path = folder / "signoff.db"
    path.write_bytes(empty_database)
    path.chmod(0o400 if locked == "file" else 0o600)
    folder.chmod(0o700 if locked == "file" else 0o500)
    try:
        finished = subprocess.run(
            [sys.executable, "-c", BOUND, str(SIGNOFF), "doctor", "--json"],
            env={**signoff.installation.environment, "SIGNOFF_DATABASE_URL": f"sqlite:///{path}"},
            cwd=signoff.installation.folder,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    finally:
        folder.chmod(0o700)
    assert (finished.returncode, finished.stderr) == (1, "")
    findings = {item["check"]: item for item in json.loads(finished.stdout)}
    assert findings["database.permissions"]["state"] == "problem"
    assert f"cannot write {path if locked == 'file' else folder}." in findings["database.permissions"]["said"]
    assert findings["database.integrity"]["state"] == "ok"
    assert [file.name for file in folder.iterdir()] == ["signoff.db"]


def test_an_owner_of_the_database_that_does_not_answer_is_reported(signoff: Commands) -> None:
    with lock.own(signoff.installation.database):
        findings = run_doctor(signoff, code=0)
    assert states(findings) == {"database.owner": "warning"}
    assert f"A process (process {os.getpid()}) owns the database" in single(findings, "database.owner")[1]
    assert states(run_doctor(signoff, code=0)) == {}


def test_looking_for_the_owner_disturbs_no_other_process(signoff: Commands) -> None:
    assert not lock.is_held(signoff.installation.database)
    with lock.own(signoff.installation.database):
        assert lock.is_held(signoff.installation.database)
    assert not lock.is_held(signoff.installation.database)


@pytest.mark.parametrize(
    ("mounted", "state", "expected"),
    [
        ("nfs4", "warning", "File locks may not work there"),
        ("cifs", "warning", "File locks may not work there"),
        ("fuse.sshfs", "warning", "File locks may not work there"),
        ("9p", "warning", "File locks may not work there"),
        ("tmpfs", "warning", "lost at the next restart"),
        ("xfs", "ok", "on xfs"),
        ("fuseblk", "ok", "on fuseblk"),
    ],
)
def test_the_file_system_is_reported(signoff: Commands, mounted: str, state: str, expected: str) -> None:
    folder = str(signoff.installation.folder).replace("o", "\\157")  # as the kernel writes spaces
    signoff.installation.write(
        "mounts",
        f"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 8:2 / {folder} rw shared:1 - {mounted} there rw\n"
        f"3 1 8:3 / {folder}/other rw - nfs there rw\nnonsense\n",
    )
    findings = single(run_doctor(signoff, code=0), "database.file_system")
    assert (findings[0], expected in findings[1]) == (state, True)


def test_a_system_that_does_not_list_its_mounts_is_no_problem(signoff: Commands) -> None:
    (signoff.installation.folder / "mounts").unlink()
    assert single(run_doctor(signoff, code=0), "database.file_system")[0] == "ok"


@pytest.mark.parametrize(("free", "state"), [(10**6, "problem"), (10**8, "warning"), (10**10, "ok")])
def test_little_room_is_reported(signoff: Commands, monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    usage = shutil.disk_usage(signoff.installation.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))
    assert single(run_doctor(signoff), "database.disk")[0] == state


# -- the machine --------------------------------------------------------------------------------------------


def test_a_clock_of_long_ago_is_reported(signoff: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "SystemClock", lambda: FakeClock(datetime(1970, 1, 1, tzinfo=UTC)))
    assert "1970-01-01 00:00:00 UTC" in single(run_doctor(signoff, code=1), "machine.clock")[1]


def test_a_clock_behind_the_audit_log_is_reported(signoff: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    signoff.run_ok("register", "hello.yaml")
    yesterday = FakeClock(SystemClock().now() - timedelta(days=1))
    monkeypatch.setattr(command, "SystemClock", lambda: yesterday)
    assert "but it is after" in single(run_doctor(signoff, code=1), "machine.clock")[1]


def test_a_clock_that_jumps_is_reported(signoff: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    class Jumping(FakeClock):
        def now(self) -> datetime:
            self.pass_time(timedelta(minutes=1))
            return self.at

    monkeypatch.setattr(command, "SystemClock", lambda: Jumping(SystemClock().now()))
    _, jumped = run_doctor(signoff, code=0)["machine.clock"]
    assert jumped["state"] == "warning"
    assert "jumped by +" in jumped["said"]


def test_time_zones_that_are_missing_or_old_are_reported(signoff: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "ZONES", ("Europe/Atlantis",))
    assert single(run_doctor(signoff, code=1), "machine.time_zones")[0] == "problem"
    monkeypatch.undo()


def test_old_rules_of_time_zones_are_reported(signoff: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = signoff.installation.folder / "zones"
    (folder / "Europe").mkdir(parents=True)
    signoff.installation.write("zones/Europe/Berlin", "")
    signoff.installation.write("zones/tzdata.zi", "# version 2019c\n")
    monkeypatch.setattr(machine, "_system_folders", lambda: [folder])
    state, message = single(run_doctor(signoff, code=0), "machine.time_zones")
    assert (state, "of 2019c" in message) == ("warning", True)
    monkeypatch.setattr(machine, "_system_folders", list)
    assert "the Python package tzdata" in single(run_doctor(signoff, code=0), "machine.time_zones")[1]


# -- open work --------------------------------------------------------------------------------------


def test_a_workflow_that_cannot_be_read_is_reported_with_its_runs(signoff: Commands) -> None:
    signoff.run_ok("register", "hello.yaml")
    signoff.run_ok("run", "hello")
    assert states(run_doctor(signoff, code=0)) == {}
    signoff.installation.write("hello.yaml", HELLO + "# changed\n")
    signoff.run_ok("register", "hello.yaml")
    execute(
        signoff.installation.database,
        "UPDATE workflow_version SET source = CAST(replace(CAST(source AS TEXT), 'uses: set', 'uses: sett') AS BLOB)",
    )
    runs, current = run_doctor(signoff, code=1)["workflows"]
    assert runs["said"].startswith("This version does not understand version 1 of hello, which open runs use: Line 6")
    assert current["said"].startswith("This version does not understand the workflow hello: Line 6")
    assert "Did you mean" in current["said"]


def test_a_gate_whose_codes_cannot_be_sent_is_reported(signoff: Commands) -> None:
    strict = HELLO.replace("[lee@example.com]}", "[lee@example.com], confirm_with: code}")
    signoff.installation.write("strict.yaml", strict)
    needed = "SIGNOFF_PUBLIC_URL, SIGNOFF_SMTP_URL, SIGNOFF_EMAIL_FROM"
    assert f"which this server cannot send yet. Set {needed}." in signoff("register", "strict.yaml").output
    email = {"public_url": "http://127.0.0.1:9", "smtp_url": "smtp://127.0.0.1:9", "email_from": "a@example.com"}
    signoff.set(**email)
    signoff.run_ok("register", "strict.yaml")
    assert "workflows.proofs" not in run_doctor(signoff)
    signoff.set(**dict.fromkeys(email, ""))
    (finding,) = run_doctor(signoff, code=1)["workflows.proofs"]
    assert finding["said"] == (
        "hello 1: The gate of step greet confirms each decision with a code by email, which this server cannot send."
    )
    assert finding["todo"] == f"Set {needed}. Then restart the server."


def test_a_secret_that_is_not_set_is_reported(signoff: Commands) -> None:
    signoff.installation.write("call.yaml", CALL.replace("URL", "https://shop.example.com"))
    signoff.run_ok("register", "call.yaml")
    findings = run_doctor(signoff, code=1)
    assert single(findings, "workflows.secrets") == (
        "problem",
        "The secret SHOP is not set; workflows that name it: call 1.",
    )
    assert "signoff secret set SHOP" in findings["workflows.secrets"][0]["todo"]
    signoff.set(secret_SHOP="s3cret-of-the-shop")
    assert single(run_doctor(signoff, code=0), "workflows.secrets")[0] == "ok"


TRIGGERED = """\
name: hooked
owner: sam@example.com
triggers:
  - webhook: {secret: HOOK}
  - webhook: {header: X-Token, secret: TOKEN}
  - schedule: every 1h
steps:
  - {id: act, uses: set, with: {a: 1}}
"""


def test_triggers_that_can_start_no_run_are_reported(signoff: Commands) -> None:
    signoff.installation.write("hooked.yaml", TRIGGERED)
    signoff.set(PUBLIC_URL="https://signoff.example.com")
    signoff.run_ok("register", "hooked.yaml")
    said = [finding["said"] for finding in run_doctor(signoff, code=1)["workflows.triggers"]]
    assert said == [
        "The webhook of hooked can start no run: its secret HOOK is not set.",
        "The webhook of hooked can start no run: its secret TOKEN is not set.",
    ]
    signoff.set(secret_HOOK="short", secret_TOKEN="any-text-that-is-long")
    (finding,) = run_doctor(signoff, code=1)["workflows.triggers"]
    assert "its secret HOOK" in finding["said"]
    assert "signoff secret set HOOK" in finding["todo"]
    assert "short" not in str(finding)
    signoff.set(secret_HOOK="whsec_" + "QUJD" * 8)
    findings = run_doctor(signoff, code=0)
    assert single(findings, "workflows.triggers") == ("ok", "Triggers that can start runs: 3.")
    execute(
        signoff.installation.database,
        "UPDATE trigger SET next_at = '2026-01-01 00:00:00.000000' WHERE kind = 'schedule'",
        "UPDATE trigger SET failure = 'Day is not a date.' WHERE kind = 'webhook' AND position = 0",
    )
    said = [finding["said"] for finding in run_doctor(signoff, code=0)["workflows.triggers"]]
    assert said == [
        "The webhook of hooked could not start a run: Day is not a date.",
        "A schedule of hooked has been due since 2026-01-01T00:00:00+00:00.",
    ]


def test_api_keys_that_need_a_look_are_reported(signoff: Commands) -> None:
    assert single(run_doctor(signoff, code=0), "work.keys") == ("ok", "API keys that programs can use: 0.")
    for name in ("Expired", "Ending", "Unused", "Refused", "Fine"):
        signoff.run_ok("keys", "create", name, "--expires", "60d")
    (finding,) = run_doctor(signoff, code=0)["work.keys"]
    assert finding["said"] == "There are API keys, and this server has no address that programs can call."
    signoff.set(PUBLIC_URL="https://signoff.example.com")
    state, said = single(run_doctor(signoff, code=0), "work.keys")
    assert state == "ok"
    assert said.startswith("API keys that programs can use: 5. Programs call https://signoff.example.com/api/v1, ")
    now = SystemClock().now()
    old, soon, lately = (f"{now + timedelta(days=days):%Y-%m-%d %H:%M:%S.%f}" for days in (-91, 13, -6))
    execute(
        signoff.installation.database,
        f"UPDATE api_key SET expires_at = '{old}' WHERE name = 'Expired'",
        f"UPDATE api_key SET expires_at = '{soon}' WHERE name = 'Ending'",
        f"UPDATE api_key SET created_at = '{old}' WHERE name = 'Unused'",
        f"UPDATE api_key SET refused_at = '{lately}' WHERE name = 'Refused'",
    )
    assert [finding["said"] for finding in run_doctor(signoff, code=0)["work.keys"]] == [
        "API keys that have expired: Expired.",
        "API keys that expire within 14 days: Ending.",
        "API keys that no program has used for 90 days: Unused.",
        "API keys of which a use was refused in the last 7 days: Refused.",
    ]
    signoff.set(PUBLIC_URL="http://localhost:8080", HOST="0.0.0.0")
    said = run_doctor(signoff, code=0)["work.keys"][-1]["said"]
    assert "send their API keys unencrypted" in said


def test_endpoints_whose_callbacks_fail_are_reported(signoff: Commands) -> None:
    assert "work.callbacks" not in run_doctor(signoff, code=0)
    url = "http://127.0.0.1:9/hooks-of-s3cret-of-the-shop"
    for name in ("Support agent", "Nightly job", "Fine"):
        signoff.run_ok("keys", "create", name, "--callback", url)
    state, said = single(run_doctor(signoff, code=0), "work.callbacks")
    assert (state, said) == ("ok", "Endpoints of callbacks: 3. The last call to each arrived.")
    ids = {row["key_name"]: row["id"] for row in signoff.json("callbacks", "list")}
    since = "2026-11-29 08:15:00.000000"
    execute(
        signoff.installation.database,
        f"UPDATE callback_endpoint SET failures = 4, failing_since = '{since}', error = 'a.example answered 500.' "
        f"WHERE id = '{ids['Support agent']}'",
        "UPDATE callback_endpoint SET state = 'off', error = 'b.example answered 410 Gone: it wants no callbacks any "
        f"more.' WHERE id = '{ids['Nightly job']}'",
    )
    off, failing = run_doctor(signoff, code=0)["work.callbacks"]
    assert off["said"] == (
        f"Callbacks are switched off: Nightly job ({ids['Nightly job']}): b.example answered 410 Gone: it wants no "
        "callbacks any more."
    )
    assert "signoff callbacks enable ENDPOINT" in off["todo"]
    assert failing["said"] == (
        f"Callbacks do not arrive: Support agent ({ids['Support agent']}): the last 4 calls failed since 2026-11-29 "
        "08:15 UTC. a.example answered 500."
    )
    assert "signoff retry" in failing["todo"]


def test_an_email_that_no_server_takes_is_reported(signoff: Commands) -> None:
    source = HELLO.replace("steps:", "may_run: [sam@example.com]\ntriggers: [{email: true}]\nsteps:")
    signoff.installation.write("mail.yaml", source)
    set_up = {"LMTP_PORT": "8024", "LMTP_DOMAIN": "run.example.com", "LMTP_AUTHSERV": "mx.example.com"}
    signoff.set(**set_up)
    signoff.run_ok("register", "mail.yaml")
    assert single(run_doctor(signoff, code=0), "workflows.triggers")[0] == "ok"
    signoff.set(**dict.fromkeys(set_up, ""))
    (finding,) = run_doctor(signoff, code=1)["workflows.triggers"]
    assert finding["said"] == "The email of hello can start no run: no mail server delivers to this server."
    assert "SIGNOFF_LMTP_SOCKET" in finding["todo"]


def test_a_run_that_needs_attention_is_reported(signoff: Commands) -> None:
    with open_http_service() as world:
        world.status = 500
        signoff.set(secret_SHOP="s3cret-of-the-shop")
        signoff.installation.write("call.yaml", CALL.replace("URL", world.url))
        signoff.run_ok("register", "call.yaml")
        run = signoff.json("run", "call")["run"]
    findings = run_doctor(signoff, code=0)
    assert states(findings) == {"work.attention": "warning"}
    assert f"1. {run} (call)" in single(findings, "work.attention")[1]


def test_copies_that_do_not_arrive_and_requests_without_a_copy_are_reported(signoff: Commands) -> None:
    signoff.run_ok("register", "hello.yaml")
    for _ in range(4):
        signoff.run_ok("run", "hello")
    long_ago = "2026-01-01 00:00:00.000000"
    execute(
        signoff.installation.database,
        "UPDATE delivery SET state = 'due', last_error = 'Slack asks Signoff to slow down.', next_at = created_at, "
        "attempts = 3",
        f"UPDATE request SET first_shown_at = NULL, opened_at = '{long_ago}'",
    )
    findings = run_doctor(signoff, code=0)
    assert states(findings) == {"work.copies": "warning", "work.unseen": "warning"}
    expected = single(findings, "work.copies")[1]
    assert expected.startswith(
        "Copies that could not be delivered so far: 4. lee@example.com (terminal): Slack asks Signoff"
    )
    assert expected.endswith("; and 1 more.")
    execute(signoff.installation.database, "UPDATE delivery SET state = 'dead', next_at = NULL")
    assert "cannot be delivered: 4." in single(run_doctor(signoff, code=0), "work.copies")[1]


def test_addresses_that_a_mail_server_refused_are_reported(signoff: Commands) -> None:
    signoff.run_ok("register", "hello.yaml")
    signoff.run_ok("run", "hello")
    assert single(run_doctor(signoff, code=0), "work.addresses")[0] == "ok"
    execute(
        signoff.installation.database,
        "UPDATE address SET refused_at = added_at, refused_why = 'There is no such mailbox.' "
        "WHERE value = 'lee@example.com'",
    )
    state, expected = single(run_doctor(signoff, code=0), "work.addresses")
    assert state == "warning"
    assert expected.endswith(": 1. lee@example.com: There is no such mailbox.")


# -- the checks themselves ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RuntimeError("with xoxb-sandbox-signoff"), "something broke (RuntimeError: with (a token))."),
        (OSError(5, "Input/output error"), "could not be checked: [Errno 5] Input/output error"),
    ],
)
def test_a_check_that_breaks_hides_no_other(
    signoff: Commands, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: str
) -> None:
    def broken(context: CheckContext) -> Iterator[Any]:
        raise error
        yield

    async def broken_network(context: CheckContext) -> Any:
        raise error
        yield

    broken.__module__ = broken_network.__module__ = "bot.doctor.machine"
    monkeypatch.setattr(checks, "LOCAL_CHECKS", ((broken,), *checks.LOCAL_CHECKS))
    monkeypatch.setattr(checks, "NETWORK_CHECKS", (broken_network, *checks.NETWORK_CHECKS))
    findings = run_doctor(signoff, code=1)
    assert [expected in item["said"] for item in findings["machine"]] == [True, True]
    assert single(findings, "database.integrity")[0] == "ok"
    assert single(findings, "slack.token")[0] == "ok"


@pytest.mark.parametrize(
    ("module", "subject"),
    [
        ("settings", "settings"),
        ("machine", "machine"),
        ("database", "database"),
        ("database_folder", "database"),
        ("workload", "work"),
        ("slack", "slack"),
        ("events_endpoint", "slack"),
        ("email", "mail"),
        ("language_model", "model"),
        ("files", "files"),
    ],
)
def test_a_check_that_breaks_is_reported_under_the_subject_of_its_module(
    signoff: Commands, monkeypatch: pytest.MonkeyPatch, module: str, subject: str
) -> None:
    def broken(context: CheckContext) -> Iterator[Any]:
        raise RuntimeError("broken")
        yield

    assert import_module(f"bot.doctor.{module}").CHECKS
    broken.__module__ = f"bot.doctor.{module}"
    monkeypatch.setattr(checks, "LOCAL_CHECKS", ((broken,), *checks.LOCAL_CHECKS))
    findings = run_doctor(signoff, code=1)
    assert "broken could not be checked: something broke (RuntimeError: broken)." in findings[subject][0]["said"]


def test_the_folder_of_files_is_checked_without_writing(signoff: Commands, tmp_path: Path) -> None:
    findings = run_doctor(signoff, code=0)
    state, said = single(findings, "files.place")
    assert (state, said.startswith("Files are stored in ")) == ("ok", True)
    (tmp_path / "a-file").write_text("")
    signoff.set(files_url=f"file://{tmp_path}/a-file/files")
    state, said = single(run_doctor(signoff, code=1), "files.place")
    assert (state, said) == ("problem", f"Files cannot be stored in {tmp_path}/a-file/files.")


def test_a_bucket_of_files_is_checked_without_writing(signoff: Commands) -> None:
    pytest.importorskip("obstore")
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(run_bucket()) as bucket:
        signoff.set(
            files_url=f"s3://{BUCKET}?region={REGION}&endpoint={bucket.url}",
            files_key_id=KEY_ID,
            files_secret=BUCKET_SECRET,
        )
        assert single(run_doctor(signoff, code=0), "files.place")[0] == "ok"
        assert bucket.objects == {}
        signoff.set(files_secret="another-secret-key")
        state, said = single(run_doctor(signoff, code=1), "files.place")
        assert (state, said) == ("problem", f"The bucket s3://{BUCKET} refuses the keys of this server.")


@pytest.fixture
def provider(signoff: Commands) -> Iterator[ModelService]:
    """Run a local provider of language models that the settings name."""
    with open_threaded_provider([]) as opened:
        signoff.set(ai_url=opened.service.url, ai_key=KEY, ai_model=MODEL)
        yield opened.service


def test_a_language_model_is_checked_without_asking_it(signoff: Commands, provider: ModelService) -> None:
    findings = run_doctor(signoff, code=0)
    state, said = single(findings, "model.provider")
    assert (state, said) == (
        "ok",
        f"The provider of language models at {provider.url} answers, and accepts the key; no model was asked.",
    )
    assert provider.calls == []


@pytest.mark.parametrize(
    ("settings", "state", "said"),
    [
        ({"ai_key": "sk-another-0123456789"}, "problem", "does not accept the key (401)"),
        ({"ai_model": "unheard-of"}, "warning", "does not list the model unheard-of"),
        ({"ai_model": ""}, "warning", "SIGNOFF_AI_MODEL is not set"),
        ({"ai_url": "http://127.0.0.1:9/v1"}, "problem", "does not answer"),
    ],
)
def test_what_is_wrong_with_a_language_model_is_said(
    signoff: Commands, provider: ModelService, settings: dict[str, str], state: str, said: str
) -> None:
    signoff.set(**settings)
    finding = run_doctor(signoff)["model.provider"][0]
    assert (finding["state"], said in finding["said"]) == (state, True), finding
    assert KEY not in str(finding)
    assert "sk-another" not in str(finding)


def test_every_check_is_documented_and_no_other() -> None:
    sources = [path.read_text() for path in Path(checks.__file__).parent.glob("*.py")]
    _, _, section = Page.of("commands.md").text.partition("\n### signoff doctor\n")
    expected = re.findall(r"^- ([^:]+): ", section.partition("\n### ")[0], re.MULTILINE)
    names = {name for source in sources for name in re.findall(r'\(\s*"((?:\w+\.\w+)|settings|workflows)",', source)}
    assert {name for line in expected for name in re.findall(r"`([\w.]+)`", line)} == names - {"auth.test"}


async def ask_no_one(path: Path) -> None:
    asked = OversightRequest(
        workspace="default", purpose=OversightPurpose.CHANGE_STAGE, title="Review only 10 % from now on?", approvers=()
    )
    async with open_engine(path) as env:
        await env.engine.transact_with_directory(
            lambda tx, resolved: open_oversight_request(env.advancer, tx, asked, resolved)
        )


def test_what_signoff_asks_and_no_person_can_decide_is_reported(signoff: Commands) -> None:
    before = run_doctor(signoff, code=0)
    assert "work.oversight" not in before
    asyncio.run(ask_no_one(signoff.installation.database))
    after = run_doctor(signoff, code=0)
    state, said = single(after, "work.oversight")
    assert state == "warning"
    assert said.startswith("No person can decide what Signoff asks: “Review only 10 % from now on?”")
    assert single(after, "workflows") == single(before, "workflows")
