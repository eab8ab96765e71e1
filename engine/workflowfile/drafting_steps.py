"""Which steps wrote the draft that a gate asks about, as the workflow tells. Pure."""

from __future__ import annotations

from engine.domain import ReviewPoint
from engine.workflowfile.step_kinds import AI
from engine.workflowfile.workflow import Step, Workflow


def drafting_steps(workflow: Workflow, step: Step, at: ReviewPoint) -> list[Step]:
    """Return the steps that ask models and whose output the step reads, also through other steps, in their order."""
    read, waiting = set[str](), [step]
    while waiting:
        names = _steps_read_by(waiting.pop()) - read
        read |= names
        waiting += [other for other in workflow.steps[: step.index] if other.id in names]
    if at is ReviewPoint.AFTER:
        read.add(step.id)
    return [other for other in workflow.steps[: step.index + 1] if other.kind.name == AI and other.id in read]


def _steps_read_by(step: Step) -> set[str]:
    references = (reference for template in step.templates for reference in template.references)
    return {str(reference[1]) for reference in references if reference[0] == "steps" and len(reference) > 1}
