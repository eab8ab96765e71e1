"""What the tools answer, in the words that a model reads."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from signoff import json_text
from signoff.records import Ask

NEXT_PENDING = (
    "No one has decided yet. Do not go on with it. Call approval_status with this id to wait for the decision."
)
NEXT_APPROVED = (
    "Carry it out now, once, with exactly these arguments. Then call report_outcome with this id, and say whether it "
    "succeeded."
)
NEXT_REPEATED = (
    "You were given this approval before. If you have carried it out already, do not repeat it: call report_outcome."
)
NEXT_ANSWERED = "These are the answers."


class AskResult(BaseModel):
    """How an ask stands."""

    status: Literal["pending", "approved", "answered"] = Field(
        description="pending: no decision yet, do not go on. approved: carry it out with these arguments. answered: "
        "the arguments are the answers."
    )
    id: str = Field(description="The id of the ask, for approval_status and report_outcome.")
    next: str = Field(description="What to do now.")
    arguments: dict[str, Any] | None = Field(
        default=None, description="The approved values, with the changes of the approver. Use these and no others."
    )
    changed: list[str] = Field(default=[], description="The names of the values that the approver changed.")
    decided_by: str | None = Field(default=None, description="The person who decided, or null if a rule did.")
    reason: str | None = Field(default=None, description="What that person wrote.")
    waiting_for: list[str] = Field(default=[], description="The people who can decide.")
    review_url: str | None = Field(default=None, description="The page where they decide.")


class OutcomeResult(BaseModel):
    """That an outcome was reported."""

    id: str
    status: str = Field(description="What was reported.")


def pending(ask: Ask) -> AskResult:
    """Return that an ask waits for a decision."""
    waiting = list(ask.waiting_for)
    return AskResult(
        status="pending", id=ask.id, next=NEXT_PENDING, waiting_for=waiting, review_url=ask.review_url or ask.url
    )


def decided(ask: Ask, *, is_repeated: bool) -> AskResult:
    """Return the approved values of an ask. `is_repeated`: they were handed out before."""
    decision = ask.decision
    return AskResult(
        status="answered" if ask.use == "answer" else "approved",
        id=ask.id,
        next=_next(ask, is_repeated=is_repeated),
        arguments={name: json_text.restored(None, value) for name, value in ask.arguments.items()},
        changed=[edit.path for edit in decision.edits] if decision else [],
        decided_by=decision.by if decision else None,
        reason=decision.reason if decision else None,
        review_url=ask.review_url or ask.url,
    )


def _next(ask: Ask, *, is_repeated: bool) -> str:
    if ask.use == "answer":
        return NEXT_ANSWERED
    return NEXT_REPEATED if is_repeated else NEXT_APPROVED
