"""Compiler from the reminders, the escalation and the working hours of a gate to its `Clocks`."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from engine.expressions import Template
from engine.json_values import Path
from engine.workflowfile import approver_checks
from engine.workflowfile.draft import item_path
from engine.workflowfile.expression_scope import ExpressionNames, compile_text
from engine.workflowfile.grammar import EscalateFile, GateFile
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.workflow import NO_CLOCKS, Clocks, Remind

REMINDED_DAILY: Final = Remind(after=timedelta(days=1), every=timedelta(days=1), times=3)
"""`remind: true` of a gate whose requests never expire."""
MOST_REMINDERS: Final = 100
"""Maximum number of reminders about one request."""


def compile_clocks(report: ProblemReport, gate: GateFile, at: Path, names: ExpressionNames) -> Clocks:
    """Compile these keys, as far as they are right, and report their problems."""
    escalate = gate.escalate
    if escalate is None and gate.remind is False and not gate.hours:
        return NO_CLOCKS
    return Clocks(
        remind=_compile_reminders(gate),
        escalate_after=escalate.after if escalate else None,
        escalate_to=compile_backups(report, escalate, (*at, "escalate", "to"), names) if escalate else (),
        hours=gate.hours,
    )


def _compile_reminders(gate: GateFile) -> Remind | None:
    """Return when approvers are reminded. Repeated reminders end with the request."""
    if isinstance(gate.remind, bool):
        default = Remind() if gate.expires else REMINDED_DAILY
        return default if gate.remind else None
    times = gate.remind.times or (1 if gate.remind.every is None else MOST_REMINDERS)
    return Remind(after=gate.remind.after, every=gate.remind.every, times=times)


def compile_backups(
    report: ProblemReport, escalate: EscalateFile, at: Path, names: ExpressionNames
) -> tuple[Template, ...]:
    """Compile who is asked as well, as far as they are right, and report their problems."""
    backups: list[Template] = []
    for index, text in enumerate(escalate.to):
        path = item_path(report, at, index)
        template = compile_text(report, text, path, names)
        if template is not None:
            approver_checks.check_person(report, template, path, names)
            backups.append(template)
    return tuple(backups)
