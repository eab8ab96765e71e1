"""Receives deliveries of Slack: signed HTTP requests, or messages on sockets that this server opens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from slack_bolt.adapter.socket_mode.async_internals import send_async_response
from slack_bolt.adapter.socket_mode.internals import build_headers
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bot.log import RETRY_SECONDS
from bot.monitor import Monitor
from bot.slack.admission import Admission
from bot.slack.background import BackgroundTasks
from bot.slack.log_throttle import LogThrottle

PATH: Final = "/slack/events"
SOCKET: Final = "Slack's socket"
"""The endpoint of deliveries that come over a socket."""
MOST_BYTES: Final = 2 * 1024 * 1024
"""Maximum size of a delivery, in bytes: the largest ones carry a view (250 KB) and its state."""
DRAIN_SECONDS: Final = 8.0
ANSWER_SECONDS: Final = 2.7
"""How long a delivery may take, in seconds: Slack waits three."""
_LONGEST: Final = 400
"""Maximum length of a log line about the socket, in characters."""

log = logging.getLogger(__name__)


class EventsEndpoint:
    """The HTTP endpoint. A request without a valid signature gets 401 and nothing else."""

    def __init__(self, admission: Admission, *, signing_secret: str, later: BackgroundTasks) -> None:
        self._admission, self._later = admission, later
        self._verifier = SignatureVerifier(signing_secret)

    async def events(self, request: Request) -> Response:
        """Answer a delivery."""
        body = await _body(request)
        if body is None:
            return PlainTextResponse("too large", 413)
        if not self._is_signed(request, body):
            return PlainTextResponse("invalid signature", 401)
        _say_signed(request)

        def make() -> AsyncBoltRequest:
            return AsyncBoltRequest(body=body.decode(), query=request.url.query, headers=dict(request.headers.items()))

        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return _answer(await self._later.under_way(self._admission.dispatch(make)))
        except TimeoutError:
            # The handler goes on, and tells the person what became of it.
            log.warning("a delivery of Slack was not answered in time: the database or this machine is slow")
            return PlainTextResponse("busy", 503, {"Retry-After": str(RETRY_SECONDS)})

    def _is_signed(self, request: Request, body: bytes) -> bool:
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        # int() accepts more than digits, and raises an error for other texts.
        if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 16 and signature.isascii()):
            return False
        try:
            return self._verifier.is_valid(body, timestamp, signature)
        except UnicodeDecodeError:
            return False


def _say_signed(request: Request) -> None:
    """Mark the connection as signed: the server closes others first when there are too many."""
    trust = request.scope.get("extensions", {}).get("signoff.trust")
    if trust is not None:
        trust()


async def _body(request: Request) -> bytes | None:
    """Return the body, or None if it is too large."""
    parts, size = list[bytes](), 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


def _answer(response: BoltResponse) -> Response:
    headers = {
        name: value for name, value in response.first_headers_without_set_cookie().items() if name != "content-length"
    }
    return Response(response.body, response.status, headers)


class _InOneLine(logging.Filter):
    """Turns the tracebacks that the library logs every ten seconds while it cannot connect into rare single lines."""

    def __init__(self) -> None:
        super().__init__()
        self._throttle = LogThrottle()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return record.levelno < logging.INFO
        line = " ".join(record.getMessage().replace("\\n", " ").split())[:_LONGEST]
        record.msg, record.args, record.exc_info = f"{line} (signoff doctor says more)", (), None
        return self._throttle.passes(line, record.created)


def _quiet(logger: logging.Logger) -> logging.Logger:
    if not any(isinstance(filter_, _InOneLine) for filter_ in logger.filters):
        logger.addFilter(_InOneLine())
    return logger


@asynccontextmanager
async def over_sockets(
    admission: Admission, *, app_token: str, api_url: str, later: BackgroundTasks, monitoring: Monitor
) -> AsyncIterator[None]:
    """Take deliveries over a socket while the body runs; it is opened again whenever it closes."""
    client = SocketModeClient(
        app_token=app_token,
        web_client=AsyncWebClient(base_url=api_url, logger=_quiet(logging.getLogger("slack_sdk.web"))),
        logger=_quiet(logging.getLogger("slack_sdk.socket_mode")),
        ping_interval=10,
    )

    async def take(_: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        with monitoring.request(SOCKET) as scope:
            scope.answer = str(await later.under_way(_carry_out(client, admission, request)))

    listeners: list[Any] = client.socket_mode_request_listeners
    listeners.append(take)
    connecting = asyncio.ensure_future(client.connect())  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        # A delivery is answered over the socket on which it came.
        await later.drain(DRAIN_SECONDS)
        connecting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await connecting
        await client.close()  # type: ignore[no-untyped-call]


async def _carry_out(client: SocketModeClient, admission: Admission, request: SocketModeRequest) -> int:
    """Answer a delivery that came over a socket, and return the status of the answer."""
    loop = asyncio.get_running_loop()

    def make() -> AsyncBoltRequest:
        return AsyncBoltRequest(mode="socket_mode", body=request.payload, headers=build_headers(request))

    answer = await admission.dispatch(make)
    await send_async_response(client, request, answer, loop.time())
    return answer.status
