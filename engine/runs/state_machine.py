"""The functions that move a run: proceed, record an outcome, resume after an answer, try again after a failure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from engine.domain import ResumeAnswer
from engine.json_values import Value
from engine.runs.lanes import LaneTransition
from engine.runs.state import Outcome, Progress, RunState, StepOutput
from engine.runs.transition import Transition
from engine.workflowfile import Workflow


def proceed(
    workflow: Workflow,
    state: RunState,
    *,
    now: datetime,
    may_run_effects: bool = True,
    may_open_requests: bool = True,
    may_start_runs: bool = False,
) -> Progress:
    """Move the run forward until it has to stop, and return where it stopped.

    Without `may_run_effects` it also stops before an effect, which a runner then claims. Without `may_open_requests` it
    also stops before a request. With `may_start_runs` it stops with an order where a step starts a run of its own.
    """
    transition = _transition(
        workflow,
        state,
        now,
        may_run_effects=may_run_effects,
        may_open_requests=may_open_requests,
        may_start_runs=may_start_runs,
    )
    transition.run()
    return transition.progress()


def record(
    workflow: Workflow, state: RunState, outcome: Outcome, *, now: datetime, may_open_requests: bool = True
) -> Progress:
    """Save the outcome of the effect that the run is at, and move the run forward as `proceed` does."""
    transition = _transition(workflow, state, now, may_open_requests=may_open_requests)
    if isinstance(outcome, StepOutput):
        transition.record_output(outcome.output)
    else:
        transition.record_failure(outcome)
    transition.run()
    return transition.progress()


def consume(workflow: Workflow, state: RunState, *, now: datetime) -> Progress:
    """Note that the program that asked acts on the approval that the run waits with."""
    transition = _transition(workflow, state, now, may_run_effects=False)
    transition.consume()
    return transition.progress()


def report(workflow: Workflow, state: RunState, outcome: Outcome, *, now: datetime) -> Progress:
    """Save what a program says of an approval that it used, and move the run forward up to the next effect."""
    transition = _transition(workflow, state, now, may_run_effects=False)
    if isinstance(outcome, StepOutput):
        transition.record_output(outcome.output)
    else:
        transition.record_failure(outcome)
    transition.run()
    return transition.progress()


def resume(
    workflow: Workflow, state: RunState, answer: ResumeAnswer, *, output: Mapping[str, Value], now: datetime
) -> Progress:
    """Save a person's answer about the effect of unknown outcome, and move the run forward up to the next effect."""
    transition = _transition(workflow, state, now, may_run_effects=False)
    transition.record_answer(answer, dict(output))
    transition.run()
    return transition.progress()


def try_again(workflow: Workflow, state: RunState, *, now: datetime) -> Progress:
    """Move a run that failed forward, from a new visit to the step that failed up to the next effect."""
    transition = _transition(workflow, state, now, may_run_effects=False)
    transition.try_again()
    transition.run()
    return transition.progress()


def _transition(workflow: Workflow, state: RunState, now: datetime, **limits: bool) -> Transition:
    return (Transition if state.lane is None else LaneTransition)(workflow, state, now, **limits)
