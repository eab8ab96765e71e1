"""What a gate would have asked about a visit that went through without review, for people who look at it afterwards."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from engine.domain import Params, ReviewPoint, StepStatus
from engine.errors import ExpressionError
from engine.requests import Opening
from engine.runs.grants import RefusedAsk
from engine.runs.state import RunState
from engine.runs.transition import Transition
from engine.workflowfile import Step, Workflow

_WITHOUT_REVIEW: Final = True
"""That the gate would have opened: the run drew, so its condition held."""


def opening_of(
    workflow: Workflow, state: RunState, step: Step, visit: int, digest: str, *, now: datetime
) -> Opening | None:
    """Return the request that would have opened, or None if what went through is not known any more.

    `digest`: of what went through, which the content has to have: people look at exactly that.
    """
    known, gate = state.visits.get(step.id), step.gate
    if known is None or gate is None:
        return None
    # The gate may be passed in memory only: nothing of this transition is saved.
    transition = Transition(workflow, replace(state, cursor=step.index), now)
    at_gate = replace(known, visit=visit, status=StepStatus.SUCCEEDED if gate.at is ReviewPoint.AFTER else known.status)
    names = transition.scope.names({**state.visits, step.id: at_gate}, step.index)
    try:
        is_after = gate.at is ReviewPoint.AFTER
        content = Params(dict(known.output or {})) if is_after else transition.params_of(step, names)
    except (ExpressionError, RefusedAsk):
        return None
    if transition.subject(step, at_gate, gate.at).digest(content) != digest:
        return None
    transition.open_gate(gate, step, at_gate, content, names, _WITHOUT_REVIEW)
    return transition.opening
