"""Rate limits: a token bucket for each method, workspace and app; for posts also one for each channel.

https://docs.slack.dev/apis/web-api/rate-limits. The methods declare their tiers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from bot.devtools.sandbox import limits
from bot.devtools.sandbox.clock import Time
from bot.devtools.sandbox.errors import RateLimited

SPECIAL = 0
"""The tier of methods that Slack lists with a "special" rate."""
_TOLERANCE = 0.01
"""Seconds by which a call may be early."""


@dataclass
class _Bucket:
    per_second: float
    size: float
    tokens: float
    filled: float

    def wait(self, now: float) -> float:
        """Return the seconds until there is a token, or 0."""
        self.tokens = min(self.size, self.tokens + (now - self.filled) * self.per_second)
        self.filled = now
        wait = (1 - self.tokens) / self.per_second
        # A caller that keeps exactly to the rate must not wait a whole second because of network jitter. The bucket
        # goes below zero for an early call, so the rate over time stays the same.
        return wait if wait > _TOLERANCE else 0.0


@dataclass
class Rates:
    """The rate limits. `multiplier` scales all of them; `burst` is the size of the buckets, None: a minute's calls."""

    time: Time
    enabled: bool = True
    multiplier: float = 1.0
    burst: int | None = None

    def __post_init__(self) -> None:
        self._buckets: dict[tuple[str, ...], _Bucket] = {}
        self.refused = 0

    def configure(self, *, enabled: bool = True, multiplier: float = 1.0, burst: int | None = None) -> None:
        """Change the limits, and fill all buckets."""
        self.enabled, self.multiplier, self.burst = enabled, multiplier, burst
        self._buckets.clear()

    def per_minute(self, method: str, tier: int) -> float:
        """Return the allowed calls of the method a minute."""
        if method == "chat.postMessage":
            return limits.POSTS_PER_WORKSPACE_PER_MINUTE * self.multiplier
        return (limits.SPECIAL_PER_MINUTE if tier == SPECIAL else limits.TIERS[tier]) * self.multiplier

    def posts_per_second(self) -> float:
        """Return the allowed posts to one channel a second."""
        return limits.POSTS_PER_CHANNEL_PER_SECOND * self.multiplier

    def _buckets_of(self, key: tuple[str, str, str], per_minute: float, channel: str | None) -> Iterator[_Bucket]:
        yield self._bucket(key, per_minute / 60, self.burst or max(per_minute, limits.LEAST_BURST))
        if key[-1] == "chat.postMessage" and channel:
            yield self._bucket((*key, channel), self.posts_per_second(), self.burst or limits.POST_BURST)

    def take(self, *, app_id: str, team_id: str, method: str, tier: int, channel: str | None = None) -> None:
        """Count a call. Raises `RateLimited`; a refused call takes no token."""
        if not self.enabled:
            return
        per_minute = self.per_minute(method, tier)
        buckets = [*self._buckets_of((app_id, team_id, method), per_minute, channel)]
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
