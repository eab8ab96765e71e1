"""Compiler of `output`: what a run of the workflow returns to the run that started it."""

from __future__ import annotations

from typing import Final

from pydantic_core import PydanticCustomError

from engine.expressions import CompiledValue, compile_value, iter_strings
from engine.json_values import Path
from engine.workflowfile import approved_params, checks, decision_outputs
from engine.workflowfile.draft import WorkflowDraft
from engine.workflowfile.expression_scope import ExpressionNames, compile_text
from engine.workflowfile.phrases import cite
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.scalars import check_name

KEY: Final = "output"
TAKEN: Final = frozenset({"run", "status", "error", decision_outputs.NAME, approved_params.NAME})
"""Names after `steps.<id>` that the engine itself fills in for a step that ran the workflow."""


def compile_output(report: ProblemReport, draft: WorkflowDraft, names: ExpressionNames) -> CompiledValue | None:
    """Return what a run returns, or None if the file declares nothing, or nothing right. Problems are reported."""
    output = draft.file.output if draft.file is not None else None
    if output is None:
        return None
    at: Path = (KEY,)
    for name in output:
        _check_name(report, name)
    is_valid = checks.check_keys(report, output, at)
    for path, text in iter_strings(output):
        is_valid = compile_text(report, text, at + path, names) is not None and is_valid
    return compile_value(output) if is_valid else None


def _check_name(report: ProblemReport, name: str) -> None:
    if name in TAKEN:
        message = f"`{cite(name)}` is a name that Signoff fills in itself for the step that runs this workflow."
        report.add((KEY, name), message, "Give this value another name.", at="key")
        return
    try:
        check_name(name, "The name of a value in `output`")
    except PydanticCustomError as error:
        report.add((KEY, name), error.message(), (error.context or {}).get("hint", ""), at="key")
