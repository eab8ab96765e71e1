"""The words for the states of runs, steps, requests and deliveries. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bot.presentation import expiry
from engine import runs
from engine.domain import DeliveryState, RequestState, RunStatus, StepStatus, Tone
from engine.read_models import RequestView, RunView
from engine.requests import Subject

ICONS: Final[Mapping[Tone, str]] = {
    Tone.WAITING: "●",
    Tone.APPROVED: "✓",
    Tone.REJECTED: "✕",
    Tone.SENT_BACK: "↺",
    Tone.SKIPPED: "↷",
    Tone.UNDONE: "↶",
    Tone.EXPIRED: "◷",
    Tone.CANCELLED: "⊘",
    Tone.DONE: "✓",
    Tone.FAILED: "✕",
    Tone.ATTENTION: "!",
}
"""One sign for each tone, the same on every surface. Screen readers get the words beside it.

None of them is an emoji: phones and Slack draw these as coloured pictures of their own.
"""
REQUEST_TONES: Final[Mapping[RequestState, Tone]] = {
    RequestState.PENDING: Tone.WAITING,
    RequestState.APPROVED: Tone.APPROVED,
    RequestState.REJECTED: Tone.REJECTED,
    RequestState.CHANGES_REQUESTED: Tone.SENT_BACK,
    RequestState.SKIPPED: Tone.SKIPPED,
    RequestState.UNDONE: Tone.UNDONE,
    RequestState.EXPIRED: Tone.EXPIRED,
    RequestState.CANCELLED: Tone.CANCELLED,
}
STEP_TONES: Final[Mapping[StepStatus, Tone]] = {
    StepStatus.SUCCEEDED: Tone.DONE,
    StepStatus.FAILED: Tone.FAILED,
    StepStatus.FAILURE_IN_REVIEW: Tone.FAILED,
    StepStatus.OUTCOME_UNKNOWN: Tone.ATTENTION,
}
"""Tones of what became of a step; one that is not at its end has none."""
RUN_TONES: Final[Mapping[RunStatus, Tone]] = {
    RunStatus.RUNNING: Tone.WAITING,
    RunStatus.WAITING: Tone.WAITING,
    RunStatus.NEEDS_ATTENTION: Tone.ATTENTION,
    RunStatus.SUCCEEDED: Tone.DONE,
    RunStatus.FAILED: Tone.FAILED,
    RunStatus.REJECTED: Tone.REJECTED,
    RunStatus.EXPIRED: Tone.EXPIRED,
    RunStatus.CANCELLED: Tone.CANCELLED,
}
RUNS: Final[Mapping[RunStatus, str]] = {
    RunStatus.RUNNING: "running",
    RunStatus.WAITING: "waiting",
    RunStatus.NEEDS_ATTENTION: "needs attention",
    RunStatus.SUCCEEDED: "done",
    RunStatus.FAILED: "failed",
    RunStatus.REJECTED: "rejected",
    RunStatus.EXPIRED: "expired",
    RunStatus.CANCELLED: "cancelled",
}

"""Words for a list of runs."""
RUN_CLAUSES: Final[Mapping[RunStatus, str]] = {
    RunStatus.RUNNING: "is running",
    RunStatus.WAITING: "is waiting for an approver",
    RunStatus.NEEDS_ATTENTION: "needs attention: its owner has to find out whether a step happened",
    RunStatus.SUCCEEDED: "is done",
    RunStatus.FAILED: "failed",
    RunStatus.REJECTED: "ended because the request was rejected",
    RunStatus.EXPIRED: expiry.WITHOUT_DECISION,
    RunStatus.CANCELLED: "was cancelled",
}
"""Words that follow “The run” in a sentence."""
_HELD: Final = "was approved, and goes on if that is not undone"
"""Words that follow “The run” while an approval can be undone."""

_GRANTED: Final = "was approved, and the program that asked has not used that yet"
"""Words that follow “The run” while a program may act on an approval."""


def of_run(status: RunStatus, request: RequestView | None) -> tuple[Tone, str]:
    """Return how far a run is. `request`: its latest, if its reader may see it. What Signoff asked was answered."""
    is_answer = request is not None and request.oversight is not None and request.decision is not None
    if is_answer and status in (RunStatus.SUCCEEDED, RunStatus.REJECTED):
        return Tone.DONE, "answered"
    return RUN_TONES[status], RUNS[status]


def run_clause(run: RunView) -> str:
    """Return the words that follow “The run”, for a view with steps: what a run waits for is not always an approver."""
    waits_in = {step.status for step in run.steps} if run.status is RunStatus.WAITING else set()
    if StepStatus.IN_RUNS in waits_in:
        return "is waiting for another run"
    if run.status is RunStatus.EXPIRED and run.error == runs.LAPSED:
        return "ended because the approval was not used in time"
    if run.status is RunStatus.REJECTED and run.error:
        return "ended because its workflow refused it"
    if StepStatus.GRANTED in waits_in:
        return _GRANTED
    if StepStatus.STARTED in waits_in:
        return "is waiting for the program that asked to say how it went"
    return _HELD if StepStatus.HELD in waits_in else RUN_CLAUSES[run.status]


def run_clause_about(request: RequestView) -> str:
    """Return the words that follow “The run”, on a page about one of its requests."""
    return _HELD if request.is_held else RUN_CLAUSES[request.run_status]


STEPS: Final[Mapping[StepStatus, str]] = {
    StepStatus.IN_REVIEW: "waiting for an approver",
    StepStatus.READY: "about to run",
    StepStatus.STARTED: "running",
    StepStatus.RETRYING: "failed, trying again",
    StepStatus.SLEEPING: "paused",
    StepStatus.PREPARING: "preparing its items",
    StepStatus.IN_RUNS: "waiting for what it started",
    StepStatus.OUTPUT_IN_REVIEW: "done, its result is waiting for an approver",
    StepStatus.FAILURE_IN_REVIEW: "failed, waiting for an answer",
    StepStatus.HELD: "approved, can still be undone",
    StepStatus.GRANTED: "approved, not used yet",
    StepStatus.OUTCOME_UNKNOWN: "outcome unknown",
    StepStatus.SUCCEEDED: "done",
    StepStatus.SKIPPED: "skipped",
    StepStatus.FAILED: "failed",
    StepStatus.STOPPED: "not run",
}
REQUESTS: Final[Mapping[RequestState, str]] = {
    RequestState.PENDING: "waiting",
    RequestState.APPROVED: "approved",
    RequestState.REJECTED: "rejected",
    RequestState.CHANGES_REQUESTED: "sent back for changes",
    RequestState.SKIPPED: "skipped",
    RequestState.UNDONE: "undone",
    RequestState.EXPIRED: "expired",
    RequestState.CANCELLED: "cancelled",
}
FAILURES: Final[Mapping[RequestState, str]] = {
    **REQUESTS,
    RequestState.APPROVED: "tried again",
    RequestState.REJECTED: "stopped",
}
"""Words for the state of a request that asks what to do about a step that failed."""
DELIVERIES: Final[Mapping[DeliveryState, str]] = {
    DeliveryState.DUE: "on its way",
    DeliveryState.SHOWN: "delivered",
    DeliveryState.SKIPPED: "not needed",
    DeliveryState.DEAD: "cannot be delivered",
}


def run_end(status: RunStatus, error: str | None = None) -> str:
    """Return the words for the title of a message about the end of a run. `error`: of the run."""
    if error == runs.LAPSED:
        return "approved, and not used in time"
    return expiry.WITHOUT_DECISION if status is RunStatus.EXPIRED else RUNS[status]


def closed(state: RequestState, what: str, *, about_failure: bool = False) -> str:
    """Return what a person did to `what` when they closed it: "rejected this request"."""
    verb, *more = (FAILURES if about_failure else REQUESTS)[state].split(" ", 1)
    return " ".join([verb, what, *more])


def request_words(state: RequestState, subject: Subject) -> str:
    """Return the words for the state of a request; a form is filled in, and not approved."""
    if subject.is_failure:
        return FAILURES[state]
    return "filled in" if subject.is_form and state is RequestState.APPROVED else REQUESTS[state]
