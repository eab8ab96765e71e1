"""Combinators for rules about JSON values, with Slack's own error texts.

A rule is called with a value, its JSON pointer, and the report that collects violations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from bot.devtools.sandbox.jsontypes import Json

Surface: TypeAlias = Literal["message", "modal", "home"]


@dataclass(frozen=True, slots=True)
class RuleViolation:
    pointer: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.sentence} [json-pointer:{self.pointer}]"


@dataclass
class ValidationReport:
    """The violations so far, and the surface of the blocks."""

    surface: Surface
    problems: list[RuleViolation] = field(default_factory=list)
    features: set[str] = field(default_factory=set)
    """Types that also need a scope, such as `file_input`."""

    def add(self, pointer: str, sentence: str) -> None:
        """Add a violation."""
        self.problems.append(RuleViolation(pointer, sentence))


Rule: TypeAlias = Callable[[Any, str, ValidationReport], None]


def string(*, most: int | None = None, least: int = 0, pattern: str | None = None) -> Rule:
    """Return the rule for a string of this length."""

    def check(value: Any, at: str, report: ValidationReport) -> None:
        if not isinstance(value, str):
            report.add(at, "must provide a string")
        elif most is not None and len(value) > most:
            report.add(at, f"must be less than {most + 1} characters")
        elif len(value) < least:
            report.add(at, f"must be more than {least - 1} characters")
        elif pattern is not None and not re.fullmatch(pattern, value):
            report.add(at, "must match the expected pattern")

    return check


def boolean(value: Any, at: str, report: ValidationReport) -> None:
    """Check a boolean."""
    if not isinstance(value, bool):
        report.add(at, "must provide a boolean")


def integer(*, least: int, most: int) -> Rule:
    """Return the rule for a whole number within bounds."""

    def check(value: Any, at: str, report: ValidationReport) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            report.add(at, "must provide an integer")
        elif value < least:
            report.add(at, f"must be greater than or equal to {least}")
        elif value > most:
            report.add(at, f"must be less than or equal to {most}")

    return check


def number(value: Any, at: str, report: ValidationReport) -> None:
    """Check a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        report.add(at, "must provide a number")


def one_of(*values: str) -> Rule:
    """Return the rule for one of these strings."""

    def check(value: Any, at: str, report: ValidationReport) -> None:
        if value not in values:
            report.add(at, "must be a valid enum value")

    return check


def array(item: Rule, *, most: int, least: int = 1) -> Rule:
    """Return the rule for a list whose items all follow one rule."""

    def check(value: Any, at: str, report: ValidationReport) -> None:
        if not isinstance(value, list):
            report.add(at, "must provide an array")
            return
        if len(value) > most:
            report.add(at, f"no more than {most} items allowed")
        if len(value) < least:
            report.add(at, f"no fewer than {least} items allowed")
        for index, entry in enumerate(value):
            item(entry, f"{at}/{index}", report)

    return check


def record(required: Mapping[str, Rule], optional: Mapping[str, Rule] | None = None) -> Rule:
    """Return the rule for an object with these keys and no others."""
    known = {**required, **(optional or {})}

    def check(value: Any, at: str, report: ValidationReport) -> None:
        if not isinstance(value, dict):
            report.add(at, "must provide an object")
            return
        for name in required:
            if name not in value:
                report.add(at, f"missing required field: {name}")
        for name, part in value.items():
            if name in known:
                known[name](part, f"{at}/{name}", report)
            else:
                report.add(at, f"invalid additional property: {name}")

    return check


def both(first: Rule, *others: Rule) -> Rule:
    """Return a rule that applies the others only if the first finds no violation."""

    def check(value: Any, at: str, report: ValidationReport) -> None:
        before = len(report.problems)
        first(value, at, report)
        if len(report.problems) == before:
            for rule in others:
                rule(value, at, report)

    return check


def by_type(kinds: Mapping[str, Rule]) -> Rule:
    """Return the rule for an object whose `type` selects its rule."""

    def check(value: Any, at: str, report: ValidationReport) -> None:
        if not isinstance(value, dict):
            report.add(at, "must provide an object")
        elif "type" not in value:
            report.add(at, "missing required field: type")
        elif not isinstance(value["type"], str) or value["type"] not in kinds:
            report.add(f"{at}/type", f"unsupported type: {value['type']}")
        else:
            kinds[value["type"]](value, at, report)

    return check


def typed(name: str, required: Mapping[str, Rule], optional: Mapping[str, Rule] | None = None) -> Rule:
    """Return a `record` rule whose key `type` has this value."""
    return record({"type": one_of(name), **required}, optional)


def exactly_one_of(*names: str) -> Rule:
    """Return the rule for an object with exactly one of these keys."""

    def check(value: Json, at: str, report: ValidationReport) -> None:
        if sum(name in value for name in names) != 1:
            report.add(at, f"must define exactly one of: {', '.join(names)}")

    return check
