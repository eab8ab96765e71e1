"""The sentence that says how a request ended. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from bot.presentation import asks, characters, expiry, labels, people, seeded, states, undo
from bot.presentation.characters import line, visible
from engine import runs
from engine.domain import CardOutcome, OnExpiry, Person, Phrase, RequestState, StepStatus, Tone
from engine.read_models import RequestView, StepEffect

_NAMES: Final = 75
"""Characters of the names of those who approved: more do not fit into two lines of a closed card."""
_NOT_YET: Final = frozenset({StepStatus.IN_REVIEW, StepStatus.HELD, StepStatus.GRANTED, StepStatus.READY})
"""States of a step right after the decision, before anything became of it."""


_AFTER_FAILURE: Final = {
    RequestState.SKIPPED: "The run goes on without this step.",
    RequestState.REJECTED: "The run failed.",
}
"""What follows from an answer to a failure, but for another try."""


def with_reason(request: RequestView) -> Phrase:
    """Return the sentence about the end of a closed request, with the first line of the reason."""
    reason, held = request.decision.reason if request.decision else None, undo.held(request)
    why = [f" Reason: {_first_line(visible(reason))}"] if reason else []
    waits = asks.open_grant(request)
    more = (" ", *held) if held else (" ", *waits, ".") if waits else ()
    return (*ended(request), ".", *more, *why)


def card_outcome(request: RequestView, reader: Person | None = None) -> CardOutcome:
    """Return how a closed request ended, and what became of the step."""
    if seeded.is_seeded(request):
        told = seeded.ended(request, reader)
        return CardOutcome(line=told, sentence=told)
    reason = visible(request.decision.reason or "") if request.decision else ""
    return CardOutcome(
        line=ended(request),
        sentence=sentence(request, reader),
        reason=reason or None,
        effect=effect(request),
        effect_at=effect_at(request),
        effect_tone=effect_tone(request),
        hold=undo.held(request) or asks.open_grant(request),
        names_several=len(undo.deciders(request)) > 1,
    )


def sentence(request: RequestView, reader: Person | None) -> Phrase:
    """Return `ended` as a sentence without a full stop, to the person who decided as well: "You approved this, …"."""
    decision = request.decision
    if seeded.is_seeded(request):
        return seeded.ended(request, reader)
    if decision is None:
        return ended(request)
    if request.model.state is RequestState.UNDONE:
        return undo.undone(request, reader)
    others = [_name(request, person) for person in undo.deciders(request) if reader is None or person.id != reader.id]
    is_own = reader is not None and has_decided(request, reader)
    who = people.joined(["You", *others] if is_own else others, "and")
    if request.oversight is not None:
        return f"{who} answered “{line(decision.verdict)}”, ", decision.decided_at
    verb, *more = headline(request).lower().split(" ", 1)
    # A form is filled in, and the object stands between the two words.
    return f"{' '.join([who, verb, 'this', *more])}, ", decision.decided_at


def ended(request: RequestView) -> Phrase:
    """Return how a request ended, who ended it and when."""
    if seeded.is_seeded(request):
        return seeded.ended(request, None)
    model = request.model
    if request.decision is not None and model.undone is not None:
        undone, approved = model.undone, f". Approved by {_decider_names(request)}, "
        return f"Undone by {line(undone.person.label)}, ", undone.at, approved, request.decision.decided_at
    if request.decision is not None and request.oversight is not None:
        return f"{_decider_names(request)} answered “{line(request.decision.verdict)}”, ", request.decision.decided_at
    if request.decision is not None:
        return f"{headline(request)} by {_decider_names(request)}, ", request.decision.decided_at
    at: Phrase = (model.closed_at,) if model.closed_at is not None else ("–",)
    if model.state is RequestState.CANCELLED:
        return _cancelled(request, at)
    rejected = model.state is RequestState.REJECTED
    return (
        "Expired without a decision, ",
        *at,
        f". {expiry.consequence(OnExpiry.REJECT if rejected else model.deadlines.on_expiry)}",
    )


def _cancelled(request: RequestView, at: Phrase) -> Phrase:
    """Return who cancelled a request. What Signoff itself asked it withdraws, when the answer would change nothing."""
    by, facts = request.model.closed_by, request.oversight
    if facts is not None and by is not None and by.id == request.requester.id:
        why = line(facts.withdrawn or "It does not apply any more.").removesuffix(".")
        return "Signoff withdrew this, ", *at, f". {why}"
    return f"The run was cancelled by {line(by.label)}, " if by is not None else "The run was cancelled, ", *at


def has_decided(request: RequestView, reader: Person) -> bool:
    """Return whether this person is one of those who approved, or the one who rejected."""
    return any(person.id == reader.id for person in undo.deciders(request))


def _decider_names(request: RequestView) -> str:
    """Return the names of those who approved or rejected."""
    return people.joined([_name(request, person) for person in undo.deciders(request)], "and", room=_NAMES)


def _name(request: RequestView, person: Person) -> str:
    """Return the name of a person who decided. A decision by the person who asked says so."""
    name = line(person.label)
    return f"{name} (the requester)" if person.id == request.requester.id else name


def effect(request: RequestView) -> str | None:
    """Return what became of the approved step, or None before anything did."""
    if request.model.state is RequestState.CHANGES_REQUESTED:
        return "The new version comes as a request of its own."
    if request.model.subject.is_failure and request.model.state in _AFTER_FAILURE:
        return _AFTER_FAILURE[request.model.state]
    if request.model.state is RequestState.UNDONE:
        return undo.ASKED_AGAIN
    if request.model.ask is not None and request.model.state is RequestState.APPROVED:
        return asks.effect(request, request.model.ask)
    if request.effect is None:
        return None
    return _step_effect(request, request.effect)


def _step_effect(request: RequestView, effect: StepEffect) -> str | None:
    """Return what became of a step that was approved."""
    status, error = effect.status, effect.error
    step = line(labels.in_words(request.step_label or request.model.subject.step))
    if status is StepStatus.FAILURE_IN_REVIEW:
        return (
            f"{step}: failed. {characters.sentence(visible(error or 'It gave no reason'))} People are asked what to do."
        )
    if status is StepStatus.OUTCOME_UNKNOWN:
        return f"{step}: it is not clear whether this happened. The owner was asked."
    if status is StepStatus.FAILED and error and error.startswith(runs.STOPPED):
        # That it failed is not known.
        return visible(error)
    if effect.worked_at is not None:
        return f"{step}: failed at first. It worked on another try"
    if status is StepStatus.FAILED:
        return f"{step}: failed. {visible(error)}" if error else f"{step}: failed"
    return f"{step}: {states.STEPS[status]}" if status not in _NOT_YET else None


def effect_at(request: RequestView) -> datetime | None:
    """Return when the approved step was done, or None if it was not."""
    if request.grant is not None:
        return asks.effect_at(request.grant)
    if request.effect is None:
        return None
    done = request.effect.status is StepStatus.SUCCEEDED
    return request.effect.ended_at if done else request.effect.worked_at


def effect_tone(request: RequestView) -> Tone | None:
    """Return the tone of `effect`, or None where it neither went well nor wrong."""
    effect = request.effect
    if request.grant is not None:
        return asks.effect_tone(request)
    if effect is None:
        return None
    if effect.worked_at is not None:
        return Tone.DONE
    stopped = effect.status is StepStatus.FAILED and (effect.error or "").startswith(runs.STOPPED)
    return states.STEP_TONES.get(effect.status) if not stopped else None


def signatures(request: RequestView) -> list[Phrase]:
    """Return the signature of each person who decided: the printed name, the time, and what it means."""
    return [(f"{line(signed.name)}, ", signed.at, f": “{line(signed.meaning)}”") for signed in request.signatures]


def tone(request: RequestView) -> Tone:
    """Return the tone of a request. That of a test tells no one what a person did with it."""
    return Tone.CANCELLED if seeded.is_seeded(request) else states.REQUEST_TONES[request.model.state]


def state(request: RequestView) -> str:
    """Return the state of a request in words, in lower case."""
    return "test" if seeded.is_seeded(request) else states.request_words(request.model.state, request.model.subject)


def headline(request: RequestView) -> str:
    """Return the state of a request as a headline, which says whether it was approved as it was asked."""
    model, edits = request.model, request.edits
    if seeded.is_seeded(request):
        return "Test"
    if request.oversight is not None and request.decision is not None:
        return "Answered"
    edited = bool(edits) and not model.subject.is_form and model.state is RequestState.APPROVED
    words = states.request_words(model.state, model.subject)
    return f"{words.capitalize()} with edits" if edited else words.capitalize()


def _first_line(reason: str) -> str:
    """Return the first line of the reason: more lines of it could pass for ours."""
    first, _, more = reason.strip().partition("\n")
    return f"{line(first)} …" if more else line(first)
