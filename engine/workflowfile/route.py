"""A route: rules, of which the first that applies chooses the approvers of a gate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from engine.expressions import Template

ROUTE_PREFIX: Final = "route:"
"""The beginning of the name of a route in `approvers`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRule:
    """A rule of a route. Everything that it has must hold; then the people of `to` are asked.

    `action`: patterns for the kind of the step, or the tool of an ask. `department`: of the person who started the run.
    `working`: only people who work now. `least_loaded`: so many of them, those with the fewest open requests.
    `expires` and `escalate_to` (after `escalate_after`, or else at the expiry): take the place of those of the gate.
    """

    number: int
    to: tuple[Template, ...]
    when: Template | None = None
    action: tuple[str, ...] = ()
    department: tuple[str, ...] = ()
    working: bool = False
    least_loaded: int | None = None
    expires: timedelta | None = None
    escalate_after: timedelta | None = None
    escalate_to: tuple[Template, ...] = ()
    because: str = ""

    @property
    def may_pass(self) -> bool:
        """Whether there are cases in which it does not apply."""
        return bool(self.when or self.action or self.department or self.working)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRoute:
    """A route by its name in the file."""

    name: str
    rules: tuple[RouteRule, ...]

    @property
    def people(self) -> tuple[Template, ...]:
        """Every reference to a person."""
        return tuple(person for rule in self.rules for person in (*rule.to, *rule.escalate_to))

    @property
    def templates(self) -> tuple[Template, ...]:
        """Every condition."""
        return tuple(rule.when for rule in self.rules if rule.when is not None)
