"""Asks, with which programs ask people: their commands, results and refusals, and an ask as its asker sees it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct, field

from engine.domain.commands import DEFAULT_WORKSPACE, Origin
from engine.domain.people import Address
from engine.domain.results import Refusal
from engine.json_values import Value

DEFAULT_WORKFLOW: Final = "approvals"
"""The workflow that an ask gets which names none."""


class AskUse(StrEnum):
    """What an approval is used for."""

    ANSWER = "answer"
    """The asker only reads it."""
    ONCE = "once"
    """The asker acts on it, once: it consumes the approval before, and reports the outcome after."""


class AskStatus(StrEnum):
    """The state of an ask, as its asker sees it."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    """There was no decision in time, or the approval was not used in time."""
    CANCELLED = "cancelled"
    FAILED = "failed"
    """Its workflow failed before people decided."""


class OutcomeStatus(StrEnum):
    """What became of an approval that was consumed."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The asker does not know it, or it was not heard of in time. The owner of the workflow says what happened."""


class AskContent(Struct, frozen=True, kw_only=True):
    """What a program asks. Texts are plain: nothing in them is ever evaluated.

    `arguments`: the values that people approve. `fields`: declarations of arguments as in workflow files, by name; one
    without a value is asked for. `editable`: the arguments that people may change, or all or none.
    `callback`: the id of a callback endpoint. `echo`: given back exactly. `external_id`: an id of the asker's own.
    """

    title: str
    tool: str | None = None
    server: str | None = None
    arguments: Mapping[str, Value] = field(default_factory=dict)
    fields: Mapping[str, Value] = field(default_factory=dict)
    editable: tuple[str, ...] | bool = False
    summary: str | None = None
    risk: str | None = None
    reasoning: str | None = None
    impact: str | None = None
    confidence: str | None = None
    data: str | None = None
    use: AskUse = AskUse.ANSWER
    expires_in: timedelta | None = None
    callback: str | None = None
    echo: Mapping[str, Value] | None = None
    external_id: str | None = None


class Ask(Struct, frozen=True, kw_only=True):
    """Ask people. `actor`: the program, usually an API key; `agent`: its name.

    `key`: an id of the asker for this ask; a second ask with the same key and content returns the same ask.
    `acts_for`: the person in whose name the program asks, who then is the requester.
    """

    content: AskContent
    actor: Address
    agent: str
    origin: Origin
    key: str | None = None
    workflow: str = DEFAULT_WORKFLOW
    acts_for: Address | None = None
    workspace: str = DEFAULT_WORKSPACE


class Consume(Struct, frozen=True, kw_only=True):
    """Take an approval, before acting on it. `ask`: its id, or the asker's own.

    `key`: a repeat with the same key gets the same answer. `arguments` and `digest`: what the asker is about to do,
    which has to be what was approved.
    """

    ask: str
    actor: Address
    origin: Origin
    key: str | None = None
    arguments: Mapping[str, Value] | None = None
    digest: str | None = None
    workspace: str = DEFAULT_WORKSPACE


class ReportOutcome(Struct, frozen=True, kw_only=True):
    """Say what became of an approval that was consumed. `result`: what the effect returned. `key`: for a repeat."""

    ask: str
    actor: Address
    origin: Origin
    status: OutcomeStatus
    key: str | None = None
    note: str | None = None
    result: Value = None
    workspace: str = DEFAULT_WORKSPACE


class CancelAsk(Struct, frozen=True, kw_only=True):
    """Withdraw an ask. What is consumed ends with its outcome. `key`: for a repeat."""

    ask: str
    actor: Address
    origin: Origin
    key: str | None = None
    reason: str | None = None
    workspace: str = DEFAULT_WORKSPACE


class Asked(Struct, frozen=True, kw_only=True):
    """The ask was saved. `run`: its id. `created`: False if an ask with the same key created it earlier."""

    run: str
    created: bool
    status: AskStatus


class Consumed(Struct, frozen=True, kw_only=True):
    """The approval is taken. `arguments`: what was approved, edits included. `again`: it was a repeat."""

    run: str
    consumed_at: datetime
    arguments: Mapping[str, Value]
    digest: str
    again: bool = False


class OutcomeReported(Struct, frozen=True, kw_only=True):
    """The outcome was saved."""

    run: str
    status: OutcomeStatus


