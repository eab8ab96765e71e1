"""uvicorn's HTTP protocol with limits on the size and speed of requests.

uvicorn has none of them for httptools: `h11_max_incomplete_event_size` is h11's alone, `limit_concurrency` counts and
does not choose, and `timeout_keep_alive` begins after the first answer.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import httptools
from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from bot.http_server import API, WATCH
from bot.web.answer_transport import AnswerTransport
from bot.web.connections import Connections, Use
from bot.web.light_connection import LightEvent, LightFlow, Pipeline

TRUST: Final = "signoff.trust"
"""The ASGI extension with which an endpoint says that the client has signed its request."""
_PIECE: Final = 4_096
"""Bytes that the parser gets at once, so that its buffered header is checked in between."""
_FRAMING: Final = 8
"""Maximum bytes of framing for each byte of a body (a chunk of one byte takes five)."""
_IGNORED: Final = 1_048_576
"""Maximum bytes of a body that are read after the response was sent."""
_LINGER_SECONDS: Final = 2.0
"""How long a refused client may go on sending before its connection is closed, in seconds."""
_SENTENCES: Final = {
    400: "This is not a request that can be read.",
    408: "The request took too long to arrive; send it again.",
    431: "The headers are too large; send fewer or shorter ones.",
    503: "The server has no room at the moment; try again in a minute.",
}


_NO_HEADERS: Final = list[tuple[bytes, bytes]]()
"""What a connection keeps of the headers once its request is read: the request has a list of its own."""


class _TooLarge(Exception):
    """The head of a request is too large."""


def limited(connections: Connections, kept_for: tuple[str, ...]) -> Callable[..., asyncio.Protocol]:
    """Return the protocol factory. `kept_for`: the paths that the reserved connections serve."""
    return functools.partial(LimitedProtocol, connections=connections, kept_for=kept_for)


class LimitedProtocol(HttpToolsProtocol):
    """One connection."""

    # With these beside its own, an instance would need a dictionary of its own; there may be ten thousand.
    __slots__ = (
        *("_body", "_body_began", "_context", "_deadline", "_ignored", "_in_body", "_in_head", "_is_kept"),
        *("_is_refused", "_kept_for", "_limits", "_overhead", "_piece", "_site", "_stuck_since", "_when_gone"),
        *("host", "is_signed", "used_at"),
    )

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        connections: Connections,
        kept_for: tuple[str, ...],
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.pipeline: Any = Pipeline()
        # No line of a log needs more of a request that waits than its answer does.
        self.access_log = False
        self._context, self._limits, self._kept_for = connections, connections.limits, kept_for
        self._site: ASGIApp = self.app
        self.host, self.is_signed, self.used_at = "", False, connections.now()
        self._is_kept = False
        self._deadline: float | None = None
        self._body_began = 0.0
        self._stuck_since: float | None = None
        self._overhead = self._body = self._piece = self._ignored = 0
        self._in_head = self._in_body = self._is_refused = False
        self._when_gone: Callable[[], None] | None = None

    # -- the connection --

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow: Any = LightFlow(transport)
        self.host = self.client[0] if self.client else ""
        if not self._context.admit(self):
            transport.write(_answer(503))
            transport.close()
            return
        self._is_kept = self._context.is_full
        self._deadline = self._context.now() + self._limits.head_seconds

    def connection_lost(self, exc: Exception | None) -> None:
        self._context.forget(self)
        super().connection_lost(exc)
        if self._when_gone is not None:
            self._when_gone()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck_since = self._context.now()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stuck_since = None

    def _unsupported_upgrade_warning(self) -> None:
        self._context.count("asked for another protocol")

    # -- what comes --

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._deadline is None and not self._in_body:
            # Not with each byte: a request that trickles grows old.
            self.used_at = self._context.now()
            self._deadline = self.used_at + self._limits.head_seconds
        if self.parser is None:
            self.parser = _parser(self)
        for at in range(0, len(data), _PIECE):
            if self._is_refused or self.transport.is_closing():
                self._ignore(len(data) - at)
                return
            self._feed(data[at : at + _PIECE])
        if self.cycle is not None and not (self._in_head or self._in_body or self._is_refused):
            # A parser takes a kilobyte, and thousands of connections wait for an answer, or for a further request.
            self.parser = None  # type: ignore[assignment]

    def _ignore(self, size: int) -> None:
        """Discard input after the response. Closing at once could lose the response."""
        self._ignored += size
        if self._ignored > _IGNORED:
            self.transport.close()

    def _feed(self, piece: bytes) -> None:
        """Give the parser a piece."""
        self._piece = len(piece)
        self._overhead += len(piece)
        try:
            self.parser.feed_data(piece)
            self._check_size()
        except httptools.HttpParserUpgrade:
            self._unsupported_upgrade_warning()
        except _TooLarge:
            self._refuse(431)
        except httptools.HttpParserError as error:
            self._refuse(431 if isinstance(error.__context__, _TooLarge) else 400)

    def _check_size(self) -> None:
        """Raise `_TooLarge` if headers, chunk sizes and trailers are larger than any client needs."""
        if self._overhead > self._limits.head_bytes + _FRAMING * self._body:
            raise _TooLarge

    # -- the parser says --

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._overhead, self._body = self._piece, 0
        self._in_head = True
        extensions: dict[str, Any] = {TRUST: self._trust, API: self._claim, WATCH: self._watch}
        self.scope["extensions"] = extensions

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) >= self._limits.head_count:
            raise _TooLarge
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if sum(len(name) + len(value) for name, value in self.headers) > self._limits.head_bytes:
            raise _TooLarge
        self._in_head, self._in_body = False, True
        self._body_began = self._context.now()
        self._deadline = self._body_began + self._limits.body_seconds
        path = self.url.partition(b"?")[0].decode("latin-1")
        is_refused = self._is_kept and not self.is_signed and not path.endswith(self._kept_for)
        self.app = service_unavailable if is_refused else self._site
        super().on_headers_complete()
        # The task that would wait for it has not begun yet.
        self.cycle.message_event = LightEvent()  # type: ignore[assignment]
        self.cycle.transport = AnswerTransport(self.transport)  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        self._overhead -= len(body)
        self._body += len(body)
        if self._deadline is not None:
            # A large body, such as a file, may take longer if it keeps coming.
            self._deadline = max(self._deadline, self._body_began + self._body / self._limits.body_bytes_a_second)
        if self.cycle.response_complete:
            self._ignore(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_body, self._deadline = False, None
        super().on_message_complete()
        self.headers, self.url = _NO_HEADERS, b""

    def on_response_complete(self) -> None:
        self.used_at, self._when_gone = self._context.now(), None
        super().on_response_complete()

    # -- room and deadlines --

    def _trust(self) -> None:
        self.is_signed = True

    def _claim(self, key: str) -> bool:
        return self._context.claim(self, key)

    def _watch(self, leave: Callable[[], None]) -> None:
        if self.cycle.disconnected:
            leave()
        self._when_gone = leave

    def use(self) -> Use:
        """Return the present use of the connection."""
        if self._is_refused or self.transport.is_closing() or (self._in_body and not self.is_signed):
            return Use.NOTHING
        if self._is_answering():
            return Use.STREAM if self.cycle.response_started else Use.ANSWER
        return Use.SIGNED if self.is_signed else Use.NOTHING

    def _is_answering(self) -> bool:
        return bool(self.pipeline) or (self.cycle is not None and not self.cycle.response_complete)

    def drop(self) -> None:
        """Close it at once."""
        self.transport.abort()

    def enforce(self, now: float) -> None:
        """Close it if one of its deadlines has passed."""
        if self.transport.is_closing() and self._stuck_since is None:
            self._stuck_since = now  # the rest of the response may never be read
        if self._stuck_since is not None and now >= self._stuck_since + self._limits.send_seconds:
            self._context.count("closed: the client did not read its answer")
            self.transport.abort()
        elif self._deadline is not None and now >= self._deadline:
            if self._is_answering() and not (self._in_body or self._is_refused):
                self._deadline = now + self._limits.head_seconds  # a further request waits for its turn
            else:
                self._time_out()

    def _time_out(self) -> None:
        self._deadline = None
        if self._is_refused:
            self.transport.close()
            return
        began = self.cycle is not None and self._in_body and self.cycle.response_started
        if began or not (self._in_head or self._in_body):
            self._context.count("closed: no request came")
            self.transport.close()
        else:
            self._refuse(408)

    def _refuse(self, status: int) -> None:
        """Answer with a status and close. A handler that waits for the rest of the request gets a disconnect."""
        self._context.count(f"refused with {status}")
        self._is_refused, self._deadline = True, self._context.now() + _LINGER_SECONDS
        if self._in_body and self._is_answering():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self._is_answering() and self.cycle.response_started:
            self.transport.close()
            return
        self.transport.write(_answer(status))
        if self.transport.can_write_eof():
            self.transport.write_eof()


def _parser(connection: LimitedProtocol) -> httptools.HttpRequestParser:
    """Return a parser for further requests, as lenient as that of uvicorn."""
    parser = httptools.HttpRequestParser(connection)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser


def _answer(status: int) -> bytes:
    body = f"{_SENTENCES[status]}\n".encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\nx-content-type-options: nosniff\r\n\r\n"
    )
    return head.encode() + body
