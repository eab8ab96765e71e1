"""What the steps of a workflow need that is not set up on a server."""

from __future__ import annotations

from collections.abc import Mapping

from engine.json_values import Value
from engine.ports import StepType
from engine.workflowfile import Step, StepKind, Workflow


def find_missing(workflow: Workflow, kinds: Mapping[str, StepKind]) -> list[str]:
    """Return a sentence for each step that cannot run, because something is not set up."""
    found: list[str] = []
    for step in workflow.steps:
        kind = kinds.get(step.kind.name)
        missing = kind.missing(literals(step)) if isinstance(kind, StepType) else None
        if missing is not None:
            found.append(f"The step {step.id} (`{step.kind.name}`) cannot run here. {missing}")
    return found


def literals(step: Step) -> dict[str, Value]:
    """Return the parameters of a step without expressions."""
    rendered = {path[0] for path, _ in step.params.templates}
    value = step.params.value
    return {name: item for name, item in value.items() if name not in rendered} if isinstance(value, dict) else {}
