"""SIGTERM: a process finishes what it has begun, takes nothing new, and says so; on a file and on PostgreSQL."""

from __future__ import annotations

import http.client
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.devtools.demo.servers import free_port
from tests.flow.test_many_processes import KEY, PATIENCE, ok, serving, start_run, started, status, until
from tests.support import postgres_server
from tests.support.http_service import HttpService, open_http_service
from tests.support.processes import Installation, create_installation

WORKFLOW = """
name: flow
title: Pay it
owner: sam@example.com
steps:
  - {id: pay, uses: http, idempotent: true, with: {method: POST, url: URL/pay, json: {a: 1}}}
"""


@pytest.fixture
def service() -> Iterator[HttpService]:
    with open_http_service() as running:
        yield running


@pytest.fixture(params=["file", "server"])
def installation(tmp_path: Path, service: HttpService, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """Yield an installation with the workflow, on a file and on a server."""
    made = create_installation(tmp_path, log_level="warning")
    made.write("flow.yaml", WORKFLOW.replace("URL", service.url))
    if request.param == "file":
        yield made
        return
    with postgres_server.empty(request.getfixturevalue("postgres_url")) as url:
        made.settings.update(SIGNOFF_DATABASE_URL=url, SIGNOFF_KEY=KEY)
        yield made


def get(port: int, path: str) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


def test_requests_and_steps_under_way_end_while_the_process_says_that_it_stops(
    installation: Installation, service: HttpService
) -> None:
    port, probes = free_port(), free_port()
    settings = {"SIGNOFF_PORT": str(port), "SIGNOFF_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    with serving(installation, SIGNOFF_PROBE_PORT=str(probes), **settings) as process:
        ok(installation.run("register", "flow.yaml"))
        service.may_answer.clear()
        run = start_run(installation)
        service.wait_for(1)
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(b"POST /signin HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nemail=")
            until(lambda: get(probes, "/readyz") == 200)
            process.send_signal(signal.SIGTERM)
            until(lambda: get(probes, "/readyz") == 503)
            assert get(probes, "/healthz") == 200
            connection.sendall(b"a@b")
            assert connection.recv(12).startswith(b"HTTP/1.1 4"), "it was answered: the form is incomplete"
        service.may_answer.set()
        assert process.wait(PATIENCE) == 0
    assert status(installation, run) == "succeeded"
    assert service.count(run) == 1


@pytest.mark.parametrize("installation", ["server"], indirect=True)
def test_a_worker_that_stops_leaves_new_work_to_another(installation: Installation, service: HttpService) -> None:
    installation.settings["SIGNOFF_ROLE"] = "worker"
    first = started(installation, "worker")
    ok(installation.run("register", "flow.yaml"))
    service.may_answer.clear()
    run = start_run(installation)
    service.wait_for(1)
    first.send_signal(signal.SIGTERM)
    with serving(installation, "worker"):
        other = start_run(installation)
        service.wait_for(2)
        assert first.poll() is None
        service.may_answer.set()
        until(lambda: {status(installation, one) for one in (run, other)} == {"succeeded"})
    out, err = first.communicate(timeout=PATIENCE)
    assert first.wait() == 0, out + err
    assert [service.count(one) for one in (run, other)] == [1, 1]
