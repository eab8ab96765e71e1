"""Frozen values and enums that every room speaks: the words of docs/words.md as types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Literal, TypeAlias

from engine import data
from engine.data import Path, Value

DEFAULT_WORKSPACE: Final = "default"


# -- statuses -----------------------------------------------------------------------------------------------


class RunStatus(StrEnum):
    RUNNING = "running"
    WAITING = "waiting"
    NEEDS_ATTENTION = "needs_attention"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self not in _OPEN_RUNS


_OPEN_RUNS: Final = frozenset({RunStatus.RUNNING, RunStatus.WAITING, RunStatus.NEEDS_ATTENTION})


class StepStatus(StrEnum):
    """Where one visit of a run to a step stands."""

    IN_REVIEW = "in_review"
    """A request on what the step is about to do is open."""
    READY = "ready"
    """All that was asked is answered; the next claim begins its effect."""
    STARTED = "started"
    """The effect may be under way; after a crash its outcome is unknown."""
    RETRYING = "retrying"
    """It failed for sure and waits for its next attempt."""
    SLEEPING = "sleeping"
    OUTPUT_IN_REVIEW = "output_in_review"
    """It produced its output, and a request on that output is open."""
    OUTCOME_UNKNOWN = "outcome_unknown"
    """Somebody has to say whether the effect happened."""
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    FAILED = "failed"
    STOPPED = "stopped"
    """It was reached and will not run: rejected, expired or cancelled."""


class RequestState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Verdict(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


class ReviewPoint(StrEnum):
    """`gate.at`: people review what the step is about to do, or what it produced."""

    BEFORE = "before"
    AFTER = "after"


class OnExpiry(StrEnum):
    STOP = "stop"
    CONTINUE = "continue"
    REJECT = "reject"


class OnError(StrEnum):
    STOP = "stop"
    CONTINUE = "continue"


class ReasonRequired(StrEnum):
    REJECT = "reject"
    ALWAYS = "always"
    NEVER = "never"


class Assurance(StrEnum):
    """What identified the decider."""

    LINK = "link"
    CODE = "code"
    SSO = "sso"
    SLACK = "slack"
    TERMINAL = "terminal"


class DeliveryKind(StrEnum):
    REQUEST = "request"
    """An editable copy: it follows `wanted_version`."""
    REMINDER = "reminder"
    OUTCOME = "outcome"
    CODE = "code"
    ALERT = "alert"


class DeliveryState(StrEnum):
    DUE = "due"
    SHOWN = "shown"
    SKIPPED = "skipped"
    """The request closed before its copy was posted, so there was nothing left to ask."""
    DEAD = "dead"
    """Its address will never take it."""


class ResumeAnswer(StrEnum):
    """What a person says about a step of unknown outcome."""

    DONE = "done"
    REPEAT = "repeat"
    STOP = "stop"


# -- people -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Address:
    """Where a person can be reached or recognised. `kind`: `email`, `slack`, `terminal`."""

    kind: str
    value: str

    def __str__(self) -> str:
        return self.value if self.kind == "email" else f"{self.kind}:{self.value}"


@dataclass(frozen=True, slots=True)
class Person:
    """One human, many addresses; counted once, whatever address they use."""

    id: str
    name: str
    addresses: tuple[Address, ...] = ()

    @property
    def email(self) -> str | None:
        return next((address.value for address in self.addresses if address.kind == "email"), None)

    @property
    def label(self) -> str:
        """How the person is printed: name, else email, else any address."""
        return self.name or self.email or (str(self.addresses[0]) if self.addresses else self.id)


@dataclass(frozen=True, slots=True)
class Approver:
    """A person who may decide a request, and the reference in the gate that says so."""

    person: Person
    rule: str


# -- what a step is given -----------------------------------------------------------------------------------

SECRET_SHOWN: Final = "\N{BULLET}\N{BULLET}\N{BULLET}\N{BULLET} (secret {name})"


@dataclass(frozen=True, slots=True)
class SecretName:
    """The place of a secret in a text: its name, never its value."""

    name: str


Segments: TypeAlias = tuple[str | SecretName, ...]


@dataclass(frozen=True, slots=True)
class Params:
    """Resolved parameters of one visit: what is shown, approved, hashed, and run.

    `value` holds an empty text wherever a secret belongs; `secrets` says, outside of the data, which texts are joined
    from which segments at execution. Data can therefore never name a secret.
    """

    value: dict[str, Value]
    secrets: Mapping[Path, Segments] = field(default_factory=dict)

    def as_value(self) -> dict[str, Value]:
        """The form that is stored and hashed."""
        if not self.secrets:
            return {"value": self.value}
        held: list[Value] = [
            {
                "path": list(path),
                "segments": [{"secret": part.name} if isinstance(part, SecretName) else part for part in segments],
            }
            for path, segments in sorted(self.secrets.items(), key=lambda item: data.show_path(item[0]))
        ]
        return {"value": self.value, "secrets": held}

    @classmethod
    def from_value(cls, stored: Any) -> Params:
        """The reverse of `as_value`."""
        return cls(
            value=stored["value"],
            secrets={
                tuple(item["path"]): tuple(
                    SecretName(part["secret"]) if isinstance(part, dict) else part for part in item["segments"]
                )
                for item in stored.get("secrets", ())
            },
        )

    def shown(self) -> dict[str, Value]:
        """The value as people may see it: the names of secrets in the place of their values."""
        return self.joined(lambda name: SECRET_SHOWN.replace("{name}", name))

    def joined(self, secret: Callable[[str], str]) -> dict[str, Value]:
        """The value with every secret put in by `secret(name)`."""
        whole: Value = self.value
        for path, segments in self.secrets.items():
            text = "".join(secret(part.name) if isinstance(part, SecretName) else part for part in segments)
            whole = data.replace(whole, path, text)
        assert isinstance(whole, dict)
        return whole


# -- commands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where somebody acted: the surface and what leads back there (ids only), kept on the record."""

    surface: Literal["terminal", "slack", "web", "email", "schedule", "webhook", "api"]
    place: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """`source`: the bytes of the file as written. `actor` registers; the file may name another owner."""

    source: bytes
    actor: Address
    origin: Origin
    workspace: str = DEFAULT_WORKSPACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """`key`: the caller's own id for this start; the same key again answers with the same run."""

    workflow: str
    inputs: Mapping[str, Value]
    actor: Address
    origin: Origin
    key: str | None = None
    workspace: str = DEFAULT_WORKSPACE


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """One answer to one request. `content_version` and `digest` say which content the decider saw.

    `edits`: new values by dotted path; only with `approve`.
    """

    request: str
    verdict: Verdict
    actor: Address
    content_version: int
    digest: str
    origin: Origin
    assurance: Assurance
    edits: Mapping[str, Value] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    run: str
    actor: Address
    origin: Origin
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """The answer for a run that `needs_attention`. `output`: with `done`, what the step produced, if known."""

    run: str
    answer: ResumeAnswer
    actor: Address
    origin: Origin
    output: Mapping[str, Value] = field(default_factory=dict)


