"""The sentences for what programs ask and may not do, for `refusals`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from bot.presentation.characters import line
from engine.domain import Phrase, Refusal
from engine.domain.asks import (
    AlreadyConsumed,
    ApprovalLapsed,
    ArgumentsChanged,
    AskOver,
    AskStatus,
    AskWorkflowMissing,
    IdempotencyConflict,
    InvalidAsk,
    NotApproved,
    NotConsumed,
    OnlyByAsk,
    OutcomeAlreadyKnown,
)

_NOT_APPROVED: Final[Mapping[AskStatus, str]] = {
    AskStatus.PENDING: "This was not decided yet. Wait until it is approved, then consume the approval.",
    AskStatus.APPROVED: "This approval can only be consumed once its undo time is over. Try again later.",
    AskStatus.REJECTED: "This was rejected. Do not act on it.",
    AskStatus.EXPIRED: "This expired. Do not act on it; ask again if it is still needed.",
    AskStatus.CANCELLED: "This was cancelled. Do not act on it.",
    AskStatus.FAILED: "This failed before it was decided. Do not act on it; ask again if it is still needed.",
}
_OVER: Final[Mapping[AskStatus, str]] = {
    AskStatus.PENDING: "is waiting for a decision",
    AskStatus.APPROVED: "was approved",
    AskStatus.REJECTED: "was rejected",
    AskStatus.EXPIRED: "expired",
    AskStatus.CANCELLED: "was cancelled",
    AskStatus.FAILED: "failed",
}


def _invalid_ask(refusal: InvalidAsk) -> Phrase:
    problems = (_sentence(f"{line(path)} {line(predicate)}") for path, predicate in refusal.errors.items())
    return (f"Nothing was asked. {' '.join(problems)}",)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _idempotency_conflict(refusal: IdempotencyConflict) -> Phrase:
    return (f"This idempotency key was used before with another content, for {refusal.run}. Use a new key.",)


def _ask_workflow_missing(refusal: AskWorkflowMissing) -> Phrase:
    name = line(refusal.workflow)
    if refusal.takes_none:
        return (f"The workflow “{name}” takes no asks: it has no step with `uses: ask`. Name another workflow.",)
    how = f"Register one, such as the approvals.yaml of the README: signoff register {name}.yaml"
    return (f"There is no workflow “{name}” that says who is asked. {how}",)


def _only_by_ask(refusal: OnlyByAsk) -> Phrase:
    return (f"{line(refusal.workflow)} decides about what programs ask, so only an ask starts it.",)


def _not_approved(refusal: NotApproved) -> Phrase:
    if refusal.answers:
        return (
            "This was asked with `use: answer`, so there is nothing to consume. To act on it, ask with `use: once`.",
        )
    return (_NOT_APPROVED[refusal.status],)


def _already_consumed(refusal: AlreadyConsumed) -> Phrase:
    return "This approval was already consumed, ", refusal.at, ". An approval can be used only once; ask again."


def _approval_lapsed(refusal: ApprovalLapsed) -> Phrase:
    return "This approval could be used until ", refusal.at, ". Ask again."


def _arguments_changed(refusal: ArgumentsChanged) -> Phrase:
    names = f" ({', '.join(line(name) for name in refusal.names)})" if refusal.names else ""
    return (
        f"This is not what was approved{names}. Nothing was consumed. Act on the approved arguments, or ask again.",
    )


def _not_consumed(_: NotConsumed) -> Phrase:
    return ("This approval was not consumed, so it has no outcome. Consume it before you act.",)


def _outcome_already_known(refusal: OutcomeAlreadyKnown) -> Phrase:
    if refusal.at is None:
        return (f"The outcome of this is known already: {refusal.status}.",)
    return f"The outcome of this is known already: {refusal.status}, ", refusal.at, "."


def _ask_over(refusal: AskOver) -> Phrase:
    return (f"There is nothing to cancel: this {_OVER[refusal.status]}.",)


SENTENCES: Final[Mapping[type[Refusal], Callable[[Any], Phrase]]] = {
    InvalidAsk: _invalid_ask,
    IdempotencyConflict: _idempotency_conflict,
    AskWorkflowMissing: _ask_workflow_missing,
    OnlyByAsk: _only_by_ask,
    NotApproved: _not_approved,
    AlreadyConsumed: _already_consumed,
    ApprovalLapsed: _approval_lapsed,
    ArgumentsChanged: _arguments_changed,
    NotConsumed: _not_consumed,
    OutcomeAlreadyKnown: _outcome_already_known,
    AskOver: _ask_over,
}