class AskCancelled(Struct, frozen=True, kw_only=True):
    """The ask was withdrawn."""

    run: str


class AskEdit(Struct, frozen=True, kw_only=True):
    """A value that people changed."""

    path: str
    before: Value
    after: Value


class AskDecision(Struct, frozen=True, kw_only=True):
    """What became of the question. `verdict`: a status of the ask, `not_asked` if no gate applied, or
    `not_reviewed` if the sampling plan of its gate drew no review.

    `by`: the name of the person who decided last, or None. `edits`: what people changed in the arguments.
    """

    verdict: str
    at: datetime | None
    by: str | None = None
    email: str | None = None
    reason: str | None = None
    edits: tuple[AskEdit, ...] = ()
    assurance: str | None = None


class AskOutcome(Struct, frozen=True, kw_only=True):
    """What became of an approval that was consumed. `at`: None if a person has to say what happened."""

    status: OutcomeStatus
    at: datetime | None
    note: str | None = None


class AskView(Struct, frozen=True, kw_only=True):
    """An ask as its asker sees it. `arguments`: with what people changed, once it is approved.

    `digest`: of the arguments, for `Consume`. `rev` rises with each change. `is_final`: no change will follow.
    `waiting_for`: the names of the people who are asked now. `asker`: the program that asked.
    """

    id: str
    asker: Address
    status: AskStatus
    title: str
    workflow: str
    use: AskUse
    arguments: Mapping[str, Value]
    created_at: datetime
    rev: int
    is_final: bool
    external_id: str | None = None
    tool: str | None = None
    server: str | None = None
    editable: tuple[str, ...] = ()
    digest: str | None = None
    decision: AskDecision | None = None
    valid_until: datetime | None = None
    consumed_at: datetime | None = None
    outcome: AskOutcome | None = None
    request: str | None = None
    rule: str | None = None
    """The rule that matched, such as `rule 3: refund`, in a workflow with rules."""
    waiting_for: tuple[str, ...] = ()
    due_at: datetime | None = None
    progress: str | None = None
    """How many of the approvals that are needed there are, such as `1 of 2`, if more than one is needed."""
    callback: str | None = None
    echo: Mapping[str, Value] | None = None


class AskPage(Struct, frozen=True, kw_only=True):
    """Which asks are listed, the newest first. `before`: the id of the last ask of the page before."""

    status: AskStatus | None = None
    workflow: str | None = None
    limit: int = 50
    before: str | None = None
    workspace: str = DEFAULT_WORKSPACE


# -- refusals -----------------------------------------------------------------------------------------------


class InvalidAsk(Refusal, frozen=True, kw_only=True):
    """The ask cannot be shown to people. `errors`: a predicate for each wrong part, by its dotted path."""

    errors: Mapping[str, str]


class IdempotencyConflict(Refusal, frozen=True, kw_only=True):
    """The key was used before, for something else. `run`: what it was used for."""

    run: str


class AskWorkflowMissing(Refusal, frozen=True, kw_only=True):
    """No workflow takes the ask. `takes_none`: it is registered, and takes no asks."""

    workflow: str
    takes_none: bool = False


class OnlyByAsk(Refusal, frozen=True, kw_only=True):
    """The workflow decides about asks, so that only an ask starts it."""

    workflow: str


class NotApproved(Refusal, frozen=True, kw_only=True):
    """There is no approval to consume. `answers`: it is approved, and its asker only reads that."""

    status: AskStatus
    answers: bool = False


class AlreadyConsumed(Refusal, frozen=True, kw_only=True):
    """The approval was consumed before, with another key or none."""

    at: datetime


class ApprovalLapsed(Refusal, frozen=True, kw_only=True):
    """The approval was not used in time."""

    at: datetime


class ArgumentsChanged(Refusal, frozen=True, kw_only=True):
    """What the asker is about to do is not what was approved. `names`: the arguments that differ, if it named them."""

    names: tuple[str, ...] = ()


class NotConsumed(Refusal, frozen=True, kw_only=True):
    """The approval was not consumed, so it has no outcome."""


class OutcomeAlreadyKnown(Refusal, frozen=True, kw_only=True):
    """The outcome is known, and another one was reported."""

    status: OutcomeStatus
    at: datetime | None = None


class AskOver(Refusal, frozen=True, kw_only=True):
    """The ask is over, so there is nothing to cancel."""

    status: AskStatus
