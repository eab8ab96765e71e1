"""The page that asks the owner of a run what became of a step, pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bot.presentation import characters, code_card, dates, request_content, request_outcome, states
from bot.web import form_inputs, outcome, review_view, run_history
from bot.web.attention_access import AttentionVisit, call
from bot.web.form_inputs import Raws
from bot.web.review_view import ShownField
from engine.domain import ResumeAnswer
from engine.errors import about
from engine.json_values import Value
from engine.read_models import AttentionView

WAYS: Final[Mapping[ResumeAnswer, str]] = {
    ResumeAnswer.DONE: "The step counts as done, and the run goes on. It is not called again.",
    ResumeAnswer.REPEAT: "Only if you are sure: if it did happen, it happens twice.",
    ResumeAnswer.STOP: "Nothing more is called, and the run ends as failed. What happened stays as it is.",
}
"""What happens after each answer."""
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
class Question:
    """The page of an open question. `call`: carried by the form, so that it answers this call and no later one."""

    title: str
    facts: tuple[tuple[str, str], ...]
    given: tuple[tuple[str, str], ...]
    ways: tuple[AnswerOption, ...]
    fields: tuple[ShownField, ...]
    call: str
    unanswered: bool

    @property
    def errors(self) -> tuple[tuple[str, str], ...]:
        """Return the errors for the top of the page, each with the id of its input."""
        errors = [(field.focus, field.error) for field in self.fields if field.error]
        return (*([(f"{ANSWER}-0", CHOOSE)] if self.unanswered else []), *errors)


CHOOSE: Final = "Choose one of the three answers."


def question(visit: AttentionVisit, attention: AttentionView, typed: TypedAnswer | None = None) -> Question:
    """Return the page. `typed`: the contents of its inputs."""
    params = attention.step.params
    return Question(
        title=f"Did it happen? {characters.line(attention.run.workflow_title)}: {characters.line(attention.label)}",
        facts=tuple(_facts(visit, attention)),
        given=tuple(run_history.values(params.shown(), _people(visit))) if params is not None else (),
        ways=tuple(
            AnswerOption(
                answer=answer,
                label=code_card.ANSWERS[answer],
                hint=hint,
                chosen=typed is not None and typed.answer is answer,
            )
            for answer, hint in WAYS.items()
        ),
        fields=tuple(_fields(attention, typed or TypedAnswer(raws={}))),
        call=written(attention),
        unanswered=typed is not None and typed.unanswered,
    )


def written(attention: AttentionView) -> str:
    """Return the call as the text that a form carries."""
    step, visit, attempt = call(attention)
    return f"{visit}.{attempt}.{step}"


def _facts(visit: AttentionVisit, attention: AttentionView) -> Iterator[tuple[str, str]]:
    step, run = attention.step, attention.run
    yield "Workflow", characters.line(run.workflow_title)
    yield "Run", run.id
    yield "Started by", f"{characters.line(run.requester.label)}, {dates.moment(run.started_at)}"
    yield "Step", f"{characters.line(attention.label)} ({characters.line(attention.uses)})"
    if step.started_at is not None:
        yield "Called" if step.attempt == 1 else "First called", dates.moment(step.started_at)
    if step.attempt > 1:
        yield "Calls so far", str(step.attempt)
    if step.error:
        yield "What went wrong", characters.visible(step.error)
    for request in visit.requests:
        if request.model.subject.step == step.step and request.model.closed_at is not None:
            yield characters.line(request.title), request_outcome.outcome(request)
    for answer in step.answers:
        yield "Answered before", answered(answer.answer, answer.person.label, dates.moment(answer.at))


def answered(answer: ResumeAnswer, who: str, when: str) -> str:
    """Return the sentence about the answer."""
    return f"{code_card.ANSWERS[answer]}. Answered by {characters.line(who)} at {when}."


def _people(visit: AttentionVisit) -> run_history.People:
    return {account: person for request in visit.requests for account, person in request.people.items()}


def _fields(attention: AttentionView, typed: TypedAnswer) -> Iterator[ShownField]:
    wrong = typed.wrong or {}
    for path, field in attention.fields.items():
        inputs = form_inputs.inputs(path, field, None)
        label = characters.line(field.label or path)
        yield ShownField(
            path=path,
            label=label,
            text="",
            inputs=form_inputs.refilled(inputs, typed.raws),
            is_optional=not field.required,
            hints=tuple(review_view.hints(field, None, inputs)),
            error=characters.visible(wrong[path]) if path in wrong else None,
        )


def values(attention: AttentionView, raws: Raws) -> tuple[dict[str, Value], dict[str, str]]:
    """Return the typed values, and a sentence about each wrong one, by dotted path."""
    changes, errors = form_inputs.read_edits(((path, field, None) for path, field in attention.fields.items()), raws)
    return changes, {path: about(attention.fields[path].label or path, predicate) for path, predicate in errors.items()}


def shown_values(attention: AttentionView, values: Mapping[str, Value]) -> tuple[tuple[str, str], ...]:
    """Return the values with their labels, as people read them."""
    return tuple(
        (characters.line(field.label or path), request_content.show(field, values[path]))
        for path, field in attention.fields.items()
        if path in values
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredPage:
    """The page of a question that was answered."""

    title: str
    said: str
    identified: str | None
    run_state: str
    asks_again: bool


def closed(visit: AttentionVisit) -> AnsweredPage:
    """Return the page of an answered question."""
    title = f"{characters.line(visit.run.workflow_title)}: did it happen?"
    state = states.RUN_CLAUSES[visit.run.status]
    if visit.answer is None:
        sentence = "This question was withdrawn." if visit.asks_again else "There is nothing to answer."
        return AnsweredPage(title=title, said=sentence, identified=None, run_state=state, asks_again=visit.asks_again)
    step, answer = visit.answer
    is_own = visit.remembered and answer.person.id == visit.person.id
    who = f"{answer.person.label} (you)" if is_own else answer.person.label
    return AnsweredPage(
        title=f"{characters.line(visit.run.workflow_title)}: {characters.line(step.label)}",
        said=answered(answer.answer, who, dates.moment(answer.at)),
        identified=outcome.how(answer.assurance, mine=is_own),
        run_state=state,
        asks_again=visit.asks_again,
    )


def typed_texts(raws: Raws) -> tuple[tuple[str, str], ...]:
    """Return the texts of a form that can no longer be submitted, so that the person can copy them."""
    texts = [raw for raws_of_one in raws.values() for raw in raws_of_one if raw.strip()]
    return tuple(("A value", characters.visible(text)) for text in texts)
