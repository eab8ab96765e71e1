"""Checks of a rule of a route against its gate: people who can never decide, and clocks without effect."""

from __future__ import annotations

from engine import references
from engine.domain import RequesterRule
from engine.json_values import Path
from engine.workflowfile.approver_checks import requester_rule
from engine.workflowfile.deadline_checks import check_working_durations
from engine.workflowfile.grammar import GateFile, PolicyFile
from engine.workflowfile.policy_compiler import countable
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.route_grammar import RouteRuleFile
from engine.workflowfile.scalars import has_expression


def check_rule(report: ProblemReport, gate: GateFile, rule: RouteRuleFile, at: Path) -> None:
    """Report what of a rule can never take effect."""
    _check_people(report, gate, rule, at)
    _check_quorum(report, gate, rule, at)
    _check_escalation(report, gate, rule, at)
    _check_clocks_of_gate(report, gate, rule, at)
    if gate.hours:
        check_working_durations(report, at)


def _check_people(report: ProblemReport, gate: GateFile, rule: RouteRuleFile, at: Path) -> None:
    if references.REQUESTER in (gate.exclude or ()) and _names(rule.to) == {references.REQUESTER}:
        message = "This rule asks no one: the person who started the run is excluded."
        report.add((*at, "to"), message, "Name another person, or delete `requester` from `exclude`.", at="key")


def _check_quorum(report: ProblemReport, gate: GateFile, rule: RouteRuleFile, at: Path) -> None:
    """Report a rule that asks fewer people than the gate needs approvals."""
    quorum = gate.policy.quorum if isinstance(gate.policy, PolicyFile) else None
    if quorum is None:
        return
    people = countable(report, rule.to)
    excluded = {references.REQUESTER} & {*(gate.exclude or ())}
    most = rule.least_loaded if people is None else min(len(people - excluded), rule.least_loaded or len(people))
    if most is not None and most < quorum:
        key = "to" if rule.least_loaded is None or rule.least_loaded >= quorum else "least_loaded"
        message = f"The gate needs {quorum} approvals, and this rule asks at most {most}."
        report.add((*at, key), message, "Ask more people, or make the quorum smaller.", at="key")


def _check_escalation(report: ProblemReport, gate: GateFile, rule: RouteRuleFile, at: Path) -> None:
    if rule.escalate is None:
        return
    path, after, expires = (*at, "escalate"), rule.escalate.after, rule.expires or gate.expires
    if after is None and gate.on_expiry != "escalate":
        hint = "Add `after: 4h`, or `on_expiry: escalate` to the gate."
        report.add(path, "`escalate` does not say when.", hint, at="key")
    if after is not None and expires is not None and after >= expires:
        message = "`escalate` has no effect: the request expires earlier."
        report.add((*path, "after"), message, "Make `after` shorter than `expires`.", at="key")
    backups = _names(rule.escalate.to)
    if not any(map(has_expression, backups)) and _names(rule.to) >= backups:
        message = "`escalate` names no one else: all of them are asked already."
        report.add((*path, "to"), message, "Name another person.", at="key")
    elif backups == {references.REQUESTER} and requester_rule(gate, is_form=False) is not RequesterRule.ALLOWED:
        message = "`escalate` names no one else: the person who started the run is not asked in this way."
        report.add((*path, "to"), message, "Name another person, or write `exclude: []`.", at="key")


def _check_clocks_of_gate(report: ProblemReport, gate: GateFile, rule: RouteRuleFile, at: Path) -> None:
    """Report a rule whose requests expire before the gate escalates."""
    after = gate.escalate.after if gate.escalate is not None and rule.escalate is None else None
    if after is not None and rule.expires is not None and after >= rule.expires:
        message = "The gate escalates later than that, so with this rule it never does."
        report.add((*at, "expires"), message, "Write `escalate` at the rule, or a longer time.", at="key")


def _names(people: list[str]) -> set[str]:
    return {person.casefold() for person in people}
