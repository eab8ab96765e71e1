"""The outside world of a workflow: an HTTP server on loopback that counts every call that reaches it."""

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
"""Seconds until a test that waits for something gives up: only so that nothing hangs."""


@dataclass(frozen=True, slots=True)
class Post:
    """One call that arrived whole."""

    key: str
    body: Any
    at: datetime
    path: str = ""
    """As it stood on the wire, query included."""

    @property
    def run(self) -> str:
        return self.key.partition(":")[0]


@dataclass
class HttpService:
    """What arrived, and how the next answers are. `delay` gives seconds before an answer; `status` its status."""

    url: str = ""
    status: int = 200
    delay: Callable[[], float] = lambda: 0.0
    posts: list[Post] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)
    """Cleared: answers are held back until it is set again, or until the test ends."""
    closing: threading.Event = field(default_factory=threading.Event)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def count(self, run: str) -> int:
        """How often the effect of this run happened."""
        with self.changed:
            return sum(post.run == run for post in self.posts)

    def wait_for(self, number: int) -> None:
        """Wait until that many calls have arrived."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.posts) >= number, PATIENCE), (
                f"{len(self.posts)} calls arrived"
            )

    def arrived(self, post: Post) -> int:
        with self.changed:
            self.posts.append(post)
            self.changed.notify_all()
            return len(self.posts)


def _handler(effects: HttpService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            if len(raw) < int(self.headers["Content-Length"]):
                return  # the caller died while it spoke
            key = self.headers.get("Idempotency-Key", "")
            number = effects.arrived(Post(key, json.loads(raw or b"null"), SystemClock().now(), self.path))
            effects.closing.wait(effects.delay())
            while not effects.may_answer.wait(0.05) and not effects.closing.is_set():
                pass
            self.answer({"receipt": number})

        def answer(self, body: Any) -> None:
            raw = json.dumps(body).encode()
            self.send_response(effects.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the test says what happened."""

    return Handler


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that was killed is what these tests are about."""


@contextmanager
def open_http_service() -> Iterator[HttpService]:
    """A counting server for as long as the body runs."""
    counting = HttpService()
    counting.may_answer.set()
    server = _Server(("127.0.0.1", 0), _handler(counting))
    counting.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="effects")
    thread.start()
    try:
        yield counting
    finally:
        counting.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
