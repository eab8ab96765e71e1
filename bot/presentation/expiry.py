"""The wording of an expiry, for every surface. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from bot.presentation import dates
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
}
_GATE_CONSEQUENCES: Final = {
    OnExpiry.CONTINUE: "the run continues without an approval",
    OnExpiry.STOP: "the run is stopped",
    OnExpiry.REJECT: "the request is rejected",
}


def due(at: datetime, *, written: Callable[[datetime], str] = dates.moment) -> str:
    """Return when a request expires. `written`: writes the date as the surface can show it."""
    return f"{LABEL} {written(at)}"


def deadline(at: datetime | None, after: timedelta | None) -> Phrase:
    """Return when a request expires, or nothing if it never does. `after`: while its clock has not started."""
    if at is not None:
        return f"{LABEL} ", at
    return () if after is None else (f"{LABEL} in {durations.in_words(after)}",)


def due_after(delta: timedelta) -> str:
    """Return when a request expires whose clock has not started."""
    return f"{LABEL} in {durations.in_words(delta)}"


def after_shown(delta: timedelta) -> str:
    """Return the time after which a request expires whose clock has not started."""
    return f"in {durations.in_words(delta)}"


def expired(at: str, on_expiry: OnExpiry) -> str:
    """Return the sentence about a request that expired. `at`: the date, as it is written."""
    return f"Expired at {at} without a decision; {_CONSEQUENCES[on_expiry]}."


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
