"""The enums: the states of runs, steps, requests and deliveries, and the choices of people and workflow files."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

Kind = TypeVar("Kind", bound=StrEnum)


def by_value(kind: type[Kind]) -> Mapping[str, Kind]:
    """Return the members of an enum by their stored value. A lookup is faster than a call of the enum."""
    return {member.value: member for member in kind}


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
    """The status of one visit of a run to a step."""

    IN_REVIEW = "in_review"
    """A request about the step is open, before the step runs."""
    READY = "ready"
    """Nothing is left to ask. The effect starts when a runner claims it."""
    STARTED = "started"
    """The effect may be running. After a crash its outcome is unknown."""
    RETRYING = "retrying"
    """The effect failed and waits for its next attempt."""
    SLEEPING = "sleeping"
    PREPARING = "preparing"
    """The items of a `foreach` are written down, before anything is asked or done."""
    IN_RUNS = "in_runs"
    """The step started runs of its own and waits for their ends."""
    OUTPUT_IN_REVIEW = "output_in_review"
    """The step has its output, and a request about that output is open."""
    FAILURE_IN_REVIEW = "failure_in_review"
    """The step failed, and people are asked what to do: try again, skip the step, or stop the run."""
    HELD = "held"
    """It was approved, and the run waits until the approval can no longer be undone."""
    GRANTED = "granted"
    """It was approved, and the program that asked may act on the approval once, until a time."""
    OUTCOME_UNKNOWN = "outcome_unknown"
    """The owner has to say whether the effect happened."""
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    FAILED = "failed"
    STOPPED = "stopped"
    """The step was reached and will not run, because its request or run was rejected, expired or cancelled."""


class ItemStatus(StrEnum):
    """The status of one item of a `foreach`."""

    WAITING = "waiting"
    """It was not begun, or it is being worked on."""
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    """The `when` of its only step was false, when all items were reviewed together."""
    FAILED = "failed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class RequestState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    CHANGES_REQUESTED = "changes_requested"
    """An approver asked for changes. An earlier step runs again, and a new request shows what it made."""
    SKIPPED = "skipped"
    """A step failed, and a person lets the run go on without it."""
    UNDONE = "undone"
    """It was approved, and the approval was taken back before its hold ended. A new request asks the same again."""
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Verdict(StrEnum):
    APPROVE = "approve"
    REVISE = "revise"
    """Ask for changes: the reason goes to an earlier step, which runs again."""
    SKIP = "skip"
    """Go on without a step that failed. To try it again is to approve, and to stop the run is to reject."""
    REJECT = "reject"


class ReviewPoint(StrEnum):
    """What people are asked about: the parameters before the step runs, its output after, or its failure."""

    BEFORE = "before"
    AFTER = "after"
    FAILED = "failed"


class PolicyKind(StrEnum):
    """How many approvers have to agree."""

    ANY = "any"
    ALL = "all"
    QUORUM = "quorum"
    CHAIN = "chain"


class RequesterRule(StrEnum):
    """Whether the person who started a run may decide its requests."""

    LAST = "last"
    """Only if no other approver is asked."""
    NEVER = "never"
    ALLOWED = "allowed"


class OnExpiry(StrEnum):
    STOP = "stop"
    CONTINUE = "continue"
    REJECT = "reject"
    ESCALATE = "escalate"
    """Ask further people, start the time again once, then stop."""


class AloneReason(StrEnum):
    """Why a request is not decided together with others."""

    GATE = "gate"
    """The gate says `batch: false`."""
    IRREVERSIBLE = "irreversible"
    """The gate says `irreversible: true`."""
    QUESTION = "question"
    """The Approve button asks a question of its own."""
    SECOND_PERSON = "second_person"
    """Others have to approve as well."""
    CONFIRMATION = "confirmation"
    """Each decision is confirmed with a fresh code or sign-in."""
    FORM = "form"
    """It is a form, which is filled in."""
    FAILURE = "failure"
    """It asks what to do about a step that failed."""
    OVERSIGHT = "oversight"
    """Signoff itself asks, about what its card shows."""


class OnError(StrEnum):
    STOP = "stop"
    CONTINUE = "continue"
    ASK = "ask"


class EmailPolicy(StrEnum):
    """When the approvers of a gate are asked by email."""

    FALLBACK = "fallback"
    """If Slack cannot reach them, or no approver responded for a while."""
    ALWAYS = "always"
    NEVER = "never"


class ReasonRequired(StrEnum):
    REJECT = "reject"
    ALWAYS = "always"
    NEVER = "never"


class QuestionRule(StrEnum):
    """Whether approvers may ask questions before they decide, and what the deadlines do meanwhile."""

    RUN = "run"
    PAUSE = "pause"
    OFF = "off"


class Assurance(StrEnum):
    """How the person who decides was identified."""

    LINK = "link"
    CODE = "code"
    SSO = "sso"
    SLACK = "slack"
    TERMINAL = "terminal"


class DeliveryKind(StrEnum):
    REQUEST = "request"
    """A copy of a request. It is updated when `wanted_version` is raised."""
    REMINDER = "reminder"
    OUTCOME = "outcome"
    CODE = "code"
    ALERT = "alert"
    NOTICE = "notice"
    """A message to the owner of a workflow about a trigger that started no run."""
    CALLBACK = "callback"
    """A signed call that tells a program what became of what it asked."""


class DeliveryState(StrEnum):
    DUE = "due"
    SHOWN = "shown"
    SKIPPED = "skipped"
    """The request was closed before its copy was posted."""
    DEAD = "dead"
    """The delivery was given up."""


class ResumeAnswer(StrEnum):
    """The answer of a person about a step of unknown outcome."""

    DONE = "done"
    REPEAT = "repeat"
    STOP = "stop"
