"""Compiler of `amount` of a gate, with which the limits of approvers are compared."""

from __future__ import annotations

from msgspec.structs import replace

from engine.expressions import Template, find_value_sources
from engine.json_values import Path
from engine.oversight.risk import IMPACT, currency_of, read_money
from engine.workflowfile.content_scope import compile_over_content
from engine.workflowfile.expression_scope import ExpressionNames, build_type_lookup
from engine.workflowfile.grammar import GateFile
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.workflow import Gate


def with_amount(report: ProblemReport, file: GateFile, at: Path, names: ExpressionNames, gate: Gate) -> Gate:
    """Return the gate with its amount: the one that it names, or else the impact of its risk, if that is money."""
    amount = _compile(report, file.amount, (*at, "amount"), names) if file.amount is not None else _impact(gate)
    if amount is None:
        return gate
    risk = gate.risk
    if risk is not None:
        levels = {level: other and replace(other, amount=amount) for level, other in risk.gates.items()}
        risk = replace(risk, gates=levels)
    return replace(gate, amount=amount, risk=risk)


def _compile(report: ProblemReport, source: str, at: Path, names: ExpressionNames) -> Template | None:
    template = compile_over_content(report, source, at, names)
    if template is not None and template.is_literal and read_money(source) is None:
        hint = 'Write an expression that gives money, or "{{ content.amount }} EUR".'
        report.add(at, "This is no amount with a currency.", hint)
    elif template is not None and template.is_whole and not report.registered:
        _check_currency(report, template, at, names)
    return template


def _check_currency(report: ProblemReport, template: Template, at: Path, names: ExpressionNames) -> None:
    """Report an amount that can only be a number, which is above every limit."""
    for source in find_value_sources(template, build_type_lookup(names)):
        if source.static_type is not None and source.static_type.kinds - {"null"} == {"number"}:
            hint = f'Write the currency behind it, like "{template.source} EUR".'
            report.add(at, f"{source.name} is a number without a currency, which is above every limit.", hint)


def _impact(gate: Gate) -> Template | None:
    if gate.risk is None:
        return None
    is_money = any(currency_of(bound) for row in gate.risk.rows for bound in row.bounds)
    return gate.risk.parts.get(IMPACT) if is_money else None
