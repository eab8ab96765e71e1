"""An HTTP service on loopback that workflows call, and that records every call."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from engine.system import SystemClock

PATIENCE = 60.0
"""Seconds after which a test that waits for something fails, so that no test hangs."""


@dataclass(frozen=True, slots=True)
class Post:
    """One call that arrived completely."""

    key: str
    body: Any
    at: datetime
    path: str = ""
    """The path as it was sent, with the query."""
    traceparent: str | None = None
    """The header of that name, or None if it was not sent."""
    authorization: str | None = None
    """The header of that name."""

    @property
    def run(self) -> str:
        return self.key.partition(":")[0]


@dataclass
class HttpService:
    """The calls that arrived, and how the service answers: after `delay` seconds, with `status`."""

    url: str = ""
    status: int = 200
    delay: Callable[[], float] = lambda: 0.0
    posts: list[Post] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)
    """While this is cleared, the service delays its answers until it is set again or the test ends."""
    closing: threading.Event = field(default_factory=threading.Event)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def count(self, run: str) -> int:
        """Return how often the effect of this run happened."""
        with self.changed:
            return sum(post.run == run for post in self.posts)

    def wait_for(self, number: int) -> None:
        """Wait until that many calls have arrived."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.posts) >= number, PATIENCE), (
                f"{len(self.posts)} calls arrived"
            )

    def add(self, post: Post) -> int:
        with self.changed:
            self.posts.append(post)
            self.changed.notify_all()
            return len(self.posts)


def _handler(service: HttpService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            if len(raw) < int(self.headers["Content-Length"]):
                return  # the caller died while it sent its request
            key = self.headers.get("Idempotency-Key", "")
            parent = self.headers["traceparent"]
            signed = self.headers["Authorization"]
            number = service.add(Post(key, json.loads(raw or b"null"), SystemClock().now(), self.path, parent, signed))
            service.closing.wait(service.delay())
            while not service.may_answer.wait(0.05) and not service.closing.is_set():
                pass
            self.answer({"receipt": number})

        def answer(self, body: Any) -> None:
            raw = json.dumps(body).encode()
            self.send_response(service.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    return Handler


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors of the connection, because these tests kill callers."""


@contextmanager
def open_http_service() -> Iterator[HttpService]:
    """Run the service while the body runs."""
    service = HttpService()
    service.may_answer.set()
    server = _Server(("127.0.0.1", 0), _handler(service))
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="effects")
    thread.start()
    try:
        yield service
    finally:
        service.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
