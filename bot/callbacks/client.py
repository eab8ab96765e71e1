"""The HTTP client of callbacks: one call to a vetted address, without redirects; the answer is only its status."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from multidict import CIMultiDict

from bot.callbacks import errors
from engine.errors import StepError
from engine.ports import Resolve
from engine.steps import http_response, url_guard
from engine.steps.http_client import HttpCall, HttpClient

ANSWER_SECONDS: Final = 10.0
"""Maximum time for a call and its answer, in seconds. The specification asks for 15 to 30; a receiver that does its
work before it answers would keep other callbacks waiting."""
CONNECT_SECONDS: Final = 5.0
"""Maximum time for the name, the connection and TLS together, in seconds."""


class CallbackClient:
    """Sends callbacks. `seconds`: the maximum time for one. `resolve`: looks up the addresses of a host."""

    def __init__(
        self,
        guard: url_guard.Guard,
        resolve: Resolve = url_guard.system_resolve,
        *,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        self.guard, self._seconds = guard, seconds
        self._client = HttpClient(guard, resolve, max_bytes=0, connect_timeout=min(CONNECT_SECONDS, seconds))

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Send one callback. Raises `ChannelError` unless the receiver took it."""
        try:
            target = self.guard.check("POST", url)
        except StepError as error:
            raise errors.of_refusal(error) from error
        call = HttpCall(
            method="POST",
            # What approvers read about a callback names the host: a path may hold a secret.
            target=replace(target, call=f"The callback to {target.host}"),
            url=target.url,
            headers=CIMultiDict({"Content-Type": "application/json", **headers}),
            body=io.BytesIO(body),
            accepts=_is_success,
            redact=str,
        )
        try:
            await self._call(call)
        except StepError as error:
            raise errors.of_call(error) from error

    async def _call(self, call: HttpCall) -> None:
        async with self._client.open(call, self._seconds) as answer:
            if not _is_success(answer.status):
                quoted = await http_response.excerpt(answer, call.redact)
                wait = http_response.wait_of(answer)
                raise errors.of_answer(call.target.host, answer.status, quoted=quoted, wait=wait)


def _is_success(status: int) -> bool:
    return 200 <= status < 300
