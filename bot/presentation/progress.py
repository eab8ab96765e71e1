"""The sentences that say how many approvals a request needs, who gave some, and who is asked next. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.presentation import people
from bot.presentation.characters import line
from engine.domain import Person, Phrase, PolicyKind
from engine.read_models import RequestView
from engine.requests import Tally, Vote


def sentences(request: RequestView, reader: Person | None = None) -> Iterator[Phrase]:
    """Yield how far the approvals of a waiting request have come; nothing if one decision closes it."""
    model = request.model
    if not model.policy.counts_votes:
        return
    progress = model.tally
    if progress.votes:
        yield _given(progress, reader)
        yield from _waiting(progress)
    else:
        yield (_needed(request, progress),)
    if progress.short:
        yield ("No one else can approve, so this waits. The owner of the workflow was told.",)


def saved(request: RequestView, reader: Person | None) -> Phrase:
    """Return the sentence for a person whose approval was saved while others are missing."""
    progress = request.model.tally
    if reader is not None and progress.vote_of(reader.id) is None:
        return "Your change was saved. ", *(part for phrase in _waiting(progress) for part in phrase)
    given = f"Your approval was saved: {len(progress.votes)} of {progress.needed}. "
    return given, *(part for phrase in _waiting(progress) for part in phrase)


def _given(progress: Tally, reader: Person | None) -> Phrase:
    """Return who approved and when; of many, the number and the last."""
    count = f"{len(progress.votes)} of {progress.needed}: "
    last = progress.votes[-1]
    who = _names(progress.votes, reader)
    verb = "approved, last" if len(progress.votes) > 1 else "approved,"
    return f"{count}{who} {verb} ", last.at, "."


def _names(votes: Sequence[Vote], reader: Person | None) -> str:
    names = ["you" if reader is not None and vote.person.id == reader.id else line(vote.person.label) for vote in votes]
    first, *more = sorted(names, key=lambda name: name != "you")
    return people.joined(["You" if first == "you" else first, *more], "and")


def _waiting(progress: Tally) -> Iterator[Phrase]:
    names = [line(approver.person.label) for approver in progress.waiting]
    if names:
        yield (f"Waiting for {people.joined(names, 'and' if progress.is_all_needed else 'or')}.",)


def _needed(request: RequestView, progress: Tally) -> str:
    policy = request.model.policy
    if policy.kind is PolicyKind.CHAIN:
        return f"{policy.needed} approvals, one after the other. This is the first."
    if policy.kind is PolicyKind.ALL and progress.is_all_needed:
        return "Both have to approve." if policy.needed == 2 else f"All {policy.needed} have to approve."
    return f"{policy.needed} of {len(progress.waiting)} have to approve."
