"""The sentence for each refusal, the same on every surface. Pure.

A refusal is a value of the engine, which knows no sentences. A new one gets its sentence here; a test holds that none
is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Final

from bot.presentation import answers, dates, expiry, states
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
    Phrase,
    ReasonMissing,
    Refusal,
    RunStatus,
    WrongCode,
)
from engine.errors import about


def sentence(refusal: Refusal, writer: dates.Writer = dates.moment) -> str:
    """Return `phrase` as one text, its moments written by `writer`."""
    return dates.written(phrase(refusal), writer)


@singledispatch
def phrase(refusal: Refusal) -> Phrase:
    """Return the sentence that tells people why a command was not carried out."""
    raise TypeError(f"a refusal of the type {type(refusal).__name__} has no sentence; register one here")


# -- any command --------------------------------------------------------------------------------------------


@phrase.register
def _not_found(refusal: NotFound) -> Phrase:
    hint = f" Did you mean {refusal.suggestion}?" if refusal.suggestion else ""
    return (f"There is no {refusal.what} {refusal.name}.{hint}",)


@phrase.register
def _not_allowed(refusal: NotAllowed) -> Phrase:
    return (refusal.why,)


@phrase.register
def _contested(refusal: Contested) -> Phrase:
    acted = "deciding" if refusal.what == "request" else "answering"
    return (f"Others were {acted} at the same moment. Look at the {refusal.what}, then try again.",)


# -- typed values -------------------------------------------------------------------------------------------


@phrase.register
def _invalid_inputs(refusal: InvalidInputs) -> Phrase:
    return (_about_fields(refusal.errors, refusal.labels),)


@phrase.register
def _invalid_edits(refusal: InvalidEdits) -> Phrase:
    return (_about_fields(refusal.errors, refusal.labels),)


def _about_fields(errors: Mapping[str, str], labels: Mapping[str, str]) -> str:
    return " ".join(about(labels.get(name) or name, predicate) for name, predicate in errors.items())


@phrase.register
def _reason_missing(refusal: ReasonMissing) -> Phrase:
    return (f"Give a reason to {refusal.verdict}; whoever asked will read it.",)


# -- decisions ----------------------------------------------------------------------------------------------


@phrase.register
def _already_decided(refusal: AlreadyDecided) -> Phrase:
    if refusal.by is None and not refusal.by_you:
        return f"This request {expiry.REJECTED}, ", refusal.at, "."
    who = "you" if refusal.by_you or refusal.by is None else line(refusal.by.label)
    return f"This request was already {states.REQUESTS[refusal.state]} by {who}, ", refusal.at, "."


@phrase.register
def _not_an_approver(refusal: NotAnApprover) -> Phrase:
    they = f"{refusal.who} is" if refusal.who else "You are"
    return (f"{they} not an approver of this request; it waits for {', '.join(refusal.approvers)}.",)


@phrase.register
def _no_longer_approver(refusal: NoLongerApprover) -> Phrase:
    return (f"You can no longer decide this request: {refusal.why}. The owner of the workflow was told.",)


@phrase.register
def _expired(refusal: Expired) -> Phrase:
    return expiry.too_late(refusal.at)


@phrase.register
def _cancelled(refusal: Cancelled) -> Phrase:
    return "This request was cancelled with its run, ", refusal.at, "."


@phrase.register
def _changed(refusal: Changed) -> Phrase:  # noqa: ARG001
    return ("What this request asks has changed since you opened it; look at it again, then decide.",)


# -- runs ---------------------------------------------------------------------------------------------------


@phrase.register
def _not_waiting(refusal: NotWaiting) -> Phrase:
    if refusal.answer is not None and refusal.by is not None and refusal.at is not None:
        answered = f"{line(refusal.by.label)} already answered “{answers.LABELS[refusal.answer]}”, "
        return answered, refusal.at, ". Your answer changed nothing."
    if refusal.status.ended:
        return (f"Run {refusal.run} has ended already ({states.RUNS[refusal.status]}).",)
    if refusal.status is RunStatus.NEEDS_ATTENTION:
        return (f"This question was answered already; run {refusal.run} now asks what became of a later call.",)
    return (f"Run {refusal.run} is {states.RUNS[refusal.status]}; it does not ask what became of a step.",)


# -- links and codes ----------------------------------------------------------------------------------------


@phrase.register
def _needs_code(refusal: NeedsCode) -> Phrase:
    return (f"Confirm this with a code that is sent to {refusal.address}.",)


@phrase.register
def _wrong_code(refusal: WrongCode) -> Phrase:
    if refusal.left is None:
        return ("That is not the code. Use the one in the newest email that says it is for signing in.",)
    again = "one try is" if refusal.left == 1 else f"{refusal.left} tries are"
    return (f"That is not the code. Use the one in the email with the reference {refusal.reference}; {again} left.",)


@phrase.register
def _code_expired(refusal: CodeExpired) -> Phrase:  # noqa: ARG001
    return ("This code can no longer be used here. Go back to the request and decide again; a new code will be sent.",)


@phrase.register
def _no_link(refusal: NoLink) -> Phrase:
    return (f"{link_state(refusal.state)}. Sign in with your email address to see what waits for you.",)


def link_state(state: LinkState | None) -> str:
    """Return why a link cannot be used, without a full stop. `state`: None if no link is known by this token."""
    return f"This link {_LINKS[state]}"


_LINKS: Final[Mapping[LinkState | None, str]] = {
    None: "is not known here",
    LinkState.LIVE: "is not known here",
    LinkState.EXPIRED: "has expired",
    LinkState.REVOKED: "was revoked",
}
