"""The names of the people of a request: asked, no longer able to decide, not reached. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from bot.presentation import asks as asks_words
from bot.presentation import oversight
from bot.presentation.characters import line
from engine.domain import Approver, Card, Person, RequestState
from engine.domain.people import API
from engine.read_models import RequestView

_NAMED: Final = 5
"""Maximum number of people who are named one by one in a list."""


def approvers(request: RequestView) -> list[str]:
    """Return the names of the approvers: who is asked now while the request waits, and who was asked afterwards."""
    model = request.model
    approvers = model.tally.waiting if model.state is RequestState.PENDING else _were_asked(request)
    return [line(approver.person.label) for approver in approvers]


def _were_asked(request: RequestView) -> Sequence[Approver]:
    """Return the approvers of a closed request, of a chain without the groups that were not reached."""
    model = request.model
    if not model.policy.is_chain:
        return model.approvers
    return [approver for approver in model.approvers if min(approver.groups) <= len(model.votes)]


def starter(person: Person, *, begins: bool = False) -> str:
    """Return who started a run, as a part of a sentence or as its first words."""
    if any(address.kind == API for address in person.addresses):
        return asks_words.program(person.label)
    if person.automation is None:
        return line(person.label)
    return f"{'Its' if begins else 'its'} {person.automation}"


def asker(request: RequestView) -> str:
    """Return who asks, for lists and subjects."""
    return asks_words.name_of(request.model.ask) if request.model.ask is not None else starter(request.requester)


def asked_by_email(address: str) -> str:
    """Return the note for the other approvers that a person has no account in Slack."""
    return f"{address} is not in Slack, so they are asked by email."


def asks(request: RequestView) -> str:
    """Return who asks, as a sentence. What to do about a failure is asked by no person, so it says who started it."""
    if request.model.ask is not None:
        return asks_words.lead(request.model.ask)
    if request.oversight is not None:
        return oversight.lead(request.oversight)
    starts = request.requester.automation
    does = "started this run" if request.model.subject.is_failure else "asks"
    return f"{line(request.requester.label)} {does}." if starts is None else f"Started by its {starts}."


def reads_reason(request: RequestView) -> str:
    """Return who reads the reason of a decision, as a sentence."""
    if request.model.ask is not None:
        return f"{asks_words.program(request.model.ask.agent)} will read it."
    if request.requester.automation is not None or request.oversight is not None:
        return "It is kept with the decision."
    return f"{line(request.requester.label)} will read it."


def successor(request: RequestView, reader: Person | None) -> str | None:
    """Return the name of the person who decides in the place of the reader, or None if none does."""
    approvers = request.model.approvers if reader is not None else ()
    row = next((row for row in approvers if reader is not None and row.person.id == reader.id), None)
    return line(row.handed_to) if row is not None and row.handed_to is not None else None


def predecessors(request: RequestView, reader: Person | None) -> list[str]:
    """Return the names of the people in whose place the reader decides since the request was opened."""
    if reader is None or successor(request, reader) is not None:
        return []
    return [line(row.person.label) for row in request.model.approvers if row.handed_to == reader.label]


def passed_on(request: RequestView) -> list[str]:
    """Return who decides in the place of another, a text for each place that was passed on."""
    rows = request.model.approvers
    return [f"{line(row.person.label)} to {line(row.handed_to)}" for row in rows if row.handed_to is not None]


def accounts(approvers: Sequence[Approver]) -> list[str | None]:
    """Return the id of the account of each approver, or None for one without an account."""
    accounts = [approver.person.account for approver in approvers]
    return [None if account is None else account.value for account in accounts]


def asked(names: Sequence[str], *, closed: bool, is_form: bool = False) -> str:
    """Return who can decide a request or answer a form, or who was asked once it is closed.

    A long list ends with a number.
    """
    if not names:
        return "" if closed else "No approver is left."
    if closed:
        return f"{joined(names, 'and')} {'was' if len(names) == 1 else 'were'} asked."
    return f"{joined(names, 'or')} can {'answer' if is_form else 'decide'}."


def of_card(card: Card) -> str:
    """Return who can decide the request of a card, or who was asked; an empty text if its context says it already."""
    closed = card.outcome is not None
    return "" if card.names_waiting and not closed else asked(card.approvers, closed=closed, is_form=card.is_form)


def joined(names: Sequence[str], word: str, *, room: int | None = None) -> str:
    """Return the names as a part of a sentence, with "and" or "or" before the last; a long list ends with a number.

    `room`: the characters of the names that are shown, for a place where a name must not be cut.
    """
    # One more name is as short as "1 more".
    most = len(names) if len(names) <= _NAMED + 1 else _NAMED
    most = most if room is None else _fitting(names[:most], room)
    more = len(names) - most
    shown = [*names[:most], *([f"{more} more {'person' if more == 1 else 'people'}"] if more else [])]
    *first, last = shown
    return f"{', '.join(first)} {word} {last}" if first else last


def _fitting(names: Sequence[str], room: int) -> int:
    """Return how many names fit, and two at least."""
    sizes = accumulate(len(name) for name in names)
    return min(len(names), max(2, sum(size <= room for size in sizes)))


def excluded(request: RequestView) -> str:
    """Return the approvers who can no longer decide, each with the reason."""
    return "; ".join(
        f"{line(approver.person.label)} ({line(approver.excluded)})"
        for approver in request.approvers
        if approver.excluded
    )


def not_posted(unposted: tuple[str, str]) -> str:
    """Return where a copy for many readers could not be posted, and why."""
    place, why = unposted
    return f"{line(place)}: {line(why)}"


def not_reached(request: RequestView) -> str:
    """Return the first approvers without a copy, each with the reason, and the number of the others."""
    names = [f"{line(person.label)} ({line(why.rstrip('.'))})" for person, why in request.unreached[:_NAMED]]
    more = len(request.unreached) - _NAMED
    return "; ".join([*names, *([f"and {more} more"] if more > 0 else [])])
