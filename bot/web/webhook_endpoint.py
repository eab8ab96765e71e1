"""The endpoint that other systems call to start runs. It answers in JSON: a run, or a problem as in RFC 9457."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from bot import client_limits
from bot.client_limits import ClientLimits
from bot.log import is_busy, report_incident
from bot.presentation import refusals
from engine import json_values, webhooks
from engine.domain import (
    BodyRefused,
    InvalidInputs,
    QueueFull,
    ReceiveWebhook,
    Refusal,
    Started,
    StillRunning,
    WebhookUnknown,
)
from engine.json_values import Value
from engine.ports import Clock

PATH: Final = "/hooks/{workflow}"
MOST_REFUSED: Final = 100
"""Calls of one client without the right secret in ten minutes, after which it is refused without a look."""
MOST_CALLS: Final = 3_000
"""Calls of one client that name one workflow in ten minutes."""

Receive: TypeAlias = Callable[[ReceiveWebhook], Awaitable[Started | Refusal]]
_STATUS: Final = {WebhookUnknown: 401, BodyRefused: 400, InvalidInputs: 422, QueueFull: 429}


class WebhookEndpoint:
    """`receive`: starts the run. Counts of calls are in memory: they only keep one sender from taking all the time."""

    def __init__(self, receive: Receive, clock: Clock) -> None:
        self._receive, self._clock = receive, clock
        self._refused, self._called = ClientLimits(MOST_REFUSED), ClientLimits(MOST_CALLS)

    async def __call__(self, request: Request) -> Response:
        """Answer a call. A run that is named in the answer is saved."""
        client, now = client_limits.client(request), self._clock.now()
        workflow = str(request.path_params["workflow"])
        wait = self._called.take(f"{client} {workflow[:63]}", now) or self._refused.wait(client, now)
        if wait is not None:
            return _problem(429, "There are too many calls from this address. Try again later.", after=wait.seconds + 1)
        body = await _read(request)
        if body is None:
            return _problem(413, f"The body is larger than {webhooks.MOST_BYTES:,} bytes.")
        if request.headers.get("content-encoding", "identity") != "identity":
            return _problem(415, "The body has to be sent without compression.")
        command = ReceiveWebhook(workflow=workflow, headers=_headers(request), body=body, received_at=now)
        try:
            result = await self._receive(command)
        except Exception as error:  # noqa: BLE001 the boundary to a program, which reads no page
            return _problem(
                503 if is_busy(error) else 500, report_incident(error), after=60 if is_busy(error) else None
            )
        if isinstance(result, WebhookUnknown):
            self._refused.take(client, now)
        return _answer(result)


async def _read(request: Request) -> bytes | None:
    """Return the body, or None if it is too large."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > webhooks.MOST_BYTES:
            return None
    return bytes(body)


def _headers(request: Request) -> dict[str, str]:
    """Return the headers by name. One that was sent twice is joined, so that it proves nothing."""
    headers: dict[str, str] = {}
    for name, text in request.headers.items():
        headers[name.lower()] = f"{headers[name.lower()]}, {text}" if name.lower() in headers else text
    return headers


def _answer(result: Started | Refusal) -> Response:
    if isinstance(result, Started):
        facts: dict[str, Value] = {"run": result.run, "started": result.created, "queued": result.queued}
        return _json(201 if result.created else 200, facts)
    if isinstance(result, StillRunning):
        # The workflow says so, and the sender should not try again.
        return _json(200, {"run": result.run, "started": False, "queued": False})
    status = next((status for kind, status in _STATUS.items() if isinstance(result, kind)), 409)
    errors: dict[str, Value] = dict(result.errors) if isinstance(result, InvalidInputs) else {}
    return _problem(status, refusals.sentence(result), errors=errors, after=60 if status == 429 else None)


def _problem(status: int, detail: str, *, errors: dict[str, Value] | None = None, after: int | None = None) -> Response:
    facts: dict[str, Value] = {"type": "about:blank", "title": _TITLES[status], "status": status, "detail": detail}
    response = _json(status, {**facts, **({"errors": errors} if errors else {})}, "application/problem+json")
    if after is not None:
        response.headers["Retry-After"] = str(after)
    return response


_TITLES: Final = {
    400: "Bad Request",
    401: "Unauthorized",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def _json(status: int, facts: dict[str, Value], media_type: str = "application/json") -> Response:
    return Response(json_values.dumps(facts), status_code=status, media_type=media_type)
