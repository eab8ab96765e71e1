"""The history of a run as the page of its request shows it, pure: its state, its steps and its decisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias

from bot.presentation import asks, characters, people, request_content, request_outcome, sign_ins, states
from engine import fields, requests
from engine.domain import Person, Phrase, StepStatus
from engine.json_values import Path, Value
from engine.read_models import RequestView, RunView, StepView

People: TypeAlias = Mapping[str, Person]
_TRIGGERS: Final = {
    "terminal": "from the terminal of the server",
    "slack": "in Slack",
    "web": "on these pages",
    "email": "by email",
    "schedule": "by the schedule",
    "webhook": "by a webhook",
    "api": "through the API",
    "run": "by a step of another run",
    "signoff": "for oversight",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryStep:
    step: str
    status: str
    tone: str
    at: datetime | None
    given: tuple[tuple[str, str], ...]
    output: tuple[tuple[str, str], ...]
    error: str | None


def trigger(run: RunView | None) -> str:
    """Return how the run was started, to follow "It was started"."""
    if run is None:
        return ""
    if run.origin.surface == "slack" and "message" in run.origin.place:
        return "with a reaction to a message in Slack" if "emoji" in run.origin.place else "with a message in Slack"
    return _TRIGGERS.get(run.origin.surface, run.origin.surface)


def source(run: RunView) -> str:
    """Return the address of the message that the run was started with, or an empty text."""
    link = run.origin.place.get("link", "")
    return link if link.startswith(("https://", "http://")) else ""


def inputs(run: RunView | None, people: People) -> tuple[tuple[str, str], ...]:
    """Return the inputs of the run. `people`: the people who are shown by name."""
    asked = asks.of_run(run) if run else None
    if asked is not None:
        return tuple(values(asks.inputs(asked), people))
    return tuple(values(run.inputs, people, run.input_labels)) if run else ()


def steps(run: RunView | None, people: People) -> tuple[HistoryStep, ...]:
    """Return the steps of the run with their states."""
    return tuple(_step(step, people) for step in run.steps) if run else ()


def given(step: StepView, people: People) -> Iterator[tuple[str, str]]:
    """Yield the parameters of a step with their labels, as people read them."""
    params = sign_ins.readable(step.uses, step.params.shown()) if step.params else {}
    return values(params, people, sign_ins.labels(step.uses, step.param_labels))


def output(step: StepView, people: People) -> Iterator[tuple[str, str]]:
    """Yield the output of a step with its labels, as people read it."""
    return values(step.output or {}, people, step.output_labels)


def values(
    values: Mapping[str, Value], people: People, given: Mapping[Path, str] = request_content.NO_LABELS
) -> Iterator[tuple[str, str]]:
    """Yield values with their labels, as people read them. `given`: the labels that the builder gave to some."""
    for label, value in request_content.undeclared(values, given):
        yield label, requests.by_name(request_content.show(fields.infer(value), value), people)


def _step(step: StepView, people: People) -> HistoryStep:
    visit = f" (visit {step.visit})" if step.visit > 1 else ""
    return HistoryStep(
        step=f"{characters.line(step.label)}{visit}",
        status=states.STEPS[step.status],
        tone="good" if step.status is StepStatus.SUCCEEDED else "bad" if step.status is StepStatus.FAILED else "calm",
        at=step.ended_at or step.started_at,
        given=tuple(given(step, people)),
        output=tuple(output(step, people)),
        error=characters.visible(step.error) if step.error else None,
    )


def history(request: RequestView, run: RunView | None, earlier: Sequence[RequestView]) -> Iterator[Phrase]:
    """Yield what happened in the run until now, in order, each with its time."""
    if run is not None:
        yield run.started_at, f" {people.starter(run.requester, begins=True)} started the run."
    opened_at, first_shown_at = request.model.deadlines.opened_at, request.model.deadlines.first_shown_at
    for other in earlier:
        if other.id != request.id and other.model.deadlines.opened_at <= opened_at:
            end: Phrase = request_outcome.with_reason(other) if other.model.closed_at else ("Waiting.",)
            yield other.model.deadlines.opened_at, f" {characters.line(other.title)} ", *end
    yield opened_at, " This request was opened."
    if first_shown_at is not None:
        yield first_shown_at, " The request first reached an approver."
    yield from _approvals(request)
    if request.model.closed_at is not None:
        yield request_outcome.with_reason(request)


def _approvals(request: RequestView) -> Iterator[Phrase]:
    """Yield the changes and approvals while others were missing, the oldest first."""
    model = request.model
    changes = [(change.at, change.person, "changed the content") for change in model.changes]
    votes = [(vote.at, vote.person, "approved it") for vote in model.votes if vote.at != model.closed_at]
    for at, person, what in sorted([*changes, *votes], key=lambda event: event[0]):
        yield at, f" {characters.line(person.label)} {what}."
