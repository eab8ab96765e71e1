"""The sentence for each refusal, the same on every surface. Pure.

A refusal is a value of the engine, which knows no sentences. A new one gets its sentence here; a test holds that none
is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Final

from bot.presentation import dates, expiry, states
from bot.presentation.characters import line
from engine.domain import (
    AlreadyDecided,
    Cancelled,
    Changed,
    CodeExpired,
    Contested,
    Expired,
    InvalidEdits,
    InvalidInputs,
    LinkState,
    NeedsCode,
    NoLink,
    NoLongerApprover,
    NotAllowed,
    NotAnApprover,
    NotFound,
    NotWaiting,
    ReasonMissing,
    Refusal,
    RunStatus,
    WrongCode,
)
from engine.errors import about


@singledispatch
def sentence(refusal: Refusal) -> str:
    """Return the sentence that tells people why a command was not carried out."""
    raise TypeError(f"a refusal of the type {type(refusal).__name__} has no sentence; register one here")


# -- any command --------------------------------------------------------------------------------------------


@sentence.register
def _not_found(refusal: NotFound) -> str:
    hint = f" Did you mean {refusal.suggestion}?" if refusal.suggestion else ""
    return f"There is no {refusal.what} {refusal.name}.{hint}"


@sentence.register
def _not_allowed(refusal: NotAllowed) -> str:
    return refusal.why


@sentence.register
def _contested(refusal: Contested) -> str:
    acted = "deciding" if refusal.what == "request" else "answering"
    return f"Others were {acted} at the same moment. Look at the {refusal.what}, then try again."


# -- typed values -------------------------------------------------------------------------------------------


@sentence.register
def _invalid_inputs(refusal: InvalidInputs) -> str:
    return _about_fields(refusal.errors, refusal.labels)


@sentence.register
def _invalid_edits(refusal: InvalidEdits) -> str:
    return _about_fields(refusal.errors, refusal.labels)


def _about_fields(errors: Mapping[str, str], labels: Mapping[str, str]) -> str:
    return " ".join(about(labels.get(name) or name, predicate) for name, predicate in errors.items())


@sentence.register
def _reason_missing(refusal: ReasonMissing) -> str:
    return f"Give a reason to {refusal.verdict}; whoever asked will read it."


# -- decisions ----------------------------------------------------------------------------------------------


@sentence.register
def _already_decided(refusal: AlreadyDecided) -> str:
    if refusal.by is None and not refusal.by_you:
        return f"This request {expiry.REJECTED} at {dates.moment(refusal.at)}."
    who = "you" if refusal.by_you or refusal.by is None else line(refusal.by.label)
    return f"This request was already {states.REQUESTS[refusal.state]} by {who} at {dates.moment(refusal.at)}."


@sentence.register
def _not_an_approver(refusal: NotAnApprover) -> str:
    they = f"{refusal.who} is" if refusal.who else "You are"
    return f"{they} not an approver of this request; it waits for {', '.join(refusal.approvers)}."


@sentence.register
def _no_longer_approver(refusal: NoLongerApprover) -> str:
    return f"You can no longer decide this request: {refusal.why}. The owner of the workflow was told."


@sentence.register
def _expired(refusal: Expired) -> str:
    return expiry.too_late(dates.moment(refusal.at))


@sentence.register
def _cancelled(refusal: Cancelled) -> str:
    return f"This request was cancelled at {dates.moment(refusal.at)}, because its run was cancelled."


@sentence.register
def _changed(refusal: Changed) -> str:  # noqa: ARG001
    return "What this request asks has changed since you opened it; look at it again, then decide."


# -- runs ---------------------------------------------------------------------------------------------------


@sentence.register
def _not_waiting(refusal: NotWaiting) -> str:
    if refusal.answer is not None and refusal.by is not None and refusal.at is not None:
        answered = (
            f"{line(refusal.by.label)} answered this already at {dates.moment(refusal.at)}: {refusal.answer.value}."
        )
        return f"{answered} Nothing was changed now."
    if refusal.status.ended:
        return f"Run {refusal.run} has ended already ({states.RUNS[refusal.status]})."
    if refusal.status is RunStatus.NEEDS_ATTENTION:
        return f"This question was answered already; run {refusal.run} now asks what became of a later call."
    return f"Run {refusal.run} is {states.RUNS[refusal.status]}; it does not ask what became of a step."


# -- links and codes ----------------------------------------------------------------------------------------


@sentence.register
def _needs_code(refusal: NeedsCode) -> str:
    return f"Confirm this with a code that is sent to {refusal.address}."


@sentence.register
def _wrong_code(refusal: WrongCode) -> str:
    if refusal.left is None:
        return "That is not the code. Use the one in the newest email that says it is for signing in."
    again = "one try is" if refusal.left == 1 else f"{refusal.left} tries are"
    return f"That is not the code. Use the one in the email with the reference {refusal.reference}; {again} left."


@sentence.register
def _code_expired(refusal: CodeExpired) -> str:  # noqa: ARG001
    return "This code can no longer be used here. Go back to the request and decide again; a new code will be sent."


@sentence.register
def _no_link(refusal: NoLink) -> str:
    return f"{link_state(refusal.state)}. Sign in with your email address to see what waits for you."


def link_state(state: LinkState | None) -> str:
    """Return why a link cannot be used, without a full stop. `state`: None if no link is known by this token."""
    return f"This link {_LINKS[state]}"


_LINKS: Final[Mapping[LinkState | None, str]] = {
    None: "is not known here",
    LinkState.LIVE: "is not known here",
    LinkState.EXPIRED: "has expired",
    LinkState.REVOKED: "was revoked",
}
