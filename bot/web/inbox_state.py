"""What an inbox shows, as its address says it: the part, the filter, and the page. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from urllib.parse import urlencode

from bot.presentation import inbox_texts
from engine.access import Reader
from engine.domain import RequestState
from engine.inbox import InboxFilter, InboxPart, InboxQuery

ROWS: Final = 50
"""Requests on one page: as many as can be decided together."""
NO_ONE: Final = "-"
"""The id of no person. A filter by a person who is not known finds nothing."""
_LONGEST: Final = 200
"""Longest value in the address, in characters."""
_NAMES: Final = ("workflow", "person", "status", "since", "until", "search")
_CURSOR: Final = re.compile(r"([0-9A-Za-z:+.\-]{0,64})~[0-9A-Za-z_\-]{1,64}")
_WITH_STATUS: Final = (InboxPart.DECIDED, InboxPart.ALL)
"""The parts in which a request may be closed."""
NOT_A_DAY: Final = "Write the day like 2026-03-02."
_NO_STATUS: Final = "Choose a status from the list."
_NOT_AN_EMAIL: Final = "Type an email address. To find a request by a name, use the search."


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxState:
    """The values of the address as they were typed. `after`: the cursor of the page.

    `receipt`: the request that was just decided.
    """

    part: InboxPart = InboxPart.NEEDS_YOU
    workflow: str = ""
    person: str = ""
    status: str = ""
    since: str = ""
    until: str = ""
    search: str = ""
    after: str = ""
    receipt: str = field(default="", compare=False)

    @property
    def is_filtered(self) -> bool:
        return any(getattr(self, name) for name in _NAMES)

    @property
    def query(self) -> str:
        """The state as the query of an address, empty for the inbox as it is opened."""
        part = {} if self.part is InboxPart.NEEDS_YOU else {"part": self.part.value}
        values = {name: value for name in (*_NAMES, "after") if (value := getattr(self, name))}
        return urlencode({**part, **values})

    @property
    def errors(self) -> Mapping[str, str]:
        """What is wrong with a value, by its name."""
        return dict(self._errors())

    def _errors(self) -> Iterator[tuple[str, str]]:
        days = [(name, day(getattr(self, name))) for name in ("since", "until") if getattr(self, name)]
        yield from ((name, NOT_A_DAY) for name, read in days if read is None)
        if _is_backwards(day(self.since), day(self.until)):
            yield "until", inbox_texts.BACKWARDS
        if self.status and self.status not in [*RequestState]:
            yield "status", _NO_STATUS
        if self.person and "@" not in self.person:
            yield "person", _NOT_AN_EMAIL

    def in_part(self, part: InboxPart) -> InboxState:
        """Return the same filter in another part, on its first page. Only in some parts a request may be closed."""
        return replace(self, part=part, after="", status=self.status if part in _WITH_STATUS else "")

    def on_page(self, after: str) -> InboxState:
        return replace(self, after=after)

    def unfiltered(self) -> InboxState:
        return InboxState(part=self.part)

    def query_of(self, reader: Reader, *, person: str, zone: tzinfo) -> InboxQuery:
        """Return the query of the page. `person`: the id of the person of the filter; days are those of `zone`."""
        since, until = day(self.since), day(self.until)
        wanted = InboxFilter(
            workflow=self.workflow,
            person=person,
            state=RequestState(self.status) if self.status in [*RequestState] else None,
            since=midnight(since, zone) if since is not None else None,
            until=midnight(until + timedelta(days=1), zone) if until is not None else None,
            search=self.search,
        )
        return InboxQuery(reader=reader, part=self.part, filter=wanted, after=self.after or None, limit=ROWS)


def read(params: Mapping[str, str]) -> InboxState:
    """Return the state of an address. What cannot be a value of ours is left out."""
    values = {name: _text(params.get(name, "")) for name in (*_NAMES, "after", "receipt")}
    part = params.get("part", "")
    whole = InboxState(part=InboxPart(part) if part in [*InboxPart] else InboxPart.NEEDS_YOU, **values)
    # Where no status can be chosen, its error would have no place.
    status = whole.status if whole.part in _WITH_STATUS or whole.status in [*RequestState] else ""
    return replace(whole, status=status, after=whole.after if _is_cursor(whole.part, whole.after) else "")


def _text(value: str) -> str:
    # PostgreSQL stores no U+0000, and no text of ours has a half of a surrogate pair.
    return "".join(char for char in value if char != "\0" and not "\ud800" <= char <= "\udfff").strip()[:_LONGEST]


def _is_cursor(part: InboxPart, text: str) -> bool:
    """Return whether a text can be a cursor of this part."""
    match = _CURSOR.fullmatch(text)
    if match is None:
        return False
    return part is not InboxPart.NEEDS_YOU or not match[1] or _is_moment(match[1])


def _is_moment(text: str) -> bool:
    """Return whether a text is a moment that has a time in UTC: at the ends of the calendar, some have none."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.tzinfo is not None and bool(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return False


def day(text: str) -> date | None:
    """Return the day that was typed or chosen, or None if it is none."""
    try:
        read = date.fromisoformat(text)
    except ValueError:
        return None
    # A day beside the first or the last one has no midnight in every time zone.
    return read if date.min.year < read.year < date.max.year else None


def midnight(of: date, zone: tzinfo) -> datetime:
    """Return when a day begins in a time zone."""
    return datetime.combine(of, time(), zone).astimezone(UTC)


def _is_backwards(since: date | None, until: date | None) -> bool:
    return since is not None and until is not None and until < since
