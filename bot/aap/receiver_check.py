"""The check of a receiver: whether it expects this registration, before anything is made for it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Final

from multidict import CIMultiDict

from bot.aap.errors import ProtocolError
from bot.aap.instance_bodies import Delivery
from bot.callbacks import signature
from engine import json_values, timestamps
from engine.errors import InvalidValue, StepError
from engine.json_values import Value
from engine.ports import Resolve
from engine.steps import url_guard
from engine.steps.http_client import HttpCall, HttpClient

_ANSWER_SECONDS: Final = 10.0
"""The protocol's maximum time for the challenge and its answer, in seconds."""
_CONNECT_SECONDS: Final = 5.0
_MOST_BYTES: Final = 4_096
"""Maximum size of the answer to a challenge, in bytes."""


class ReceiverCheck:
    """Sends the signed challenge, once. `guard`: where calls may go. `new_uuid`: makes ids that cannot be guessed."""

    def __init__(
        self,
        guard: url_guard.Guard,
        *,
        now: Callable[[], datetime],
        new_uuid: Callable[[], str],
        resolve: Resolve = url_guard.system_resolve,
    ) -> None:
        self._guard, self._now, self._new_uuid = guard, now, new_uuid
        self._client = HttpClient(guard, resolve, max_bytes=_MOST_BYTES, connect_timeout=_CONNECT_SECONDS)

    async def verify(self, delivery: Delivery, instance: str) -> None:
        """Raise `ProtocolError` unless the receiver gives the challenge back."""
        try:
            target = self._guard.check("POST", delivery.url)
        except StepError:
            why = "The URL has to begin with https:// and lead to a public address."
            raise ProtocolError(400, "invalid_webhook_url", why, param="delivery.url") from None
        message, challenge = self._new_uuid(), self._new_uuid()
        body = json_values.encoded(self._challenge(delivery, instance, message, challenge))
        headers = signature.headers([delivery.secret], delivery=message, at=self._now(), body=body)
        answer = await self._send(target, headers, body)
        if answer != {"challenge": challenge}:
            why = "The receiver did not give the challenge back. Check that it runs and expects this registration."
            raise ProtocolError(422, "webhook_verification_failed", why, param="delivery")

    def _challenge(self, delivery: Delivery, instance: str, message: str, challenge: str) -> dict[str, Value]:
        return {
            "id": message,
            "type": "webhook.verification",
            "registration_id": delivery.registration_id,
            "instance_id": instance,
            "created_at": timestamps.exact(self._now()),
            "challenge": challenge,
        }

    async def _send(self, target: url_guard.CallTarget, headers: Mapping[str, str], body: bytes) -> Value:
        """Return what the receiver answered, or None if it did not."""
        call = HttpCall(
            method="POST",
            target=target,
            url=target.url,
            headers=CIMultiDict({"Content-Type": "application/json", **headers}),
            body=io.BytesIO(body),
            accepts=lambda status: status == HTTPStatus.OK,
            redact=str,
        )
        try:
            async with self._client.open(call, _ANSWER_SECONDS) as answer:
                return json_values.loads(await self._client.read(call, answer))
        except (StepError, InvalidValue):
            return None
