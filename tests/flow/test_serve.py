"""`signoff serve`: one owner of the database, and the socket through which commands on the same machine reach it."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.local import client
from bot.local.socket_path import MAX_PATH, socket_path
from engine import json_values
from tests.support.cli import Commands
from tests.support.http_service import HttpService
from tests.support.processes import Installation, serving

HELLO = """\
name: hello
title: Hello
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
    with: {method: POST, url: "URL/pay", json: {}}
  - id: ask
    uses: set
    with: {receipt: "{{ steps.call.body.receipt }}"}
    gate: true
"""


@pytest.fixture
def installation(installation: Installation) -> Installation:
    installation.write("hello.yaml", HELLO)
    return installation


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def send_bytes(path: Path, command: str, body: bytes, method: str = "POST") -> tuple[int, str]:
    """Send these bytes to the socket, and return the status and text of the response."""

    async def request() -> tuple[int, str]:
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(path=str(path))) as session,
            session.request(method, f"http://signoff/{command}", data=io.BytesIO(body)) as response,
        ):
            return response.status, await response.text()

    return asyncio.run(request())


def refusal_of(path: Path, command: str, body: bytes) -> str:
    """Send a command that the server must refuse, and return the sentence of the refusal."""
    status, text = send_bytes(path, command, body)
    reply: Any = json_values.loads(text)
    assert (status, reply["facts"]) == (200, {})
    return str(reply["refused"])


# -- one owner ----------------------------------------------------------------------------------------------


def test_a_second_server_on_the_same_database_is_refused(installation: Installation, signoff: Commands) -> None:
    with serving(installation) as server:
        finished = signoff("serve")
        assert finished.code == 4
        assert finished.err == (
            f"Another Signoff process uses {installation.database}. "
            "Stop it, or set SIGNOFF_DATABASE_URL to another file.\n"
        )
        assert signoff("migrate").code == 4
        # The first server still has its socket.
        signoff.run_ok("register", "hello.yaml")
        assert server.stop() == 0
    assert "Stopped. Every run continues at the next start." in server.output


def test_only_the_user_may_open_the_socket_and_the_database(installation: Installation, signoff: Commands) -> None:
    installation.database.unlink()
    with serving(installation) as server:
        signoff.run_ok("register", "hello.yaml")
        for suffix in ("", "-wal", "-shm", ".lock", ".sock"):
            assert mode(installation.database.with_name(installation.database.name + suffix)) == 0o600, suffix
        assert server.socket == installation.database.with_name("signoff.db.sock")
        assert server.stop(signal.SIGINT) == 0
    assert not server.socket.exists()


# -- two ways to the data -----------------------------------------------------------------------------------


def test_commands_go_through_the_server_that_runs(installation: Installation, signoff: Commands) -> None:
    with serving(installation) as server:
        registered = signoff.run_ok("register", "hello.yaml")
        started = signoff.run_ok("run", "hello", "--key", "k")
        assert registered.out == "Registered hello, version 1. Run it: signoff run hello\n"
        # The server tells the approvers, not the command, which says only what to do next.
        assert started.err == ""
        (request,) = signoff.json("requests")
        assert started.out == (
            f"Started run {request['run']}.\n"
            "Greet · Hello\n"
            "You started this.\n"
            "lee@example.com can decide.\n"
            f"  Approve it: signoff decide {request['id']} approve\n"
            f"  Edit it:    signoff decide {request['id']} edit text=…\n"
            f'  Reject it:  signoff decide {request["id"]} reject --reason "…"\n'
            f'  Ask first:  signoff question {request["id"]} "…"\n'
            f"  Details:    signoff requests {request['id']} --details\n"
            f"Follow the run: signoff runs {request['run']}\n"
        )
        signoff.run_ok("backup", "copy.db")
        assert signoff("decide", request["id"], "approve", "--digest", "stale").code == 1
        assert signoff.json("decide", request["id"], "approve")["state"] == "approved"
        assert signoff("decide", request["id"], "approve").err.startswith("You already approved this request, ")
        other = signoff.json("run", "hello")["run"]
        signoff.run_ok("cancel", other)
        assert signoff("resume", other, "stop").code == 1
        assert signoff("run", "helo").err == "There is no workflow “helo”. Did you mean “hello”?\n"
        signoff.installation.write("bad.yaml", HELLO.replace("uses: set", "uses: sett"))
        assert signoff("register", "bad.yaml").err.startswith("bad.yaml:5:11: ")
        assert server.stop() == 0
    assert f"signoff decide {request['id']} approve" in server.output
    signoff.set(database_url=f"sqlite:///{installation.folder / 'copy.db'}")
    assert [copied["state"] for copied in signoff.json("requests")] == ["pending"]


def test_the_server_decides_who_the_operator_is(installation: Installation, signoff: Commands) -> None:
    with serving(installation):
        signoff.run_ok("register", "hello.yaml")
        signoff.set(operator="kim@example.com")
        signoff.run_ok("run", "hello")
        (request,) = signoff.json("requests")
        assert request["requester"]["name"] == "lee@example.com"
        signoff.run_ok("decide", request["id"], "approve")


def test_a_waiting_request_is_decided_under_the_next_owner(installation: Installation, signoff: Commands) -> None:
    signoff.run_ok("register", "hello.yaml")
    run = signoff.json("run", "hello")["run"]
    with serving(installation) as server:
        (request,) = signoff.json("requests")
        server.kill()
    assert signoff.json("runs", run)["status"] == "waiting"
    signoff.run_ok("decide", request["id"], "approve")
    assert signoff.json("runs", run)["status"] == "succeeded"


def test_a_run_that_waits_for_others_says_who_was_asked(installation: Installation, signoff: Commands) -> None:
    with serving(installation):
        signoff.run_ok("register", "hello.yaml")
        signoff.set(operator="kim@example.com")
        out = signoff.run_ok("run", "hello").out
        assert "lee@example.com was asked.\n" in out
        assert "signoff decide" not in out


def test_without_an_operator_a_decision_says_where_to_set_one_also_after_the_server_was_killed(
    installation: Installation, signoff: Commands
) -> None:
    installation.settings["SIGNOFF_OPERATOR"] = ""
    with serving(installation) as server:
        signoff.run_ok("register", "hello.yaml")
        signoff.run_ok("run", "hello")
        (request,) = signoff.json("requests")
        answered_by_the_server = signoff("decide", request["id"], "approve")
        server.kill()
    signoff.set(operator="")
    answered_here = signoff("decide", request["id"], "approve")
    assert (answered_here.code, answered_here.err) == (answered_by_the_server.code, answered_by_the_server.err)
    assert "Add SIGNOFF_OPERATOR= and your email address" in answered_here.err
    signoff.set(operator="lee@example.com")
    signoff.run_ok("decide", request["id"], "approve")


def test_a_server_says_that_it_is_ready_and_how_to_stop_it(installation: Installation) -> None:
    with serving(installation) as server:
        assert server.stop(signal.SIGINT) == 0
    lines = server.output.splitlines()
    assert lines[-3:] == [
        "Requests are shown in this terminal, because neither Slack nor email is set up",
        "Ready. Press Ctrl-C to stop.",
        "Stopped. Every run continues at the next start.",
    ]


def test_the_socket_of_a_killed_server_is_replaced(installation: Installation, signoff: Commands) -> None:
    with serving(installation) as server:
        server.kill()
        assert server.socket.is_socket()
    signoff.run_ok("register", "hello.yaml")
    with serving(installation) as server:
        signoff.run_ok("run", "hello")
        assert server.stop() == 0


def test_another_file_in_the_place_of_the_socket_is_replaced(installation: Installation, signoff: Commands) -> None:
    socket_path(installation.database).write_text("a note")
    signoff.run_ok("register", "hello.yaml")
    with serving(installation):
        signoff.run_ok("run", "hello")


def test_a_run_that_was_cut_off_under_a_clock_that_was_ahead_is_taken_up_at_once(
    installation: Installation, signoff: Commands, http_service: HttpService
) -> None:
    signoff.installation.write("call.yaml", CALL.replace("URL", http_service.url))
    signoff.run_ok("register", "call.yaml")
    http_service.may_answer.clear()
    with serving(installation) as server:
        run = signoff.json("run", "call")["run"]
        http_service.wait_for(1)
        server.kill()
    http_service.may_answer.set()
    with closing(sqlite3.connect(installation.database)) as file, file:
        # The times that a server writes whose clock is a year ahead.
        file.execute(
            "UPDATE run SET ready_at = datetime(ready_at, '+1 year'), lease_until = datetime('now', '+1 year')"
        )
    with serving(installation):
        while (current := signoff.json("runs", run))["status"] == "running":
            pass
    assert current["status"] == "needs_attention"


# -- stopping -----------------------------------------------------------------------------------------------


def test_a_server_that_stops_finishes_and_records_the_effect_under_way(
    installation: Installation, signoff: Commands, http_service: HttpService
) -> None:
    signoff.installation.write("call.yaml", CALL.replace("URL", http_service.url))
    signoff.run_ok("register", "call.yaml")
    http_service.may_answer.clear()
    with serving(installation) as server:
        run = signoff.json("run", "call")["run"]
        http_service.wait_for(1)
        server.process.send_signal(signal.SIGTERM)
        while socket_path(installation.database).exists():
            assert server.process.poll() is None
        http_service.may_answer.set()
        assert server.wait() == 0
    recorded_run = signoff.json("runs", run)
    assert (recorded_run["status"], recorded_run["steps"][0]["status"]) == ("waiting", "succeeded")
    assert recorded_run["steps"][0]["output"]["body"] == {"receipt": 1}


# -- the socket -----------------------------------------------------------------------------------------------


def test_a_very_long_database_path_has_its_socket_elsewhere(tmp_path: Path, signoff: Commands) -> None:
    deep = tmp_path / ("d" * 120) / ("e" * 120)
    deep.mkdir(parents=True)
    (tmp_path / "tmp").mkdir()
    at = Installation(tmp_path, deep / "signoff.db", {"TMPDIR": str(tmp_path / "tmp")})
    with serving(at) as server:
        assert len(os.fsencode(server.socket)) <= MAX_PATH
        assert (mode(server.socket), mode(server.socket.parent)) == (0o600, 0o700)
        assert at.run("register", signoff.installation.folder / "hello.yaml").code == 0
        signoff.set(database_url=f"sqlite:///{at.database}")
        assert signoff.json("workflows")[0]["name"] == "hello"
        assert signoff("serve").code == 4


def test_a_malformed_command_on_the_socket_gets_a_sentence(installation: Installation, signoff: Commands) -> None:
    signoff.run_ok("register", "hello.yaml")
    started = signoff.json("run", "hello")
    (request,) = signoff.json("requests")
    with serving(installation) as server:
        path = server.socket
        not_understood = "The server did not understand the command. Use the server's version of `signoff`."
        for command, body in [
            ("start", b""),
            ("start", b"{"),
            ("start", b"\xff\xfe"),
            ("start", b"null"),
            ("start", b"[1, 2]"),
            ("start", b"{}"),
            ("start", b"[" * 100_000),
            ("start", b'{"workflow": "hello", "inputs": [1]}'),
            ("start", b'{"workflow": 1, "inputs": {}, "key": {}}'),
            ("start", b'{"workflow": "hello", "inputs": {}, "key": ["k"]}'),
            ("start", b'{"workflow": "hello", "inputs": {}, "key": 7}'),
            ("register", b'{"source": 1}'),
            ("decide", json_values.dumps({"request": request["id"], "verdict": "maybe", "edits": {}}).encode()),
            ("decide", json_values.dumps({"request": request["id"], "verdict": "approve", "edits": []}).encode()),
            (
                "decide",
                json_values.dumps({"request": request["id"], "verdict": "approve", "edits": {}, "reason": 7}).encode(),
            ),
            ("decide", b'{"request": ["x"], "verdict": "approve", "edits": {}}'),
            ("cancel", b'{"run": {"a": 1}}'),
            ("cancel", json_values.dumps({"run": started["run"], "reason": ["x"]}).encode()),
            ("resume", b'{"run": "x", "answer": "perhaps"}'),
        ]:
            assert refusal_of(path, command, body) == not_understood, (command, body[:60])
        # Half a surrogate pair is a character with which no workflow file begins.
        assert "A workflow file is a mapping" in send_bytes(path, "register", b'{"source": "\\ud800"}')[1]
        assert refusal_of(path, "launch", b"{}").startswith("The server does not know the command launch. ")
        assert refusal_of(path, "start", b"x" * 16_000_001).startswith("The command is larger than 16,000,000 bytes")
        assert send_bytes(path, "start", b"", method="GET")[0] == 405
        assert send_bytes(path, "", b"")[0] == 404
        with socket.socket(socket.AF_UNIX) as other_client:
            other_client.connect(str(path))
            other_client.sendall(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
            assert other_client.recv(20).startswith(b"HTTP/1.")
        # The server still works.
        assert len(signoff.json("requests")) == 1
        assert len(signoff.json("runs")) == 1
        signoff.run_ok("decide", request["id"], "approve")
        assert server.stop() == 0
    assert "Traceback" not in server.output
    assert "incident" not in server.output


def test_a_client_without_a_server_gets_no_answer(tmp_path: Path) -> None:
    assert asyncio.run(client.ask(tmp_path / "signoff.db", "start", {})) is None


# -- settings -----------------------------------------------------------------------------------------------


def test_every_wrong_setting_is_reported_at_once(installation: Installation, signoff: Commands) -> None:
    signoff.installation.write(".env", "SIGNOFF_LOG_FORMAT=xml\nSIGNOFF_ADMINS=sam@example.com,nobody\n")
    signoff.set(operator="lee", database_url="mysql://x", log_level="loud", oparator="lee@example.com")
    for command in ("serve", "runs", "try"):
        finished = signoff(command, *(["hello.yaml"] if command == "try" else []))
        assert finished.code == 2
        lines = finished.err.splitlines()
        assert lines[0].startswith("Some settings cannot be used. Correct them")
        reported = {line.strip().partition(":")[0] for line in lines[1:]}
        expected = {"SIGNOFF_LOG_FORMAT", "SIGNOFF_ADMINS", "SIGNOFF_OPERATOR", "SIGNOFF_LOG_LEVEL", "SIGNOFF_OPARATOR"}
        assert reported == (expected if command == "try" else {*expected, "SIGNOFF_DATABASE_URL"})


@pytest.mark.parametrize("command", ["serve", "runs", "try"])
def test_a_settings_file_that_is_a_pipe_blocks_no_command(installation: Installation, command: str) -> None:
    os.mkfifo(installation.folder / ".env")
    arguments = [command, installation.folder / "hello.yaml"] if command == "try" else [command]
    finished = installation.run(*arguments)
    assert (finished.code, len(finished.err.splitlines())) == (2, 2)
    assert f"{installation.folder / '.env'} is not a regular file" in finished.err


@pytest.mark.parametrize(
    "url", ["sqlite:///:memory:", "sqlite:////srv/signoff.db?mode=memory", "sqlite:///file::memory:?cache=shared"]
)
def test_a_database_that_ends_with_the_server_is_refused_by_every_command(installation: Installation, url: str) -> None:
    memory_installation = Installation(installation.folder, installation.database, {"SIGNOFF_DATABASE_URL": url})
    for command in ("serve", "runs", "migrate"):
        finished = memory_installation.run(command)
        assert (finished.code, len(finished.err.splitlines())) == (2, 2)
        assert "SIGNOFF_DATABASE_URL: " in finished.err
    assert {file.name for file in installation.folder.iterdir() if "memory" in file.name} == set()


def test_a_server_logs_in_the_configured_format(installation: Installation) -> None:
    installation.settings.update(SIGNOFF_LOG_FORMAT="json", SIGNOFF_LOG_LEVEL="INFO")
    with serving(installation) as server:
        refusal_of(server.socket, "start", b"{")
        assert server.stop() == 0
    entries = [json_values.loads(line) for line in server.output.splitlines() if line.startswith("{")]
    assert any(isinstance(entry, dict) and entry["logger"] == "bot.local.server" for entry in entries)
