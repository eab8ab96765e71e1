"""Checks of `autonomy` on a gate: where nothing may go through without review, whatever people agree to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.expressions import Template
from engine.json_values import Path, show_path
from engine.workflowfile.draft import StepDraft
from engine.workflowfile.grammar import GateFile
from engine.workflowfile.phrases import cite
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.step_kinds import FOREACH, FORM
from engine.workflowfile.workflow import Gate

_DELETE = "Delete one of the two."


def check_autonomy(report: ProblemReport, step: StepDraft, gate: GateFile) -> None:
    """Report a sampling plan on a gate where every request has to be reviewed."""
    at: Path = (*step.gate_at, "autonomy")
    if not report.has(at) or report.has_problem(at):
        return
    for message, hint in _reasons_for_review(step, gate):
        report.add(at, message, hint, at="key")
    if gate.autonomy is not None and gate.autonomy.only_when is False and not report.registered:
        message = "`only_when: false` lets nothing through, so the plan never has an effect."
        report.add((*at, "only_when"), message, "Write a condition, or delete `autonomy`.", at="key")
    if gate.autonomy is not None and step.edit is not None and step.uses != FORM:
        _check_minor(report, gate.autonomy.minor, [edit.name for edit in step.edit], (*at, "minor"))


def _reasons_for_review(step: StepDraft, gate: GateFile) -> Iterator[tuple[str, str]]:
    """Yield why everything at this gate has to be reviewed, each with what to do."""
    if gate.irreversible:
        yield "What cannot be undone is always reviewed, so `irreversible` allows no `autonomy`.", _DELETE
    if gate.policy != "any":
        yield "A gate with a `policy` wants a second person, so nothing may go through without any.", _DELETE
    if gate.confirm_with is not None:
        yield "With `confirm_with` each decision is signed, so nothing may go through without one.", _DELETE
    if gate.on_expiry == "continue":
        message = "`on_expiry: continue` lets through what no one looked at, so no worst case could be stated."
        yield message, "Write `on_expiry: reject`."
    if step.uses == FORM:
        yield "A form is filled in by a person, so it cannot go through without one.", "Delete `autonomy`."
    elif step.uses == FOREACH:
        yield "Items that are reviewed together are always reviewed: they are not independent.", "Delete `autonomy`."
    elif step.frame is not None:
        message = "The items of one foreach are not independent, so none may go through without review."
        yield message, "Delete `autonomy`, or start a run for each item with a `run` step."


def check_class(report: ProblemReport, step: StepDraft, gate: Gate, content: Iterable[Template]) -> None:
    """Report a `class` that reads what its requester chooses and no one sees: they would choose how much is reviewed.

    `content`: the parameters of the step, which people approve.
    """
    if gate.autonomy is None or report.registered:
        return
    seen = {show_path(path[:2]) for template in (*content, *gate.shown) for path in template.references}
    for name in gate.autonomy.chosen:
        if name not in seen:
            message = (
                f"`class` reads `{name}`, which the requester chooses and no card shows. With a wrong word there "
                "a run would count as something that people trust already."
            )
            hint = f'Use it in the parameters of the step, or show it: `show: [{{value: "{{{{ {name} }}}}"}}]`.'
            report.add((*step.gate_at, "autonomy", "class"), message, hint)


def _check_minor(report: ProblemReport, minor: list[str], editable: list[str], at: Path) -> None:
    """Report names of `minor` that no one can edit."""
    for index, name in enumerate(minor):
        if not any(name == field or name.startswith(f"{field}.") for field in editable):
            report.add((*at, index), f"`{cite(name)}` is not among the fields of `edit`.", "Name one of those.")
