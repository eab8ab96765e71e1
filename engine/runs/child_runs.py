"""Runs that the steps of other runs start: what is ordered, what a run returns, and how its parent tells of its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from engine.domain import Params, RunStatus
from engine.json_values import Value
from engine.runs import items
from engine.runs.state import ChildRun, LanesOrder, RunOrder, Visit, checked_output
from engine.workflowfile import Step, Workflow

_ENDED: Final = {
    RunStatus.FAILED: "failed",
    RunStatus.REJECTED: "was rejected",
    RunStatus.EXPIRED: "expired without a decision",
    RunStatus.CANCELLED: "was cancelled",
}
"""How a run ended that did not succeed, after its name."""


def order(step: Step, visit: Visit, params: Params) -> RunOrder | LanesOrder:
    """Return the run that a visit to a step is about to start, or the lanes of a foreach."""
    if step.body is not None:
        reviewed = items.reviewed_fingerprint(params) if step.gate is not None else None
        return LanesOrder(step=step.id, visit=visit.visit, fingerprint=reviewed)
    inputs = cast("dict[str, Value]", params.value.get("inputs") or {})
    return RunOrder(step=step.id, visit=visit.visit, workflow=str(params.value["workflow"]), inputs=inputs)


def render_output(workflow: Workflow, names: Mapping[str, Value]) -> dict[str, Value] | None:
    """Return what a run returns that is done, or None if its workflow declares nothing.

    Raises `ExpressionError`, or `InvalidValue` if it is too large.
    """
    return None if workflow.output is None else checked_output(workflow.output.render(names))


def output_of(child: ChildRun) -> dict[str, Value]:
    """Return the output of the step whose run succeeded."""
    return {**(child.output or {}), "run": child.run, "status": child.status.value}


def failure_of(child: ChildRun) -> str:
    """Return why the step fails whose run did not succeed."""
    why = f": {child.error}" if child.error else "."
    return f"“{child.title}” (run {child.run}) {_ENDED[child.status]}{why}"
