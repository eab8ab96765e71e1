"""The rate limit of each API key, in memory: every process counts its own calls.

A key has a bucket of as many calls as it may make a minute, which fills evenly. The headers are those of the IETF's
draft "RateLimit header fields for HTTP".
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from engine.domain.api_keys import ApiPrincipal, TooManyCalls

_KEPT: Final = 10_000
"""Maximum number of keys that are remembered; the one that called longest ago is dropped first."""
_MINUTE: Final = 60.0


class _CallBudget:
    """The calls that a key has left, as they were at a time."""

    __slots__ = ("at", "left")

    def __init__(self, left: float, at: float) -> None:
        self.left, self.at = left, at


class RateLimits:
    """The buckets of all keys. `clock`: seconds that only rise."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: OrderedDict[str, _CallBudget] = OrderedDict()

    def take(self, principal: ApiPrincipal) -> TooManyCalls | None:
        """Count a call and return None, or return how long the key has to wait without counting."""
        bucket = self._filled(principal)
        if bucket.left < 1:
            wait = timedelta(seconds=(1 - bucket.left) * _MINUTE / principal.per_minute)
            return TooManyCalls(wait=wait, per_minute=principal.per_minute)
        bucket.left -= 1
        return None

    def headers(self, principal: ApiPrincipal) -> dict[str, str]:
        """Return what tells a program how many calls it has left, and when it will have all again."""
        bucket, most = self._filled(principal), principal.per_minute
        until_full = math.ceil((most - bucket.left) * _MINUTE / most)
        return {
            "RateLimit-Policy": f'"key";q={most};w={int(_MINUTE)}',
            "RateLimit": f'"key";r={int(bucket.left)};t={until_full}',
        }

    def _filled(self, principal: ApiPrincipal) -> _CallBudget:
        now, most = self._clock(), principal.per_minute
        bucket = self._buckets.get(principal.id)
        if bucket is None:
            bucket = self._buckets[principal.id] = _CallBudget(most, now)
            if len(self._buckets) > _KEPT:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(principal.id)
        bucket.left = min(most, bucket.left + (now - bucket.at) * most / _MINUTE)
        bucket.at = now
        return bucket
