"""Compiler of `risk` of a gate: its parts, its table, and the gate of each level."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from msgspec.structs import replace

from engine.domain import Assurance
from engine.expressions import Template, compile_template
from engine.fields import Field, FieldType
from engine.json_values import Path, Value
from engine.oversight.risk import (
    CONFIDENCE,
    IMPACT,
    LEVELS,
    PARTS,
    REVERSIBLE,
    RiskBound,
    RiskLevel,
    RiskRow,
    with_currency,
)
from engine.workflowfile import risk_checks
from engine.workflowfile.content_scope import compile_over_content
from engine.workflowfile.declarations import Declarations, DeclarationSources
from engine.workflowfile.draft import StepDraft
from engine.workflowfile.expression_scope import ExpressionNames
from engine.workflowfile.grammar import GateFile, PolicyFile
from engine.workflowfile.part_reader import missing_space, read_part
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.risk_grammar import GATE_KEYS, LevelFile, RiskFile
from engine.workflowfile.schema_errors import SchemaContext, keys_of
from engine.workflowfile.step_kinds import ASK, FORM
from engine.workflowfile.workflow import Gate, GateRisk

WithPeople: TypeAlias = Callable[[Gate, GateFile, Path], Gate]
"""Returns a gate with the people and the policy of a file."""
_PEOPLE: Final = frozenset({"approvers", "policy"})
_NOT_HERE: Final = dict.fromkeys(
    set(keys_of(GateFile)) - {*GATE_KEYS}, "A level cannot change this; write it on the gate, for all levels."
)
_LEVEL_HINTS: Final = {**_NOT_HERE, "when": "Write `if`, like {impact: over 500}."}
_RISK_EXAMPLES: Final = {"levels": "Write {high: {if: {impact: over 500}, policy: all}}."}


Sources: TypeAlias = tuple[Declarations, DeclarationSources]
"""The declarations of what the parts can read: of the reviewed content, and of the values of inputs and steps."""


def with_risk(
    report: ProblemReport,
    step: StepDraft,
    gate: Gate,
    file: GateFile,
    names: ExpressionNames,
    sources: Sources,
    with_people: WithPeople,
) -> Gate:
    """Return the gate with its risk, as far as it is right. Problems are reported."""
    at = (*step.gate_at, "risk")
    risk = _read_risk(report, at)
    if risk is None:
        return gate
    levels = {level: file for level, file in _read_levels(report, risk, (*at, "levels")).items() if file is not None}
    parts = _compile_parts(report, risk, at, names)
    if file.irreversible and REVERSIBLE not in parts:
        parts = {REVERSIBLE: compile_template("{{ false }}"), **parts}
    field = _declared(parts.get(IMPACT), sources)
    risk_checks.check_risk(report, risk, levels, parts, at, is_irreversible=file.irreversible, impact=field)
    risk_checks.check_levels(report, levels, (*at, "levels"), is_ask=step.uses == ASK, is_form=step.uses == FORM)
    risk_checks.check_strictness(report, file, levels, (*at, "levels"))
    told = GateRisk(
        parts={name: parts[name] for name in PARTS if name in parts},
        rows=tuple(_rows(levels, field)),
        gates=dict(_gates(gate, file, levels, (*at, "levels"), with_people)),
        counts_claim=step.uses == ASK,
    )
    return replace(gate, risk=told)


def _read_risk(report: ProblemReport, at: Path) -> RiskFile | None:
    raw = report.value(at) if report.has(at) else None
    if raw is None:
        return None
    if not isinstance(raw, dict):
        hint = "Write {impact: …, levels: {high: {if: {impact: over 500}, policy: all}}}."
        report.add(at, "A risk is a mapping of its parts and `levels`.", hint)
        return None
    context = SchemaContext(base=at, model=RiskFile, name="a risk", examples=_RISK_EXAMPLES)
    return read_part(report, RiskFile, raw, context=context, parts={})


def _read_levels(report: ProblemReport, risk: RiskFile, at: Path) -> dict[RiskLevel, LevelFile | None]:
    """Return the levels of the table, the lowest first. One that cannot be read is None."""
    return {level: _read_level(report, risk.levels[level], (*at, level)) for level in LEVELS if level in risk.levels}


def _read_level(report: ProblemReport, raw: Value, at: Path) -> LevelFile | None:
    if not isinstance(raw, dict):
        report.add(at, "A level is a mapping, like {if: {impact: over 500}, policy: all}.", missing_space(raw))
        return None
    context = SchemaContext(base=at, model=LevelFile, name="a level", hints=_LEVEL_HINTS)
    return read_part(report, LevelFile, raw, context=context, parts={})


def _compile_parts(report: ProblemReport, risk: RiskFile, at: Path, names: ExpressionNames) -> dict[str, Template]:
    written = {REVERSIBLE: risk.reversible, IMPACT: risk.impact, CONFIDENCE: risk.confidence}
    parts: dict[str, Template] = {}
    for name, source in written.items():
        if source is None:
            continue
        text = f"{{{{ {str(source).lower()} }}}}" if isinstance(source, bool) else source
        template = compile_over_content(report, text, (*at, name), names)
        if template is not None:
            parts[name] = template
    return parts


def _declared(template: Template | None, sources: Sources) -> Field | None:
    """Return the declared field of the value, if the expression is one reference to such a value."""
    if template is None or not template.is_whole or len(template.references) != 1:
        return None
    (path,) = template.references
    if path[0] == "content":
        return sources[0].at(path[1:]).field if template.nodes == 1 else None
    return sources[1].of_template(template).field


def _rows(levels: Mapping[RiskLevel, LevelFile], impact: Field | None) -> Iterator[RiskRow]:
    currency = impact.currency if impact is not None and impact.type is FieldType.MONEY else None
    for level, file in levels.items():
        for bounds in file.if_:
            yield RiskRow(level, tuple(_in(bound, currency) for bound in bounds))


def _in(bound: RiskBound, currency: str | None) -> RiskBound:
    return bound if currency is None else with_currency(bound, currency)


def _gates(
    gate: Gate, file: GateFile, levels: Mapping[RiskLevel, LevelFile], at: Path, with_people: WithPeople
) -> Iterator[tuple[RiskLevel, Gate | None]]:
    """Yield the gate of each level, or None where none opens. Each level has the keys of those below it, too."""
    for level in LEVELS:
        own = levels.get(level)
        if own is not None:
            given = {key: value for key in GATE_KEYS if (value := getattr(own, key)) is not None}
            file = _merged(file, given)
            gate = with_people(gate, file, (*at, level)) if _PEOPLE & given.keys() else gate
            gate = replace(
                gate,
                assurance=Assurance(own.assurance) if own.assurance else gate.assurance,
                confirm_with=Assurance(file.confirm_with) if file.confirm_with else None,
                expires=file.expires,
            )
        yield level, None if own is not None and own.opens is False else gate


def _merged(file: GateFile, given: Mapping[str, object]) -> GateFile:
    """Return a gate with the keys of a level. A chain names its own people, as do `approvers` in its place."""
    policy = given.get("policy")
    if isinstance(policy, PolicyFile) and policy.chain is not None and "approvers" not in given:
        given = {**given, "approvers": []}
    return file.model_copy(update=dict(given))
