"""The language models that drafted what a request is about."""

from __future__ import annotations

from engine.requests import Subject
from engine.store import model_calls
from engine.store.port import Tx
from engine.workflowfile import Workflow
from engine.workflowfile.drafting_steps import drafting_steps


def load_models(tx: Tx, workflow: Workflow, subject: Subject) -> list[tuple[str, str]]:
    """Return the label of each step whose draft the request shows or comes from, and the model that wrote it."""
    if not workflow.has_drafts:
        return []
    steps = drafting_steps(workflow, workflow.step(subject.step), subject.at)
    calls = model_calls.load_of_run(tx.connection, subject.run) if steps else {}
    newest = {step: calls[step, visit][-1].model for step, visit in sorted(calls)}
    return [(step.label, newest[step.id]) for step in steps if step.id in newest]
