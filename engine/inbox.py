"""The inbox of a person: its parts, what a page of it asks for, and what a page holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from engine.access import Reader
from engine.domain import RequestState
from engine.read_models import RequestView

ROWS: Final = 20
"""Requests on one page, unless the surface asks for less."""


class InboxPart(StrEnum):
    NEEDS_YOU = "needs-you"
    """Requests that wait for this person, the nearest deadline first."""
    WAITING = "waiting"
    """Requests that this person started or approved, and that wait for others; the newest first."""
    DECIDED = "decided"
    """Requests that this person decided, the latest decision first."""
    ALL = "all"
    """Every request for admins and auditors, the newest first. For others those that they started, and those of
    workflows that they own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxFilter:
    """What the requests of a page have in common. An empty value does not filter.

    `workflow`: its name. `person`: the id of who started, or decided. `since`, `until`: when it was opened, and in the
    part of decided requests when the reader decided it; `until` is exclusive. `search`: words that begin words of the
    question, the values, the workflow or the requester's name.
    """

    workflow: str = ""
    person: str = ""
    state: RequestState | None = None
    since: datetime | None = None
    until: datetime | None = None
    search: str = ""

    @property
    def is_empty(self) -> bool:
        return self == _NO_FILTER


_NO_FILTER: Final = InboxFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxQuery:
    """One page of one part. `after`: the `next` of the page before."""

    reader: Reader
    part: InboxPart = InboxPart.NEEDS_YOU
    filter: InboxFilter = field(default_factory=InboxFilter)
    after: str | None = None
    limit: int = ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxPage:
    """The requests of a page. `need_you`: how many requests wait for the reader in all.

    `next`: the cursor of the next page, if there may be one. `searched_until`: if a filter matches rarely, one page
    looks only so far back; the next page goes on from there. It is when the last request that it looked at was opened,
    or in the part of decided requests when the reader decided it.
    """

    requests: tuple[RequestView, ...]
    need_you: int
    next: str | None = None
    searched_until: datetime | None = None
    vague: tuple[str, ...] = ()
    """Typed words that begin too many other words to search for: the reader has to type more of them."""
