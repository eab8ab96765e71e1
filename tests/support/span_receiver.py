"""A collector of traces: takes OTLP over HTTP, as an exporter sends it, and keeps every span."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class ReceivedSpan:
    """One span. Ids are hexadecimal, times in seconds; `service` is the process group that sent it."""

    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    links: tuple[tuple[str, str], ...]
    began: float
    ended: float
    failed: bool
    service: str


@dataclass
class SpanReceiver:
    """The spans that arrived, in the order in which they came. `raw`: everything that was sent."""

    url: str = ""
    spans: list[ReceivedSpan] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    @property
    def variables(self) -> dict[str, str]:
        """Return the environment of a process that sends its spans here."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url}

    def tree(self, trace: str) -> dict[str, list[str]]:
        """Return the names of the spans below each span of a trace, by the path to it; "" is above the root."""
        spans = [span for span in self.spans if span.trace == trace]
        by_id = {span.id: span for span in spans}
        tree: dict[str, list[str]] = {}
        for span in spans:
            assert span.parent == "" or span.parent in by_id, f"the parent of {span} is missing"
            tree.setdefault(_path(by_id.get(span.parent), by_id), []).append(span.name)
        return {path: sorted(names) for path, names in tree.items()}

    def take(self, body: bytes) -> None:
        """Keep the spans of one export."""
        self.raw.append(body)
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        for resource in request.resource_spans:
            service = _values(resource.resource.attributes).get("service.name", "")
            self.spans += [_read(span, service) for scope in resource.scope_spans for span in scope.spans]


def _path(span: ReceivedSpan | None, by_id: dict[str, ReceivedSpan]) -> str:
    if span is None:
        return ""
    above = _path(by_id.get(span.parent), by_id)
    return f"{above} > {span.name}" if above else span.name


def _values(attributes: Any) -> dict[str, Any]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in attributes}


def _read(span: Any, service: str) -> ReceivedSpan:
    return ReceivedSpan(
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        attributes=_values(span.attributes),
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        began=span.start_time_unix_nano / 1e9,
        ended=span.end_time_unix_nano / 1e9,
        failed=span.status.code == span.status.STATUS_CODE_ERROR,
        service=service,
    )


@contextmanager
def receiving_spans() -> Iterator[SpanReceiver]:
    """Run a collector while the body runs."""
    receiver = SpanReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_right = self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf"
            if is_right:
                receiver.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200 if is_right else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="collector")
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
