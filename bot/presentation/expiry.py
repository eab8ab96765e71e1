"""The wording of an expiry, for every surface. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from engine import durations
from engine.domain import Card, OnExpiry, Phrase
from engine.read_models import RequestView
from engine.requests import Deadlines

LABEL: Final = "Expires"
"""Before the date until which a request can be decided."""
ESCALATES: Final = "Escalates"
"""Before the date at which more people are asked, and the time to decide starts again."""
WITHOUT_DECISION: Final = "expired without a decision"
"""The words for the expiry of a run or a request."""
REJECTED: Final = f"{WITHOUT_DECISION} and was rejected automatically"
"""The words for the expiry of a request whose gate has `on_expiry: reject`."""
_CONSEQUENCES: Final = {
    OnExpiry.CONTINUE: "the run continued without approval",
    OnExpiry.STOP: "the run was stopped",
    OnExpiry.REJECT: "it was rejected automatically",
    OnExpiry.ESCALATE: "the run was stopped",
}
_GATE_CONSEQUENCES: Final = {
    OnExpiry.CONTINUE: "the run continues without an approval",
    OnExpiry.STOP: "the run is stopped",
    OnExpiry.REJECT: "the request is rejected",
    OnExpiry.ESCALATE: "more people are asked",
}


def of_card(card: Card) -> Phrase:
    """Return when the time to decide is over and what happens then, or nothing if it never is."""
    label = ESCALATES if card.escalates else LABEL
    due = deadline(card.expires_at, card.expires_after, label, working=card.in_working_hours)
    return (*due, f", then {_GATE_CONSEQUENCES[card.on_expiry]}") if due and card.on_expiry is not None else due


def of_deadlines(deadlines: Deadlines) -> Phrase:
    """Return when the time to decide a pending request is over, or nothing if it never is."""
    label = ESCALATES if escalates(deadlines) else LABEL
    return deadline(deadlines.ends_at, deadlines.expires_after, label, working=deadlines.hours is not None)


def escalates(deadlines: Deadlines) -> bool:
    """Return whether more people are asked when the time to decide is over."""
    return deadlines.on_expiry is OnExpiry.ESCALATE and deadlines.expires_at is None


def after(request: RequestView) -> OnExpiry | None:
    """Return what happens when a pending request expires, if a card says so: what people may not expect of a run."""
    deadlines = request.model.deadlines
    if escalates(deadlines):
        return None
    stops = deadlines.on_expiry in (OnExpiry.STOP, OnExpiry.ESCALATE)
    # To those who approve the call of a tool, or a change to a workflow, its run means nothing.
    has_run = request.model.ask is None and request.oversight is None
    return (OnExpiry.STOP if has_run else None) if stops else deadlines.on_expiry


def deadline(at: datetime | None, after: timedelta | None, label: str = LABEL, *, working: bool = False) -> Phrase:
    """Return when something happens, or nothing if it never does. `after`: while its clock has not started."""
    if at is not None:
        return f"{label} ", at
    return () if after is None else (f"{label} in {span(after, working=working)}",)


def span(duration: timedelta, *, working: bool) -> str:
    """Return a duration in words. `working`: its days are working days, and its hours working hours."""
    if not working:
        return durations.in_words(duration)
    weeks, days = duration.days % 7 == 0, duration.days
    # Seven working days are no week.
    words = f"{days} days" if weeks and duration == timedelta(days=days) else durations.in_words(duration)
    number, _, rest = words.partition(" ")
    return f"{number} working {rest}"


def consequence(on_expiry: OnExpiry) -> str:
    """Return what happened to the run when its request expired, as a sentence without a full stop."""
    text = _CONSEQUENCES[on_expiry]
    return text[:1].upper() + text[1:]


def too_late(at: datetime) -> Phrase:
    """Return the sentence for a person who decides too late."""
    return "This request expired ", at, ". You can no longer decide it."


def of_gate(after: timedelta, on_expiry: OnExpiry, *, working: bool = False) -> str:
    """Return the sentence that says when the requests of a gate expire, and what happens then."""
    return f"Without a decision in {span(after, working=working)}, {_GATE_CONSEQUENCES[on_expiry]}."
