"""The wording of an expiry, for every surface. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from engine import durations
from engine.domain import OnExpiry, Phrase

LABEL: Final = "Expires"
"""Before the date until which a request can be decided."""
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


def deadline(at: datetime | None, after: timedelta | None) -> Phrase:
    """Return when a request expires, or nothing if it never does. `after`: while its clock has not started."""
    if at is not None:
        return f"{LABEL} ", at
    return () if after is None else (f"{LABEL} in {durations.in_words(after)}",)


def consequence(on_expiry: OnExpiry) -> str:
    """Return what happened to the run when its request expired, as a sentence without a full stop."""
    text = _CONSEQUENCES[on_expiry]
    return text[:1].upper() + text[1:]


def too_late(at: datetime) -> Phrase:
    """Return the sentence for a person who decides too late."""
    return "This request expired ", at, ". You can no longer decide it."


def of_gate(after: timedelta, on_expiry: OnExpiry) -> str:
    """Return the sentence that says when the requests of a gate expire, and what happens then."""
    return f"Without a decision in {durations.in_words(after)}, {_GATE_CONSEQUENCES[on_expiry]}."