# -- answers ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    workflow: str
    version: int
    changed: bool
    """False: this very text was the current version already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    run: str
    created: bool = True
    """False: a start with this key was there already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    request: str
    run: str
    decision: str
    state: RequestState
    edited: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The command was carried out; there is no more to say."""

    run: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """An expected no. Every surface answers it with `sentence()` and the current state."""

    def sentence(self) -> str:
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class NotFound(Refusal):
    what: str
    name: str
    suggestion: str | None = None

    def sentence(self) -> str:
        hint = f" Did you mean {self.suggestion}?" if self.suggestion else ""
        return f"There is no {self.what} {self.name}.{hint}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAllowed(Refusal):
    """The actor may not do this; `why` says who may."""

    why: str

    def sentence(self) -> str:
        return self.why


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidInputs(Refusal):
    """`errors`: one sentence for each input, by name."""

    errors: Mapping[str, str]

    def sentence(self) -> str:
        return " ".join(f"{name}: {message}" for name, message in self.errors.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyDecided(Refusal):
    state: RequestState
    by: Person | None
    at: datetime
    by_you: bool = False

    def sentence(self) -> str:
        who = "you" if self.by_you else self.by.label if self.by else "the clock"
        return f"This request was already {self.state} by {who} at {self.at:%Y-%m-%d %H:%M} UTC."


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAnApprover(Refusal):
    who: str
    approvers: tuple[str, ...]

    def sentence(self) -> str:
        return f"{self.who} is not an approver of this request; it waits for {', '.join(self.approvers)}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired(Refusal):
    at: datetime

    def sentence(self) -> str:
        return f"This request expired at {self.at:%Y-%m-%d %H:%M} UTC and can no longer be decided."


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(Refusal):
    """The run was cancelled while the request was open."""

    at: datetime

    def sentence(self) -> str:
        return f"This request was withdrawn at {self.at:%Y-%m-%d %H:%M} UTC, because its run was cancelled."


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed(Refusal):
    content_version: int

    def sentence(self) -> str:
        return "What this request asks has changed since you opened it; look at it again, then decide."


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidEdits(Refusal):
    """`errors`: one sentence for each field, by its dotted path."""

    errors: Mapping[str, str]

    def sentence(self) -> str:
        return " ".join(f"{path}: {message}" for path, message in self.errors.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonMissing(Refusal):
    verdict: Verdict

    def sentence(self) -> str:
        return f"Give a reason to {self.verdict}; whoever asked will read it."


@dataclass(frozen=True, slots=True, kw_only=True)
class NotWaiting(Refusal):
    """Cancel or resume of a run that has ended, or that asks nothing."""

    run: str
    status: RunStatus

    def sentence(self) -> str:
        if self.status.ended:
            return f"Run {self.run} has ended already ({self.status})."
        return f"Run {self.run} is {self.status}; it does not ask what became of a step."


# -- content of a copy --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CardField:
    """One field as shown. `before`: what stood there, where a person changed it."""

    path: str
    label: str
    type: str
    text: str
    editable: bool = False
    before: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardAction:
    verdict: Literal["approve", "edit", "reject"]
    label: str
    confirm: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The channel-neutral content of one copy: a channel only arranges it.

    `state` is the sentence on top once the request is closed; `actions` is empty exactly then.
    """

    kind: DeliveryKind
    title: str
    facts: tuple[tuple[str, str], ...] = ()
    fields: tuple[CardField, ...] = ()
    state: str | None = None
    actions: tuple[CardAction, ...] = ()
    expires_at: datetime | None = None
    request: str | None = None
    run: str | None = None
    content_version: int | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What lets a channel edit or find the copy it showed (ids only)."""

    data: Mapping[str, str]


# -- work ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Work:
    """A hint that a unit of work may be ready: the tables are the truth."""

    kind: Literal["advance", "deliver", "fire"]
    id: str


@dataclass(frozen=True, slots=True)
class Retry:
    """`attempts` counts all calls; the wait doubles each time, up to an hour."""

    attempts: int = 1
    wait: timedelta = timedelta(seconds=1)

    def delay(self, attempt: int) -> timedelta | None:
        """How long to wait after the failure of call number `attempt` (from 1); None: no further call."""
        if attempt >= self.attempts:
            return None
        return min(self.wait * (1 << min(attempt - 1, 20)), timedelta(hours=1))
