"""Checks of a file with a step `uses: ask`: only an ask starts it, so that step is the first that a run comes to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.json_values import Path
from engine.workflowfile.draft import StepDraft, WorkflowDraft
from engine.workflowfile.grammar import OTHERWISE
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.step_kinds import ASK, BRANCH

_MEANINGLESS = ("when", "retry", "timeout", "idempotent")
_STARTS = {
    "inputs": "The program sends its own values; expressions name them as `ask.arguments.…`.",
    "triggers": "Only an ask starts a workflow with a step `uses: ask`.",
    "may_run": "Only an ask starts it. Which API keys may ask is set with `signoff keys create`.",
}


def check_asks(report: ProblemReport, draft: WorkflowDraft) -> None:
    """Report asks that a run does not come to first, and keys that have no meaning with them."""
    asks = [step for step in draft.steps if step.uses == ASK]
    if not asks or draft.has_rules:
        return
    for key, hint in _STARTS.items():
        if report.has((key,)):
            report.add((key,), f"`{key}` has no meaning in a workflow for asks.", hint, at="key")
    first = [step.index for step in _first_steps(report, draft.steps[0], draft.steps)]
    for step in asks:
        _check_keys(report, step)
        if step.index not in first:
            message = "A step `uses: ask` comes first: only an ask starts this workflow."
            report.add(step.at, message, "Put it at the top, or first on each path of a branch at the top.")


def _first_steps(report: ProblemReport, step: StepDraft, steps: Sequence[StepDraft]) -> Iterator[StepDraft]:
    """Yield the steps that a run can come to first, past branches."""
    if step.uses != BRANCH:
        yield step
        return
    if step.paths and step.paths[-1].name != OTHERWISE:
        report.add(step.at, "Some asks might take no path of this branch.", "Add `otherwise` with a step `uses: ask`.")
    for path in step.paths:
        if not path.steps:
            continue
        first = steps[path.steps.start]
        if first.uses not in (ASK, BRANCH):
            report.add(first.at, "The first step of this path is reached by an ask, so it must be a step `uses: ask`.")
        yield from _first_steps(report, first, steps)


def _check_keys(report: ProblemReport, step: StepDraft) -> None:
    for key in _MEANINGLESS:
        _report_key(report, (*step.at, key), f"`{key}` has no meaning on an `ask` step: the program acts itself.")
    if step.file is not None and step.file.on_error == "ask":
        message = "No one here can try it again: only the program that asked can."
        report.add((*step.at, "on_error"), message, "Write `stop` or `continue`.", at="key")
    if step.gate is not None and step.gate.at == "after":
        message = "An `ask` step asks before the program acts; it has nothing to show after it."
        report.add((*step.gate_at, "at"), message, "Delete this line.", at="key")


def _report_key(report: ProblemReport, path: Path, message: str) -> None:
    if report.has(path):
        report.add(path, message, "Delete this line.", at="key")
