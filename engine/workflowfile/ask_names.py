"""The names of what a program asks, as expressions read them in `ask.…`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, get_args

from engine.expressions import Kind, StaticType, mismatch_with_texts, type_of_texts
from engine.json_values import Path
from engine.workflowfile.phrases import cite, suggest
from engine.workflowfile.report import ProblemReport

ASK: Final = "ask"
Risk = Literal["low", "medium", "high", "critical"]
RISKS: Final[tuple[str, ...]] = get_args(Risk)
"""The words for a risk, as a program gives it."""
ARGUMENTS: Final = "arguments"
_TEXT: Final = StaticType(frozenset({"text"}), "text", is_date=False)
_MAYBE: Final[frozenset[Kind]] = frozenset({"text", "null"})
_MAYBE_TEXT: Final = StaticType(_MAYBE, "text, or empty", is_date=False)
_MAPPING: Final[frozenset[Kind]] = frozenset({"mapping"})
_TYPES: Final[Mapping[str, StaticType | None]] = {
    "title": _TEXT,
    "tool": _MAYBE_TEXT,
    "server": _MAYBE_TEXT,
    ARGUMENTS: StaticType(_MAPPING, "the arguments (a mapping)"),
    "risk": StaticType(_MAYBE, "a risk (text)", is_date=False, texts=RISKS, mismatch=mismatch_with_texts(RISKS)),
    "agent": _TEXT,
    "summary": _MAYBE_TEXT,
    "reasoning": _MAYBE_TEXT,
    "impact": _MAYBE_TEXT,
    "confidence": _MAYBE_TEXT,
    "data": _MAYBE_TEXT,
    "use": type_of_texts(("answer", "once"), "`answer` or `once`"),
    "workflow": _TEXT,
    "acts_for": _MAYBE_TEXT,
    "fields": None,
    "editable": None,
}
"""What `ask` holds, with its static types. Nothing is known about what lies inside `arguments`."""

NAMES: Final = tuple(_TYPES)


def type_of_part(parts: Path) -> StaticType | None:
    """Return the static type of a part of `ask`, or None if nothing is known about it."""
    return _TYPES.get(str(parts[0])) if len(parts) == 1 else None


def check_reference(
    report: ProblemReport, at: Path, reference: Sequence[str], *, has_rules: bool, others: Sequence[str]
) -> bool:
    """Check a name in a workflow for asks. Return whether nothing is left to check about it.

    `has_rules`: it stands in a rule. `others`: the names of workflows that people start.
    """
    root, *parts = reference
    argument = f"An argument of the call is `{ASK}.{ARGUMENTS}.{cite(parts[0] if parts else root)}`."
    if root == ASK:
        if parts and parts[0] not in _TYPES:
            report.add(at, f"`{ASK}` has no `{cite(parts[0])}`.", suggest(parts[0], _TYPES) or argument)
    elif root == "inputs":
        report.add(at, "An ask has no inputs.", argument if parts else "")
    elif has_rules and root in others and root != "run":
        report.add(at, f"There is no `{root}` here: a rule can name only `ask` and `run`.")
    elif root not in others:
        report.add(at, f"There is no `{cite(root)}`.", suggest(root, (ASK, *others)) or argument)
    else:
        return False
    return True
