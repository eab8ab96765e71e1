"""The API of real processes: what one decides the other answers, and a process that stops answers those who wait."""

from __future__ import annotations

import http.client
import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.devtools.demo.servers import free_port
from tests.support import postgres_server
from tests.support.processes import CommandResult, Installation, Process, create_installation

KEY = "5a" * 32
APPROVALS = """
name: approvals
title: Tool calls of agents
owner: ann@example.com
steps:
  - {id: ask, uses: ask, gate: {approvers: [ann@example.com]}}
"""
PATIENCE = 60.0


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    port = free_port()
    made = create_installation(tmp_path)
    made.settings.update(
        SIGNOFF_PUBLIC_URL=f"http://127.0.0.1:{port}", SIGNOFF_PORT=str(port), SIGNOFF_OPERATOR="ann@example.com"
    )
    made.write("approvals.yaml", APPROVALS)
    if request.param == "sqlite":
        yield made
        return
    with postgres_server.empty(request.getfixturevalue("postgres_url")) as url:
        made.settings.update(SIGNOFF_DATABASE_URL=url, SIGNOFF_KEY=KEY)
        assert made.run("migrate").code == 0
        yield made


def ok(finished: CommandResult) -> CommandResult:
    assert finished.code == 0, finished.output
    return finished


@contextmanager
def serving(installation: Installation) -> Iterator[Process]:
    process = installation.start("serve")
    assert process.stdout is not None
    assert any(line.startswith("Ready") for line in process.stdout)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in out + err


def call(installation: Installation, key: str, method: str, path: str, body: Any = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", int(installation.settings["SIGNOFF_PORT"]), timeout=PATIENCE)
    sent = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), sent)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


class Waiting(threading.Thread):
    """A call that waits. `began`: its connection is open."""

    def __init__(self, installation: Installation, key: str, path: str) -> None:
        super().__init__()
        self._call = installation, key, "GET", path
        self.answer: tuple[int, str] | None = None
        self.start()

    def run(self) -> None:
        self.answer = call(*self._call)

    def result(self) -> tuple[int, str]:
        self.join(PATIENCE)
        assert self.answer is not None
        return self.answer


def ask(installation: Installation) -> tuple[str, str]:
    """Register the workflow, create a key and ask. Return the key and the id of the ask."""
    ok(installation.run("register", "approvals.yaml"))
    key = ok(installation.run("keys", "create", "Agent", "--json")).json["key"]
    status, text = call(installation, key, "POST", "/asks", {"title": "May I?"})
    assert status == 201, text
    return key, json.loads(text)["id"]


def test_a_decision_of_another_process_ends_the_wait(installation: Installation) -> None:
    with serving(installation):
        key, asked = ask(installation)
        waiting = [Waiting(installation, key, f"/asks/{asked}{path}") for path in ("?wait=60s", "/events")]
        (request,) = ok(installation.run("requests", "--json")).json
        ok(installation.run("decide", request["id"], "approve"))
        poll, stream = (each.result() for each in waiting)
    assert (poll[0], json.loads(poll[1])["status"]) == (200, "approved")
    assert stream[1].count("event: ask") in (1, 2)
    assert '"status":"approved"' in stream[1]


def test_a_process_that_stops_answers_those_who_wait(installation: Installation) -> None:
    with serving(installation) as process:
        key, asked = ask(installation)
        waiting = [Waiting(installation, key, f"/asks/{asked}?wait=60s") for _ in range(5)]
        stream = Waiting(installation, key, f"/asks/{asked}/events")
        # A call that is answered was sent after them, on a connection that was accepted after theirs.
        for _ in range(20):
            assert call(installation, key, "GET", f"/asks/{asked}")[0] == 200
        process.send_signal(signal.SIGTERM)
        answers = [each.result() for each in waiting]
        assert stream.result()[1].count("event: ask") == 1
    assert {(status, json.loads(text)["status"]) for status, text in answers} == {(200, "pending")}
