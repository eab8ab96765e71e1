"""What an earlier step was called with, edits included, as expressions read it in `steps.<id>.approved`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.domain import ReviewPoint
from engine.json_values import Path
from engine.workflowfile.phrases import cite, list_names, suggest
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.step_kinds import Nature
from engine.workflowfile.workflow import Step

NAME: Final = "approved"
NATURES: Final = frozenset({Nature.EFFECT, Nature.RUNS})
"""How steps run that leave what they were called with."""


def keeps(step: Step) -> bool:
    """Return whether the step leaves what it was called with: a call that people review before it runs."""
    if step.body is not None:
        return False
    return step.gate is not None and step.gate.at is ReviewPoint.BEFORE and step.kind.nature in NATURES


def check_reference(
    report: ProblemReport,
    at: Path,
    step: str,
    parts: Sequence[str],
    *,
    approved: frozenset[str] | None,
    is_current_step: bool,
) -> None:
    """Report a step that leaves nothing approved, or a parameter that is not among the `approved` ones."""
    if is_current_step:
        report.add(at, f"What is approved of `{cite(step)}` is not there yet: this gate asks for it.")
    elif approved is None:
        message = f"The step `{cite(step)}` leaves no `{NAME}`: it is no call that people review before it runs."
        report.add(at, message, f"Its output has what was edited: write `steps.{cite(step)}.…`.")
    elif parts and parts[0] not in approved:
        hint = suggest(parts[0], sorted(approved)) or f"It has {list_names(sorted(approved), 'and')}."
        report.add(at, f"The step `{cite(step)}` takes no `{cite(parts[0])}`.", hint)
