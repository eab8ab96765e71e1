"""The sentence that says how a request ended. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bot.presentation import dates
from bot.presentation.characters import line, stands_apart, visible
from engine.domain import OnExpiry, RequestState
from engine.read_models import DecisionView, RequestView


def outcome(request: RequestView) -> str:
    """The sentence that a closed request carries: one line, in which a longer reason is only begun."""
    said, reason = _outcome(request), request.decision.reason if request.decision else None
    return f"{said} Reason: {_begun(visible(reason))}" if reason else said


def _begun(reason: str) -> str:
    """The reason in one line; of several lines the first, for the card has all of them as a fact."""
    first, _, more = reason.strip().partition("\n")
    return f"{line(first)} …" if more else line(first)


def _outcome(request: RequestView) -> str:
    asked = request.model
    if request.decision is not None:
        return _decided(request.decision, "Filled in" if _filled_in(request) else asked.state.capitalize())
    at = dates.moment(asked.closed_at) if asked.closed_at else "–"
    if asked.state is RequestState.CANCELLED:
        who = f" by {line(asked.closed_by.label)}" if asked.closed_by else ""
        return f"Withdrawn at {at}: the run was cancelled{who}."
    if asked.state is RequestState.REJECTED:
        return f"Nobody decided in time: rejected by the clock at {at}."
    goes_on = asked.deadlines.on_expiry is OnExpiry.CONTINUE
    end = "the run went on without an approval" if goes_on else "the run was stopped"
    return f"Expired at {at} without a decision; {end}."


def _filled_in(request: RequestView) -> bool:
    return request.model.subject.is_form and request.model.state is RequestState.APPROVED


def _decided(decision: DecisionView, what: str) -> str:
    edited = " with edits" if decision.edits and what == "Approved" else ""
    person = line(decision.person.label)
    return f"{what}{edited} by {person} at {dates.moment(decision.decided_at)}."


def reason_facts(request: RequestView) -> Iterator[tuple[str, str]]:
    """The whole reason of a decision, if it does not stand in the sentence: its lines could pass for ours."""
    reason = visible(request.decision.reason or "") if request.decision else ""
    if stands_apart(reason):
        yield "Reason", reason
