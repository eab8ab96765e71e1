"""What a person reads of a seeded request after they decided it: that it was a test, what was wrong, and what they did.

Others who were asked read only that it was a test. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bot.presentation.characters import line
from engine.domain import Person, Phrase
from engine.domain.oversight import OversightPurpose, SeededFacts
from engine.oversight.seeded_change import ChangeKind
from engine.read_models import RequestView

_WRONG: Final[Mapping[str, str]] = {
    ChangeKind.TEN_TIMES: "was 10 times the real one",
    ChangeKind.OTHER_DOMAIN: "was at another domain than the real one",
    ChangeKind.SWAPPED_DIGITS: "had two digits in the wrong order",
    ChangeKind.OTHER_RECIPIENT: "was of another request",
    ChangeKind.PAST_DATE: "was in the past",
}
_FEWEST: Final = 5


def is_seeded(request: RequestView) -> bool:
    """Return whether a request that has ended was seeded. One that waits looks like any other."""
    return request.oversight is not None and request.oversight.purpose is OversightPurpose.SEEDED


def ended(request: RequestView, reader: Person | None) -> Phrase:
    """Return how a seeded request ended, without a full stop. What a person did is told to them alone."""
    at: Phrase = () if request.model.closed_at is None else (request.model.closed_at,)
    facts, decision = request.oversight, request.decision
    is_own = decision is not None and reader is not None and decision.person.id == reader.id
    if facts is None or facts.seeded is None or not is_own:
        return "This was a test of Signoff, and it is over, ", *at
    # What stands before the moment fits into the first line of a closed card in Slack.
    if facts.seeded.is_caught:
        return "This was a test, and you caught it, ", *at, f". {wrong(facts.seeded)}"
    return "This was a test, and you approved it, ", *at, f". Nothing was done. {wrong(facts.seeded)}"


def wrong(seeded: SeededFacts) -> str:
    """Return what was wrong, as a sentence without a full stop."""
    return f"“{line(seeded.label)}” {_WRONG.get(seeded.kind, 'was not the real one')}"


def shared(detection: tuple[int, int] | None) -> str:
    """Return how many tests people caught, for the owner of a workflow."""
    if detection is None:
        return f"How many tests are caught is shown once at least {_FEWEST} people besides you had one."
    return f"People caught {detection[0]:,} of {detection[1]:,} tests."
