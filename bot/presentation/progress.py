"""The sentences that say how many approvals a request needs, who gave some, and who is asked next. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from bot.presentation import people
from bot.presentation.characters import line
from engine.domain import Approver, CardFact, Person, Phrase
from engine.oversight import limits
from engine.read_models import RequestView
from engine.requests import Tally, Vote

_NOTHING_TO_DO: Final = "You don't need to do anything."


# -- on the card --------------------------------------------------------------------------------------------


def sentences(request: RequestView, reader: Person | None = None, *, names_waiting: bool = True) -> Iterator[Phrase]:
    """Yield how far the approvals of a waiting request have come; nothing if one decision closes it.

    A reader who is not asked now learns why. `names_waiting`: who it waits for as well.
    """
    if reader is not None and reader.id in request.model.editors:
        yield ("You changed this, so another person has to approve it.",)
        yield from _waiting(request.model.tally, reader)
    elif reader is not None and reader.id in request.model.limited and request.model.amount is not None:
        yield (f"You may approve up to {limits.write(request.model.amount.limits[reader.id])}, so others approve it.",)
        yield from _waiting(request.model.tally, reader)
    elif request.model.policy.counts_votes:
        yield from _progress(request, reader, names_waiting=names_waiting)


def names_waiting(request: RequestView, reader: Person | None) -> bool:
    """Return whether `sentences` say who the request waits for."""
    tally = request.model.tally
    if reader is not None and reader.id in {*request.model.editors, *request.model.limited}:
        return bool(tally.waiting)
    return request.model.policy.counts_votes and (bool(tally.waiting) or tally.short > 0)


def _progress(request: RequestView, reader: Person | None, *, names_waiting: bool) -> Iterator[Phrase]:
    tally, place = request.model.tally, _place(request, reader)
    if tally.votes:
        yield from _given(tally, reader)
    else:
        yield (needed(request, reader),)
    # The groups of a chain are named before the first approval. Until then a card reads the same for all who are asked.
    if names_waiting and (tally.votes or not request.model.policy.is_chain):
        yield from _waiting(tally, reader if tally.votes else None)
    if tally.short:
        who = "Too few people can" if tally.waiting else "No one else can" if tally.votes else "No one can"
        yield (f"{who} approve this, so it waits. The owner of the workflow has been notified.",)
    elif place is not None and request.model.policy.is_chain:
        yield from _turn(tally, place)


def _turn(tally: Tally, place: Approver) -> Iterator[Phrase]:
    """Yield when it is the turn of an approver who belongs to another group of a chain."""
    if place.handed_to is not None or tally.vote_of(place.person.id) is not None:
        return
    if min(place.groups) > tally.group:
        yield ("You are asked after them.",)
    elif max(place.groups) < tally.group:
        yield (_NOTHING_TO_DO,)


def _place(request: RequestView, reader: Person | None) -> Approver | None:
    """Return the reader as an approver of the request, or None."""
    return next((row for row in request.approvers if reader is not None and row.person.id == reader.id), None)


def is_approver(request: RequestView, reader: Person) -> bool:
    """Return whether this person is an approver of the request, now or later."""
    return _place(request, reader) is not None


def is_asked(request: RequestView, reader: Person) -> bool:
    """Return whether this person is asked to decide a waiting request now.

    One who was excluded is: they may be back in the group that the gate names.
    """
    model, place = request.model, _place(request, reader)
    if place is None or place.handed_to is not None:
        return False
    if place.excluded is not None:
        return True
    if reader.id in model.limited:
        return False
    # With one decision and no changes it is the turn of all.
    return not (model.policy.counts_votes or model.changes) or model.tally.is_asked(reader.id)


def may_only_reject(request: RequestView, reader: Person) -> bool:
    """Return whether this person has approved or changed the content, and can still reject it."""
    model, place = request.model, _place(request, reader)
    if place is None or place.handed_to is not None or is_asked(request, reader):
        return False
    return model.tally.vote_of(reader.id) is not None or reader.id in {*model.editors, *model.limited}


def count(request: RequestView) -> Iterator[str]:
    """Yield how many approvals a waiting request has, for a list, if it needs several, and who changed it last."""
    if request.model.policy.counts_votes:
        yield f"{len(request.model.votes)} of {request.model.policy.needed} approvals."
    if request.model.changes:
        yield f"{line(request.model.changes[-1].person.label)} changed it."


# -- after a decision ---------------------------------------------------------------------------------------


def saved(request: RequestView, reader: Person | None) -> Phrase:
    """Return the sentences for a person whose approval was saved while others are missing."""
    tally = request.model.tally
    vote = tally.vote_of(reader.id) if reader is not None else None
    changed = bool(request.model.changes) and reader is not None and request.model.changes[-1].person.id == reader.id
    if vote is None:
        first = "Your change was saved. " if changed else "Your decision was saved. "
    else:
        what = "approval and your change were" if changed else "approval was"
        first = f"Your {what} saved: {len(tally.votes)} of {tally.needed}. "
    return first, *(part for phrase in _waiting(tally, reader) for part in phrase)


# -- who approved, and who is missing -----------------------------------------------------------------------


def _given(tally: Tally, reader: Person | None) -> Iterator[Phrase]:
    """Yield who approved and when; of many, their number and the last. The reader comes first."""
    count, own = f"{len(tally.votes)} of {tally.needed}", tally.vote_of(reader.id) if reader is not None else None
    others = [vote for vote in tally.votes if vote is not own]
    if own is not None:
        yield "You approved this, ", own.at, "."
        also = f": {_names(others)} approved too." if others else " approvals so far."
        yield (f"{count}{also}",)
    else:
        verb = "approved, last" if len(others) > 1 else "approved,"
        yield f"{count}: {_names(others)} {verb} ", tally.votes[-1].at, "."


def _names(votes: Sequence[Vote]) -> str:
    return people.joined([line(vote.person.label) for vote in votes], "and")


def _waiting(tally: Tally, reader: Person | None) -> Iterator[Phrase]:
    if tally.waiting:
        yield (f"Waiting for {_joined(tally.waiting, reader, 'and' if tally.is_all_needed else 'or')}.",)


def _joined(approvers: Sequence[Approver], reader: Person | None, word: str) -> str:
    """Return the names of approvers, the reader first."""
    others = [approver for approver in approvers if reader is None or approver.person.id != reader.id]
    names = [line(approver.person.label) for approver in others]
    return people.joined(["you", *names] if len(others) < len(approvers) else names, word)


# -- the policy in words ------------------------------------------------------------------------------------


def needed(request: RequestView, reader: Person | None = None) -> str:
    """Return the policy of a request that needs several approvals as a sentence."""
    model, tally = request.model, request.model.tally
    if model.policy.is_chain:
        groups = [[row for row in model.eligible if number in row.groups] for number in range(model.policy.needed)]
        named = [_joined(group, reader, "or") if group else "a person who is missing" for group in groups]
        return f"First {', then '.join(named)}."
    # Those who changed the content may not approve it.
    people_left = {row.person.id for row in model.eligible} - model.editors - model.limited
    return of_all(tally.needed, len(people_left | {vote.person.id for vote in tally.votes}))


def of_all(number: int, total: int) -> str:
    """Return that so many of all these people have to approve, as a sentence."""
    if number == total:
        return "Both have to approve." if number == 2 else f"All {number} have to approve."
    return f"{number} of {total} have to approve." if number < total else f"{number} people have to approve."


def facts(request: RequestView) -> Iterator[CardFact]:
    """Yield the policy of a request in words, and who has approved it when."""
    model = request.model
    if not model.policy.counts_votes:
        return
    yield CardFact(label="Approvals", text=(needed(request),))
    if model.votes:
        first, *others = model.votes
        more = (part for vote in others for part in (f"; {line(vote.person.label)}, ", vote.at))
        yield CardFact(label="Approved by", text=(f"{line(first.person.label)}, ", first.at, *more))
        yield from _reasons(request)


def _reasons(request: RequestView) -> Iterator[CardFact]:
    """Yield why people approved. The reason of the last decision is in the outcome.

    Each takes one line, so that no one can write a line for another person.
    """
    last = request.decision.person.id if request.decision is not None else None
    votes = [vote for vote in request.model.votes if vote.reason and vote.person.id != last]
    if votes:
        reasons = "\n".join(f"{line(vote.person.label)}: {line(vote.reason or '')}" for vote in votes)
        yield CardFact(label="Reasons", text=(reasons,))
