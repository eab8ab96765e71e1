"""The enums: where runs, steps, requests and deliveries stand, and what people and files may choose."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

Kind = TypeVar("Kind", bound=StrEnum)


def by_value(kind: type[Kind]) -> Mapping[str, Kind]:
    """The members of an enum by what is stored of them: a look here takes a fifth of calling the enum."""
    return {one.value: one for one in kind}


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


class EmailPolicy(StrEnum):
    """When a gate's approvers are asked by mail."""

    FALLBACK = "fallback"
    """Where Slack cannot reach them, or nobody acted for a while."""
    ALWAYS = "always"
    NEVER = "never"


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
