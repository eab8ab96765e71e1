"""Links to review, remembered browsers, and codes by mail: what identifies somebody who is not in Slack."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from engine.domain.people import Person
from engine.domain.results import Decided, Done, Refusal
from engine.domain.statuses import ResumeAnswer, Verdict


class Purpose(StrEnum):
    """What a code is good for, and nothing else. A new purpose needs a command in `engine.store.challenges`."""

    DECIDE = "decide"
    """It confirms one decision on one request: its verdict, edits and reason, in the browser that asked."""
    ANSWER = "answer"
    """It confirms what became of one call of a step: the answer and its values, in the browser that asked."""
    SIGN_IN = "sign_in"
    """It signs in a browser that asked with the same address."""


class LinkState(StrEnum):
    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a token opens: one request, for the person it was sent to. It lets its holder look, and nothing more."""

    request: str
    person: Person
    address: str
    state: LinkState
    until: datetime
    is_of_wrong_clock: bool = False
    """It was made while the clock was ahead, and has to be set right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionLink:
    """What the token in an alert opens: one call whose outcome is unknown, for the owner who is asked about it."""

    run: str
    step: str
    visit: int
    attempt: int
    person: Person
    address: str
    state: LinkState
    until: datetime
    is_of_wrong_clock: bool = False
    """As of a link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedBrowser:
    """A browser in which somebody proved that they read the mail of `address`."""

    id: str
    person: Person
    address: str
    label: str
    created_at: datetime
    seen_at: datetime
    until: datetime
    is_of_wrong_clock: bool = False
    """As of a link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSent:
    """A challenge is open. `challenge`: its id; of one that signs in, a sealed text that its browser carries.

    `purpose` is `sign_in` also where a decision was to be confirmed and no code for it may be sent any more: then
    nothing of the decision is kept, and it is made once more by the browser that is signed in.
    """

    challenge: str
    address: str
    until: datetime
    purpose: Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeView:
    """A challenge as its browser may see it. `tries_left`: None where tries are not counted.

    `request`: the one that is decided, or to which a browser returns once it is signed in. `run`: instead, one that
    asks its owner what became of a step, and `answer`: what they say. `reference`: four letters that stand in each mail
    whose code is good here; empty where any mail to sign in will do.
    """

    id: str
    purpose: Purpose
    address: str
    request: str | None
    verdict: Verdict | None
    tries_left: int | None
    until: datetime
    used: bool
    digits: int
    reference: str = ""
    run: str | None = None
    answer: ResumeAnswer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenIdentity:
    """The code was right. `browser`: the secret to remember it by, until `until`.

    `answer`: what became of the decision, or of the answer about a step of `run`, that was waiting for it; None where
    somebody signed in.
    """

    person: Person
    address: str
    browser: str = field(repr=False)
    until: datetime
    request: str | None = None
    run: str | None = None
    answer: Decided | Done | Refusal | None = None


class NeedsCode(Refusal, frozen=True, kw_only=True):
    """The decision is fine and not written: the gate wants to know that it comes from whoever reads that mail."""

    address: str


class WrongCode(Refusal, frozen=True, kw_only=True):
    """`left`: None where tries are not counted."""

    left: int | None = None
    reference: str = ""


class CodeExpired(Refusal, frozen=True, kw_only=True):
    """Too late, too often, in another browser, or used before."""


class NoLink(Refusal, frozen=True, kw_only=True):
    """What should identify the decider does not: the link was withdrawn, has run out, or is for something else."""

    state: LinkState | None = None
