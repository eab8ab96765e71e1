"""Limits the connections of the server, and reserves some for clients that sign their requests.

Programs with an API key wait on connections for minutes, by the thousand. So theirs are counted apart, and take none
from people.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
from collections import Counter
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Protocol

from engine.errors import SignoffError

log = logging.getLogger(__name__)

DEFAULT_CONNECTIONS: Final = 500
_OTHER_FILES: Final = 100
"""Open files that are kept for the database, local commands, outgoing calls and connections just accepted."""
_FEWEST: Final = 16
_REPORT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Limits of one server and its clients. Sizes are in bytes, times in seconds."""

    connections: int = DEFAULT_CONNECTIONS
    api_connections: int = 0
    """Maximum number of connections of programs with an API key, besides the others."""
    head_bytes: int = 32_768
    """Maximum size of the request line and headers together."""
    head_count: int = 100
    """Maximum number of headers of a request."""
    head_seconds: float = 10
    """Maximum time from the connection, or the first byte of a further request, to the end of the headers."""
    body_seconds: float = 30
    """Maximum time from the end of the headers to the end of the body."""
    body_bytes_a_second: float = 50_000
    """How fast a body has to come to have more time, in bytes a second."""
    send_seconds: float = 30
    """Maximum time that a client reads nothing of its response."""

    @property
    def kept(self) -> int:
        """Connections that are reserved for clients that sign, or use a path that only they use."""
        return max(4, self.connections // 10)

    @property
    def per_key(self) -> int:
        """Connections that one API key may have, so that one program leaves room for others."""
        return max(1, self.api_connections * 9 // 10)

    @property
    def sweep_seconds(self) -> float:
        """Time between two checks of the deadlines."""
        return min(1.0, self.head_seconds / 4, self.body_seconds / 4, self.send_seconds / 4)


class FewFiles(SignoffError):
    """Raised if this process may open too few files."""


def limits_for(connections: int, api_connections: int = 0) -> ConnectionLimits:
    """Return the limits, with as many connections as this process may open files for. Raises `FewFiles`.

    The process takes the files that it may take by itself, up to its hard limit.
    """
    files = _files(connections + api_connections + _OTHER_FILES)
    if files == resource.RLIM_INFINITY:
        return ConnectionLimits(connections=connections, api_connections=api_connections)
    if files < _OTHER_FILES + _FEWEST:
        raise FewFiles(
            f"This process may open {files} files, and a server needs at least {_OTHER_FILES + _FEWEST}; "
            "raise the limit, for instance with `ulimit -n 1024`."
        )
    people = min(connections, files - _OTHER_FILES)
    return ConnectionLimits(connections=people, api_connections=min(api_connections, files - _OTHER_FILES - people))


def _files(wanted: int) -> int:
    """Return how many files this process may open, after raising its soft limit to this number if it can."""
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    more = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    if files == resource.RLIM_INFINITY or files >= more:
        return files
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (more, most))
        return more
    return files


class Use(IntEnum):
    """The use of a connection; connections of the lowest use are closed first to make room."""

    NOTHING = 0
    """Idle, or sending a request that is not complete."""
    STREAM = 1
    """Receiving a response that goes on: a stream of a page, or one that the client reads slowly."""
    SIGNED = 2
    """Idle, after signed requests."""
    ANSWER = 3
    """A request is being handled: never closed."""


class HttpConnection(Protocol):
    """A connection, as the limits see it."""

    host: str
    """The address of the client."""
    used_at: float
    """When it was opened, began its last request, or got its last response."""
    is_signed: bool

    def use(self) -> Use:
        """Return the present use of the connection."""

    def drop(self) -> None:
        """Close it at once."""

    def enforce(self, now: float) -> None:
        """Close it if one of its deadlines has passed."""


class Connections:
    """The connections of one server. `loop` gives the time."""

    def __init__(self, limits: ConnectionLimits, loop: asyncio.AbstractEventLoop) -> None:
        self.limits = limits
        self._loop = loop
        self._open = set[HttpConnection]()
        self._api: dict[HttpConnection, str] = {}
        self._keys = Counter[str]()
        self._counts = Counter[str]()
        self._reported_at = float("-inf")
        self._sweeping: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open) + len(self._api)

    def now(self) -> float:
        return self._loop.time()

    def admit(self, connection: HttpConnection) -> bool:
        """Return whether a connection may stay, after closing another one for it if necessary.

        If all others are handling requests, one of the reserved connections is given out.
        """
        unsigned = sum(not connection.is_signed for connection in self._open)
        has_room = unsigned < self.limits.connections - self.limits.kept or self._make_room()
        if not has_room and len(self._open) >= self.limits.connections:
            self.count("turned away: all connections are in use")
            return False
        self._open.add(connection)
        return True

    @property
    def is_full(self) -> bool:
        """Whether only reserved connections are left."""
        unsigned = sum(not connection.is_signed for connection in self._open)
        return unsigned > self.limits.connections - self.limits.kept

    def claim(self, connection: HttpConnection, key: str) -> bool:
        """Count a connection as one of the API key that it has just used, and return whether it may stay.

        An idle connection of the same key makes room for it, and then one of any key.
        """
        if self._api.get(connection) == key:
            return True
        if self._keys[key] >= self.limits.per_key and not self._close_idle(key):
            self.count("of an API key turned away: the key has too many")
            return False
        if len(self._api) >= self.limits.api_connections and not self._close_idle(None):
            self.count("of API keys turned away: all are in use")
            return False
        self.forget(connection)
        self._api[connection] = key
        self._keys[key] += 1
        return True

    def _close_idle(self, key: str | None) -> bool:
        """Close the connection that is idle for the longest: of this API key, or of any."""
        idle = min(
            (each for each, of in self._api.items() if key in (None, of) and each.use() is Use.NOTHING),
            key=lambda each: each.used_at,
            default=None,
        )
        if idle is None:
            return False
        self.forget(idle)
        idle.drop()
        return True

    def forget(self, connection: HttpConnection) -> None:
        """Remove a connection that was closed."""
        self._open.discard(connection)
        key = self._api.pop(connection, None)
        if key is not None:
            self._keys[key] -= 1
            if not self._keys[key]:
                del self._keys[key]

    def _make_room(self) -> bool:
        """Close the least important connection: of the client with the most, the one unused for the longest."""
        uses = {connection: connection.use() for connection in self._open}
        per_host = Counter(connection.host for connection in self._open)
        least = min(
            (connection for connection in self._open if uses[connection] is not Use.ANSWER),
            key=lambda connection: (uses[connection], -per_host[connection.host], connection.used_at),
            default=None,
        )
        if least is None:
            return False
        self._open.discard(least)
        least.drop()
        self.count("closed to make room")
        return True

    def count(self, what: str) -> None:
        """Count something for the log, which gets one line a minute."""
        self._counts[what] += 1

    def sweep(self) -> None:
        """Enforce all deadlines, and schedule the next check, until `stop`."""
        now = self.now()
        for connection in (*self._open, *self._api):
            connection.enforce(now)
        if self._counts and now >= self._reported_at + _REPORT_SECONDS:
            self._report()
            self._reported_at = now
        self._sweeping = self._loop.call_later(self.limits.sweep_seconds, self.sweep)

    def stop(self) -> None:
        """End the checks, and log the last counts."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._report()

    def _report(self) -> None:
        if self._counts:
            counts = ", ".join(f"{count} {what}" for what, count in sorted(self._counts.items()))
            log.warning("HTTP connections: %s (%d of %d are open)", counts, len(self._open), self.limits.connections)
            self._counts.clear()
