"""Checks of `revise` and `on_reject`, with which a run goes on at another step."""

from __future__ import annotations

from collections.abc import Sequence

from engine.workflowfile.draft import StepDraft
from engine.workflowfile.grammar import GateFile
from engine.workflowfile.phrases import cite, suggest
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.review_names import REVIEW
from engine.workflowfile.workflow import Step


def check_revise(report: ProblemReport, step: StepDraft, gate: GateFile, steps: Sequence[StepDraft]) -> None:
    """Report a `revise` that names neither an earlier step nor, with `at: after`, the step itself."""
    if gate.revise is None:
        return
    earlier = [draft.id for draft in steps[: step.index] if draft.id is not None]
    if gate.revise in earlier or (gate.revise == step.id and gate.at == "after"):
        return
    at = (*step.gate_at, "revise")
    if gate.revise == step.id:
        message = "With `at: before`, the step itself has not run yet, so it cannot run again."
        report.add(at, message, "Name the earlier step that made what is shown, or write `at: after`.")
        return
    message = f"`revise` names an earlier step; there is none `{cite(gate.revise)}` before this one."
    report.add(at, message, suggest(gate.revise, earlier))


def check_on_reject(report: ProblemReport, step: StepDraft, gate: GateFile, steps: Sequence[StepDraft]) -> None:
    """Report an `on_reject` that names no later step."""
    later = [draft.id for draft in steps[step.index + 1 :] if draft.id is not None]
    if gate.on_reject is None or gate.on_reject in later:
        return
    message = f"`on_reject` names a later step; there is none `{cite(gate.on_reject)}` after this one."
    hint = suggest(gate.on_reject, later) or "To go back to an earlier step with a comment, write `revise`."
    report.add((*step.gate_at, "on_reject"), message, hint)


def check_comments_are_read(report: ProblemReport, drafts: Sequence[StepDraft], steps: Sequence[Step]) -> None:
    """Report a `revise` whose comment no step reads: the same content would come back."""
    index_of = {step.id: step.index for step in steps}
    for step in steps:
        gate = step.gate
        at = (*drafts[step.index].gate_at, "revise")
        if gate is None or gate.revise not in index_of or report.has_problem(at):
            continue
        repeated = [other for other in steps if index_of[gate.revise] <= other.index <= step.index]
        if not any(path[0] == REVIEW for other in repeated for text in other.templates for path in text.references):
            message = "What the approver asks for would reach no step, and the same content would come back."
            hint = f'Write "{{{{ review.comment }}}}" in the step `{gate.revise}`.'
            report.add(at, message, hint)
