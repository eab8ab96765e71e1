"""While one client holds many connections to a server, Slack, people and local commands still get through."""

from __future__ import annotations

import http.client
import json
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bot.devtools.demo.servers import free_port
from bot.devtools.sandbox.delivery import sign
from bot.slack.transport import PATH
from engine.system import SystemClock
from tests.support.processes import HELLO, Installation, Server, create_installation

FILES = 200
SECRET = "signing-secret-of-a-test"
HALF = b"POST /slack/events HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\nX-A: "


@contextmanager
def server_with_few_files(installation: Installation) -> Iterator[Server]:
    """Run a server that may open only a few files."""
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, usual[1]))
    try:
        server = Server(installation)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)
    try:
        yield server.wait_until_ready()
    finally:
        server.kill()


def open_connection(port: int, data: bytes, stack: ExitStack) -> socket.socket:
    connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
    connection.sendall(data)
    return connection


def send_request(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def deliver(port: int) -> int:
    """Send a signed delivery as Slack does, and return the status of the response."""
    body = json.dumps({"type": "url_verification", "challenge": "c", "token": "t"}).encode()
    signed = sign(body, secret=SECRET, timestamp=int(SystemClock().now().timestamp()))
    return send_request(port, "POST", PATH, body, Content_Type="application/json", **signed).status


@pytest.mark.parametrize("data", [b"", HALF, HALF[:-5] + b"\r\n{"], ids=["nothing", "half a head", "half a body"])
def test_one_client_with_many_connections_blocks_no_other_client(tmp_path: Path, data: bytes) -> None:
    port = free_port()
    installation = create_installation(
        tmp_path,
        slack_bot_token="xoxb-1-test",
        slack_signing_secret=SECRET,
        slack_api_url="http://127.0.0.1:9/api/",
        public_url="https://signoff.example.com",
        port=str(port),
    )
    hello = installation.write("hello.yaml", HELLO)
    with server_with_few_files(installation) as server, ExitStack() as stack:
        for _ in range(3 * FILES):
            open_connection(port, data, stack)
        assert deliver(port) == 200
        assert send_request(port, "GET", "/healthz").status == 200
        registered = installation.run("register", hello)
        assert registered.code == 0 or "SIGNOFF_BUILDERS" in registered.output, registered.output
        for _ in range(20):
            assert deliver(port) == 200
        assert "Too many open files" not in server.output
        assert "out of system resource" not in server.output
        assert server.output.count("HTTP connections:") <= 2
