"""The outcome of a request, and the typed values of its form. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.presentation import changes, characters, request_outcome
from bot.web import form_inputs
from bot.web.review_view import TypedReview
from engine import json_values
from engine.domain import Assurance, InvalidEdits, RequestState
from engine.fields import forms
from engine.fields.forms import PlacedError
from engine.json_values import Value
from engine.read_models import RequestView

_HOW: Final[Mapping[str, str]] = {
    Assurance.LINK: "by the link alone that was sent to {them}",
    Assurance.CODE: "by a code that was sent to {their} email address",
    Assurance.SSO: "by signing in with Slack",
    Assurance.SLACK: "by {their} account in Slack",
    Assurance.TERMINAL: "as the operator, at the terminal of the server",
}
_YOURS: Final = {"them": "you", "their": "your"}
_THEIRS: Final = {"them": "them", "their": "their"}
_SIGNS: Final[Mapping[RequestState, tuple[str, str]]] = {
    RequestState.APPROVED: ("good", "✓"),
    RequestState.REJECTED: ("bad", "✗"),
    RequestState.EXPIRED: ("calm", "○"),
    RequestState.CANCELLED: ("calm", "○"),
    RequestState.PENDING: ("wait", "●"),
}
"""The tone and the sign of the chip for each state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of a request. `verdict`: the label of the button; `identified`: how. All None if it expired."""

    headline: str
    tone: str
    sign: str
    verdict: str | None = None
    by: str | None = None
    identified: str | None = None
    at: datetime | None = None
    reason: str | None = None


def outcome(request: RequestView, *, mine: bool) -> Outcome:
    """Return the outcome. `mine`: the reader is known to be the person who decided."""
    tone, sign = _SIGNS[request.model.state]
    headline, decision = request_outcome.headline(request), request.decision
    if decision is None:
        return Outcome(headline=headline, tone=tone, sign=sign)
    return Outcome(
        headline=headline,
        tone=tone,
        sign=sign,
        verdict=characters.line(decision.verdict),
        by=f"{characters.line(decision.person.label)}{' (you)' if mine else ''}",
        identified=how(decision.assurance, mine=mine),
        at=decision.decided_at,
        reason=characters.visible(decision.reason) if decision.reason else None,
    )


def how(assurance: str, *, mine: bool) -> str:
    """Return how the person who answered was identified."""
    sentence = _HOW.get(assurance)
    return assurance if sentence is None else sentence.format(**(_YOURS if mine else _THEIRS))


# -- around the form ----------------------------------------------------------------------------------------


def proposed_changes(request: RequestView, edits: Mapping[str, Value]) -> tuple[tuple[str, str, str], ...]:
    """Return each change with its label, the old and the new value."""
    return tuple((change.label, change.before or "", change.text) for change in changes.proposed(request, edits))


def placed(request: RequestView, refusal: InvalidEdits) -> PlacedError:
    """Return the engine's errors by the field whose inputs they belong to."""
    editable = {json_values.show_path(editable_value.path) for editable_value in request.model.editable}
    return forms.place(refusal.errors, refusal.labels, editable.__contains__)


def typed_texts(request: RequestView, typed: TypedReview) -> tuple[tuple[str, str], ...]:
    """Return the typed values of a form that can no longer be submitted, so that the person can copy them."""
    typed_values = []
    for editable in request.model.editable:
        path = json_values.show_path(editable.path)
        inputs = form_inputs.inputs(path, editable.field, json_values.look(request.model.content.value, editable.path))
        now = [raw for each in form_inputs.refilled(inputs, typed.raws) for raw in form_inputs.shown_values(each)]
        if now != [raw for each in inputs for raw in form_inputs.shown_values(each)]:
            typed_values.append(
                (characters.line(editable.field.label or path), characters.visible(" ".join(now)) or "–")
            )
    return (*typed_values, *([("Reason", characters.visible(typed.reason))] if typed.reason else []))
