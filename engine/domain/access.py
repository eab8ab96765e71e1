"""Links, remembered browsers and one-time codes, which identify people outside of Slack."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Literal

from engine.domain.commands import Decide
from engine.domain.people import Address, Person
from engine.domain.results import Decided, Done, Refusal
from engine.domain.statuses import Assurance, ResumeAnswer, Verdict

CODE_LIFETIME: Final = timedelta(minutes=10)
"""How long a one-time code can be used."""
BROWSER_LIFETIME: Final = timedelta(days=30)
"""How long a browser is remembered after a code was confirmed in it."""
SIGN_IN_LIFETIME: Final = timedelta(hours=12)
"""How long a browser counts as signed in with an account. After it, it is remembered like one that gave a code."""
LINK_LIFETIME: Final = timedelta(days=30)
"""How long a link is valid. After it, the person signs in at the inbox instead."""


class Purpose(StrEnum):
    """The only use of a code. A new purpose needs a command in `engine.store.challenges`."""

    DECIDE = "decide"
    """Confirms one decision, with its verdict, edits and reason, in the browser that asked."""
    ANSWER = "answer"
    """Confirms one answer about a step of unknown outcome, with its values, in the browser that asked."""
    SIGN_IN = "sign_in"
    """Signs in a browser that asked with the same address."""


class LinkState(StrEnum):
    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link to one request, emailed to one person. Its holder may look at the request, and nothing more."""

    request: str
    person: Person
    address: str
    state: LinkState
    until: datetime
    is_of_wrong_clock: bool = False
    """Whether it was created while the clock was ahead, so that its times have to be corrected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionLink:
    """A link in an alert to one call of unknown outcome, for the owner who is asked about it."""

    run: str
    step: str
    visit: int
    attempt: int
    person: Person
    address: str
    state: LinkState
    until: datetime
    is_of_wrong_clock: bool = False
    """As in `Link`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedBrowser:
    """A browser in which a person proved who they are: that they read the email of `address`, or by an `account`.

    `signed_in_until`: until when it counts as signed in with the account, or None. With an account,
    `address` is only shown.
    """

    id: str
    person: Person
    address: str
    account: Address | None = None
    signed_in_until: datetime | None = None
    label: str
    created_at: datetime
    seen_at: datetime
    until: datetime
    is_of_wrong_clock: bool = False
    """As in `Link`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeSent:
    """A code was sent. `challenge`: the id of its challenge, or for a sign-in the sealed text that the browser carries.

    `purpose` is also `sign_in` if too many codes were sent for a decision: the decision is not stored, and the browser
    makes it again after it signed in.
    """

    challenge: str
    address: str
    until: datetime
    purpose: Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeView:
    """A challenge as its browser may see it. `tries_left`: None if tries are not counted.

    `request`: the request of the decision, or the one that the browser returns to after signing in. `run` and `answer`:
    the run and the answer, if the code confirms an answer about a step. `reference`: the four letters in the emails
    whose code can be used here; empty for a sign-in.
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
class SignInView:
    """A sign-in with an account as its browser may see it.

    `request`: the request of the decision, or the one that the browser returns to. `decision`: what waits, or None.
    """

    id: str
    request: str | None
    decision: Decide | None = field(repr=False)
    until: datetime
    used: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInStart:
    """What an identity provider is sent when a person signs in there: all three are for this one time."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenIdentity:
    """The code was right, or the person signed in.

    `browser`: the secret of the remembered browser, valid until `until`, or an empty text if none is remembered,
    because the decision was made in a messenger.

    `answer`: the result of the command that was confirmed, or None for a sign-in only.
    """

    person: Person
    address: str
    browser: str = field(repr=False)
    until: datetime
    request: str | None = None
    run: str | None = None
    answer: Decided | Done | Refusal | None = None


class NeedsCode(Refusal, frozen=True, kw_only=True):
    """The command is valid and not saved yet: the person has to prove that they read the email of the address."""

    address: str


class NeedsSignIn(Refusal, frozen=True, kw_only=True):
    """The command is valid and not saved yet: the person has to sign in with their account."""


class ConfirmElsewhere(Refusal, frozen=True, kw_only=True):
    """The decision needs a code or a sign-in, which this surface cannot ask for."""

    how: Assurance


class CannotConfirm(Refusal, frozen=True, kw_only=True):
    """The decision needs a code of its own, and none can be sent now."""

    why: Literal["no_email", "many_codes", "too_large"]


class SignedInAsOther(Refusal, frozen=True, kw_only=True):
    """The person who signed in may not give this decision. `who`: their name. `asked`: who was asked."""

    who: str
    asked: tuple[str, ...]


class SignInExpired(Refusal, frozen=True, kw_only=True):
    """The sign-in has expired, was completed or begun anew, or belongs to another browser."""


class WrongCode(Refusal, frozen=True, kw_only=True):
    """The code was wrong. `left`: the tries that are left, or None if tries are not counted."""

    left: int | None = None
    reference: str = ""


class TooManyCodes(Refusal, frozen=True, kw_only=True):
    """The client asked for too many codes to sign in. `wait`: how long it gets none."""

    wait: timedelta


class CodeExpired(Refusal, frozen=True, kw_only=True):
    """The code has expired, was used or tried too often, or belongs to another browser."""


class NoLink(Refusal, frozen=True, kw_only=True):
    """The link does not identify the person: it was revoked, has expired, or is a link to something else."""

    state: LinkState | None = None
