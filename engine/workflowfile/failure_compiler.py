"""Compiler of `on_error: ask`: the gate that opens when a step has failed, and asks what to do."""

from __future__ import annotations

from msgspec.structs import replace

from engine.domain import AloneReason, ReasonRequired, ReviewPoint
from engine.workflowfile import approver_checks
from engine.workflowfile.declarations import Declarations
from engine.workflowfile.draft import StepDraft
from engine.workflowfile.expression_scope import ExpressionNames
from engine.workflowfile.grammar import GateFile, StepFile
from engine.workflowfile.policy_compiler import compile_people
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.step_kinds import FORM
from engine.workflowfile.workflow import STOP, TRY_AGAIN, Gate


def compile_failure_gate(
    report: ProblemReport,
    step: StepDraft,
    file: StepFile,
    names: ExpressionNames,
    *,
    declarations: Declarations,
    gate: Gate | None,
) -> Gate | None:
    """Return the gate that opens after a failure, or None if the step does not ask.

    `gate`: the step's own. It shows the same parameters, so they reach people in the same ways, who prove the same.
    """
    if file.on_error != "ask" or step.uses == FORM:
        return None
    named = GateFile(approvers=file.approvers) if "approvers" in file.model_fields_set else GateFile()
    approver_checks.check_not_empty(report, named, step.at)
    asks = Gate(
        at=ReviewPoint.FAILED,
        approvers=compile_people(report, file.approvers, (*step.at, "approvers"), names),
        declarations=declarations,
        approve_label=TRY_AGAIN,
        reject_label=STOP,
        reason_required=ReasonRequired.NEVER,
        alone=AloneReason.FAILURE,
    )
    asks = replace(asks, approver_inputs=approver_checks.inputs_naming_approvers(asks.people, names))
    if gate is None:
        return asks
    asks = replace(
        asks,
        ways=replace(gate.ways, post_to=None),
        fallback_after=gate.fallback_after,
        assurance=gate.assurance,
        confirm_with=gate.confirm_with,
    )
    return replace(asks, edit=gate.edit) if gate.at is ReviewPoint.BEFORE else asks
