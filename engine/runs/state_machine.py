"""The three ways into a walk."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from engine.domain import ResumeAnswer
from engine.json_values import Value
from engine.runs.state import Outcome, Produced, Progress, RunState
from engine.runs.transition import Transition
from engine.workflowfile import Workflow


def proceed(
    workflow: Workflow, state: RunState, *, now: datetime, acting: bool = True, asking: bool = True
) -> Progress:
    """Walk on from where the run stands.

    Not `acting`: stop before an effect, for somebody else to claim it. Not `asking`: stop before opening a request too.
    """
    walk = Transition(workflow, state, now, acting=acting, asking=asking)
    walk.go()
    return walk.progress()


def record(workflow: Workflow, state: RunState, outcome: Outcome, *, now: datetime, asking: bool = True) -> Progress:
    """Put in the outcome of the effect that the run stands at, and walk on. Not `asking`: but open no request."""
    walk = Transition(workflow, state, now, asking=asking)
    if isinstance(outcome, Produced):
        walk.produced(outcome.output)
    else:
        walk.failed(outcome)
    walk.go()
    return walk.progress()


def resume(
    workflow: Workflow, state: RunState, answer: ResumeAnswer, *, output: Mapping[str, Value], now: datetime
) -> Progress:
    """Put in what a person says about the effect of unknown outcome, and walk on to the next effect, not into it."""
    walk = Transition(workflow, state, now, acting=False)
    walk.answered(answer, dict(output))
    walk.go()
    return walk.progress()
