"""Which connections the server keeps: a limit for all, and some of them for those who sign their requests."""

from __future__ import annotations

import asyncio
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
"""Files that are none of browsers and Slack: the database, commands of this machine, calls, what is just accepted."""
_FEWEST: Final = 16
_REPORT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What one client may take. Sizes are in bytes, times in seconds."""

    connections: int = DEFAULT_CONNECTIONS
    head_bytes: int = 32_768
    """Of the request line and the headers of a request together."""
    head_count: int = 100
    """Headers of a request."""
    head_seconds: float = 10
    """From the connection, or the first byte of a further request, to the end of the headers."""
    body_seconds: float = 30
    """From the end of the headers to the end of the body."""
    send_seconds: float = 30
    """How long a client may read nothing of its answer."""

    @property
    def kept(self) -> int:
        """Connections that only those get who sign, or who come for a path that only such people use."""
        return max(4, self.connections // 10)

    @property
    def sweep_seconds(self) -> float:
        """Between two looks at the deadlines."""
        return min(1.0, self.head_seconds / 4, self.body_seconds / 4, self.send_seconds / 4)


class FewFiles(SignoffError):
    """The machine lets this process open too few files."""


def limits_for(connections: int) -> ConnectionLimits:
    """The limits, with as many connections as this process may open files for. Raises `FewFiles`."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return ConnectionLimits(connections=connections)
    if files < _OTHER_FILES + _FEWEST:
        raise FewFiles(
            f"This process may open {files} files, and a server needs at least {_OTHER_FILES + _FEWEST}; "
            "raise the limit, for instance with `ulimit -n 1024`."
        )
    return ConnectionLimits(connections=min(connections, files - _OTHER_FILES))


class Use(IntEnum):
    """What a connection is used for; the lowest are closed first to make room."""

    NOTHING = 0
    """It is idle, or sends a request that is not complete."""
    STREAM = 1
    """An answer that goes on, as to a page that asks for it again by itself, or that the client is slow to read."""
    SIGNED = 2
    """Idle, and signed requests came over it before."""
    ANSWER = 3
    """A request is being answered: never closed."""


class HttpConnection(Protocol):
    """What is known of one connection."""

    host: str
    """The address of the client."""
    used_at: float
    """When it was opened, began its last request, or got its last answer."""
    is_signed: bool

    def use(self) -> Use:
        """What it is used for now."""

    def drop(self) -> None:
        """Close it at once."""

    def enforce(self, now: float) -> None:
        """Close it if one of its deadlines has passed."""


class Connections:
    """The connections of one server. `loop`: whose time is used."""

    def __init__(self, limits: ConnectionLimits, loop: asyncio.AbstractEventLoop) -> None:
        self.limits = limits
        self._loop = loop
        self._open = set[HttpConnection]()
        self._counts = Counter[str]()
        self._reported_at = float("-inf")
        self._sweeping: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    def now(self) -> float:
        return self._loop.time()

    def admit(self, connection: HttpConnection) -> bool:
        """Whether there is room, made by closing another one if need be.

        Where everybody else is being answered, one of the kept connections is given out.
        """
        unsigned = sum(not one.is_signed for one in self._open)
        has_room = unsigned < self.limits.connections - self.limits.kept or self._make_room()
        if not has_room and len(self._open) >= self.limits.connections:
            self.count("turned away: all connections are in use")
            return False
        self._open.add(connection)
        return True

    @property
    def is_full(self) -> bool:
        """Whether only kept connections are left."""
        unsigned = sum(not one.is_signed for one in self._open)
        return unsigned > self.limits.connections - self.limits.kept

    def forget(self, connection: HttpConnection) -> None:
        """It is closed."""
        self._open.discard(connection)

    def _make_room(self) -> bool:
        """Close the one that matters least: of the client with the most of them, the one unused for the longest."""
        uses = {one: one.use() for one in self._open}
        per_host = Counter(one.host for one in self._open)
        least = min(
            (one for one in self._open if uses[one] is not Use.ANSWER),
            key=lambda one: (uses[one], -per_host[one.host], one.used_at),
            default=None,
        )
        if least is None:
            return False
        self._open.discard(least)
        least.drop()
        self.count("closed to make room")
        return True

    def count(self, what: str) -> None:
        """Remember something for the log, which gets a line a minute and not one for each."""
        self._counts[what] += 1

    def sweep(self) -> None:
        """Enforce all deadlines, and again after a while, until `stop`."""
        now = self.now()
        for one in tuple(self._open):
            one.enforce(now)
        if self._counts and now >= self._reported_at + _REPORT_SECONDS:
            self._report()
            self._reported_at = now
        self._sweeping = self._loop.call_later(self.limits.sweep_seconds, self.sweep)

    def stop(self) -> None:
        """End the sweeps, and report what is left to report."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._report()

    def _report(self) -> None:
        if self._counts:
            said = ", ".join(f"{count} {what}" for what, count in sorted(self._counts.items()))
            log.warning("HTTP connections: %s (%d of %d are open)", said, len(self), self.limits.connections)
            self._counts.clear()
