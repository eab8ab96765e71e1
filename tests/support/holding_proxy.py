"""A proxy in front of a server, which holds one request: before the server gets it, or before its answer goes back."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from tests.support.http_service import PATIENCE


@dataclass
class HoldingProxy:
    """Passes requests on. Those whose method and path contain `hold` stop at `when`, and their client never hears."""

    target: int
    hold: str = ""
    when: Literal["before", "after"] = "before"
    held: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stops(self, line: str, when: str) -> bool:
        """Hold this request until the proxy ends, if it is the one, and return whether it was."""
        if not self.hold or self.hold not in line or self.when != when:
            return False
        self.held.set()
        self.over.wait()
        return True


@contextmanager
def holding_proxy(target: int, hold: str, when: Literal["before", "after"]) -> Iterator[HoldingProxy]:
    """Run a proxy in front of a port of this machine."""
    proxy = HoldingProxy(target, hold, when)

    class Handler(_Handler):
        pass

    Handler.proxy = proxy
    server = _Server(("127.0.0.1", 0), Handler)
    proxy.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield proxy
    finally:
        proxy.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that was killed."""


class _Handler(BaseHTTPRequestHandler):
    proxy: HoldingProxy

    def log_message(self, format: str, *args: Any) -> None:
        return

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        line = f"{self.command} {self.path}"
        if self.proxy.stops(line, "before"):
            return
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.target, timeout=PATIENCE)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if self.proxy.stops(line, "after"):
            return
        self.send_response(answer.status)
        self.send_header("content-type", answer.headers["content-type"])
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
