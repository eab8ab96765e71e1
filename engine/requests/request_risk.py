"""The risk of a request: what its gate declares, evaluated when it opens, and again over what approvers change."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, cast

from msgspec import Struct, to_builtins

from engine import json_values
from engine.domain import Params
from engine.domain.ask_facts import RISK
from engine.errors import ExpressionError
from engine.expressions import Template, compile_template
from engine.json_values import Value
from engine.oversight.risk import LEVELS, Assessment, CannotTell, RiskLevel, RiskRow, assess
from engine.workflowfile.content_scope import reads_content
from engine.workflowfile.expression_scope import CONTENT
from engine.workflowfile.workflow import Gate, GateRisk

_CLAIM: Final = "ask"


class RequestRisk(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The risk of a request. `sources`: the parts that follow an edit, as expressions over `content`.

    `rows`, `values`: the table and the values of the other parts, for such requests only.
    """

    assessment: Assessment
    sources: dict[str, str] = {}
    rows: tuple[RiskRow, ...] = ()
    values: dict[str, Any] = {}

    @property
    def level(self) -> RiskLevel:
        return self.assessment.level

    def after(self, content: Params) -> Assessment:
        """Return the risk of the content with edits."""
        if not self.sources:
            return self.assessment
        scope = content_scope(content)
        edited = {name: evaluate(compiled(source), scope) for name, source in self.sources.items()}
        return assess(self.rows, {**self.values, **edited}, self.assessment.claimed)


def content_scope(content: Params) -> dict[str, Value]:
    """Return the scope of expressions over `content`."""
    return {CONTENT: content.shown()}


def evaluate(template: Template, scope: Mapping[str, Value]) -> Value | CannotTell:
    """Return the value of an expression, or why it has none."""
    try:
        return template.evaluate_condition(scope)
    except ExpressionError as error:
        return CannotTell(str(error))


def evaluate_risk(risk: GateRisk, content: Params, scope: Mapping[str, Value]) -> RequestRisk:
    """Return the risk of what a gate is about to ask."""
    over = {**scope, **content_scope(content)}
    values = {name: evaluate(template, over) for name, template in risk.parts.items()}
    assessment = assess(risk.rows, values, _claimed(scope) if risk.counts_claim else None)
    sources = {name: template.source for name, template in risk.parts.items() if reads_content(template)}
    if not sources:
        return RequestRisk(assessment=assessment)
    # A part that cannot be told without the content stays as it is, whatever is edited.
    fixed = {name: value for name, value in values.items() if name not in sources and not isinstance(value, CannotTell)}
    if len(fixed) + len(sources) < len(values):
        return RequestRisk(assessment=assessment)
    return RequestRisk(assessment=assessment, sources=sources, rows=risk.rows, values=fixed)


def at_risk(gate: Gate, content: Params, scope: Mapping[str, Value]) -> tuple[Gate, RequestRisk | None]:
    """Return the gate as it is at the level of risk of what it is about to ask."""
    if gate.risk is None:
        return gate, None
    risk = evaluate_risk(gate.risk, content, scope)
    return gate.risk.gates.get(risk.level) or gate, risk


def passes(gate: Gate, content: Params, scope: Mapping[str, Value]) -> Assessment | None:
    """Return the risk at which the gate asks no one, or None if it opens."""
    if gate.risk is None:
        return None
    risk = evaluate_risk(gate.risk, content, scope)
    return risk.assessment if gate.risk.gates.get(risk.level, gate) is None else None


def risk_value(assessment: Assessment) -> dict[str, Value]:
    """Return a risk as the audit log and exports have it."""
    return cast("dict[str, Value]", json_values.clean(to_builtins(assessment)))


def _claimed(scope: Mapping[str, Value]) -> RiskLevel | None:
    """Return the risk that a program names itself."""
    ask = scope.get(_CLAIM)
    claim = ask.get(RISK) if isinstance(ask, dict) else None
    return RiskLevel(claim) if isinstance(claim, str) and claim in LEVELS else None


@lru_cache(1024)
def compiled(source: str) -> Template:
    """Return an expression that a request keeps. Cached: a workflow has few, and every request has them."""
    return compile_template(source)
