"""Who a request comes from, as far as its connection says, and how often each may ask for a code."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque
from datetime import datetime, timedelta
from typing import Final

from starlette.requests import Request

SPAN: Final = timedelta(minutes=10)
MOST: Final = 30
"""Codes to sign in that one client may ask for in `SPAN`, whatever the addresses."""
_KEPT: Final = 10_000
"""Clients that are remembered, the latest: those who ask no more are let go of first."""
_LONGEST: Final = 60
"""Characters of what a proxy calls a client."""
_V6_SITE: Final = 64
"""Bits of an IPv6 address that name a site. One customer has at least all addresses that begin with them."""


def client(request: Request) -> str:
    """Return what tells clients apart: an IPv4 address, or the site of an IPv6 address."""
    host = request.client.host if request.client is not None else ""
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
    """How often each client did something lately: at most `most` times in `SPAN`. A restart begins anew."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._asked: OrderedDict[str, deque[datetime]] = OrderedDict()

    def take(self, who: str, now: datetime) -> timedelta | None:
        """Count that a client asks. Returns None, or how long it has to wait, and then nothing is counted."""
        times = self._asked.pop(who, None) or deque()
        # What is of the future was asked before the clock was set back.
        while times and not now - SPAN < times[0] <= now:
            times.popleft()
        self._asked[who] = times
        while len(self._asked) > _KEPT:
            self._asked.popitem(last=False)
        if len(times) >= self._most:
            return times[0] + SPAN - now
        times.append(now)
        return None
