"""What an inbox says beside its rows: the names of its parts, its filters in words, and why a list is empty. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from bot.presentation import people, states
from bot.presentation.characters import line
from engine.access import Reader
from engine.domain import Phrase
from engine.inbox import InboxFilter, InboxPage, InboxPart

TITLES: Final[Mapping[InboxPart, str]] = {
    InboxPart.NEEDS_YOU: "Needs you",
    InboxPart.WAITING: "Waiting for others",
    InboxPart.DECIDED: "Decided by you",
    InboxPart.ALL: "Everything",
}
_NONE: Final[Mapping[InboxPart, str]] = {
    InboxPart.NEEDS_YOU: "No request is waiting for you.",
    InboxPart.WAITING: "Nothing that you started or approved is waiting for other people.",
    InboxPart.DECIDED: "You have not decided anything yet.",
    InboxPart.ALL: "There is no request yet.",
}
_NONE_MATCHES: Final = "No request matches. Change what you search for, or show all."
_IN_PART: Final[Mapping[InboxPart, str]] = {
    InboxPart.NEEDS_YOU: "The requests that wait for your decision. The one that expires first is at the top.",
    InboxPart.WAITING: "What you started or approved, while it waits for other people. The newest is at the top.",
    InboxPart.DECIDED: "The requests that you decided. Your latest decision is at the top.",
}
_ALL_OF_SERVER: Final = "All requests of all people. The newest is at the top."
_ALL_OF_PERSON: Final = (
    "All requests that you started, and all those of the workflows that you own. The newest is at the top."
)


def title(part: InboxPart, count: int = 0) -> str:
    """Return the name of a part with its count. `count`: what needs the reader; the other parts have none."""
    return f"{TITLES[part]} ({count:,})" if part is InboxPart.NEEDS_YOU and count else TITLES[part]


def explanation(part: InboxPart, reader: Reader) -> str:
    """Return what a part holds, as one or two sentences."""
    if part is InboxPart.ALL:
        return _ALL_OF_SERVER if reader.reads_everything else _ALL_OF_PERSON
    return _IN_PART[part]


def none(part: InboxPart, *, is_filtered: bool = False) -> str:
    """Return the sentence for a part that has no request, or none that the filter wants."""
    return _NONE_MATCHES if is_filtered else _NONE[part]


def next_page(part: InboxPart) -> str:
    """Return the label of the link to the next page of a part."""
    return "Show more" if part is InboxPart.NEEDS_YOU else "Older"


def notes(page: InboxPage, part: InboxPart) -> Iterator[Phrase]:
    """Yield what the reader has to know about a page: words that are too short, and how far back it looked."""
    if page.vague:
        words = people.joined([f"“{line(word)}”" for word in page.vague], "and")
        begin = "begins" if len(page.vague) == 1 else "begin"
        yield (f"{words} {begin} too many other words. Type more letters.",)
    if page.searched_until is None:
        return
    found = "" if page.requests else "None was found yet. "
    if part is InboxPart.NEEDS_YOU:
        yield (f"{found}Not all of your requests were looked at. Press {next_page(part)} to go on.",)
    else:
        yield (
            f"{found}All requests since ",
            page.searched_until,
            f" were looked at. Press {next_page(part)} to look further back.",
        )


def wanted(wanted: InboxFilter, *, person: str = "", zone: tzinfo = UTC) -> str:
    """Return a filter as one sentence, or an empty text. `person`: how the reader typed or chose them."""
    parts = [*_wanted(wanted, person, zone)]
    return f"Only {', '.join(parts)}." if parts else ""


def _wanted(wanted: InboxFilter, person: str, zone: tzinfo) -> Iterator[str]:
    if wanted.workflow:
        yield f"of {line(wanted.workflow)}"
    if wanted.person:
        yield f"started or decided by {line(person or wanted.person)}"
    if wanted.state is not None:
        yield states.REQUESTS[wanted.state]
    if wanted.since is not None:
        yield f"since {_day(wanted.since, zone)}"
    if wanted.until is not None:
        yield f"until {_day(wanted.until - timedelta(microseconds=1), zone)}"
    if wanted.search.strip():
        yield f"with “{line(wanted.search.strip())}”"


def _day(moment: datetime, zone: tzinfo) -> str:
    local = moment.astimezone(zone)
    return f"{local:%b} {local.day}, {local.year}"
