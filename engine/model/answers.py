"""What the engine answers: that it did, or an expected no, which every surface says in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from engine.model.people import Person
from engine.model.statuses import RequestState, RunStatus, Verdict


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
        return _told(self.errors)


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
    """`who`: whoever acted, by a name that says something to them; None where we know only an account."""

    who: str | None
    approvers: tuple[str, ...]

    def sentence(self) -> str:
        they = f"{self.who} is" if self.who else "You are"
        return f"{they} not an approver of this request; it waits for {', '.join(self.approvers)}."


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
        return _told(self.errors)


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
        if self.status is RunStatus.NEEDS_ATTENTION:
            return f"This question was answered already; run {self.run} now asks what became of a later call."
        return f"Run {self.run} is {self.status}; it does not ask what became of a step."


def _told(errors: Mapping[str, str]) -> str:
    return " ".join(
        f"{name}: {message}{'' if message.endswith(('.', '?')) else '.'}" for name, message in errors.items()
    )
