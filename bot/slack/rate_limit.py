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

from bot.slack import errors
from engine.errors import ChannelError

POST: Final = "chat.postMessage"
PER_MINUTE: Final = {
    POST: 300,
    "chat.update": 50,
    "chat.postEphemeral": 100,
    "conversations.open": 50,
    "conversations.history": 50,
    "users.lookupByEmail": 50,
    "users.conversations": 50,
    "users.info": 100,
    "users.list": 20,
    "usergroups.list": 20,
    "usergroups.users.list": 20,
    "views.open": 100,
    "views.push": 100,
    "views.update": 100,
    "views.publish": 100,
    "auth.test": 100,
    "bots.info": 50,
}
"""Calls a minute that Slack's tiers allow. For posts it publishes "several hundred a minute"."""
POSTS_PER_SECOND: Final = 1.0
"""To one conversation."""
POST_BURST: Final = 3
LONGEST_WAIT: Final = 10.0
"""Seconds that a call waits for its turn; one that had to wait longer comes back for it."""
_EARLY: Final = 1.5
"""Seconds that somebody who comes back for a turn is asked to be there before it."""
_LATE: Final = 0.005
"""Seconds that a call may leave after its turn without making those behind it late too: timers are not exact. Where the
machine stalls for longer, that time is lost: what is overdue is not made up for all at once."""
_NOW: Final = 0.0005
"""Seconds that are not worth a sleep."""


@dataclass(slots=True)
class _Turns:
    """One call every `interval` seconds, and `burst` at once after a rest.

    Turns are planned, so that everybody knows how long they wait, and kept to as calls really leave.
    """

    interval: float
    burst: float
    planned: float = -math.inf
    """When the next turn is, if all that were given are taken in time and evenly."""
    left: float = -math.inf
    """The same, by the calls that have left."""
    promised: dict[str, float] = field(default_factory=dict)

    def reserve(self, now: float) -> float:
        """When the next call may be made; that turn is taken."""
        at = max(now, self.planned - self._head_start)
        self.planned = max(self.planned, at) + self.interval
        return at

    def promise(self, key: str, at: float, now: float) -> None:
        """Keep a turn for somebody who comes back; and forget those who did not."""
        self.promised = {one: when for one, when in self.promised.items() if when > now - LONGEST_WAIT}
        self.promised[key] = at

    @property
    def free(self) -> float:
        """Nobody may leave before that."""
        return self.left - self._head_start

    def leave(self, now: float) -> None:
        """A call is made."""
        on_time = now - self.left < _LATE
        self.left = (self.left if on_time else now) + self.interval

    def stop(self, until: float) -> None:
        """Nothing before that, also not from those who have a turn; and then one by one."""
        self.planned = max(self.planned, until + self._head_start)
        self.left = max(self.left, until + self._head_start)

    @property
    def _head_start(self) -> float:
        return (self.burst - 1) * self.interval


class RateLimiter:
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
        counted = [self._of(method)]
        if channel and method == POST:
            counted.append(self._of(method, channel))
        at = max(self._planned(one, key) for one in counted)
        try:
            # Whoever else is ready runs first: a call whose turn is now would be held up by them on its way out, and
            # the next one would come too close behind it.
            await self._wait(0)
            while (wait := max(at, *(one.free for one in counted)) - self._now()) > _NOW:
                if wait > LONGEST_WAIT:
                    raise self._too_long(counted, at, key)
                await self._wait(wait)
        except asyncio.CancelledError:
            # Whoever gave up waiting comes back: else the turns of those who are in a hurry would all be lost.
            for one in counted if key else ():
                one.promise(key, at, self._now())
            raise
        for one in counted:
            one.leave(self._now())

    def stop(self, method: str, seconds: float) -> None:
        """Slack refused a call: nobody calls this method for so long."""
        self._of(method).stop(self._now() + seconds)

    def _planned(self, turns: _Turns, key: str) -> float:
        """The turn that was promised, or a new one."""
        at = turns.promised.pop(key, None) if key else None
        return turns.reserve(self._now()) if at is None else at

    def _too_long(self, counted: list[_Turns], at: float, key: str) -> ChannelError:
        now = self._now()
        if at - now <= LONGEST_WAIT:
            # Slack refused somebody meanwhile, so this turn has come to nothing.
            at = max(one.reserve(now) for one in counted)
        for one in counted if key else ():
            one.promise(key, at, now)
        wait = timedelta(seconds=at - now - _EARLY)
        return ChannelError("Too much is being sent to Slack at once; this has to wait.", retry_after=wait)

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
    return errors.WITHOUT_RETRY_AFTER
