"""A forged click: signed with a guess, because only Slack and the server know the secret."""

from __future__ import annotations

from typing import Final

import aiohttp

from bot.devtools.demo.servers import DemoEnvironment
from bot.devtools.sandbox.delivery import encode_body, sign
from engine.system import SystemClock

_GUESS: Final = "not-the-signing-secret"


async def send_click(env: DemoEnvironment, user: str) -> int:
    """Send the last click again in the name of another user, and return the HTTP status of the response."""
    last = next(delivery for delivery in reversed(env.slack.deliveries) if delivery.kind == "interactive")
    payload = {**last.payload, "user": {**last.payload["user"], "id": user}}
    body, content_type = encode_body("interactive", payload)
    headers = sign(body, secret=_GUESS, timestamp=int(SystemClock().now().timestamp()))
    async with (
        aiohttp.ClientSession() as session,
        session.post(env.url, data=body, headers={"Content-Type": content_type, **headers}) as response,
    ):
        return response.status
