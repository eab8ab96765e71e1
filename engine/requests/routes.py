"""Routes of a gate, evaluated when its request opens: which rules may apply, and why the others do not. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from msgspec import Struct

from engine.errors import ExpressionError
from engine.expressions import Template
from engine.json_values import Value
from engine.references import Reference
from engine.requests.named_people import named
from engine.workflowfile import Gate, Step
from engine.workflowfile.name_patterns import matches
from engine.workflowfile.route import GateRoute, RouteRule


class RouteTrial(Struct, frozen=True, kw_only=True):
    """A rule of a route, tried. `refused`: why it does not apply, as far as the run can tell, or an empty text.

    The rest depends on people: the `department` of the requester, who is `working` now, and who is `least_loaded`.
    """

    number: int
    references: tuple[Reference, ...] = ()
    refused: str = ""
    doubt: str = ""
    department: tuple[str, ...] = ()
    working: bool = False
    least_loaded: int | None = None
    expires: timedelta | None = None
    escalates: bool = False
    """Whether it says who is asked as well, in the place of the gate: `backups`, after `escalate_after`."""
    escalate_after: timedelta | None = None
    backups: tuple[Reference, ...] = ()
    because: str = ""

    @property
    def applies_to_all(self) -> bool:
        """Whether it applies to this run with every requester and at all times."""
        return not (self.refused or self.department or self.working)


class RouteTrials(Struct, frozen=True, kw_only=True):
    """All rules of a route, tried in order."""

    name: str
    trials: tuple[RouteTrial, ...]

    @property
    def references(self) -> tuple[Reference, ...]:
        """All people that the rules name."""
        return tuple(person for trial in self.trials for person in (*trial.references, *trial.backups))

    @property
    def may_be_asked(self) -> tuple[Reference, ...] | None:
        """The people of the rules that may be the first to apply, or None if it may be that none applies."""
        found: list[Reference] = []
        for trial in self.trials:
            found += trial.references
            if trial.applies_to_all:
                return tuple(found)
        return None


def try_routes(gate: Gate, step: Step, scope: Mapping[str, Value], notes: list[str]) -> RouteTrials | None:
    """Return the rules of the route of a gate, tried, or None if it has none."""
    if gate.route is None:
        return None
    return RouteTrials(name=gate.route.name, trials=tuple(_trials(gate, gate.route, step, scope, notes)))


def _trials(gate: Gate, route: GateRoute, step: Step, scope: Mapping[str, Value], notes: list[str]) -> list[RouteTrial]:
    trials: list[RouteTrial] = []
    for rule in route.rules:
        refused, doubt = _applies(rule, step, scope)
        to, backups = ((), ()) if refused else (rule.to, rule.escalate_to)
        trials.append(
            RouteTrial(
                number=rule.number,
                references=_named(gate, to, scope, notes),
                refused=refused,
                doubt=doubt,
                department=rule.department,
                working=rule.working,
                least_loaded=rule.least_loaded,
                expires=rule.expires,
                escalates=bool(rule.escalate_to),
                escalate_after=rule.escalate_after,
                backups=_named(gate, backups, scope, notes),
                because=rule.because,
            )
        )
    return trials


def _named(
    gate: Gate, people: Sequence[Template], scope: Mapping[str, Value], notes: list[str]
) -> tuple[Reference, ...]:
    return tuple(reference for template in people for reference in named(gate, template, scope, notes))


def _applies(rule: RouteRule, step: Step, scope: Mapping[str, Value]) -> tuple[str, str]:
    """Return why a rule does not apply, and why it may not; each may be empty.

    A condition that cannot be evaluated counts as true: a rule for large amounts is not passed over for want of one.
    """
    actions = _actions(step, scope)
    if rule.action and not any(matches(pattern, action) for pattern in rule.action for action in actions):
        return f"the action is {' or '.join(actions)}", ""
    if rule.when is None:
        return "", ""
    try:
        value = rule.when.evaluate_condition(scope)
    except ExpressionError as error:
        return "", f"its condition could not be told: {error}"
    if not isinstance(value, bool):
        return "", "its condition is neither true nor false"
    return ("", "") if value else ("its condition is false", "")


def _actions(step: Step, scope: Mapping[str, Value]) -> list[str]:
    ask = scope.get("ask")
    tool = ask.get("tool") if isinstance(ask, dict) else None
    return [step.kind.name, *([tool] if isinstance(tool, str) and tool else [])]
