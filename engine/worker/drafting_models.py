"""The language models that drafted what a request is about."""

from __future__ import annotations

from engine.domain import ReviewPoint
from engine.requests import Subject
from engine.store import model_calls
from engine.store.port import Tx
from engine.workflowfile import Step, Workflow
from engine.workflowfile.step_kinds import AI


def load_models(tx: Tx, workflow: Workflow, subject: Subject) -> list[tuple[str, str]]:
    """Return the label of each step whose draft the request shows or comes from, and the model that wrote it."""
    if not any(step.kind.name == AI for step in workflow.steps):
        return []
    steps = _drafting_steps(workflow, workflow.step(subject.step), subject.at)
    calls = model_calls.load_of_run(tx.connection, subject.run) if steps else {}
    newest = {step: calls[step, visit][-1].model for step, visit in sorted(calls)}
    return [(step.label, newest[step.id]) for step in steps if step.id in newest]


def _drafting_steps(workflow: Workflow, step: Step, at: ReviewPoint) -> list[Step]:
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
