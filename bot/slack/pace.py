"""How fast each method is called, so that Slack rarely has to say no: a turn for every call.

Slack counts a method for a workspace and an app, and posts for each conversation as well; a refusal (429) stops the
method for everybody. https://docs.slack.dev/apis/web-api/rate-limits
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from bot.slack import failures
from engine.errors import ChannelError

POST: Final = "chat.postMessage"
PER_MINUTE: Final = {
    POST: 300,
    "chat.update": 50,
    "chat.postEphemeral": 100,
    "conversations.open": 50,
    "conversations.history": 50,
    "users.lookupByEmail": 50,
    "users.info": 100,
    "usergroups.list": 20,
    "usergroups.users.list": 20,
    "views.open": 100,
    "views.push": 100,
    "views.update": 100,
    "views.publish": 100,
    "auth.test": 100,
}
"""Calls a minute that Slack's tiers allow. For posts it publishes "several hundred a minute"."""
POSTS_PER_SECOND: Final = 1.0
"""To one conversation."""
POST_BURST: Final = 3
LONGEST_WAIT: Final = 10.0
"""Seconds that a call waits for its turn; one that had to wait longer comes back for it."""
_EARLY: Final = 1.5
"""Seconds that somebody who comes back for a turn is asked to be there before it."""
_CLOSEST: Final = 0.97
"""Of the interval: where the machine stalled, turns that are overdue are not taken all at once."""


@dataclass(slots=True)
class _Turns:
    """One call every `interval` seconds, and `burst` at once after a rest."""

    interval: float
    burst: float
    due: float = -math.inf
    """When the last turn that was given would have been, had all come evenly."""
    last: float = -math.inf
    promised: dict[str, float] = field(default_factory=dict)

    def reserve(self, now: float) -> float:
        """When the next call may be made; that turn is taken."""
        at = max(now, self.due - (self.burst - 1) * self.interval)
        self.due = max(self.due, at) + self.interval
        return at

    def stop(self, until: float) -> None:
        """Nothing before that; and then one by one."""
        self.due = max(self.due, until + (self.burst - 1) * self.interval)


class Pace:
    """Turns for all methods. `multiplier`: of Slack's published rates; `burst`: calls at once, None: a minute's."""

    def __init__(
        self,
        *,
        multiplier: float = 1.0,
        burst: int | None = None,
        now: Callable[[], float] | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._multiplier, self._burst = multiplier, burst
        self._now = now or (lambda: asyncio.get_running_loop().time())
        self._sleep = sleep or asyncio.sleep
        self._turns: dict[tuple[str, str], _Turns] = {}

    async def turn(self, method: str, *, channel: str = "", key: str = "") -> None:
        """Return when the method may be called. Raises `ChannelError` where that is too long to wait.

        `key`: who comes back later with the same key finds the turn kept.
        """
        await self._take(self._of(method), key)
        if channel and method == POST:
            await self._take(self._of(method, channel), key)

    def stop(self, method: str, seconds: float) -> None:
        """Slack refused a call: nobody calls this method for so long."""
        self._of(method).stop(self._now() + seconds)

    async def _take(self, turns: _Turns, key: str) -> None:
        now = self._now()
        at = turns.promised.pop(key, None) if key else None
        if at is None:
            at = turns.reserve(now)
        if at - now > LONGEST_WAIT:
            if key:
                turns.promised = {one: when for one, when in turns.promised.items() if when > now - LONGEST_WAIT}
                turns.promised[key] = at
            wait = timedelta(seconds=at - now - _EARLY)
            raise ChannelError("Too many messages to Slack at once; this one waits for its turn.", retry_after=wait)
        if at > now:
            await self._wait(at - now)
            while (early := turns.last + turns.interval * _CLOSEST - self._now()) > 0:
                await self._wait(early)
        turns.last = self._now()

    async def _wait(self, seconds: float) -> None:
        waiting = self._sleep(seconds)
        if asyncio.iscoroutine(waiting):
            await waiting

    def _of(self, method: str, channel: str = "") -> _Turns:
        key = (method, channel)
        if key not in self._turns:
            per_second = POSTS_PER_SECOND if channel else PER_MINUTE.get(method, 20) / 60
            most = POST_BURST if channel else PER_MINUTE.get(method, 20)
            burst = most if self._burst is None else self._burst
            self._turns[key] = _Turns(1.01 / (per_second * self._multiplier), burst)
        return self._turns[key]


def retry_after(header: str | None) -> timedelta:
    """What Slack asks for in `Retry-After`, in seconds."""
    if header and header.strip().isdecimal():
        return timedelta(seconds=min(int(header.strip()[:9]), 3600))
    return failures.WITHOUT_RETRY_AFTER
