"""Rate limits: a token bucket for each method, workspace and app; posts also for each channel.

https://docs.slack.dev/apis/web-api/rate-limits. The tier of each method stands with the method.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from bot.devtools.sandbox import limits
from bot.devtools.sandbox.clock import Time
from bot.devtools.sandbox.errors import RateLimited

SPECIAL = 0
"""The tier of methods whose rate is called special."""
_TOLERANCE = 0.01
"""Seconds."""


@dataclass
class _Bucket:
    per_second: float
    size: float
    tokens: float
    filled: float

    def wait(self, now: float) -> float:
        """Seconds until there is a token; 0: there is one."""
        self.tokens = min(self.size, self.tokens + (now - self.filled) * self.per_second)
        self.filled = now
        wait = (1 - self.tokens) / self.per_second
        # A caller that keeps exactly to the rate must not pay a whole second for the jitter of a network. What is
        # given early is owed: the bucket goes below zero by it, and over time no call is given away.
        return wait if wait > _TOLERANCE else 0.0


@dataclass
class Rates:
    """The limits. `multiplier` scales all of them; `burst` is the size of every bucket, None: a minute's worth."""

    time: Time
    enabled: bool = True
    multiplier: float = 1.0
    burst: int | None = None

    def __post_init__(self) -> None:
        self._buckets: dict[tuple[str, ...], _Bucket] = {}
        self.refused = 0

    def configure(self, *, enabled: bool = True, multiplier: float = 1.0, burst: int | None = None) -> None:
        """Other limits from now on; all buckets are full again."""
        self.enabled, self.multiplier, self.burst = enabled, multiplier, burst
        self._buckets.clear()

    def per_minute(self, method: str, tier: int) -> float:
        """Calls of the method a minute that are allowed, as configured now."""
        if method == "chat.postMessage":
            return limits.POSTS_PER_WORKSPACE_PER_MINUTE * self.multiplier
        return (limits.SPECIAL_PER_MINUTE if tier == SPECIAL else limits.TIERS[tier]) * self.multiplier

    def posts_per_second(self) -> float:
        """Posts a second to one channel that are allowed, as configured now."""
        return limits.POSTS_PER_CHANNEL_PER_SECOND * self.multiplier

    def take(self, *, app_id: str, team_id: str, method: str, tier: int, channel: str | None = None) -> None:
        """Count a call. Raises `RateLimited`; a refused call costs nothing."""
        if not self.enabled:
            return
        per_minute = self.per_minute(method, tier)
        size = self.burst or max(per_minute, limits.LEAST_BURST)
        buckets = [self._bucket((app_id, team_id, method), per_minute / 60, size)]
        if method == "chat.postMessage" and channel:
            key = (app_id, team_id, method, channel)
            buckets.append(self._bucket(key, self.posts_per_second(), self.burst or limits.POST_BURST))
        now = self.time.seconds
        wait = max(bucket.wait(now) for bucket in buckets)
        if wait > 0:
            self.refused += 1
            raise RateLimited(max(1, math.ceil(wait)))
        for bucket in buckets:
            bucket.tokens -= 1

    def _bucket(self, key: tuple[str, ...], per_second: float, size: float) -> _Bucket:
        if key not in self._buckets:
            self._buckets[key] = _Bucket(per_second, size, size, self.time.seconds)
        return self._buckets[key]
