"""Checks of a gate's deadlines: clocks that never start, come too late, or have nothing to do."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from engine import durations, references
from engine.domain import RequesterRule
from engine.json_values import Path
from engine.workflowfile.grammar import GateFile, PolicyFile, RemindFile
from engine.workflowfile.phrases import cite
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.scalars import has_expression

_DAY: Final = timedelta(days=1)


def check_deadlines(report: ProblemReport, gate: GateFile, at: Path, requester: RequesterRule) -> None:
    """Report deadlines that can never take effect. A key in the file counts even if its value was refused."""
    has_expiry = report.has((*at, "expires"))
    if "on_expiry" in gate.model_fields_set and not has_expiry:
        _report(report, (*at, "on_expiry"), "`on_expiry` has no effect without `expires`.", "Add `expires: 2d`.")
    _check_values(report, at)
    _check_escalation(report, gate, at)
    _check_backups(report, gate, (*at, "escalate", "to"), requester)
    _check_reminders(report, gate, at)
    if not any((has_expiry, report.has((*at, "escalate")), report.has((*at, "remind")))):
        _check_no_deadline(report, gate, at)
    if gate.hours:
        check_working_durations(report, at)


def _check_no_deadline(report: ProblemReport, gate: GateFile, at: Path) -> None:
    """Report keys of a gate without any deadline that are about deadlines."""
    hint = "Add `expires`, `escalate` or `remind`."
    if gate.hours:
        _report(report, (*at, "hours"), "`hours` has no effect without a deadline.", hint)
    if gate.questions == "pause" and not report.registered:
        _report(report, (*at, "questions"), "`questions: pause` has no effect without a deadline.", hint)


def _check_values(report: ProblemReport, at: Path) -> None:
    """Report keys that would look as if they had a value."""
    for key in (("escalate", "after"), ("remind", "every"), ("remind", "times")):
        path = (*at, *key)
        is_empty = report.has(path) and report.value(path) is None
        if is_empty and not report.has_problem(path) and not report.registered:
            _report(report, path, f"`{key[-1]}` has no value.", "Give it one, or delete the line.")


def _check_escalation(report: ProblemReport, gate: GateFile, at: Path) -> None:
    if gate.on_expiry == "escalate" and not report.has((*at, "escalate")):
        hint = "Add `escalate: {to: [owner]}`."
        _report(report, (*at, "on_expiry"), "`on_expiry: escalate` needs `escalate` to say who is asked then.", hint)
    if gate.escalate is None:
        return
    path, after = (*at, "escalate"), gate.escalate.after
    if after is None and gate.on_expiry != "escalate" and not report.has((*path, "after")):
        hint = "Add `after: 4h`, or `on_expiry: escalate` to the gate."
        _report(report, path, "`escalate` does not say when.", hint)
    if after is not None and gate.expires is not None and after >= gate.expires:
        hint = "Make `after` shorter than `expires`, or write `on_expiry: escalate` without `after`."
        _report(report, (*path, "after"), "`escalate` has no effect: the request expires earlier.", hint)


def _check_backups(report: ProblemReport, gate: GateFile, at: Path, requester: RequesterRule) -> None:
    """Report an escalation that asks no one who is not asked already."""
    backups = {person.casefold() for person in gate.escalate.to} if gate.escalate is not None else set()
    if not backups:
        return
    if not any(map(has_expression, backups)) and _asked(gate) >= backups:
        message = "`escalate` names no one else: all of them are asked already."
        _report(report, at, message, "Name another person.")
    elif backups == {references.REQUESTER} and requester is not RequesterRule.ALLOWED and not report.registered:
        message = "`escalate` names no one else: the person who started the run is not asked in this way."
        _report(report, at, message, "Name another person, or write `exclude: []`.")


def _asked(gate: GateFile) -> set[str]:
    """Return the people that the file asks, as it writes them; none if an expression chooses."""
    chain = gate.policy.chain if isinstance(gate.policy, PolicyFile) else None
    if chain is not None:
        return {person.casefold() for group in chain for person in group}
    if isinstance(gate.policy, str) and has_expression(gate.policy):
        return set()
    return {person.casefold() for person in gate.approvers or [references.OWNER]}


def _check_reminders(report: ProblemReport, gate: GateFile, at: Path) -> None:
    remind = gate.remind
    if not isinstance(remind, RemindFile):
        return
    if remind.times is not None and remind.times > 1 and remind.every is None:
        _report(report, (*at, "remind", "times"), "Only the first reminder would be sent.", "Add `every: 1d`.")
    if remind.times == 1 and remind.every is not None:
        message = "`every` has no effect with `times: 1`."
        _report(report, (*at, "remind", "every"), message, "Delete one of them.")
    if gate.expires is None:
        return
    if remind.after >= gate.expires:
        hint = "Make `after` shorter than `expires`."
        _report(report, (*at, "remind", "after"), "`remind` has no effect: the request expires earlier.", hint)
    elif remind.every is not None and remind.times is not None:
        sent = -((remind.after - gate.expires) // remind.every)
        if sent < remind.times:
            message = f"Only {sent} of {remind.times} reminders would be sent: the request expires earlier."
            _report(report, (*at, "remind", "times"), message, f"Write `times: {sent}`, or make `every` shorter.")


def check_working_durations(report: ProblemReport, at: Path) -> None:
    """Report durations of a gate, or of a rule of a route, that have two meanings in working hours: a day has fewer
    than 24, and a week fewer than 7."""
    for key in (("expires",), ("escalate", "after"), ("remind", "after"), ("remind", "every")):
        path = (*at, *key)
        text = report.value(path) if report.has(path) else None
        if not isinstance(text, str) or report.has_problem(path):
            continue
        if "w" in text:
            message = f"`{cite(text)}` is not clear in working hours: a week has fewer working days than seven."
            _report(report, path, message, "Write the number of working days, like `5d`.")
        elif "d" not in text and durations.parse(text) >= _DAY:
            message = f"`{cite(text)}` is not clear in working hours: a working day is shorter than 24 hours."
            _report(report, path, message, "Write the number of working days, like `2d`.")


def _report(report: ProblemReport, path: Path, message: str, hint: str) -> None:
    report.add(path, message, hint, at="key")
