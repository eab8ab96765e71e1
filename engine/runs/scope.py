"""The names that the expressions of a run may use: `inputs`, `run`, `steps` and, where they are read, decisions."""

from __future__ import annotations

from collections.abc import Mapping

from engine import timestamps
from engine.domain import StepStatus
from engine.expressions import DECISIONS
from engine.json_values import Value
from engine.runs.state import RunState, Visit
from engine.workflowfile import Workflow

_WITH_OUTPUT = frozenset({StepStatus.SUCCEEDED, StepStatus.OUTPUT_IN_REVIEW})


class RunScope:
    """Builds the names for each expression of one transition; the names that never change are built once."""

    def __init__(self, workflow: Workflow, state: RunState) -> None:
        self._workflow, self._state = workflow, state
        self._constant: dict[str, Value] | None = None

    def names(self, visits: Mapping[str, Visit], cursor: int) -> dict[str, Value]:
        """Return the names as they are with these visits, at the step with the index `cursor`."""
        if self._constant is None:
            self._constant = _constant_names(self._workflow, self._state)
        names = {**self._constant, "steps": _outputs(visits)}
        if self._workflow.reads_decisions:
            names[DECISIONS] = self._decisions(visits, cursor)
        return names

    def _decisions(self, visits: Mapping[str, Visit], cursor: int) -> dict[str, Value]:
        """Return the decision at each earlier step with a gate, or None where no person decided."""
        gated = [step.id for step in self._workflow.steps[:cursor] if step.gate is not None]
        return {name: self._state.decisions.get(name) for name in gated if _reached_gate(visits.get(name))}


def _outputs(visits: Mapping[str, Visit]) -> dict[str, Value]:
    steps: dict[str, Value] = {}
    for name, visit in visits.items():
        if visit.status in _WITH_OUTPUT:
            steps[name] = visit.output or {}
        elif visit.status is StepStatus.FAILED:
            steps[name] = {"error": visit.error}
    return steps


def _reached_gate(visit: Visit | None) -> bool:
    """Return whether the run came to the gate of the step: a step that was skipped did not."""
    return visit is not None and visit.status is not StepStatus.SKIPPED


def _constant_names(workflow: Workflow, state: RunState) -> dict[str, Value]:
    """Return the names that stay the same during a transition: all but `steps` and decisions."""
    return {
        "inputs": dict(state.inputs),
        "trigger": {},
        "run": {
            "id": state.id,
            "workflow": workflow.name,
            "requester": state.requester,
            "started_at": timestamps.iso(state.started_at),
        },
    }
