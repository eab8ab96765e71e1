"""A small server that speaks the API of asks, for tests of the clients: it can be stopped, and its answers can fail.

The tests that use it test the clients alone. Other tests use the real server.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

KEY: Final = "sgn_test_" + "k" * 43
ASK_KEYS: Final = {
    *("title", "tool", "server", "arguments", "fields", "editable", "summary", "risk", "reasoning", "impact"),
    *("confidence", "data", "workflow", "use", "expires_in", "callback", "requester"),
}
NOW: Final = "2026-03-02T10:00:00+00:00"


@dataclass
class Fault:
    """What happens to the next request whose method and path begin with `on`."""

    on: str
    drop: str = ""
    """"before": the connection is closed, and nothing was done. "after": it was done, and the answer is lost."""
    status: int = 0
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    change: Callable[[dict[str, Any]], None] | None = None
    """Changes the record of the answer."""


@dataclass
class AskServer:
    """Asks in memory. `decide` plays the approver."""

    port: int = 0
    asks: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    consumed: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    http: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        server = self

        class Handler(_Handler):
            asks = server

        self.http = _QuietServer(("127.0.0.1", self.port), Handler)
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        assert self.http is not None
        self.http.shutdown()
        self.http.server_close()
        self.http = None
        with self.changed:
            self.changed.notify_all()

    def await_ask(self, *, polled: bool = False) -> dict[str, Any]:
        """Wait until the newest ask exists, and is waited for if `polled`. Return it."""
        with self.changed:
            assert self.changed.wait_for(
                lambda: self.asks and (not polled or any("?wait=" in line for line in self.seen)), 20
            )
            return [*self.asks.values()][-1]

    def await_count(self, count: int) -> None:
        """Wait until there are so many asks."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.asks) >= count, 20)

    def await_status(self, status: str) -> None:
        """Wait until the newest ask has this status."""
        with self.changed:
            assert self.changed.wait_for(lambda: [*self.asks.values()][-1]["status"] == status, 20)

    def decide(self, ask: str, verdict: str = "approved", *, reason: str | None = None, **edits: Any) -> None:
        with self.changed:
            record = self.asks[ask]
            before = dict(record["arguments"])
            record["arguments"] |= edits
            record["status"] = verdict
            record["rev"] += 1
            record["decision"] = {
                "verdict": verdict,
                "by": {"name": "Ada"} if verdict in ("approved", "rejected") else None,
                "at": NOW,
                "reason": reason,
                "edits": [{"path": name, "before": before.get(name), "after": edits[name]} for name in edits],
            }
            self.changed.notify_all()

    @contextmanager
    def approver(self, decide: Callable[[dict[str, Any]], None], *, count: int = 1, first: int = 1) -> Iterator[None]:
        """Play an approver beside the test: `decide` is called with each of the next asks, in their order."""

        def work() -> None:
            for number in range(first, first + count):
                with self.changed:
                    assert self.changed.wait_for(lambda: f"ask{number}" in self.asks, 20)  # noqa: B023
                decide(self.asks[f"ask{number}"])

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            thread.join()

    # -- what the handler calls -----------------------------------------------------------------------------

    def create(self, key: str, raw: bytes) -> tuple[int, dict[str, Any]]:
        body = json.loads(raw, parse_float=Decimal)
        if unknown := body.keys() - ASK_KEYS:
            return problem(422, "invalid-ask", "Some of it is wrong.", dict.fromkeys(unknown, "is not known"))
        with self.changed:
            if key in self.keys:
                sent, ask = self.keys[key]
                if sent != raw:
                    return problem(409, "idempotency-conflict", "This key was used for another ask.")
                return 200, self.asks[ask]
            ask = f"ask{len(self.asks) + 1}"
            self.keys[key] = raw, ask
            self.asks[ask] = _record(ask, body)
            self.changed.notify_all()
            return 201, self.asks[ask]

    def get(self, ask: str, query: str) -> tuple[int, dict[str, Any]]:
        if ask not in self.asks:
            return problem(404, "not-found", "There is no such ask.")
        seconds = int(query.removeprefix("wait=").removesuffix("s")) if query else 0
        with self.changed:
            self.changed.wait_for(lambda: self.http is None or self.asks[ask]["status"] != "pending", seconds)
            return 200, self.asks[ask]

    def post(self, ask: str, action: str, key: str, raw: bytes) -> tuple[int, dict[str, Any]]:
        if ask not in self.asks:
            return problem(404, "not-found", "There is no such ask.")
        with self.changed:
            return {"consume": self._consume, "outcome": self._outcome, "cancel": self._cancel}[action](
                self.asks[ask], key, json.loads(raw, parse_float=Decimal)
            )

    def _consume(self, record: dict[str, Any], key: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        assert body.keys() <= {"digest", "arguments"}
        if record["consumed_at"] is not None:
            if self.consumed[record["id"]] == key:
                return 200, record
            return problem(409, "already-consumed", "It was used before.")
        if record["status"] != "approved":
            return problem(409, "not-approved", "It is not approved.")
        if body.get("digest", record["digest"]) != record["digest"]:
            return problem(409, "arguments-changed", "It was approved for something else.")
        record["consumed_at"] = NOW
        self.consumed[record["id"]] = key
        return 200, record

    def _outcome(self, record: dict[str, Any], key: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        assert body.keys() <= {"status", "note", "result"}
        if record["consumed_at"] is None:
            return problem(409, "not-consumed", "It was not used.")
        record["outcome"] = {"status": body["status"], "note": body.get("note"), "at": NOW}
        record["result"] = body.get("result")
        return 200, record

    def _cancel(self, record: dict[str, Any], key: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        assert body.keys() <= {"reason"}
        self.decide(record["id"], "cancelled", reason=body.get("reason"))
        return 200, record


def _record(ask: str, body: dict[str, Any]) -> dict[str, Any]:
    given = {name: body.get(name) for name in ("tool", "server", "editable")}
    return {
        **given,
        "id": ask,
        "status": "pending",
        "title": body["title"],
        "workflow": body.get("workflow", "approvals"),
        "use": body["use"],
        "arguments": dict(body.get("arguments", {})),
        "body": body,
        "digest": f"digest-of-{ask}",
        "rev": 1,
        "decision": None,
        "valid_until": None,
        "consumed_at": None,
        "outcome": None,
        "request": {"id": f"r-{ask}", "url": None, "due_at": None, "waiting_for": ["Ada"], "progress": None},
        "url": None,
        "created_at": NOW,
        "created": True,
    }


def problem(status: int, code: str, detail: str, errors: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    return status, {"type": f"about:{code}", "title": code, "status": status, "detail": detail, "code": code} | (
        {"errors": errors} if errors else {}
    )


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has gone."""
        if not isinstance(sys.exc_info()[1], OSError | ValueError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    asks: AskServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        return

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def _handle(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        line = f"{self.command} {self.path.removeprefix('/api/v1')}"
        with self.asks.changed:
            self.asks.seen.append(line)
            self.asks.changed.notify_all()
        fault = next((fault for fault in self.asks.faults if line.startswith(fault.on)), None)
        if fault is not None:
            self.asks.faults.remove(fault)
            if fault.drop == "before":
                self._drop()
                return
        status, record = self._answer(line, raw) if fault is None or not fault.status else (fault.status, {})
        if fault is not None and fault.drop == "after":
            self._drop()
            return
        if self.asks.http is None:
            self._drop()
            return
        self._send(status, record, fault)

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.close()

    def _answer(self, line: str, raw: bytes) -> tuple[int, dict[str, Any]]:
        if self.headers.get("authorization") != f"Bearer {KEY}":
            return problem(401, "unauthorized", "This API key is not known.")
        method, _, target = line.partition(" ")
        path, _, query = target.partition("?")
        match [method, *path.strip("/").split("/")]:
            case ["POST", "asks"]:
                return self.asks.create(self.headers["idempotency-key"], raw)
            case ["GET", "asks", ask]:
                return self.asks.get(ask, query)
            case ["POST", "asks", ask, action]:
                return self.asks.post(ask, action, self.headers["idempotency-key"], raw)
        raise AssertionError(line)

    def _send(self, status: int, record: dict[str, Any], fault: Fault | None) -> None:
        record = json.loads(json.dumps(record, default=float))
        if fault is not None and fault.change is not None:
            fault.change(record)
        body = fault.body if fault is not None and fault.status else json.dumps(record, default=float).encode()
        self.send_response(status)
        kind = "application/problem+json" if status >= 400 else "application/json"
        self.send_header("content-type", fault.content_type if fault is not None and fault.status else kind)
        self.send_header("content-length", str(len(body)))
        for name, value in (fault.headers if fault is not None else {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def open_ask_server() -> Iterator[AskServer]:
    """Run a server of asks."""
    server = AskServer()
    server.start()
    try:
        yield server
    finally:
        if server.http is not None:
            server.stop()
