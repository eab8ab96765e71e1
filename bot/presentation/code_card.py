"""The card that comes with a code: everything that the code confirms. Pure."""

from __future__ import annotations

from typing import Final

from bot.presentation import answers, changes
from bot.presentation.characters import line, visible
from engine.domain import Card, CardFact, CardField, Decide, DeliveryKind, Resume, ResumeAnswer, Verdict
from engine.read_models import CodeDelivery, RunView


def code_card(copy: CodeDelivery) -> Card:
    """Return the card of the email with a code: all that the code confirms. The outbox adds the code itself."""
    decision, request = copy.decision, copy.request
    asked_in = (("Asked for in", line(copy.label)),) if copy.label else ()
    browser = (CardFact(label="Browser", text=(line(copy.label),)),) if copy.label else ()
    if copy.answer is not None and copy.run is not None:
        return _answer_code_card(copy, copy.run, copy.answer, asked_in, browser)
    if decision is None or request is None:
        return Card(
            kind=DeliveryKind.CODE, title="Your code to sign in", facts=asked_in, details=browser, until=copy.until
        )
    reason = (("Reason", visible(decision.reason)),) if decision.reason else ()
    return Card(
        kind=DeliveryKind.CODE,
        title=f"Your code to {_verb(decision, is_form=request.model.subject.is_form)}",
        lead=((line(request.title),),),
        values=tuple(changes.proposed(request, decision.edits)),
        notes=(CardFact(label="Reason", text=(visible(decision.reason),)),) if decision.reason else (),
        details=(CardFact(label="Reference", text=(copy.reference,)), *browser),
        facts=(("For", line(request.title)), ("Reference", copy.reference), *reason, *asked_in),
        fields=tuple(changes.proposed(request, decision.edits)),
        request=request.id,
        until=copy.until,
    )


def _verb(decision: Decide, *, is_form: bool) -> str:
    """Return what the code does, in the words that the closed request uses."""
    if decision.verdict is Verdict.REJECT:
        return "reject"
    if is_form:
        return "fill in"
    return "approve with edits" if decision.edits else "approve"


def _answer_code_card(
    copy: CodeDelivery,
    run: RunView,
    answer: Resume,
    asked_in: tuple[tuple[str, str], ...],
    browser: tuple[CardFact, ...],
) -> Card:
    """What comes with a code that confirms what became of a step: the answer in words, and the values given with it."""
    values = tuple(
        CardField(path=label, label=line(label), type="text", text=visible(text)) for label, text in copy.shown_values
    )
    return Card(
        kind=DeliveryKind.CODE,
        title=f"Your code to answer “{answers.LABELS[answer.answer]}”",
        lead=((answers.question(run.step_label(answer.step or "")),), (f"{line(run.workflow_title)}.",)),
        values=values,
        details=(CardFact(label="Reference", text=(copy.reference,)), *browser),
        facts=(
            ("For", f"{line(run.workflow_title)}, step {line(run.step_label(answer.step or ''))}"),
            ("Reference", copy.reference),
            ("Answer", answers.LABELS[answer.answer]),
            *asked_in,
        ),
        fields=values,
        run=run.id,
        until=copy.until,
    )


ANSWERS: Final = {
    ResumeAnswer.DONE: "It happened: go on",
    ResumeAnswer.REPEAT: "It did not happen: call it again",
    ResumeAnswer.STOP: "Stop the run",
}
"""The answers about a call of unknown outcome, in the words of the page and of the email with the code."""
