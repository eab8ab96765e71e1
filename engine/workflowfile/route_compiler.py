"""Reads the routes of a file: `routes`, and the gates that name one in `approvers`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

from engine.expressions import Template
from engine.json_values import Path, Value
from engine.workflowfile.clock_compiler import compile_backups
from engine.workflowfile.draft import StepDraft
from engine.workflowfile.expression_scope import ExpressionNames
from engine.workflowfile.grammar import GateFile
from engine.workflowfile.part_reader import missing_space, read_part
from engine.workflowfile.phrases import cite, list_names, suggest
from engine.workflowfile.policy_compiler import compile_people
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.route import ROUTE_PREFIX, GateRoute, RouteRule
from engine.workflowfile.route_checks import check_rule
from engine.workflowfile.route_grammar import RouteRuleFile
from engine.workflowfile.schema_errors import SchemaContext

ROUTES: Final = "routes"
MAX_ROUTES: Final = 20
"""Maximum number of routes in a file, and of rules in a route."""
CompileCondition: TypeAlias = Callable[[ProblemReport, bool | str | None, Path, ExpressionNames], Template | None]


def names_route(gate: GateFile) -> bool:
    """Return whether a route chooses the approvers of a gate."""
    return len(gate.approvers) == 1 and gate.approvers[0].startswith(ROUTE_PREFIX)


def route_of(
    report: ProblemReport, gate: GateFile, at: Path, names: ExpressionNames, compile_condition: CompileCondition
) -> GateRoute | None:
    """Return the route that a gate names in `approvers`, as far as it is right, or None. Problems are reported."""
    if not names_route(gate):
        return None
    name = gate.approvers[0].removeprefix(ROUTE_PREFIX)
    routes = _routes(report)
    if name not in routes:
        hint = suggest(name, list(routes)) or (
            f"There are {list_names(routes, 'and')}." if routes else "Write `routes`."
        )
        report.add((*at, "approvers"), f"There is no route `{cite(name)}` in this file.", hint)
        return None
    rules = _rules(report, gate, routes[name], (ROUTES, name), names, compile_condition)
    return GateRoute(name=name, rules=tuple(rules))


def check_routes(report: ProblemReport, drafts: Sequence[StepDraft]) -> None:
    """Report routes that no gate names, or that cannot be read."""
    if not report.has((ROUTES,)):
        return
    if not isinstance(report.value((ROUTES,)), dict):
        report.add((ROUTES,), "This must be a mapping of names to lists of rules, like {payments: [{to: [owner]}]}.")
    used = {name for draft in drafts for name in _named_in(report, draft)}
    for index, name in enumerate(_routes(report)):
        if index >= MAX_ROUTES:
            report.add((ROUTES, name), f"A file may have at most {MAX_ROUTES} routes; this is one more.", at="key")
        elif f"{ROUTE_PREFIX}{name}" not in used:
            hint = f"Write approvers: [{ROUTE_PREFIX}{cite(name)}] at a gate, or delete it."
            report.add((ROUTES, name), "No gate names this route.", hint, at="key")


def _named_in(report: ProblemReport, draft: StepDraft) -> Iterator[object]:
    """Yield the approvers of a gate, and of its levels of risk."""
    yield from draft.gate.approvers if draft.gate is not None else ()
    at: Path = (*draft.gate_at, "risk", "levels")
    levels = report.value(at) if report.has(at) else None
    for level in levels.values() if isinstance(levels, dict) else ():
        named = level.get("approvers") if isinstance(level, dict) else None
        yield from named if isinstance(named, list) else [named]


def _routes(report: ProblemReport) -> dict[str, Value]:
    routes = report.value((ROUTES,)) if report.has((ROUTES,)) else {}
    return routes if isinstance(routes, dict) else {}


def _rules(
    report: ProblemReport,
    gate: GateFile,
    raw: Value,
    at: Path,
    names: ExpressionNames,
    compile_condition: CompileCondition,
) -> Iterator[RouteRule]:
    if not isinstance(raw, list) or not raw:
        report.add(at, "A route is a list of rules, like [{when: …, to: [owner]}].", missing_space(raw))
        return
    always: int | None = None
    for index, value in enumerate(raw[:MAX_ROUTES]):
        path = (*at, index)
        if not isinstance(value, dict):
            report.add(path, "A rule of a route is a mapping, like {to: [owner]}.", missing_space(value))
            continue
        context = SchemaContext(base=path, model=RouteRuleFile, name="a rule of a route")
        file = read_part(report, RouteRuleFile, value, context=context, parts={})
        if file is None:
            continue
        rule = _rule(report, file, index + 1, path, names, compile_condition)
        if not report.registered:
            check_rule(report, gate, file, path)
        if always is not None:
            report.add(path, f"This rule is never reached: rule {always} always applies.", "Move it up, or delete it.")
        always = always or (None if rule.may_pass or report.has_problem(path) else rule.number)
        yield rule
    if len(raw) > MAX_ROUTES:
        report.add((*at, MAX_ROUTES), f"A route may have at most {MAX_ROUTES} rules; this is one more.")


def _rule(
    report: ProblemReport,
    file: RouteRuleFile,
    number: int,
    at: Path,
    names: ExpressionNames,
    compile_condition: CompileCondition,
) -> RouteRule:
    if file.when is False:
        report.add((*at, "when"), "A rule with `when: false` never applies.", "Delete the rule.")
    return RouteRule(
        number=number,
        to=compile_people(report, file.to, (*at, "to"), names),
        when=compile_condition(report, file.when, (*at, "when"), names),
        action=tuple(file.action or ()),
        department=tuple(file.department or ()),
        working=file.working,
        least_loaded=file.least_loaded,
        expires=file.expires,
        escalate_after=file.escalate.after if file.escalate else None,
        escalate_to=compile_backups(report, file.escalate, (*at, "escalate", "to"), names) if file.escalate else (),
        because=file.because or "",
    )
