"""The secrets that a workflow names, in the parameters of its steps and in its webhooks."""

from __future__ import annotations

from engine.workflowfile.workflow import Workflow


def of_steps(workflow: Workflow) -> frozenset[str]:
    """Return the names of the secrets that its steps are called with."""
    return frozenset(name for step in workflow.steps for name in step.params.secrets)


def of_workflow(workflow: Workflow) -> frozenset[str]:
    """Return the names of all secrets that it uses."""
    return of_steps(workflow) | {trigger.webhook.secret for trigger in workflow.triggers if trigger.webhook is not None}
