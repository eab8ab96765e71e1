"""The card that comes with a code: everything that the code confirms. Pure."""

from __future__ import annotations

from typing import Final

from bot.presentation import answers, changes
from bot.presentation.characters import line, visible
from engine.code_delivery import CodeDelivery
from engine.domain import Assurance, Card, CardFact, CardField, Decide, DeliveryKind, Resume, Verdict
from engine.read_models import RunView
from engine.requests import Subject

_AFTER_FAILURE: Final = {
    Verdict.APPROVE: "try the step again",
    Verdict.SKIP: "skip the step",
    Verdict.REJECT: "stop the run",
}
"""What a code does about a step that failed."""


def code_card(copy: CodeDelivery) -> Card:
    """Return the card of the email with a code: all that the code confirms. The outbox adds the code itself."""
    decision, request = copy.decision, copy.request
    typed_in = copy.label if decision is not None and decision.assurance is Assurance.SLACK else ""
    browser = (CardFact(label="Browser", text=(line(copy.label),)),) if copy.label and not typed_in else ()
    if copy.answer is not None and copy.run is not None:
        return _answer_code_card(copy, copy.run, copy.answer, browser)
    if decision is None or request is None:
        return Card(kind=DeliveryKind.CODE, title="Your code to sign in", details=browser, until=copy.until)
    return Card(
        kind=DeliveryKind.CODE,
        title=f"Your code to {_verb(decision, request.model.subject)}",
        lead=((line(request.title),),),
        values=tuple(changes.proposed(request, decision.edits)),
        notes=(CardFact(label="Reason", text=(visible(decision.reason),)),) if decision.reason else (),
        details=(CardFact(label="Reference", text=(copy.reference,)), *browser),
        request=request.id,
        typed_in=line(typed_in),
        until=copy.until,
    )


def _verb(decision: Decide, subject: Subject) -> str:
    """Return what the code does, in the words that the closed request uses."""
    if subject.is_failure and decision.verdict in _AFTER_FAILURE:
        return _AFTER_FAILURE[decision.verdict] + (" with edits" if decision.edits else "")
    if decision.verdict is Verdict.REJECT:
        return "reject"
    if decision.verdict is Verdict.REVISE:
        return "ask for changes"
    if subject.is_form:
        return "fill in the form"
    return "approve with edits" if decision.edits else "approve"


def _answer_code_card(
    copy: CodeDelivery,
    run: RunView,
    answer: Resume,
    browser: tuple[CardFact, ...],
) -> Card:
    """Return the card of a code for an answer about a step: the answer in words, and the values given with it."""
    values = tuple(
        CardField(path=label, label=line(label), type="text", text=visible(text)) for label, text in copy.shown_values
    )
    return Card(
        kind=DeliveryKind.CODE,
        title=f"Your code to answer “{answers.LABELS[answer.answer]}”",
        lead=((answers.question(run.step_label(answer.step or "")),), (f"Workflow: {line(run.workflow_title)}.",)),
        values=values,
        details=(CardFact(label="Reference", text=(copy.reference,)), *browser),
        run=run.id,
        until=copy.until,
    )
