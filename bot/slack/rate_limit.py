"""Limits how fast each method is called, so that Slack rarely refuses a call.

Slack counts the calls of a method by workspace and app, and posts by conversation as well. A refusal (429) stops the
method for the whole workspace. https://docs.slack.dev/apis/web-api/rate-limits

Each count is a token bucket that hands out turns in advance. A plain bucket is shorter, but after a refusal it lets
every caller wait at the same time, far longer than a delivery may take: each must learn when to come back.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from engine import retry
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
"""Calls per minute that Slack's tiers allow. For posts Slack publishes "several hundred per minute"."""
POSTS_PER_SECOND: Final = 1.0
"""Maximum rate of posts to one conversation."""
POST_BURST: Final = 3
"""Maximum number of posts to one conversation at once, after a rest."""
LONGEST_WAIT: Final = 10.0
"""Maximum time that a call waits for its turn, in seconds. A caller that would wait longer comes back for its turn."""
_EARLY: Final = 1.5
"""How long before its turn a caller is asked to come back, in seconds."""
_LATE: Final = 0.005
"""How late a call may leave without making the next ones late too, in seconds: timers are not exact. If the machine
stalls for longer, that time is lost, because overdue calls must not leave all at once."""
_NOW: Final = 0.0005
"""Waits up to this many seconds are not worth a sleep."""


@dataclass(slots=True)
class _Turns:
    """The turns of one count: one call every `interval` seconds, and `burst` at once after a rest.

    Turns are planned in advance, so that every caller knows how long it waits. `left` follows the calls themselves.
    """

    interval: float
    burst: float
    planned: float = -math.inf
    """Time of the next turn, if every turn so far is taken in time and evenly."""
    left: float = -math.inf
    """Time of the next turn, by the calls that have left."""
    promised: dict[str, float] = field(default_factory=dict)
    """Times of the turns that are kept for callers that come back, by key."""

    def reserve(self, now: float) -> float:
        """Take the next turn and return its time."""
        at = max(now, self.planned - self._head_start)
        self.planned = max(self.planned, at) + self.interval
        return at

    def promise(self, key: str, at: float, now: float) -> None:
        """Keep a turn for a caller that comes back, and drop the turns of callers that did not."""
        self.promised = {other: time for other, time in self.promised.items() if time > now - LONGEST_WAIT}
        self.promised[key] = at

    @property
    def free(self) -> float:
        """Return the time before which no call may leave."""
        return self.left - self._head_start

    def leave(self, now: float) -> None:
        """Record that a call leaves now."""
        on_time = now - self.left < _LATE
        self.left = (self.left if on_time else now) + self.interval

    def stop(self, until: float) -> None:
        """Let no call leave before `until`, also none that has a turn, and then one at a time."""
        self.planned = max(self.planned, until + self._head_start)
        self.left = max(self.left, until + self._head_start)

    @property
    def _head_start(self) -> float:
        return (self.burst - 1) * self.interval


class RateLimiter:
    """Hands out turns for all methods.

    `multiplier`: of Slack's published rates. `burst`: calls at once; None allows the calls of a minute at once.
    """

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
        """Wait until the method may be called. Raises `ChannelError` if that takes too long.

        `key`: a caller that comes back with the same key gets the turn that was kept for it.
        """
        counted = [self._of(method)]
        if channel and method == POST:
            counted.append(self._of(method, channel))
        at = max(self._planned(turns, key) for turns in counted)
        try:
            # Other tasks that are ready run first. They would delay a call whose turn is now on its way out, and the
            # next call would come too close behind it.
            await self._wait(0)
            while (wait := max(at, *(turns.free for turns in counted)) - self._now()) > _NOW:
                if wait > LONGEST_WAIT:
                    raise self._too_long(counted, at, key)
                await self._wait(wait)
        except asyncio.CancelledError:
            # A caller that gave up waiting comes back. Without its turn, callers with short timeouts would use up turns
            # and never leave.
            for turns in counted if key else ():
                turns.promise(key, at, self._now())
            raise
        for turns in counted:
            turns.leave(self._now())

    def stop(self, method: str, seconds: float) -> None:
        """Stop all calls of the method for so many seconds, because Slack refused one."""
        self._of(method).stop(self._now() + seconds)

    def _planned(self, turns: _Turns, key: str) -> float:
        """Return the turn that was kept for the key, or a new one."""
        at = turns.promised.pop(key, None) if key else None
        return turns.reserve(self._now()) if at is None else at

    def _too_long(self, counted: list[_Turns], at: float, key: str) -> ChannelError:
        now = self._now()
        if at - now <= LONGEST_WAIT:
            # Slack refused another call meanwhile, which voided this turn.
            at = max(turns.reserve(now) for turns in counted)
        for turns in counted if key else ():
            turns.promise(key, at, now)
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
    """Return the time that Slack asks for in `Retry-After`, at most an hour."""
    if header and header.strip().isdecimal():
        return min(timedelta(seconds=int(header.strip()[:9])), retry.SLACK_MAX_RETRY_AFTER)
    return retry.SLACK_RATE_LIMIT_WAIT
