"""The request that this process answers now: its id, which all its log lines carry, and what it was about.

A request comes over HTTP, over Slack's socket, or from a command of the operator.
"""

from __future__ import annotations

import re
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from engine.system import RandomIds, SystemClock

HEADER: Final = "X-Request-Id"
_SANE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(slots=True)
class RequestScope:
    """One request. `endpoint`: what took it, such as `POST /slack/events`; never a path with something of a person.

    `run` and `request`: the first run and product request that it acted on. `answer`: what the client got.
    """

    id: str
    endpoint: str
    began: float = field(default_factory=time.monotonic)
    run: str | None = None
    request: str | None = None
    answer: str | None = None
    refusal: str | None = None
    """The name of the refusal that the person got."""
    has_started: bool = False
    """Whether it started the run."""
    parent: str | None = None
    """The `traceparent` that came with the request."""
    span: int = 0
    """The id of the request's span, where traces are written."""

    def note(self, *, run: str | None = None, request: str | None = None) -> None:
        """Note what the request is about. What was noted first stays."""
        self.run, self.request = self.run or run, self.request or request


_CURRENT: Final[ContextVar[RequestScope | None]] = ContextVar("signoff_request", default=None)


def current() -> RequestScope | None:
    """Return the request that this task works for, or None if no one asked for its work."""
    return _CURRENT.get()


class EnteredScope:
    """Has the body, and the tasks that it starts, work for a request. Thousands of requests may wait in a body."""

    __slots__ = ("_scope", "_token")

    def __init__(self, scope: RequestScope) -> None:
        self._scope = scope

    def __enter__(self) -> RequestScope:
        self._token = _CURRENT.set(self._scope)
        return self._scope

    def __exit__(self, *_: object) -> None:
        _CURRENT.reset(self._token)


def entered(endpoint: str, *, id_: str | None = None) -> EnteredScope:
    """Have the body, and the tasks that it starts, work for a new request. `id_`: what the client calls it."""
    return EnteredScope(RequestScope(id_ if id_ is not None and _SANE.fullmatch(id_) else new_id(), endpoint))


def new_id() -> str:
    """Return a new id."""
    return RandomIds().new(SystemClock().now())
