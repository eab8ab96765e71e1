"""Chooses the path of a branch, and the rule about an ask. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from engine import requests
from engine.errors import ExpressionError
from engine.json_values import Value
from engine.runs.state import Visit
from engine.workflowfile import Step
from engine.workflowfile.grammar import OTHERWISE
from engine.workflowfile.rule import RULES
from engine.workflowfile.workflow import BranchPath

DOUBT = "doubt"
"""The key of the output of the rules that says why a rule may not apply."""


def choose(step: Step, names: requests.Scope) -> tuple[BranchPath | None, dict[str, Value]]:
    """Return the path that a branch takes, if it takes one, and the output of the branch.

    Raises `ExpressionError` for a condition of a path that cannot be evaluated. That of a rule counts as true then, and
    the output says why: an ask must not come to a weaker rule because its arguments are of another kind.
    """
    for path in step.paths:
        applies = _applies(path, names)
        if applies:
            return path, _output(path, applies)
    return None, {"path": OTHERWISE}


def doubt_about(step: Step, visits: Mapping[str, Visit]) -> str:
    """Return why it is not known whether the rule of a step applies, or an empty text if it is."""
    chosen = visits.get(RULES) if step.rule is not None else None
    doubt = (chosen.output or {}).get(DOUBT) if chosen is not None else None
    return doubt if isinstance(doubt, str) else ""


def _applies(path: BranchPath, names: requests.Scope) -> bool | str:
    """Return whether a path is taken, or the reason why that is not known, for a rule."""
    if path.rule is None:
        return path.when is None or requests.truth(path.when, names)
    ask = names.get("ask")
    if not path.rule.matches(ask if isinstance(ask, Mapping) else {}):
        return False
    try:
        return path.when is None or requests.gate_condition(path.when, names)
    except ExpressionError as error:
        # The error may name arguments, which a program can call as it likes.
        why = str(error).replace("“", "'").replace("”", "'")
        rule = f"rule {path.rule.number} ({path.rule.label})"
        return f"Signoff could not tell whether {rule} applies, so it does. What went wrong: “{why}”"


def _output(path: BranchPath, applies: bool | str) -> dict[str, Value]:
    output: dict[str, Value] = {"path": path.name}
    if path.rule is not None:
        output["rule"] = path.rule.words
    if isinstance(applies, str):
        output[DOUBT] = applies
    return output
