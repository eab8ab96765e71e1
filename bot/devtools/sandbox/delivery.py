"""Deliveries to the app: signed HTTP or Socket Mode, three seconds to acknowledge, retries of events.

https://docs.slack.dev/authentication/verifying-requests-from-slack, .../apis/events-api#error-handling
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlencode

import aiohttp

from bot.devtools.sandbox import limits
from bot.devtools.sandbox.changes import Changes
from bot.devtools.sandbox.clock import Time
from bot.devtools.sandbox.faults import Faults
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.sockets import Sockets
from bot.devtools.sandbox.world import InstalledApp
from engine.ports import Clock
from engine.system import SystemClock

DeliveryKind: TypeAlias = Literal["interactive", "slash_commands", "events_api"]

_REASONS: Final = {
    "operation_timeout": "http_timeout",
    "dispatch_failed": "connection_failed",
    "http_service_error": "http_error",
}
"""The values of X-Slack-Retry-Reason for each problem of a delivery."""


@dataclass(frozen=True, kw_only=True)
class Ack:
    """The outcome of a delivery. `problem`: `operation_timeout`, `http_service_error`, `dispatch_failed`, or None."""

    problem: str | None = None
    status: int | None = None
    body: Any = None
    no_retry: bool = False

    @property
    def ok(self) -> bool:
        """Whether the app acknowledged in time."""
        return self.problem is None


@dataclass(kw_only=True)
class AppDelivery:
    """A recorded delivery."""

    app_id: str
    kind: DeliveryKind
    payload: Json
    retry: int
    over: Literal["http", "socket", "none"]
    ack: Ack | None = None


@dataclass(kw_only=True)
class Deliveries:
    """Sends deliveries and records them. `keep` runs a coroutine until it ends or the server stops."""

    time: Time
    faults: Faults
    sockets: Sockets
    session: aiohttp.ClientSession
    keep: Callable[[Coroutine[Any, Any, None]], None]
    changes: Changes
    # Signatures have the machine's time, because the app compares them with its own clock. With the sandbox's time,
    # every request would look like a replay after a test moves the sandbox forward by an hour.
    stamp: Clock = field(default_factory=SystemClock)
    log: list[AppDelivery] = field(default_factory=list)

    async def send(
        self, app: InstalledApp, *, kind: DeliveryKind, payload: Json, retry: int = 0, reason: str = ""
    ) -> Ack:
        """Deliver once (twice under the fault `duplicate`), and return the acknowledgement of the app."""
        fault = self.faults.take(f"deliver:{kind}")
        if self.faults.down or (fault is not None and fault.kind == "drop"):
            return Ack(problem="operation_timeout")
        secret = app.signing_secret
        if fault is not None and fault.kind == "slow":
            await self.time.sleep(fault.seconds)
        if fault is not None and fault.kind == "signature":
            secret += "-wrong"
        attempts = [self._once(app, kind=kind, payload=payload, secret=secret, retry=(retry, reason))]
        if fault is not None and fault.kind == "duplicate":
            attempts.append(self._once(app, kind=kind, payload=payload, secret=secret, retry=(retry, reason)))
        acks = await asyncio.gather(*attempts)
        self.changes.count_change()
        return acks[0]

    async def _once(
        self, app: InstalledApp, *, kind: DeliveryKind, payload: Json, secret: str, retry: tuple[int, str]
    ) -> Ack:
        by_socket = bool(self.sockets.of(app.id))
        over: Literal["http", "socket", "none"] = "socket" if by_socket else "http" if app.request_url else "none"
        delivery = AppDelivery(app_id=app.id, kind=kind, payload=payload, retry=retry[0], over=over)
        self.log.append(delivery)
        self.changes.count_change()
        if over == "none":
            delivery.ack = Ack(problem="dispatch_failed")
            return delivery.ack
        work = (
            self._by_socket(app, kind=kind, payload=payload, retry=retry)
            if by_socket
            else self._by_http(app, kind=kind, payload=payload, secret=secret, retry=retry)
        )
        try:
            delivery.ack = await self.time.within(limits.ACK_SECONDS, work)
        except TimeoutError:
            delivery.ack = Ack(problem="operation_timeout")
        except (aiohttp.ClientError, OSError):
            delivery.ack = Ack(problem="dispatch_failed")
        return delivery.ack

    async def _by_socket(self, app: InstalledApp, *, kind: DeliveryKind, payload: Json, retry: tuple[int, str]) -> Ack:
        number, reason = retry
        extra: Json | None = None
        if kind == "events_api":
            extra = {"retry_attempt": number, "retry_reason": reason}
        body = await self.sockets.deliver(app.id, kind=kind, payload=payload, retry=extra)
        return Ack(status=200, body=body)

    async def _by_http(
        self, app: InstalledApp, *, kind: DeliveryKind, payload: Json, secret: str, retry: tuple[int, str]
    ) -> Ack:
        body, content_type = encode_body(kind, payload)
        headers = {"Content-Type": content_type, "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)"}
        headers |= sign(body, secret=secret, timestamp=int(self.stamp.now().timestamp()))
        number, reason = retry
        if number:
            headers |= {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": reason}
        async with self.session.post(app.request_url or "", data=body, headers=headers) as response:
            text = await response.text()
            no_retry = response.headers.get("X-Slack-No-Retry") == "1"
            problem = None if 200 <= response.status < 300 else "http_service_error"
            return Ack(problem=problem, status=response.status, body=_decode_body(text), no_retry=no_retry)

    def event(self, app: InstalledApp, payload: Json) -> None:
        """Deliver an event in the background, with the retries of the Events API."""
        self.keep(self._event(app, payload))

    async def _event(self, app: InstalledApp, payload: Json) -> None:
        ack = await self.send(app, kind="events_api", payload=payload)
        for number, seconds in enumerate(limits.EVENT_RETRY_SECONDS, start=1):
            if ack.ok or ack.no_retry:
                return
            await self.time.sleep(seconds)
            reason = _REASONS[ack.problem or "http_service_error"]
            ack = await self.send(app, kind="events_api", payload=payload, retry=number, reason=reason)

    async def verify_url(self, app: InstalledApp) -> bool:
        """Send the challenge of a new request URL, and return whether the app answered it.

        https://docs.slack.dev/reference/events/url_verification
        """
        challenge = hashlib.sha256(app.id.encode()).hexdigest()
        payload = {"type": "url_verification", "token": app.verification_token, "challenge": challenge}
        ack = await self.send(app, kind="events_api", payload=payload)
        response = ack.body.get("challenge") if isinstance(ack.body, dict) else ack.body
        return ack.ok and response == challenge


def encode_body(kind: DeliveryKind, payload: Json) -> tuple[bytes, str]:
    """Return the body and content type of an HTTP delivery."""
    if kind == "events_api":
        return json.dumps(payload).encode(), "application/json"
    fields = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
    return urlencode(fields).encode(), "application/x-www-form-urlencoded"


def sign(body: bytes, *, secret: str, timestamp: int) -> dict[str, str]:
    """Return the headers with which Slack signs a request."""
    digest = hmac.new(secret.encode(), f"v0:{timestamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(timestamp), "X-Slack-Signature": f"v0={digest}"}


def _decode_body(text: str) -> Any:
    if text.lstrip().startswith(("{", "[")):
        with contextlib.suppress(json.JSONDecodeError):
            return json.loads(text)
    return text
