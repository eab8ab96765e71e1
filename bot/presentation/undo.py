"""The words around an approval that can be undone, or was, and who is offered to undo it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from bot.presentation import people
from bot.presentation.characters import line
from engine.domain import AlreadyUndone, CannotUndo, Person, Phrase, Refusal, RequestState, ReviewPoint
from engine.read_models import RequestView
from engine.requests import Undoing

BUTTON: Final = "Undo"
CONFIRM: Final = "Take this approval back? Nothing has been done yet. Everyone will be asked again."
"""What a surface asks before it undoes an approval."""
ASKED_AGAIN: Final = "Everyone is asked again."


def may_undo(request: RequestView, reader: Person | None) -> bool:
    """Return whether this person is offered to undo an approval: their own, or one in a workflow that they own.

    Where many people read the same copy, it offers it, and a click by another person is answered.
    """
    return request.is_held and (reader is None or reader.id in {request.owner, *(one.id for one in deciders(request))})


def deciders(request: RequestView) -> list[Person]:
    """Return the people who approved, or the person who rejected; none before that."""
    model = request.model
    if request.decision is None:
        return []
    approved = model.state in (RequestState.APPROVED, RequestState.UNDONE)
    return ([vote.person for vote in model.votes] if approved else []) or [request.decision.person]


def held(request: RequestView) -> Phrase:
    """Return when an approval takes effect, while it can be undone; nothing for any other request."""
    at = request.model.hold_ends_at
    if not request.is_held or at is None:
        return ()
    return "Starts " if request.at is ReviewPoint.BEFORE else "The run goes on ", at, " unless undone."


def undone(request: RequestView, reader: Person | None = None) -> Phrase:
    """Return who undid the approval, and when, without a full stop."""
    assert request.model.undone is not None
    return written(request.model.undone, reader)


def written(undoing: Undoing, reader: Person | None = None) -> Phrase:
    """Return who undid an approval, and when, without a full stop."""
    who = "You" if reader is not None and reader.id == undoing.person.id else line(undoing.person.label)
    return f"{who} undid the approval, ", undoing.at


def cannot_undo(refusal: CannotUndo) -> Phrase:
    """Return the sentence for a person whose undo is refused."""
    if refusal.why == "over" and refusal.at is not None:
        return "It is too late to undo this. The run went on ", refusal.at, "."
    if refusal.why == "not_yours":
        return (f"Only {people.joined([line(name) for name in refusal.names], 'or')} can undo this.",)
    return (_REFUSED[refusal.why],)


def already_undone(refusal: AlreadyUndone) -> Phrase:
    """Return the sentence for a person who acts on a request whose approval was undone."""
    who = "You" if refusal.by_you else line(refusal.by.label)
    return f"{who} already undid the approval, ", refusal.at, f". {ASKED_AGAIN}"


_REFUSED: Final = {
    "off": "This workflow gives no time to undo an approval.",
    "not_approved": "This is not approved, so there is nothing to undo.",
    "over": "It is too late to undo this. The run went on.",
    "cancelled": "The run was cancelled, so nothing follows from this approval and there is nothing to undo.",
    "elsewhere": "You have to sign in with Slack to undo this. Undo it in Slack or on its page.",
    "inactive": "Your account is not active any more, so you cannot undo this. Ask the owner of the workflow.",
}
SENTENCES: Final[Mapping[type[Refusal], Callable[[Any], Phrase]]] = {
    CannotUndo: cannot_undo,
    AlreadyUndone: already_undone,
}
