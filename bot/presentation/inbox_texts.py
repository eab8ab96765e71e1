"""What an inbox says beside its rows: the names of its parts, its filters in words, and why a list is empty. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from bot.presentation import people, states, summary
from bot.presentation.characters import line
from engine.access import Reader
from engine.domain import Phrase, RequestState
from engine.inbox import InboxFilter, InboxPage, InboxPart

TITLES: Final[Mapping[InboxPart, str]] = {
    InboxPart.NEEDS_YOU: "Needs you",
    InboxPart.WAITING: "Waiting for others",
    InboxPart.DECIDED: "Decided by you",
    InboxPart.ALL: "Everything",
}
ATTENTION: Final = "Runs that need your answer"
"""The heading of the runs that wait for the reader as the owner of their workflow."""
BACKWARDS: Final = "The last day is before the first one. Choose a later day."
_NONE: Final[Mapping[InboxPart, str]] = {
    InboxPart.NEEDS_YOU: "No request is waiting for you.",
    InboxPart.WAITING: "Nothing that you started or approved is waiting for other people.",
    InboxPart.DECIDED: "You have not decided anything yet.",
    InboxPart.ALL: "There is no request yet.",
}
_NONE_MATCHES: Final = "No request matches. Change what you search for, or show all."
_IN_PART: Final[Mapping[InboxPart, str]] = {
    InboxPart.NEEDS_YOU: "The one that expires first is at the top.",
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


def heading(part: InboxPart, *, requests: int, questions: int = 0, runs: int = 0) -> str:
    """Return the heading of a part. That of what needs the reader counts it, by its kind."""
    if part is not InboxPart.NEEDS_YOU:
        return TITLES[part]
    counts = {"request": requests, "question": questions, "run": runs}
    named = [f"{count:,} {noun}{'s' if count > 1 else ''}" for noun, count in counts.items() if count]
    if not named:
        return summary.waiting(0)
    return f"{people.joined(named, 'and')} {'is' if sum(counts.values()) == 1 else 'are'} waiting for you"


def explanation(part: InboxPart, reader: Reader) -> str:
    """Return what a part holds, as one or two sentences."""
    if part is InboxPart.ALL:
        return _ALL_OF_SERVER if reader.reads_everything else _ALL_OF_PERSON
    return _IN_PART[part]


def none(part: InboxPart, *, is_filtered: bool = False) -> str:
    """Return the sentence for a part that has no request, or none that the filter wants."""
    return _NONE_MATCHES if is_filtered else _NONE[part]


def day_labels(part: InboxPart) -> tuple[str, str]:
    """Return the labels of the first and the last day of the filter of a part."""
    verb = "Decided" if part is InboxPart.DECIDED else "Asked"
    return f"{verb} since", f"{verb} until"


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
            f"{found}All requests that {'you decided' if part is InboxPart.DECIDED else 'were asked'} since ",
            page.searched_until,
            f" were looked at. Press {next_page(part)} to look further back.",
        )


def wanted(
    wanted: InboxFilter,
    *,
    part: InboxPart = InboxPart.ALL,
    person: str = "",
    workflow: str = "",
    zone: tzinfo = UTC,
) -> str:
    """Return a filter as one sentence, or an empty text.

    `person`: how the reader typed or chose them. `workflow`: its title, if it is known.
    """
    if wanted.is_empty:
        return ""
    of = f" of “{line(workflow or wanted.workflow)}”" if wanted.workflow else ""
    clauses = [*_wanted(wanted, part, person, zone)]
    that = f" that {people.joined(clauses, 'and')}" if clauses else ""
    return f"Only requests{of}{that}."


def _wanted(wanted: InboxFilter, part: InboxPart, person: str, zone: tzinfo) -> Iterator[str]:
    if wanted.state is not None:
        yield f"{'are' if wanted.state is RequestState.PENDING else 'were'} {states.REQUESTS[wanted.state]}"
    if wanted.person:
        yield f"were started or decided by {line(person or wanted.person)}"
    if wanted.since is not None or wanted.until is not None:
        verb = "were decided by you" if part is InboxPart.DECIDED else "were asked"
        yield f"{verb} {_days(wanted.since, wanted.until, zone)}"
    if wanted.search.strip():
        yield f"contain “{line(wanted.search.strip())}”"


def _days(since: datetime | None, until: datetime | None, zone: tzinfo) -> str:
    first = _day(since, zone) if since is not None else ""
    last = _day(until - timedelta(microseconds=1), zone) if until is not None else ""
    if first and last:
        return f"on {first}" if first == last else f"from {first} to {last}"
    return f"since {first}" if first else f"until {last}"


def _day(moment: datetime, zone: tzinfo) -> str:
    local = moment.astimezone(zone)
    return f"{local:%b} {local.day}, {local.year}"
