"""Plays the examples of a workflow in memory: who is asked, what is called, and how the run ends. Pure.

Nothing is called: a step returns what the example says, and approvers answer as it says, or approve.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from engine import fields, file_references, json_values, requests, timestamps
from engine.domain import InvalidEdits, OnExpiry, Params, Refusal, RequestState, RunStatus, StepStatus
from engine.errors import about
from engine.fields import FieldType
from engine.identifiers import in_words
from engine.json_values import Value
from engine.references import Reference
from engine.requests import Opening, Request, Revision
from engine.runs import asked_content
from engine.runs.items import Lane
from engine.runs.listed_items import ListedItems
from engine.runs.state import (
    ChildRun,
    Effect,
    LanePlace,
    LanesOrder,
    Outcome,
    Progress,
    ReviewResult,
    RunOrder,
    RunState,
    StepFailure,
    StepOutput,
)
from engine.runs.state_machine import consume, proceed, record, report
from engine.workflowfile import Workflow
from engine.workflowfile.workflow import Example, ExampleAnswer

REQUESTER: Final = "requester@example.com"
"""Who starts the runs of examples."""
_APPROVER: Final = "approver@example.com"
_MOST: Final = 2_000
"""Transitions of one example, after which it counts as endless."""


class _WrongExample(Exception):
    """The example cannot be played. The text is a sentence."""


@dataclass(slots=True)
class _PlayedRun:
    """One run of an example. `asked`: who was asked, by step; `called`: the steps that called something, in order.

    `failures`: the steps about whose failure people were asked, in order; `failed`: the call of each visit that it was.
    """

    workflow: Workflow
    example: Example
    state: RunState
    now: datetime
    asked: dict[str, tuple[str, ...]] = field(default_factory=dict)
    called: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    failed: dict[tuple[str, int], int] = field(default_factory=dict)
    error: str | None = None
    items: ListedItems | None = None

    def play(self) -> None:
        """Move the run to its end, or to the first state that needs a person to find out what happened."""
        progress = self._proceed()
        for _ in range(_MOST):
            if progress.order is not None:
                order = progress.order
                progress = self._run_items(order) if isinstance(order, LanesOrder) else self._run_below(order)
                continue
            self._apply(progress)
            if progress.opening is not None:
                self._answer(progress.opening)
                progress = self._proceed()
            elif progress.effect is not None:
                progress = record(self.workflow, self.state, self._call(progress.effect), now=self.now)
            elif self._is_granted():
                progress = self._act()
            elif progress.ready_at is not None:
                self.now = max(self.now, progress.ready_at)
                progress = self._proceed()
            else:
                self.error = progress.error
                return
        raise _WrongExample("The run does not come to an end.")

    def _is_granted(self) -> bool:
        """Return whether the run waits for the program that asked."""
        return any(visit.status is StepStatus.GRANTED for visit in self.state.visits.values())

    def _act(self) -> Progress:
        """Use the approval as the program does, which says what the example says."""
        step = self.workflow.steps[self.state.cursor].id
        self._apply(consume(self.workflow, self.state, now=self.now))
        self.called.append(step)
        errors = self.example.failures.get(step, ())
        if errors:
            return report(self.workflow, self.state, StepFailure(message=errors[0], final=True), now=self.now)
        approved = self.state.visits[step].params
        output = {**(approved.value if approved is not None else {}), **self.example.outputs.get(step, {})}
        return report(self.workflow, self.state, StepOutput(output), now=self.now)

    def _run_below(self, order: RunOrder) -> Progress:
        """Let a step run another workflow, which returns what the example says."""
        earlier = self.called.count(order.step)
        self.called.append(order.step)
        output, errors = dict(self.example.outputs.get(order.step, {})), self.example.failures.get(order.step, ())
        status = RunStatus.FAILED if earlier < len(errors) else RunStatus.SUCCEEDED
        error = errors[earlier] if earlier < len(errors) else None
        child = ChildRun(run=order.step, title=order.workflow, status=status, output=output, error=error)
        self.state = replace(self.state, started={**self.state.started, (order.step, order.visit): child})
        return self._proceed()

    def _run_items(self, order: LanesOrder) -> Progress:
        """Play the steps of a foreach for one item after the other."""
        step, listed = self.workflow.step(order.step), self.items
        assert listed is not None
        inner = {self.workflow.steps[index].id for index in step.inner}
        lane = replace(
            self.state,
            cursor=step.inner.start,
            visits={name: visit for name, visit in self.state.visits.items() if name not in inner},
            lane=Lane(run=self.state.id, step=step.id, visit=order.visit, source=listed),
        )
        below = _PlayedRun(self.workflow, self.example, lane, self.now, self.asked, self.called)
        below.play()
        self.now = below.now
        child = ChildRun(run=step.id, title="", status=RunStatus.SUCCEEDED)
        started = {**self.state.started, (order.step, order.visit): child}
        self.state = replace(self.state, started=started, items=listed.as_list())
        return self._proceed()

    def _proceed(self) -> Progress:
        return proceed(self.workflow, self.state, now=self.now, may_start_runs=True)

    def _call(self, effect: Effect) -> Outcome:
        """Return what this call of a step returns in the example, or how it fails."""
        step = effect.step.id
        earlier = self.called.count(step)
        self.called.append(step)
        self.state = replace(self.state, asked_attempt=self.failed.get((step, effect.visit), 0))
        errors = self.example.failures.get(step, ())
        if earlier < len(errors):
            return StepFailure(message=errors[earlier])
        return StepOutput(dict(self.example.outputs.get(step, {})))

    def _apply(self, progress: Progress) -> None:
        visits = {**self.state.visits, **{visit.step: visit for visit in progress.visits}}
        is_held = any(visit.status is StepStatus.HELD for visit in progress.visits)
        self.state = replace(
            self.state,
            status=progress.status,
            cursor=progress.cursor,
            visits=visits,
            review=self.state.review if is_held else None,
        )
        if progress.lane is not None:
            self._move_lane(progress.lane)
        for visit in progress.visits:
            if visit.status is StepStatus.PREPARING:
                self.items = ListedItems.evaluate(self.workflow, self.state, self.workflow.step(visit.step))
                self.state = replace(self.state, items=self.items.as_list())

    def _move_lane(self, place: LanePlace) -> None:
        """Keep the item of a lane, and the visits that belong to it."""
        lane = self.state.lane
        assert lane is not None
        assert isinstance(lane.source, ListedItems)
        item = lane.source.current if place.item is not None else None
        visits = {name: visit for name, visit in self.state.visits.items() if visit.item in (None, place.item)}
        self.state = replace(self.state, visits=visits, lane=replace(lane, item=item, since=place.since))

    def _answer(self, opening: Opening) -> None:
        """Put the answer of the example to a request into the state, as a decision would."""
        step = opening.subject.step
        named = (*self.asked.get(step, ()), *(reference.rule for reference in _named(opening)))
        self.asked[step] = tuple(dict.fromkeys(named))
        answer = self._failure_answer(opening) if opening.subject.is_failure else self._given(step)
        content, edited = self._edited(opening, answer)
        self.state = replace(
            self.state,
            review=_review(opening, answer, content, self.now, edited=edited),
            decisions={**self.state.decisions, **self._decided(opening, answer, edited=edited)},
            revisions=(*self.state.revisions, *self._revision(opening, answer, content)),
        )

    def _decided(self, opening: Opening, answer: ExampleAnswer, *, edited: bool) -> dict[str, tuple[int, Value]]:
        """Return the decision by its step, with the visit that it is about; nothing for an answer that is none."""
        decision = _decision(answer, self.now, edited=edited)
        return (
            {}
            if decision is None or opening.subject.is_failure
            else {opening.subject.step: (opening.subject.visit, decision)}
        )

    def _given(self, step: str) -> ExampleAnswer:
        """Return the answer of the example in this round."""
        answers = [answer for answer in self.example.answers.get(step, ()) if not answer.about_failure]
        rounds = sum(revision.step == step for revision in self.state.revisions)
        return answers[min(rounds, len(answers) - 1)] if answers else ExampleAnswer()

    def _failure_answer(self, opening: Opening) -> ExampleAnswer:
        """Return the answer of the example to this failure of a step; if it has none left, the run stops."""
        step = opening.subject.step
        earlier = self.failures.count(step)
        self.failures.append(step)
        self.failed[step, opening.subject.visit] = opening.attempt
        answers = [answer for answer in self.example.answers.get(step, ()) if answer.about_failure]
        return answers[earlier] if earlier < len(answers) else ExampleAnswer(state=RequestState.REJECTED)

    def _revision(self, opening: Opening, answer: ExampleAnswer, content: Params) -> Iterator[Revision]:
        if answer.state is not RequestState.CHANGES_REQUESTED:
            return
        step, offer = opening.subject.step, opening.revision
        if offer is None or not offer.left:
            raise _WrongExample(f"Changes cannot be asked for at “{in_words(step)}”, or not so often.")
        comment = answer.reason or ""
        by = {"person": _APPROVER, "name": _APPROVER, "address": _APPROVER}
        yield Revision(step=step, request="", comment=comment, content=content, edits={}, at=self.now, **by)

    def _edited(self, opening: Opening, answer: ExampleAnswer) -> tuple[Params, bool]:
        """Return the content after the edits of the example, and whether there are some."""
        if not answer.edits and not opening.subject.is_form:
            return opening.content, False
        kind = self.workflow.step(opening.subject.step).kind
        request = _request(opening, self.now)
        edits, wrong = _typed(request, answer.edits)
        applied = InvalidEdits(errors=wrong) if wrong else requests.apply_edits(request, edits, kind=kind)
        if isinstance(applied, Refusal):
            whys = (about(f"“{name}”", why) for name, why in applied.errors.items())
            raise _WrongExample(f"The answer about “{in_words(opening.subject.step)}” is refused: {' '.join(whys)}")
        made, content = applied
        return content, bool(made)


def _typed(request: Request, edits: Mapping[str, Value]) -> tuple[dict[str, Value], dict[str, str]]:
    """Return the edits, with texts read as they are typed on the command line, and the errors by name."""
    known = {json_values.show_path(one.path): one.field for one in request.editable}
    texts = {name: value for name, value in edits.items() if isinstance(value, str) and name in known}
    typed, errors = fields.from_text_all({name: known[name] for name in texts}, texts)
    return {**edits, **typed}, errors


def _request(opening: Opening, now: datetime) -> Request:
    return Request(
        id="example",
        workspace="example",
        subject=opening.subject,
        state=RequestState.PENDING,
        rev=1,
        content_version=1,
        content=opening.content,
        editable=opening.editable,
        digest=opening.digest,
        approvers=(),
        reason_required=opening.reason_required,
        deadlines=opening.deadlines(now, falls_back=False),
    )


def _named(opening: Opening) -> Sequence[Reference]:
    """Return the people that a request may ask: with a route, those of the rules up to one that applies in any case."""
    may_be_asked = None if opening.route is None else opening.route.may_be_asked
    return opening.references if may_be_asked is None else may_be_asked


def _review(opening: Opening, answer: ExampleAnswer, content: Params, now: datetime, *, edited: bool) -> ReviewResult:
    """Return the answer as the request has it. No one undoes an approval in an example, so its hold just passes."""
    rejects = answer.state is RequestState.EXPIRED and opening.on_expiry is OnExpiry.REJECT
    return ReviewResult(
        state=RequestState.REJECTED if rejects else answer.state,
        content=content,
        digest=opening.subject.digest(content),
        on_expiry=opening.on_expiry,
        edited_by=(_APPROVER, _APPROVER) if edited and opening.subject.is_failure else None,
        closed_at=now,
    )


def _decision(answer: ExampleAnswer, now: datetime, *, edited: bool) -> dict[str, Value] | None:
    """Return the decision as expressions read it, or None for an answer that is none."""
    if answer.state not in (RequestState.APPROVED, RequestState.REJECTED):
        return None
    by: dict[str, Value] = {"name": _APPROVER, "address": _APPROVER}
    facts = {"by": by, "at": timestamps.iso(now), "verdict": answer.state.value, "reason": answer.reason}
    return {**facts, "edited": edited, "rating": None, "comment": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedExample:
    """What an example comes to: who is asked and what is called, by step, and how it ends. `error`: a sentence.

    `statuses`: of the steps that the run reached.
    """

    asked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    statuses: Mapping[str, StepStatus] = field(default_factory=dict)
    called: tuple[str, ...] = ()
    ends: RunStatus | None = None
    error: str = ""


def play(workflow: Workflow, example: Example, now: datetime) -> PlayedExample:
    """Play an example, and return what it comes to. Nothing is called."""
    inputs, errors = _inputs(workflow, example)
    if errors:
        return PlayedExample(error=" ".join(about(f"The input “{name}”", why) for name, why in errors.items()))
    run = _PlayedRun(workflow, example, _state(inputs, now), now)
    why = ""
    try:
        run.play()
    except _WrongExample as wrong:
        why = str(wrong)
    ends = run.state.status if not why else None
    statuses = {visit.step: visit.status for visit in run.state.visits.values()}
    return PlayedExample(
        asked=run.asked, statuses=statuses, called=tuple(run.called), ends=ends, error=why or run.error or ""
    )


def _state(inputs: dict[str, Value], now: datetime) -> RunState:
    return RunState(
        id="example", status=RunStatus.RUNNING, cursor=0, inputs=inputs, requester=REQUESTER, started_at=now
    )


def failures(workflow: Workflow, example: Example, now: datetime) -> tuple[str, ...]:
    """Play an example, and return a sentence for each thing that is not as it expects."""
    inputs, errors = _inputs(workflow, example)
    if errors:
        return tuple(about(f"The input “{name}”", why) for name, why in errors.items())
    run = _PlayedRun(workflow, example, _state(inputs, now), now)
    try:
        run.play()
    except _WrongExample as wrong:
        return (str(wrong),)
    return tuple(_differences(run))


def _inputs(workflow: Workflow, example: Example) -> tuple[dict[str, Value], dict[str, str]]:
    """Return the inputs, read as they are typed on the command line where they are text, and the errors by name.

    In a workflow that decides about asks, they are what is asked. A file is named as there, and need not exist.
    """
    if workflow.is_asked:
        return asked_content.played(workflow.name, example.ask), {}
    texts = {
        name: _played_file(value) if workflow.inputs[name].type is FieldType.FILE else value
        for name, value in example.inputs.items()
        if isinstance(value, str) and name in workflow.inputs
    }
    typed, errors = fields.from_text_all({name: workflow.inputs[name] for name in texts}, texts)
    inputs, other_errors = fields.validate_all(workflow.inputs, {**example.inputs, **typed})
    return inputs, {**other_errors, **errors}


def _played_file(typed: str) -> str:
    return json_values.dumps(file_references.example(typed.removeprefix("@")).value)


def _differences(run: _PlayedRun) -> Iterator[str]:
    expected = run.example
    if expected.ends is not None and run.state.status is not expected.ends:
        yield f"The run ended as {run.state.status}, not as {expected.ends}. {run.error or ''}".rstrip()
    if expected.calls is not None and tuple(run.called) != expected.calls:
        yield f"It called {_list(run.called)}, not {_list(expected.calls)}."
    if expected.asks is not None:
        yield from _other_requests(run.asked, expected.asks)


def _other_requests(
    asked: Mapping[str, tuple[str, ...]], expected: Mapping[str, tuple[str, ...] | None]
) -> Iterator[str]:
    for step in asked.keys() - expected.keys():
        yield f"It asked {_list(asked[step])} about “{in_words(step)}”."
    for step, people in expected.items():
        if step not in asked:
            yield f"It asked no one about “{in_words(step)}”."
        elif people is not None and sorted(people) != sorted(asked[step]):
            yield f"It asked {_list(asked[step])} about “{in_words(step)}”, not {_list(people)}."


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "nothing"
