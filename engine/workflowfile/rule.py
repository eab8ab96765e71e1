"""A rule about asks: which of them it matches, by the names that they carry. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from engine.json_values import Value
from engine.workflowfile.name_patterns import ANY, covers, matches

RULES: Final = "rules"
"""The id of the branch that a file with rules becomes."""
NO_RULE: Final = "no_rule"
"""The id of the step, and the name of the path, for an ask that no rule matches."""
_LISTED: Final = 3
"""Number of patterns in the label of a rule."""


class Rule(Struct, frozen=True, kw_only=True):
    """The names that a rule matches. An empty list matches every ask.

    `number`: its place in the file, from 1. `label`: how people know it.
    """

    number: int
    label: str = ""
    tool: tuple[str, ...] = ()
    server: tuple[str, ...] = ()
    agent: tuple[str, ...] = ()
    risk: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The rule as people see it: `rule 3: refund`."""
        return f"rule {self.number}: {self.label}"

    @property
    def step(self) -> str:
        """The id of its step, and the name of its path."""
        return f"rule_{self.number}"

    @property
    def patterns(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The patterns by the name of the ask that they match."""
        return (("tool", self.tool), ("server", self.server), ("agent", self.agent))

    @property
    def matches_all(self) -> bool:
        """Whether it matches every ask, if its `when` is true."""
        return self.covers(_EVERY_ASK)

    def matches(self, ask: Mapping[str, Value]) -> bool:
        """Return whether the names of an ask match. An ask without a tool or a server has an empty name there."""
        return (not self.risk or ask.get("risk") in self.risk) and all(
            not patterns or any(matches(pattern, str(ask.get(name) or "")) for pattern in patterns)
            for name, patterns in self.patterns
        )

    def covers(self, other: Rule) -> bool:
        """Return whether it matches every ask that another rule matches, if its `when` is true."""
        if self.risk and not (other.risk and {*other.risk} <= {*self.risk}):
            return False
        return all(
            not mine or all(any(covers(pattern, wider) for pattern in mine) for wider in theirs or (ANY,))
            for (_, mine), (_, theirs) in zip(self.patterns, other.patterns, strict=True)
        )


_EVERY_ASK: Final = Rule(number=0)


def label_of(rule: Rule, name: str | None) -> str:
    """Return how people know a rule: by its name in the file, or by what it matches."""
    if name is not None:
        return name
    if rule.tool:
        return ", ".join((*rule.tool[:_LISTED], *("…" for _ in rule.tool[_LISTED : _LISTED + 1])))
    for word, patterns in (("server", rule.server), ("agent", rule.agent), ("risk", rule.risk)):
        if patterns:
            return f"{word} {', '.join(patterns[:_LISTED])}"
    return "all other asks"
