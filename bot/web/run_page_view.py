"""The page of a whole run, pure: its state, the visits to its steps with their gates, and what happened in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.presentation import (
    advice,
    answers,
    asks,
    autonomy,
    characters,
    items,
    model_calls,
    people,
    questions,
    request_outcome,
    states,
    story,
)
from bot.presentation.story import Names
from bot.web import review_files, run_history
from engine.access import Reader, may_change_run, may_repair_run, may_see_request
from engine.domain import Person, Phrase, RequestState, ReviewPoint, RunStatus, StepStatus, Tone
from engine.file_references import FileReference
from engine.read_models import DeliveryView, RequestView, RunView, StepAnswer, StepView
from engine.story_entries import StoryEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineGate:
    """A request of a step. `request`: its id, if the reader may see it."""

    request: str | None
    title: str
    tone: Tone
    status: str
    line: Phrase


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRun:
    """A run that a step started."""

    run: str
    title: str
    tone: Tone
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineItems:
    """The items of a visit to a foreach. `visit`: as an address carries it. `asking`: their requests, by number."""

    visit: str
    progress: str
    asking: tuple[tuple[str, str], ...]
    stuck: tuple[tuple[str, str], ...]
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineBelow:
    """What a visit started: runs, or the items of a foreach."""

    runs: tuple[TimelineRun, ...]
    items: TimelineItems | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineStep:
    """One visit to a step: `before` and `after` are its requests, `calls` those that failed before the last one,
    `answers` what people said about lost calls, `model_calls` the language models that it asked, `below` what it
    started."""

    id: str
    label: str
    tone: Tone | None
    status: str
    moments: Phrase
    before: tuple[TimelineGate, ...]
    after: tuple[TimelineGate, ...]
    given: tuple[tuple[str, str], ...]
    output: tuple[tuple[str, str], ...]
    error: str | None
    calls: tuple[Phrase, ...]
    answers: tuple[Phrase, ...]
    model_calls: tuple[Phrase, ...]
    below: TimelineBelow


@dataclass(frozen=True, slots=True, kw_only=True)
class RunActions:
    """What the reader can do about the run now. `may_change`: it is theirs."""

    may_change: bool
    can_cancel: bool
    can_try_again: bool
    can_answer: bool
    can_report: bool
    """Say that something is wrong with what it did, so that everything like it is reviewed again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """A run as its page shows it."""

    id: str
    title: str
    workflow: str
    version: int
    owner: str
    tone: Tone
    status: str
    lead: Phrase
    source: str
    """The address of the message that the run was started with, or an empty text."""
    error: str | None
    failed: str
    """The visit that failed, as a form carries it; empty if none did."""
    advice: str
    """For people who can do something about it: what to find out before it is tried again or started anew."""
    parent: str | None
    """The run whose step started it."""
    parent_label: str
    """What the link to that run says."""
    inputs: tuple[tuple[str, str], ...]
    output: tuple[tuple[str, str], ...]
    files: tuple[FileReference, ...]
    steps: tuple[TimelineStep, ...]
    history: tuple[Phrase, ...]
    actions: RunActions
    is_erased: bool


def run_page(
    run: RunView,
    requests: Sequence[RequestView],
    copies: Sequence[DeliveryView],
    entries: Sequence[StoryEntry],
    reader: Reader,
    *,
    next_at: datetime | None = None,
) -> RunPage:
    """Return the page. Of the requests, only those are told about that the reader may see.

    `next_at`: when the schedule that started the run starts the next one.
    """
    seen = [request for request in requests if may_see_request(reader, request)]
    named = {account: person for request in seen for account, person in request.people.items()}
    is_counted = run.is_unreviewed or any(request.model.plan is not None for request in requests)
    tone, status = states.of_run(run.status, seen[-1] if seen else None)
    names, actions = Names.of_run(run, seen, copies), _actions(run, reader, is_counted=is_counted)
    hidden = {request.id for request in requests} - {request.id for request in seen}
    shown = [entry for entry in entries if entry.request not in hidden]
    return RunPage(
        id=run.id,
        title=_title(run, seen),
        workflow=characters.line(run.workflow_title),
        version=run.version,
        owner=characters.line(run.owner.label),
        tone=tone,
        status=status.capitalize(),
        lead=tuple(_lead(run, next_at)),
        source=run_history.source(run),
        error=characters.visible(run.error) if run.error else None,
        failed=f"{run.steps[-1].visit}.{run.steps[-1].step}" if actions.can_try_again else "",
        advice=_advice(run, actions),
        parent=run.parent,
        parent_label=_parent_label(run),
        inputs=tuple(shortened(run_history.inputs(run, named))),
        output=tuple(shortened(run_history.values(run.output, named))) if run.output else (),
        files=review_files.of_run(run),
        steps=tuple(
            _step(step, requests, seen, named, calls, _below(run, step))
            for step, calls in zip(run.steps, _failed_calls(run.steps, shown, names), strict=True)
        ),
        history=tuple(sentences(shown, names)),
        actions=actions,
        is_erased=run.is_erased,
    )


