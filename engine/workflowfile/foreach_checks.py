"""Checks of a `foreach`: the steps that it repeats, and the one gate for all of its items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.workflowfile.draft import StepDraft
from engine.workflowfile.grammar import GateFile
from engine.workflowfile.phrases import cite
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.step_kinds import BRANCH, FOREACH, FORM

WAIT: Final = "wait"
_NOT_REVIEWED: Final = frozenset({BRANCH, FOREACH, FORM, WAIT})
"""Kinds of steps whose parameters cannot be reviewed for all items before the first of them begins."""


def check_foreach(report: ProblemReport, step: StepDraft, drafts: Sequence[StepDraft]) -> None:
    """Report a gate for all items that cannot show what is about to run for each of them."""
    if step.uses != FOREACH or step.body is None:
        return
    _check_failures(report, step)
    if step.gate is None:
        return
    _check_gate(report, step, step.gate)
    body = [drafts[index] for index in step.body]
    if len(body) > 1:
        message = "One gate for all items needs exactly one step inside, whose parameters people review."
        hint = "Put a gate on a step inside, so that people are asked about each item, or move the other steps out."
        report.add(step.gate_at, message, hint, at="key")
        return
    for inner in body:
        if inner.gate is not None and inner.uses != FORM:
            message = "The gate of this foreach asks about all items, so this step cannot have one of its own."
            report.add(inner.gate_at, message, "Delete one of the two.", at="key")
        elif inner.file is not None and inner.file.on_error == "ask":
            message = "What is approved for all items runs as it is, so it cannot be tried again with other values."
            report.add((*inner.at, "on_error"), message, "Put a gate on the step inside instead.", at="key")
        elif inner.uses in _NOT_REVIEWED:
            message = f"One gate for all items cannot show what `{cite(inner.uses)}` does."
            report.add((*inner.at, "uses"), message, "Put gates on the steps inside.")


def _check_failures(report: ProblemReport, step: StepDraft) -> None:
    """Report a question about the failure of all items: another try would do again what worked for others."""
    if step.file is not None and step.file.on_error == "ask":
        message = "A foreach asks no one about its failure: another try would repeat the items that worked."
        report.add((*step.at, "on_error"), message, "Write `on_error: ask` on a step inside.", at="key")


def _check_gate(report: ProblemReport, step: StepDraft, gate: GateFile) -> None:
    if gate.at == "after":
        hint = "To review the results, put the gate on a `set` step after it."
        report.add((*step.gate_at, "at"), "A foreach is asked about before its items begin.", hint)
    if step.edit:
        hint = "Delete `edit`, or put a gate on the step inside."
        report.add((*step.gate_at, "edit"), "Items that are approved together cannot be edited.", hint, at="key")
