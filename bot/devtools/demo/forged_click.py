"""A click that Slack never sent: signed with a guess, because nobody but Slack and the server knows the secret."""

from __future__ import annotations

from typing import Final

import aiohttp

from bot.devtools.demo.servers import DemoEnvironment
from bot.devtools.sandbox.delivery import encoded, signature
from engine.system import SystemClock

_GUESS: Final = "not-the-signing-secret"


async def click(stage: DemoEnvironment, user: str) -> int:
    """Send the last click once more in the name of another user; the status that the server answers."""
    last = next(one for one in reversed(stage.slack.deliveries) if one.kind == "interactive")
    payload = {**last.payload, "user": {**last.payload["user"], "id": user}}
    body, kind = encoded("interactive", payload)
    signed = signature(body, secret=_GUESS, timestamp=int(SystemClock().now().timestamp()))
    async with (
        aiohttp.ClientSession() as session,
        session.post(stage.url, data=body, headers={"Content-Type": kind, **signed}) as answer,
    ):
        return answer.status
