"""Tells clients apart by their addresses, and limits the log lines, webhook calls and wrong API keys of each of them.

The limit of codes that a client may ask for is `engine.store.asked_codes`, for all processes together.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from starlette.requests import Request

SPAN: Final = timedelta(minutes=10)
"""How long a log line or a call counts."""
_KEPT: Final = 10_000
"""Maximum number of clients that are remembered; the one that asked longest ago is dropped first."""
_REMEMBERED: Final = 1_000
"""Number of addresses whose keys are remembered."""
_LONGEST: Final = 60
"""Maximum length of a client's address as a proxy gives it, in characters."""
_V6_SITE: Final = 64
"""Bits of an IPv6 address that name a site: one customer has at least all addresses that begin with them."""


def client(request: Request) -> str:
    """Return the key of a client: its IPv4 address, or the site of its IPv6 address."""
    return _key(request.client.host if request.client is not None else "")


@lru_cache(_REMEMBERED)
def _key(host: str) -> str:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host[:_LONGEST] or "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _V6_SITE), strict=False))


class ClientLimits:
    """Counts what each client causes: at most `most` in `SPAN`.

    Counts are in memory, for one process: they decide what it logs, and how
    many calls of one sender it looks at.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._asked: OrderedDict[str, deque[datetime]] = OrderedDict()

    def wait(self, who: str, now: datetime) -> timedelta | None:
        """Return how long a client has to wait, or None, without counting."""
        times = self._asked.get(who)
        if times is None or len(times) < self._most or not now - SPAN < times[0] <= now:
            return None
        return times[0] + SPAN - now

    def take(self, who: str, now: datetime) -> timedelta | None:
        """Count a line or call of a client and return None, or return how long it has to wait without counting."""
        times = self._asked.pop(who, None) or deque()
        # A time in the future was recorded before the clock was set back.
        while times and not now - SPAN < times[0] <= now:
            times.popleft()
        self._asked[who] = times
        while len(self._asked) > _KEPT:
            self._asked.popitem(last=False)
        if len(times) >= self._most:
            return times[0] + SPAN - now
        times.append(now)
        return None
