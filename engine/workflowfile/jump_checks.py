"""Checks of `revise` and `on_reject`, with which a run goes on at another step."""

from __future__ import annotations

from collections.abc import Sequence

from engine.json_values import Path
from engine.workflowfile import step_lists
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
    earlier = _reachable(step, steps[: step.index])
    if gate.revise in earlier or (gate.revise == step.id and gate.at == "after"):
        return
    at = (*step.gate_at, "revise")
    if gate.revise == step.id:
        message = "With `at: before`, the step itself has not run yet, so it cannot run again."
        report.add(at, message, "Name the earlier step that made what is shown, or write `at: after`.")
        return
    if _is_out_of_reach(report, at, gate.revise, steps[: step.index]):
        return
    message = f"`revise` names an earlier step; there is none `{cite(gate.revise)}` before this one."
    report.add(at, message, suggest(gate.revise, earlier))


def check_on_reject(report: ProblemReport, step: StepDraft, gate: GateFile, steps: Sequence[StepDraft]) -> None:
    """Report an `on_reject` that names no later step."""
    later, at = _reachable(step, steps[step.index + 1 :]), (*step.gate_at, "on_reject")
    if gate.on_reject is None or gate.on_reject in later:
        return
    if _is_out_of_reach(report, at, gate.on_reject, steps[step.index + 1 :]):
        return
    message = f"`on_reject` names a later step; there is none `{cite(gate.on_reject)}` after this one."
    hint = suggest(gate.on_reject, later) or "To go back to an earlier step with a comment, write `revise`."
    report.add(at, message, hint)


def _reachable(step: StepDraft, others: Sequence[StepDraft]) -> list[str]:
    """Return the steps that a run can go on with from `step`: not those inside other steps, before which something
    has to be decided."""
    around = [other for other in others if step_lists.is_within(other.list_at, step.list_at)]
    return [other.id for other in around if other.id is not None and other.frame == step.frame]


def _is_out_of_reach(report: ProblemReport, at: Path, name: str, others: Sequence[StepDraft]) -> bool:
    """Report a step that lies inside another one. Return whether it does: only then it is among the `others`."""
    if all(other.id != name for other in others):
        return False
    message = (
        f"A run cannot go on at the step `{cite(name)}`: it lies inside another step, or outside of this `foreach`."
    )
    report.add(at, message, "Name a step of the same list, or of a list around it.")
    return True


def check_comments_are_read(report: ProblemReport, drafts: Sequence[StepDraft], steps: Sequence[Step]) -> None:
    """Report a `revise` whose comment no step reads: the same content would come back."""
    index_of = {step.id: step.index for step in steps}
    for step in steps:
        gate = step.gate
        at = (*drafts[step.index].gate_at, "revise")
        if gate is None or gate.revise not in index_of or report.has_problem(at):
            continue
        alternatives = step_lists.alternatives(drafts[step.index], drafts)
        between = [other for other in steps if index_of[gate.revise] <= other.index <= step.index]
        repeated = [other for other in between if other.id not in alternatives]
        if not any(path[0] == REVIEW for other in repeated for text in other.templates for path in text.references):
            message = "What the approver asks for would reach no step, and the same content would come back."
            hint = f'Write "{{{{ review.comment }}}}" in the step `{gate.revise}`.'
            report.add(at, message, hint)
