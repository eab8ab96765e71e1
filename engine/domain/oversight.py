"""Oversight requests, which Signoff itself opens: what each is for, and what it is about."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from msgspec import Struct

from engine.domain.people import SIGNOFF, Address

OVERSIGHT_WORKFLOW: Final = "signoff-oversight"
"""The name of the workflow that ships inside the engine, whose runs are oversight requests. People cannot register it,
and no list shows it."""
ASKER: Final = Address(SIGNOFF, "oversight")
"""The address of Signoff as the one who asks."""
ASKER_NAME: Final = "Signoff"


class OversightPurpose(StrEnum):
    """What an oversight request is for."""

    LATER_REVIEW = "later_review"
    """A person looks at what went through without a review."""
    CHANGE_STAGE = "change_stage"
    """A gate would review only a share from now on."""
    SEEDED = "seeded"
    """It must be rejected, and shows whether people notice."""
    CHANGE_GATE = "change_gate"
    """Signoff recommends another gate."""
    NEW_VERSION = "new_version"
    """A version of a protected workflow waits for its approval."""


class About(Struct, frozen=True, kw_only=True):
    """What an oversight request is about. `workflow`: the id of a workflow, and `version` one of its versions."""

    run: str | None = None
    request: str | None = None
    workflow: str | None = None
    version: int | None = None
    step: str | None = None


class SeededFacts(Struct, frozen=True, kw_only=True):
    """What was wrong with a seeded request that has ended. `is_caught`: it was rejected, or put right."""

    label: str
    kind: str
    is_caught: bool


class OversightFacts(Struct, frozen=True, kw_only=True):
    """What a card tells of an oversight request. `workflow`: the title of the workflow that it is about."""

    purpose: OversightPurpose
    about: About
    workflow: str | None = None
    seeded: SeededFacts | None = None
    """What was wrong, if it was seeded and has ended."""
    withdrawn: str | None = None
    """Why Signoff does not ask this any more, as a sentence, if it withdrew it."""
