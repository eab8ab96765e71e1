"""What the engine answers: that it did, or an expected no, which every surface says in a sentence."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct, StructMeta

from engine.domain.people import Address, Person
from engine.domain.statuses import RequestState, ResumeAnswer, RunStatus, Verdict
from engine.errors import about


class Registered(Struct, frozen=True, kw_only=True):
    workflow: str
    version: int
    changed: bool
    """False: this very text was the current version already."""
    warnings: tuple[str, ...] = ()
    """What will not work as the file has it, as far as is known now."""


class Started(Struct, frozen=True, kw_only=True):
    run: str
    created: bool = True
    """False: a start with this key was there already."""


class Decided(Struct, frozen=True, kw_only=True):
    request: str
    run: str
    decision: str
    state: RequestState
    edited: tuple[str, ...] = ()


class Done(Struct, frozen=True, kw_only=True):
    """The command was carried out; there is no more to say."""

    run: str


class AddressReturned(Struct, frozen=True, kw_only=True):
    """`given_to` None: no person had it before."""

    address: Address
    taken_from: Person
    given_to: Person | None


class Erased(Struct, frozen=True, kw_only=True):
    run: str
    entries: int
    """How many entries of the record lost their content."""


class _Abstract(StructMeta, ABCMeta):
    """Of structs that are only for deriving from."""


class Refusal(Struct, frozen=True, metaclass=_Abstract):
    """An expected no. Every surface answers it with `sentence()` and the current state."""

    @abstractmethod
    def sentence(self) -> str:
        """For whoever gave the command."""


class NotFound(Refusal, frozen=True, kw_only=True):
    what: str
    name: str
    suggestion: str | None = None

    def sentence(self) -> str:
        hint = f" Did you mean {self.suggestion}?" if self.suggestion else ""
        return f"There is no {self.what} {self.name}.{hint}"


class NotAllowed(Refusal, frozen=True, kw_only=True):
    """The actor may not do this; `why` says who may."""

    why: str

    def sentence(self) -> str:
        return self.why


class InvalidInputs(Refusal, frozen=True, kw_only=True):
    """`errors`: one predicate for each input, by name. `labels`: what people call these inputs, where they differ."""

    errors: Mapping[str, str]
    labels: Mapping[str, str] = {}

    def sentence(self) -> str:
        return _told(self.errors, self.labels)


class AlreadyDecided(Refusal, frozen=True, kw_only=True):
    state: RequestState
    by: Person | None
    at: datetime
    by_you: bool = False

    def sentence(self) -> str:
        who = "you" if self.by_you else self.by.label if self.by else "the clock"
        return f"This request was already {self.state} by {who} at {self.at:%Y-%m-%d %H:%M} UTC."


class NotAnApprover(Refusal, frozen=True, kw_only=True):
    """`who`: whoever acted, by a name that says something to them; None where we know only an account."""

    who: str | None
    approvers: tuple[str, ...]

    def sentence(self) -> str:
        they = f"{self.who} is" if self.who else "You are"
        return f"{they} not an approver of this request; it waits for {', '.join(self.approvers)}."


class NoLongerApprover(Refusal, frozen=True, kw_only=True):
    """Asked when the request was opened, and not meant by the gate any more."""

    why: str

    def sentence(self) -> str:
        return f"You can no longer decide this request: {self.why}. The owner of the workflow was told."


class Expired(Refusal, frozen=True, kw_only=True):
    at: datetime

    def sentence(self) -> str:
        return f"This request expired at {self.at:%Y-%m-%d %H:%M} UTC and can no longer be decided."


class Cancelled(Refusal, frozen=True, kw_only=True):
    """The run was cancelled while the request was open."""

    at: datetime

    def sentence(self) -> str:
        return f"This request was withdrawn at {self.at:%Y-%m-%d %H:%M} UTC, because its run was cancelled."


class Changed(Refusal, frozen=True, kw_only=True):
    content_version: int

    def sentence(self) -> str:
        return "What this request asks has changed since you opened it; look at it again, then decide."


class Contested(Refusal, frozen=True, kw_only=True):
    """Others acted on the same request or run at the same moment, again and again; nothing was written."""

    what: Literal["request", "run"]

    def sentence(self) -> str:
        acted = "deciding" if self.what == "request" else "answering"
        return f"Others were {acted} at the same moment. Look at the {self.what}, then try again."


class InvalidEdits(Refusal, frozen=True, kw_only=True):
    """`errors`: one predicate for each field, by dotted path. `labels`: what people call these, where they differ."""

    errors: Mapping[str, str]
    labels: Mapping[str, str] = {}

    def sentence(self) -> str:
        return _told(self.errors, self.labels)


class ReasonMissing(Refusal, frozen=True, kw_only=True):
    verdict: Verdict

    def sentence(self) -> str:
        return f"Give a reason to {self.verdict}; whoever asked will read it."


class NotWaiting(Refusal, frozen=True, kw_only=True):
    """Cancel or resume of a run that has ended, or that asks nothing. `by`, `at`: of an answer that was faster."""

    run: str
    status: RunStatus
    answer: ResumeAnswer | None = None
    by: Person | None = None
    at: datetime | None = None

    def sentence(self) -> str:
        if self.answer is not None and self.by is not None and self.at is not None:
            when = f"{self.at:%Y-%m-%d %H:%M} UTC"
            return f"{self.by.label} answered this already at {when}: {self.answer.value}. Nothing was changed now."
        if self.status.ended:
            return f"Run {self.run} has ended already ({self.status})."
        if self.status is RunStatus.NEEDS_ATTENTION:
            return f"This question was answered already; run {self.run} now asks what became of a later call."
        return f"Run {self.run} is {self.status}; it does not ask what became of a step."


def _told(errors: Mapping[str, str], labels: Mapping[str, str]) -> str:
    return " ".join(about(labels.get(name) or name, predicate) for name, predicate in errors.items())