def _parent_label(run: RunView) -> str:
    if not run.is_lane:
        return "The run that started it"
    return "The run of this list" if run.item is None else f"The run with this list. This is item {run.item:,}"


def read_failed(text: str) -> tuple[str, int]:
    """Return the step and the visit of which a form says that it failed; of another text those of no visit."""
    visit, _, step = text.partition(".")
    is_number = visit.isascii() and visit.isdecimal() and len(visit) < 10
    return (step, int(visit)) if is_number else ("", 0)


def _title(run: RunView, seen: Sequence[RequestView]) -> str:
    naming = [request for request in seen if not questions.is_over_failure(request)]
    about = questions.of_run(run, naming[-1] if naming else None)
    if run.is_erased:
        return characters.line(run.workflow_title)
    return about if naming else " · ".join(filter(None, (characters.line(run.workflow_title), about)))


def _lead(run: RunView, next_at: datetime | None) -> Iterator[str | datetime]:
    """Yield who started the run, how and when, and how it stands or ended."""
    how = "" if run.requester.automation else f" {run_history.trigger(run)}"
    verb = "asked" if asks.of_run(run) is not None else "started it"
    yield f"{people.starter(run.requester, begins=True)} {verb}{how}, "
    yield run.started_at
    yield f". The run {states.run_clause(run)}"
    if run.ended_at is not None:
        yield ", "
        yield run.ended_at
    yield "."
    if run.is_unreviewed:
        yield f" It was {autonomy.NOT_REVIEWED}."
    if run.queued:
        yield " It begins when the run before has ended."
    if next_at is not None:
        yield " The next run starts "
        yield next_at
        yield "."


def _advice(run: RunView, actions: RunActions) -> str:
    if actions.can_try_again:
        return f"{advice.before_trying_again(run)} {advice.newer_version(run)}".strip()
    return advice.after_failure(run) if run.status is RunStatus.FAILED and actions.may_change else ""


def _actions(run: RunView, reader: Reader, *, is_counted: bool) -> RunActions:
    """Return what the reader can do. `is_counted`: a sampling plan counts the run."""
    changes = may_change_run(reader, run)
    return RunActions(
        may_change=changes,
        can_cancel=changes and not run.status.ended and not run.cancelled,
        can_try_again=changes and advice.can_be_tried_again(run),
        can_answer=run.status is RunStatus.NEEDS_ATTENTION and may_repair_run(reader, run),
        can_report=is_counted and may_repair_run(reader, run),
    )


# -- the timeline -------------------------------------------------------------------------------------------


def _step(
    step: StepView,
    requests: Sequence[RequestView],
    seen: Sequence[RequestView],
    named: Mapping[str, Person],
    calls: tuple[Phrase, ...],
    below: TimelineBelow,
) -> TimelineStep:
    visit = f" (visit {step.visit})" if step.visit > 1 else ""
    own = [each for each in requests if (each.model.subject.step, each.model.subject.visit) == (step.step, step.visit)]
    gates = [(request.at, gate(request, is_seen=request in seen)) for request in own]
    return TimelineStep(
        id=f"{step.step}-{step.visit}",
        label=f"{characters.line(step.label)}{visit}",
        tone=tone(step.status),
        status=states.STEPS[step.status],
        moments=tuple(_moments(step)),
        before=(*_unreviewed(step), *(each for at, each in gates if at is ReviewPoint.BEFORE)),
        after=tuple(each for at, each in gates if at is not ReviewPoint.BEFORE),
        given=tuple(shortened(run_history.given(step, named))),
        output=tuple(shortened(run_history.output(step, named))),
        error=characters.visible(step.error) if step.error else None,
        calls=calls,
        answers=tuple(_answer(answer) for answer in step.answers),
        model_calls=tuple(model_calls.lines(step.model_calls)),
        below=below,
    )


def _unreviewed(step: StepView) -> Iterator[TimelineGate]:
    """Yield the gate that let a visit through without review."""
    if step.is_unreviewed:
        yield TimelineGate(
            request=None,
            title=autonomy.NOT_REVIEWED.capitalize(),
            tone=Tone.SKIPPED,
            status="not asked",
            line=("The sampling plan of its gate drew it for no review.",),
        )


def _below(run: RunView, step: StepView) -> TimelineBelow:
    """Return the runs that a visit started, or its items."""
    return TimelineBelow(runs=tuple(_runs_of(run, step)), items=_items_of(run, step))


