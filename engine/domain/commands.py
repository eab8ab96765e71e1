"""The commands of the engine. A command with a secret is a dataclass, because a Struct would print the secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as hidden
from datetime import datetime
from typing import Final, Literal

from msgspec import Struct, field

from engine.domain.people import Address
from engine.domain.preferences import Preferences
from engine.domain.statuses import Assurance, ResumeAnswer, Verdict
from engine.domain.triggers import Overlap
from engine.json_values import Value

DEFAULT_WORKSPACE: Final = "default"
"""The id of the only workspace of an installation."""


class Origin(Struct, frozen=True, kw_only=True):
    """The surface on which a person acted, and the ids of the place there, for the audit log."""

    surface: Literal["terminal", "slack", "web", "email", "schedule", "webhook", "api", "run", "signoff"]
    place: Mapping[str, str] = field(default_factory=dict)


class Register(Struct, frozen=True, kw_only=True):
    """Register a workflow file. `source`: the bytes of the file. The file may name another owner than the `actor`.

    `base`: the version that the actor saw and changes, 0 for a new workflow; None: whichever is current.
    """

    source: bytes
    actor: Address
    origin: Origin
    workspace: str = DEFAULT_WORKSPACE
    base: int | None = None


class Firing(Struct, frozen=True):
    """The trigger that starts a run, by its id, and what happens if its run before has not ended."""

    trigger: str
    overlap: Overlap = Overlap.ALLOW


class Start(Struct, frozen=True, kw_only=True):
    """Start a run. `key`: an id of the caller for this start; a second start with the same key returns the same run.

    `firing`: the trigger that starts the run. If it is automatic, `may_run` says nothing about it.
    """

    workflow: str
    inputs: Mapping[str, Value]
    actor: Address
    origin: Origin
    key: str | None = None
    firing: Firing | None = None
    workspace: str = DEFAULT_WORKSPACE


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveWebhook:
    """Start a run by a call from another system. `headers`: by names in small letters. Nothing in it is trusted yet."""

    workflow: str
    headers: Mapping[str, str] = hidden(repr=False)
    body: bytes = hidden(repr=False)
    received_at: datetime
    workspace: str = DEFAULT_WORKSPACE


@dataclass(frozen=True, slots=True)
class EmailAttachment:
    """A file of an email. `name`: as its sender wrote it."""

    name: str
    content: bytes = hidden(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveEmail:
    """Start a run by an email. The mail server proved that it is from the `sender`.

    `attachments`: its files.
    """

    workflow: str
    sender: str
    subject: str = hidden(repr=False)
    text: str = hidden(repr=False)
    message_id: str
    received_at: datetime
    attachments: tuple[EmailAttachment, ...] = hidden(default=(), repr=False)
    workspace: str = DEFAULT_WORKSPACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """Decide a request. `content_version` and `digest` identify the content that the person saw.

    `edits`: new values by dotted path; only with `approve`. `assurance`: how the surface identified the person. If that
    is `link`, the engine itself checks the token of a `link` to this request and the secret of a remembered `browser`.
    `form`: the single-use key of the form that was submitted. `confirmed`: what confirmed exactly this decision; only
    the engine sets it.
    """

    request: str
    verdict: Verdict
    actor: Address
    content_version: int
    digest: str
    origin: Origin
    assurance: Assurance
    edits: Mapping[str, Value] = hidden(default_factory=dict)
    reason: str | None = None
    link: str | None = hidden(default=None, repr=False)
    browser: str | None = hidden(default=None, repr=False)
    form: str | None = None
    confirmed: Assurance | None = None
    together: bool = False
    """Whether it is one of several that the person decides with one press of a button."""
    rating: int | None = None
    """From 1 to 5, with an optional comment, if the gate asks for feedback."""
    comment: str | None = hidden(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskQuestion:
    """Ask a question about a request before it is decided. `to`: the person who is asked; None: the requester.

    `assurance`, `link` and `browser`: as in `Decide`.
    """

    request: str
    text: str = hidden(repr=False)
    actor: Address
    origin: Origin
    assurance: Assurance
    to: Address | None = None
    link: str | None = hidden(default=None, repr=False)
    browser: str | None = hidden(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerQuestion:
    """Answer a question about a request. `question`: its id, or None for the oldest that waits for this person.

    `assurance`, `link` and `browser`: as in `Decide`.
    """

    request: str
    question: str | None
    text: str = hidden(repr=False)
    actor: Address
    origin: Origin
    assurance: Assurance
    link: str | None = hidden(default=None, repr=False)
    browser: str | None = hidden(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveRating:
    """Rate what a request asked about, from 1 to 5, after deciding it. It replaces an earlier rating of the person.

    `assurance`, `link` and `browser`: as in `Decide`.
    """

    request: str
    rating: int
    comment: str | None = hidden(default=None, repr=False)
    actor: Address
    origin: Origin
    assurance: Assurance
    link: str | None = hidden(default=None, repr=False)
    browser: str | None = hidden(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """Take the approval of a request back while its hold lasts.

    `assurance`, `link` and `browser`: as in `Decide`.
    """

    request: str
    actor: Address
    origin: Origin
    assurance: Assurance
    link: str | None = hidden(default=None, repr=False)
    browser: str | None = hidden(default=None, repr=False)


class ExportDecisions(Struct, frozen=True, kw_only=True):
    """Export the decisions made from `since` on and before `until`. `format`: of the file, for the audit log."""

    since: datetime
    until: datetime | None
    workflow: str | None
    format: Literal["jsonl", "csv"]
    actor: Address
    origin: Origin
    workspace: str = DEFAULT_WORKSPACE


class Cancel(Struct, frozen=True, kw_only=True):
    """End a run."""

    run: str
    actor: Address
    origin: Origin
    reason: str | None = None


class TryAgain(Struct, frozen=True, kw_only=True):
    """Continue a run that failed with a new visit to the step that failed. The steps before it keep their results.

    `step` and `visit`: the visit that the person saw fail, if the surface knows it. After a later one it is refused.
    """

    run: str
    actor: Address
    origin: Origin
    step: str | None = None
    visit: int | None = None


class RetryDelivery(Struct, frozen=True, kw_only=True):
    """Send a copy now that could not be delivered, or that waits for its next attempt.

    `key`: what a program gives for a repeat.
    """

    delivery: str
    actor: Address
    origin: Origin
    key: str | None = None


class CloseAccount(Struct, frozen=True, kw_only=True):
    """Record that the messenger deactivated an account: its person can no longer decide what waits for them."""

    account: Address
    workspace: str = DEFAULT_WORKSPACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Reassign:
    """Let another person decide in the place of an approver. `to`: an address of theirs.

    `place`: the id of the person whose place it is, or an empty text for an approval that no one can give any more.
    None: the place of the actor, or else the only one that is open. `browser`: the secret of a remembered browser, if
    no surface vouches for the actor.
    """

    request: str
    to: Address
    reason: str
    actor: Address
    origin: Origin
    assurance: Assurance
    place: str | None = None
    browser: str | None = hidden(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """Let a delegate decide in the place of a person who is away. `person`: another than the actor, for an admin.

    `starts_at`: None: now. `delegate`: an address of theirs, or None if no one stands in. `assurance`: how the surface
    identified the actor.
    """

    actor: Address
    origin: Origin
    ends_at: datetime
    starts_at: datetime | None = None
    delegate: Address | None = None
    person: Address | None = None
    assurance: Assurance = Assurance.TERMINAL
    workspace: str = DEFAULT_WORKSPACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """End the absence of the actor, or of another `person`, for an admin."""

    actor: Address
    origin: Origin
    person: Address | None = None
    workspace: str = DEFAULT_WORKSPACE


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPreferences:
    """Say when the actor wants to be told of what waits for them."""

    actor: Address
    origin: Origin
    preferences: Preferences
    workspace: str = DEFAULT_WORKSPACE


class ReturnAddress(Struct, frozen=True, kw_only=True):
    """Give an address back to the person who had it before."""

    address: Address
    actor: Address
    origin: Origin
    workspace: str = DEFAULT_WORKSPACE


class Erase(Struct, frozen=True, kw_only=True):
    """Erase the contents of a run that has ended, in the audit log and in the tables."""

    run: str
    reason: str
    actor: Address
    origin: Origin


class EraseOld(Struct, frozen=True, kw_only=True):
    """Erase the contents of the next runs that ended before a moment. `after`: the last run that was looked at."""

    before: datetime
    reason: str
    actor: Address
    origin: Origin
    workflow: str | None = None
    after: str = ""
    workspace: str = DEFAULT_WORKSPACE


class ErasePerson(Struct, frozen=True, kw_only=True):
    """Erase a person's names and addresses. `person`: their id, or an address of theirs. `after`: from `PersonErased`.

    Each call erases some of them, until the result says that there is no more.
    """

    person: str
    reason: str
    actor: Address
    origin: Origin
    after: str = ""
    workspace: str = DEFAULT_WORKSPACE


class Resume(Struct, frozen=True, kw_only=True):
    """Answer for the step of unknown outcome of a run. `output`: with `done`, the output of the step, if known.

    `step`, `visit` and `attempt`: the call that the person was asked about, if the surface knows it. An answer about an
    earlier call is refused.
    """

    run: str
    answer: ResumeAnswer
    actor: Address
    origin: Origin
    output: Mapping[str, Value] = field(default_factory=dict)
    step: str | None = None
    visit: int | None = None
    attempt: int | None = None
    assurance: Assurance = Assurance.TERMINAL
    """How the person was identified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerAttention:
    """Answer for a step of unknown outcome on a page.

    The token of a `link` to the call and the secret of a remembered `browser` identify the person. `shown_values`: the
    labels and values of the answer as text, for the email with the code. `form`: as in `Decide`.
    """

    resume: Resume
    link: str | None = hidden(default=None, repr=False)
    browser: str | None = hidden(default=None, repr=False)
    form: str | None = None
    shown_values: tuple[tuple[str, str], ...] = hidden(default=())
