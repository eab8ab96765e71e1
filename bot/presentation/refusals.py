"""The sentence for each refusal, the same on every surface. Pure.

A refusal is a value of the engine, which knows no sentences. A new one gets its sentence here; a test holds that none
is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatch
from typing import Final

from bot.presentation import (
    answers,
    ask_refusals,
    callback_refusals,
    dates,
    expiry,
    file_refusals,
    identity_refusals,
    key_refusals,
    people,
    secret_refusals,
    states,
    trigger_refusals,
    undo,
)
from bot.presentation.characters import line
from bot.presentation.labels import of_field
from engine.domain import (
    AloneReason,
    AlreadyAnswered,
    AlreadyDecided,
    AlreadyVoted,
    Cancelled,
    CannotAnswer,
    CannotAsk,
    CannotRate,
    CannotRevise,
    CannotSkip,
    CannotTakeOver,
    Changed,
    Contested,
    DecideAlone,
    Expired,
    HandedOn,
    InvalidEdits,
    InvalidInputs,
    InvalidPreferences,
    NoAnswerNeeded,
    NoLongerApprover,
    NotAllowed,
    NotAnApprover,
    NotAsked,
    NotFound,
    NotWaiting,
    NotYourTurn,
    OverLimit,
    OwnEdit,
    OwnRequest,
    Phrase,
    ReasonMissing,
    Refusal,
    RequestState,
    RiskRaised,
    RunStatus,
    Verdict,
    WhosePlace,
)
from engine.domain.preferences import FEWEST, MOST
from engine.errors import about
from engine.requests import MAX_OPEN, QUESTION_LENGTH
from engine.requests.ratings import COMMENT_LENGTH, HIGHEST


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
    hint = f" Did you mean “{refusal.suggestion}”?" if refusal.suggestion else ""
    return (f"There is no {refusal.what} “{refusal.name}”.{hint}",)


@phrase.register
def _not_allowed(refusal: NotAllowed) -> Phrase:
    return (refusal.why,)


@phrase.register
def _contested(refusal: Contested) -> Phrase:
    return (
        f"Others changed this {refusal.what} at the same moment, so your answer was not saved. "
        "Look at it again, then try once more.",
    )


# -- typed values -------------------------------------------------------------------------------------------


@phrase.register
def _invalid_inputs(refusal: InvalidInputs) -> Phrase:
    return (_about_fields(refusal.errors, refusal.labels),)


@phrase.register
def _invalid_edits(refusal: InvalidEdits) -> Phrase:
    return (_about_fields(refusal.errors, refusal.labels),)


@phrase.register
def _invalid_preferences(refusal: InvalidPreferences) -> Phrase:
    return (PREFERENCES[refusal.what],)


PREFERENCES: Final = {
    "count": f"Choose a number of requests from {FEWEST} to {MOST}.",
    "quiet": "Say when your quiet hours begin and when they end. The two times must differ.",
    "at": "Choose a time from 00:00 to 23:59.",
}


def _about_fields(errors: Mapping[str, str], labels: Mapping[str, str]) -> str:
    return " ".join(about(of_field(labels.get(name) or "", name), predicate) for name, predicate in errors.items())


def of_options(errors: Mapping[str, str], labels: Mapping[str, str]) -> list[str]:
    """Return a sentence for each wrong input, with the option of the command line that sets it."""
    return [f"-i {line(name)}: {_about_fields({name: predicate}, labels)}" for name, predicate in errors.items()]


@phrase.register
def _reason_missing(refusal: ReasonMissing) -> Phrase:
    if refusal.verdict is Verdict.REVISE:
        return ("Please say what should change.",)
    return (f"Please say why you {refusal.verdict} this. The person who asked will read it.",)


@phrase.register
def _cannot_revise(refusal: CannotRevise) -> Phrase:
    if not refusal.rounds:
        return ("This workflow takes no requests for changes here. Approve it, edit it, or reject it.",)
    times = "once" if refusal.rounds == 1 else f"{refusal.rounds:,} times"
    more = "This workflow allows no more. Approve it, edit it, or reject it."
    return (f"Changes were asked for {times} already. {more}",)


@phrase.register
def _cannot_skip(_: CannotSkip) -> Phrase:
    return ("Only a step that failed can be skipped, and this one has not run. Approve it, edit it, or reject it.",)


# -- decisions ----------------------------------------------------------------------------------------------


_ANSWERED: Final = {
    RequestState.APPROVED: "this step",
    RequestState.SKIPPED: "this step",
    RequestState.REJECTED: "the run",
}
"""What a person did something to, who answered what to do about a failure: “skipped this step”."""


@phrase.register
def _already_decided(refusal: AlreadyDecided) -> Phrase:
    if refusal.by is None and not refusal.by_you:
        return f"This request {expiry.REJECTED}, ", refusal.at, ". You can no longer decide it."
    who = "You" if refusal.by_you or refusal.by is None else line(refusal.by.label)
    noun = _ANSWERED.get(refusal.state, "this") if refusal.about_failure else "this request"
    what = states.closed(refusal.state, noun, about_failure=refusal.about_failure)
    return (
        f"{who} already {what}, ",
        refusal.at,
        ". No other decision is needed.",
    )


@phrase.register
def _not_an_approver(refusal: NotAnApprover) -> Phrase:
    they = f"{line(refusal.who)} is" if refusal.who else "You are"
    approvers = people.asked([line(name) for name in refusal.approvers], closed=False)
    return (f"{they} not an approver of this request. {approvers}",)


@phrase.register
def _already_voted(refusal: AlreadyVoted) -> Phrase:
    return "You already approved this, ", refusal.at, f". {_waiting(refusal.waiting, all_needed=refusal.all_needed)}"


@phrase.register
def _not_your_turn(refusal: NotYourTurn) -> Phrase:
    waiting = _waiting(refusal.waiting)
    if refusal.approved_by is not None:
        return (f"{line(refusal.approved_by)} already approved this, so you don't need to. {waiting}",)
    return (f"It is not your turn yet. {waiting} You'll get a message when it is.",)


@phrase.register
def _own_request(refusal: OwnRequest) -> Phrase:
    return (f"You started this, so another person decides. {people.asked(_names(refusal.approvers), closed=False)}",)


@phrase.register
def _own_edit(refusal: OwnEdit) -> Phrase:
    waiting = _waiting(refusal.approvers, all_needed=refusal.all_needed)
    return (f"You changed this, so another person has to approve it. {waiting}",)


@phrase.register
def _over_limit(refusal: OverLimit) -> Phrase:
    if refusal.amount is None:
        why = f"Signoff could not tell the amount, so it counts as above your limit of {refusal.limit}."
    else:
        what = "with your change it would be" if refusal.is_edited else "this is"
        why = f"You may approve up to {refusal.limit}, and {what} {refusal.amount}."
    if refusal.approvers:
        return (f"{why} {people.asked(_names(refusal.approvers), closed=False)}",)
    return (f"{why} No one who is asked may approve it. Reject it, or ask the owner of the workflow to hand it on.",)


@phrase.register
def _risk_raised(refusal: RiskRaised) -> Phrase:
    why = f"With this change the risk is {refusal.level} and not {refusal.before}, so it has to be asked anew."
    return (f"{why} Approve it without the change, or reject it and say what you would change.",)


ALONE: Final[Mapping[AloneReason, str]] = {
    AloneReason.GATE: "its workflow does not allow several at once",
    AloneReason.IRREVERSIBLE: "what follows cannot be undone",
    AloneReason.QUESTION: "its Approve button asks you a question first",
    AloneReason.SECOND_PERSON: "more than one person has to approve it",
    AloneReason.CONFIRMATION: "each decision on it is confirmed with a code or a sign-in",
    AloneReason.FORM: "it is a form to fill in",
    AloneReason.FAILURE: "it asks what to do about a step that failed",
    AloneReason.OVERSIGHT: "Signoff itself asks, so look at what it shows first",
}
"""Why a request is not decided together with others, after a colon."""


@phrase.register
def _decide_alone(refusal: DecideAlone) -> Phrase:
    return (f"Open this request and decide it separately: {ALONE[refusal.why]}.",)


@phrase.register
def _handed_on(refusal: HandedOn) -> Phrase:
    return (f"You can no longer decide this request. {line(refusal.to)} decides in your place.",)


@phrase.register
def _cannot_take_over(refusal: CannotTakeOver) -> Phrase:
    if refusal.why == "yourself":
        return ("The person who is away cannot decide in their own place. Choose another person.",)
    return (f"{line(refusal.name)} {_TAKES_NOT_OVER[refusal.why]} Choose another person.",)


_TAKES_NOT_OVER: Final[Mapping[str, str]] = {
    "requester": "started this, so another person has to decide it.",
    "barred": "wrote what this is about, so another person has to decide it.",
    "editor": "changed this, so another person has to approve it.",
    "limit": "may not approve this amount.",
    "account": "has no Slack account, and people sign in with Slack to decide this.",
    "decides": "already decides this request.",
    "excluded": "can no longer decide this request.",
    "unknown": "is not known here.",
    "guest": "is a guest here and cannot be asked.",
    "inactive": "has no active account here.",
    "unanswered": "could not be looked up just now.",
}


@phrase.register
def _whose_place(refusal: WhosePlace) -> Phrase:
    return (f"Say in whose place another person decides: {people.joined(_names(refusal.names), 'or')}.",)


def _names(names: Sequence[str]) -> list[str]:
    return [line(name) for name in names]


def _waiting(names: Sequence[str], *, all_needed: bool = False) -> str:
    word = "and" if all_needed else "or"
    return f"Waiting for {people.joined(_names(names), word)}." if names else people.asked([], closed=False)


@phrase.register
def _no_longer_approver(refusal: NoLongerApprover) -> Phrase:
    return (f"You can no longer decide this request: {refusal.why}. The owner of the workflow has been notified.",)


@phrase.register
def _expired(refusal: Expired) -> Phrase:
    return expiry.too_late(refusal.at)


@phrase.register
def _cancelled(refusal: Cancelled) -> Phrase:
    return "The run was cancelled, ", refusal.at, ". No decision is needed."


@phrase.register
def _changed(refusal: Changed) -> Phrase:  # noqa: ARG001
    return ("This request has changed since you opened it. Look at it again, then decide.",)


# -- questions ----------------------------------------------------------------------------------------------


@phrase.register
def _cannot_ask(refusal: CannotAsk) -> Phrase:
    if refusal.why == "unreachable":
        return (f"Signoff has no way to reach {line(refusal.to)}, so the question was not sent. Ask another person.",)
    return (_CANNOT_ASK[refusal.why],)


_CANNOT_ASK: Final[Mapping[str, str]] = {
    "off": "This workflow takes no questions. You can still decide.",
    "empty": "Write your question first.",
    "too_long": f"Your question is too long. It may have up to {QUESTION_LENGTH:,} characters.",
    "too_many": f"{MAX_OPEN} questions about this request wait for an answer. You can ask once some are answered.",
    "yourself": "You cannot ask yourself. Choose another person.",
}


@phrase.register
def _cannot_answer(refusal: CannotAnswer) -> Phrase:
    if refusal.why == "empty":
        return ("Write your answer first.",)
    return (f"Your answer is too long. It may have up to {QUESTION_LENGTH:,} characters.",)


@phrase.register
def _cannot_rate(refusal: CannotRate) -> Phrase:
    return (_CANNOT_RATE[refusal.why],)


_CANNOT_RATE: Final[Mapping[str, str]] = {
    "off": "No rating is asked for here.",
    "not_yet": "You can rate this once you have decided.",
    "not_yours": "Only the people who decided this can rate it.",
    "rating": f"Choose a rating from 1 to {HIGHEST}.",
    "too_long": f"Your comment is too long. It may have up to {COMMENT_LENGTH:,} characters.",
}


@phrase.register
def _not_asked(refusal: NotAsked) -> Phrase:
    if refusal.asked is None:
        return ("There is no question for you about this request.",)
    return (f"This question is for {line(refusal.asked)}, so only they can answer it.",)


@phrase.register
def _already_answered(refusal: AlreadyAnswered) -> Phrase:
    who = "You" if refusal.by_you else line(refusal.by)
    return f"{who} already answered this question, ", refusal.at, ". Your new text was not saved."


@phrase.register
def _no_answer_needed(refusal: NoAnswerNeeded) -> Phrase:
    words = "answered" if refusal.about_failure else states.REQUESTS[refusal.state]
    ending = "expired" if refusal.state is RequestState.EXPIRED else f"was {words}"
    by = f" by {line(refusal.by)}" if refusal.by else ""
    return f"This request {ending}{by}, ", refusal.at, ". Your answer is no longer needed and was not saved."


# -- runs ---------------------------------------------------------------------------------------------------


@phrase.register
def _not_waiting(refusal: NotWaiting) -> Phrase:
    if refusal.answer is not None and refusal.by is not None and refusal.at is not None:
        answered = f"{line(refusal.by.label)} already answered “{answers.LABELS[refusal.answer]}”, "
        return answered, refusal.at, ". Your answer was not saved."
    if refusal.status is RunStatus.NEEDS_ATTENTION:
        return ("This question was already answered. The run has a newer question: answer that one.",)
    return (f"There is no open question about a step: the run {states.RUN_CLAUSES[refusal.status]}.",)


# -- of other modules ---------------------------------------------------------------------------------------


for _other in (
    *(trigger_refusals, identity_refusals, file_refusals, key_refusals, secret_refusals),
    *(undo, ask_refusals, callback_refusals),
):
    for _kind, _write in _other.SENTENCES.items():
        phrase.register(_kind, _write)