def _items_of(run: RunView, step: StepView) -> TimelineItems | None:
    for progress in run.items:
        if (progress.step, progress.visit) == (step.step, step.visit):
            return TimelineItems(
                visit=f"{step.visit}.{step.step}",
                progress=items.sentence(progress),
                asking=tuple((f"Item {number:,}", request) for number, request in progress.asking),
                stuck=tuple((f"Item {number:,}", lane) for number, lane in progress.stuck),
                failures=tuple(f"Item {number:,}: {characters.visible(error)}" for number, error in progress.failures),
            )
    return None


def _runs_of(run: RunView, step: StepView) -> Iterator[TimelineRun]:
    for child in run.children:
        if (child.step, child.visit) == (step.step, step.visit):
            tone, status = states.RUN_TONES[child.status], states.RUNS[child.status]
            yield TimelineRun(run=child.run, title=characters.line(child.title), tone=tone, status=status)


_LONGEST: Final = 20_000
"""Length of the longest value that a page shows whole, in characters: a page with several is loaded again and again."""
_FAILED_CALLS: Final = frozenset({"step.retrying", "step.outcome_unknown"})
"""Kinds of entries about calls after which a visit went on."""


def shortened(rows: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield values with their labels. Of a very long one, only the beginning, with its length."""
    for label, text in rows:
        if len(text) > _LONGEST:
            beginning = text[: characters.boundary(text, _LONGEST)]
            yield label, f"{beginning}… ({len(text):,} characters in all)"
        else:
            yield label, text


def _failed_calls(
    steps: Sequence[StepView], entries: Sequence[StoryEntry], names: Names
) -> Iterator[tuple[Phrase, ...]]:
    """Yield the failed calls of each visit: those of its step from its start to that of the next visit."""
    for step in steps:
        later = [other.started_at for other in steps if other.step == step.step and other.visit > step.visit]
        own = [
            entry
            for entry in entries
            if entry.step == step.step
            and entry.kind in _FAILED_CALLS
            and (step.started_at is None or entry.at >= step.started_at)
            and all(at is None or entry.at < at for at in later)
        ]
        yield tuple(sentences(own, names))


_PAUSED: Final = frozenset({StepStatus.SLEEPING, StepStatus.RETRYING, StepStatus.HELD, StepStatus.GRANTED})
"""Statuses of a step that goes on at a moment."""
_WAITING: Final = frozenset(
    {
        *_PAUSED,
        StepStatus.IN_REVIEW,
        StepStatus.OUTPUT_IN_REVIEW,
        StepStatus.STARTED,
        StepStatus.GRANTED,
        StepStatus.PREPARING,
        StepStatus.IN_RUNS,
    }
)


def tone(status: StepStatus) -> Tone | None:
    """Return the tone of a step, also of one that is not at its end; None if it was skipped or not run."""
    return states.STEP_TONES.get(status) or (Tone.WAITING if status in _WAITING or status is StepStatus.READY else None)


def gate(request: RequestView, *, is_seen: bool) -> TimelineGate:
    """Return a request as the page of its run shows it. Of one that the reader may not see, only its state."""
    return TimelineGate(
        request=request.id if is_seen else None,
        title=questions.of_request(request) if is_seen else "A request that you were not asked about",
        tone=request_outcome.tone(request),
        status=request_outcome.state(request).capitalize(),
        line=_gate_line(request) if is_seen else (),
    )


def _gate_line(request: RequestView) -> Phrase:
    """Return who is asked, or how the request ended."""
    if request.model.state is not RequestState.PENDING:
        return request_outcome.with_reason(request)
    is_form = request.model.subject.is_form
    return (people.asked(people.approvers(request), closed=False, is_form=is_form),)


def _moments(step: StepView) -> Iterator[str | datetime]:
    """Yield when the visit began and ended, how often the step was called, and when it goes on."""
    if step.started_at is not None and step.status is not StepStatus.SKIPPED:
        yield "Started "
        yield step.started_at
        yield ". "
    if step.ended_at is not None and step.ended_at != step.started_at:
        yield "Ended "
        yield step.ended_at
        yield ". "
    if step.attempt > 1:
        yield f"Called {step.attempt} times. "
    if step.wakes_at is not None and step.status in _PAUSED:
        yield "Continues "
        yield step.wakes_at
        yield "."


def _answer(answer: StepAnswer) -> Phrase:
    """Return what a person said about a call of unknown outcome."""
    return (f"{characters.line(answer.person.label)} answered “{answers.LABELS[answer.answer]}”, ", answer.at, ".")


# -- what happened ------------------------------------------------------------------------------------------


_ERASED: Final = "This was done by {}. Its content was erased."


def sentences(entries: Sequence[StoryEntry], names: Names) -> Iterator[Phrase]:
    """Yield each entry of the audit log as a sentence with its time in front."""
    for entry in entries:
        who, what = characters.line(story.actor_of(entry, names) or ""), story.sentence_of(entry, names)
        told = what if not who else f"{who} {what}" if entry.content is not None else _ERASED.format(who)
        yield entry.at, f" {characters.visible(told)}"
