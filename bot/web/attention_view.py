"""The page that asks the owner of a run what became of a step, pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.presentation import (
    answers,
    asks,
    characters,
    labels,
    outcome_card,
    people,
    request_content,
    request_outcome,
    sign_ins,
    states,
)
from bot.web import form_inputs, outcome, review_view, run_history
from bot.web.attention_access import AttentionVisit, call
from bot.web.form_inputs import Raws
from bot.web.review_view import ShownField
from engine.domain import CardFact, Phrase, ResumeAnswer, Tone
from engine.errors import about
from engine.fields import Field
from engine.json_values import Value
from engine.read_models import AttentionView, StepAnswer

ANSWER: Final = "answer"
"""The name of the radio buttons for the answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedAnswer:
    """The contents of a submitted form, and sentences about errors, by dotted path."""

    raws: Raws
    answer: ResumeAnswer | None = None
    wrong: Mapping[str, str] | None = None
    unanswered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerOption:
    """One of the possible answers."""

    answer: ResumeAnswer
    label: str
    hint: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StepQuestion:
    """The page of an open question. `call`: carried by the form, so that it answers this call and no later one."""

    title: str
    workflow: str
    starter: str
    called_at: datetime | None
    error: str | None
    given: tuple[tuple[str, str], ...]
    details: tuple[CardFact, ...]
    ways: tuple[AnswerOption, ...]
    fields: tuple[ShownField, ...]
    call: str
    unanswered: bool

    @property
    def errors(self) -> tuple[tuple[str, str], ...]:
        """Return the errors for the top of the page, each with the id of its input."""
        errors = [(field.focus, field.error) for field in self.fields if field.error]
        return (*([(f"{ANSWER}-0", CHOOSE)] if self.unanswered else []), *errors)


CHOOSE: Final = "Choose one of the answers."


def question(visit: AttentionVisit, attention: AttentionView, typed: TypedAnswer | None = None) -> StepQuestion:
    """Return the page. `typed`: the contents of its inputs."""
    step = attention.step
    return StepQuestion(
        title=answers.question(asks.step_label(attention.run, attention.step)),
        workflow=characters.line(attention.run.workflow_title),
        starter=people.starter(attention.run.requester),
        called_at=step.started_at,
        error=characters.visible(step.error) if step.error else None,
        given=_given(visit, attention),
        details=tuple(_details(visit, attention)),
        ways=tuple(
            AnswerOption(
                answer=answer,
                label=label,
                hint=answers.CONSEQUENCES[answer],
                chosen=typed is not None and typed.answer is answer,
            )
            for answer, label in answers.offered(attention.uses).items()
        ),
        fields=tuple(_fields(attention, typed or TypedAnswer(raws={}))),
        call=written(attention),
        unanswered=typed is not None and typed.unanswered,
    )


def written(attention: AttentionView) -> str:
    """Return the call as the text that a form carries."""
    step, visit, attempt = call(attention)
    return f"{visit}.{attempt}.{step}"


def _given(visit: AttentionVisit, attention: AttentionView) -> tuple[tuple[str, str], ...]:
    """Return the values that the step was called with, without technical ones."""
    params, technical = attention.step.params, attention.technical
    shown = params.shown() if params is not None else {}
    main = {name: value for name, value in shown.items() if name not in technical}
    return tuple(run_history.values(main, _people(visit), attention.step.param_labels))


def _details(visit: AttentionVisit, attention: AttentionView) -> Iterator[CardFact]:
    step, run = attention.step, attention.run
    params = sign_ins.readable(attention.uses, step.params.shown()) if step.params is not None else {}
    technical = {name: value for name, value in params.items() if name in attention.technical}
    given = sign_ins.labels(attention.uses, step.param_labels)
    for label, text in run_history.values(technical, _people(visit), given):
        yield CardFact(label=label, text=(text,))
    for request in visit.requests:
        if request.model.subject.step == step.step and request.model.closed_at is not None:
            yield CardFact(label=characters.line(request.title), text=request_outcome.with_reason(request))
    for answer in step.answers:
        yield CardFact(label="Answered before", text=answered(answer, mine=False))
    if step.attempt > 1:
        yield CardFact(label="Calls so far", text=(str(step.attempt),))
    yield CardFact(label="Step", text=(f"{characters.line(step.step)} ({characters.line(attention.uses)})",))
    yield from outcome_card.run_details(run)


def answered(answer: StepAnswer, *, mine: bool) -> Phrase:
    """Return the sentence that says who answered what. `mine`: the reader did."""
    who = "You" if mine else characters.line(answer.person.label)
    return f"{who} answered “{answers.LABELS[answer.answer]}”, ", answer.at, "."


def _people(visit: AttentionVisit) -> run_history.People:
    return {account: person for request in visit.requests for account, person in request.people.items()}


def _fields(attention: AttentionView, typed: TypedAnswer) -> Iterator[ShownField]:
    wrong = typed.wrong or {}
    for path, field in attention.fields.items():
        inputs = form_inputs.inputs(path, field, None)
        label = _label(path, field)
        yield ShownField(
            path=path,
            label=label,
            text="",
            inputs=form_inputs.refilled(inputs, typed.raws),
            is_optional=not field.required,
            hints=tuple(review_view.hints(field, None, inputs)),
            error=characters.visible(wrong[path]) if path in wrong else None,
        )


def _label(path: str, field: Field) -> str:
    return characters.line(labels.of_field(field.label, path))


def values(attention: AttentionView, raws: Raws) -> tuple[dict[str, Value], dict[str, str]]:
    """Return the typed values, and a sentence about each wrong one, by dotted path."""
    changes, errors = form_inputs.read_edits(((path, field, None) for path, field in attention.fields.items()), raws)
    return changes, {path: about(_label(path, attention.fields[path]), predicate) for path, predicate in errors.items()}


def shown_values(attention: AttentionView, values: Mapping[str, Value]) -> tuple[tuple[str, str], ...]:
    """Return the values with their labels, as people read them."""
    return tuple(
        (_label(path, field), request_content.show(field, values[path]))
        for path, field in attention.fields.items()
        if path in values
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredPage:
    """The page of a question that was answered. `headline`: its state, or that of the run if it was not answered."""

    tone: Tone
    headline: str
    title: str
    line: Phrase
    identified: str | None
    run_state: str
    asks_again: bool


def closed(visit: AttentionVisit) -> AnsweredPage:
    """Return the page of an answered question."""
    state, workflow = states.RUN_CLAUSES[visit.run.status], characters.line(visit.run.workflow_title)
    if visit.answer is None:
        line = "This question was answered or cancelled." if visit.asks_again else "There is no open question."
        return AnsweredPage(
            tone=states.RUN_TONES[visit.run.status],
            headline=states.RUNS[visit.run.status].capitalize(),
            title=workflow,
            line=(line,),
            identified=None,
            run_state=state,
            asks_again=visit.asks_again,
        )
    step, answer = visit.answer
    mine = visit.remembered and answer.person.id == visit.person.id
    return AnsweredPage(
        tone=Tone.DONE,
        headline="Answered",
        title=answers.question(step.label),
        line=answered(answer, mine=mine),
        identified=outcome.how(answer.assurance, mine=mine),
        run_state=state,
        asks_again=visit.asks_again,
    )


def typed_texts(raws: Raws) -> tuple[tuple[str, str], ...]:
    """Return the texts of a form that can no longer be submitted, so that the person can copy them."""
    texts = [raw for raws_of_one in raws.values() for raw in raws_of_one if raw.strip()]
    return tuple(("Value", characters.visible(text)) for text in texts)
