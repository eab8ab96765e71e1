"""The outcome of a request, and the typed values of its form. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bot.presentation import characters, expiry, ratings, request_outcome, states
from bot.web import form_inputs, review_view
from bot.web.review_view import TypedReview
from engine import json_values
from engine.domain import Assurance, InvalidEdits, Person, Phrase, RequestState, Tone
from engine.fields import forms
from engine.fields.forms import PlacedError
from engine.read_models import RequestView

STILL_OPEN: Final = "The result will appear here."
_HOW: Final[Mapping[str, str]] = {
    Assurance.LINK: "By the link that was sent to {them}, without a code",
    Assurance.CODE: "By a code that was sent to {their} email address",
    Assurance.SSO: "By signing in with Slack",
    Assurance.SLACK: "By {their} account in Slack",
    Assurance.TERMINAL: "As the operator, at the terminal of the server",
}
_YOURS: Final = {"them": "you", "their": "your"}
_THEIRS: Final = {"them": "them", "their": "their"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of a request. `line`: who decided and when; `effect`: what became of the step; `identified`: how.

    `signatures`: of all who decided, if each decision was confirmed by itself.
    """

    headline: str
    tone: Tone
    line: Phrase
    effect: Phrase
    reason: str | None
    identified: str | None
    signatures: tuple[Phrase, ...] = ()


def outcome(request: RequestView, reader: Person | None) -> Outcome:
    """Return the outcome. `reader`: the person who reads it, if they are known."""
    if request.model.state is RequestState.PENDING:
        return _overdue(request)
    ended, decision = request_outcome.card_outcome(request, reader), request.decision
    return Outcome(
        headline=request_outcome.headline(request),
        tone=request_outcome.tone(request),
        line=(*ended.sentence, "."),
        effect=_sentence(ended.became),
        reason=ended.reason,
        identified=how(decision.assurance, mine=reader is not None and reader.id == decision.person.id)
        if decision
        else None,
        signatures=tuple(request_outcome.signatures(request)) if decision else (),
    )


def since(request: RequestView, reader: Person | None) -> Phrase:
    """Return what became of an approved step. Of one that only passes values on, the end of the run is all to say."""
    effect = outcome(request, reader).effect
    if effect or request.model.state is not RequestState.APPROVED or request.oversight is not None:
        # Of what Signoff itself asked, its answer is all that there is to say.
        return effect
    return (f"The run {states.RUN_CLAUSES[request.run_status]}." if request.run_status.ended else STILL_OPEN,)


def _overdue(request: RequestView) -> Outcome:
    """Return the outcome of a request that has expired and is about to be closed."""
    at, state = request.model.deadlines.expires_at, RequestState.EXPIRED
    return Outcome(
        headline=states.REQUESTS[state].capitalize(),
        tone=states.REQUEST_TONES[state],
        line=expiry.too_late(at) if at is not None else (),
        effect=(),
        reason=None,
        identified=None,
    )


def rating(request: RequestView, reader: Person) -> str:
    """Return the sentence about the reader's rating, or an empty text before they rated it."""
    own = ratings.of_reader(request, reader)
    return "" if own is None else ratings.given(own.rating)


def is_own(request: RequestView, reader: Person | None) -> bool:
    """Return whether the last decision, and all that was changed, is the reader's."""
    if request.decision is None or reader is None:
        return False
    return {request.decision.person.id, *(change.person.id for change in request.model.changes)} == {reader.id}


def _sentence(phrase: Phrase) -> Phrase:
    last = phrase[-1] if phrase else "."
    return phrase if isinstance(last, str) and last.endswith((".", "!", "?", "…")) else (*phrase, ".")


def how(assurance: str, *, mine: bool) -> str:
    """Return how the person who answered was identified."""
    sentence = _HOW.get(assurance)
    return assurance if sentence is None else sentence.format(**(_YOURS if mine else _THEIRS))


# -- around the form ----------------------------------------------------------------------------------------


def placed(request: RequestView, refusal: InvalidEdits) -> PlacedError:
    """Return the engine's errors by the field whose inputs they belong to."""
    editable = {json_values.show_path(editable_value.path) for editable_value in request.model.editable}
    return forms.place(refusal.errors, {**refusal.labels, **review_view.labels(request)}, editable.__contains__)


def typed_texts(request: RequestView, typed: TypedReview) -> tuple[tuple[str, str], ...]:
    """Return the typed values of a form that can no longer be submitted, so that the person can copy them."""
    typed_values, labels = [], review_view.labels(request)
    for editable in request.model.editable:
        path = json_values.show_path(editable.path)
        inputs = form_inputs.inputs(path, editable.field, json_values.look(request.model.content.value, editable.path))
        now = [raw for each in form_inputs.refilled(inputs, typed.raws) for raw in form_inputs.shown_values(each)]
        if now != [raw for each in inputs for raw in form_inputs.shown_values(each)]:
            typed_values.append((labels.get(path, path), characters.visible(" ".join(now)) or "–"))
    return (*typed_values, *([("Reason", characters.visible(typed.reason))] if typed.reason else []))
