"""The words of oversight requests, in which Signoff itself asks: what each is for, and what it is about. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from bot.presentation.characters import line
from engine.domain import CardFact
from engine.domain.oversight import OversightFacts, OversightPurpose

_LEADS: Final[Mapping[OversightPurpose, str]] = {
    OversightPurpose.LATER_REVIEW: "Signoff asks: this went through without a review.",
    OversightPurpose.CHANGE_STAGE: "Signoff asks, because this changes how much people review.",
    OversightPurpose.SEEDED: "Signoff made this up, to see whether people notice.",
    OversightPurpose.CHANGE_GATE: "Signoff asks, because it recommends another gate.",
    OversightPurpose.NEW_VERSION: "Signoff asks, because a new version needs an approval.",
}
_FOR: Final[Mapping[OversightPurpose, str]] = {
    OversightPurpose.LATER_REVIEW: "Later review",
    OversightPurpose.CHANGE_STAGE: "Change of how much is reviewed",
    OversightPurpose.SEEDED: "Test of attention",
    OversightPurpose.CHANGE_GATE: "Recommended change of a gate",
    OversightPurpose.NEW_VERSION: "New version of a workflow",
}
"""What a request is for, in a few words."""
_NOTHING_RUNS: Final[Mapping[OversightPurpose, str]] = {
    OversightPurpose.LATER_REVIEW: "It has already run. Your answer does not undo it.",
    OversightPurpose.SEEDED: "Signoff made this request up. Nothing runs from it, whatever was decided.",
}


_HEADINGS: Final[Mapping[OversightPurpose, str]] = {
    OversightPurpose.LATER_REVIEW: "What was done",
    OversightPurpose.SEEDED: "What was asked",
}
"""The headline above the values."""
STORY: Final[Mapping[str, str]] = {
    OversightPurpose.LATER_REVIEW: "asks for a later review.",
    OversightPurpose.CHANGE_STAGE: "asks whether only a share is reviewed from now on.",
    OversightPurpose.SEEDED: "made this up, to see whether people notice.",
    OversightPurpose.CHANGE_GATE: "recommends another gate.",
    OversightPurpose.NEW_VERSION: "asks for the approval of a new version.",
}
"""What Signoff did, in the story of a run."""


NO_ONE_LEFT: Final = (
    "You registered this version of the workflow, so you do not decide about it, and there is no admin who could. "
    "Ask the operator of this server to name an admin, or give the workflow another owner. "
    "Nothing is approved meanwhile."
)
"""What the author of a version reads who owns the workflow, if no other person may decide about it."""


def heading(facts: OversightFacts) -> str:
    """Return the headline above the values of an oversight request."""
    return _HEADINGS.get(facts.purpose, "What this is about")


def what_for(facts: OversightFacts) -> str:
    """Return what the request is for, in the place of the name of a workflow."""
    return _FOR[facts.purpose]


def is_whole_title(facts: OversightFacts) -> bool:
    """Return whether the title is a sentence of Signoff that needs no value beside it to be told from others."""
    return facts.purpose not in (OversightPurpose.LATER_REVIEW, OversightPurpose.SEEDED)


def lead(facts: OversightFacts) -> str:
    """Return that Signoff asks, and why, as a sentence."""
    return _LEADS[facts.purpose]


def notes(facts: OversightFacts) -> Iterator[CardFact]:
    """Yield what the answer does not do, where people could think that it does."""
    if facts.purpose in _NOTHING_RUNS:
        yield CardFact(label="Good to know", text=(_NOTHING_RUNS[facts.purpose],))


def facts(facts: OversightFacts) -> Iterator[CardFact]:
    """Yield what the request is for, and what it is about."""
    yield CardFact(label="Asked for", text=(_FOR[facts.purpose],))
    about = facts.about
    if facts.workflow is not None:
        version = f", version {about.version}" if about.version is not None else ""
        yield CardFact(label="About workflow", text=(f"{line(facts.workflow)}{version}",))
    for label, value in (("About step", about.step), ("About run", about.run), ("About request", about.request)):
        if value is not None:
            yield CardFact(label=label, text=(line(value),))
