"""References: `a.b["c"][0]` walks mappings and lists, and what is not there is a value that explains itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from engine import json_values
from engine.errors import ExpressionError
from engine.expressions import value_text
from engine.expressions.limits import Budget, Scope
from engine.json_values import Path, Value


class Missing:
    """What a lookup found nothing for. Only `default` and `is defined` take it; anything else raises `error()`."""

    __slots__ = ("_sentence",)

    def __init__(self, sentence: Callable[[], str]) -> None:
        self._sentence = sentence

    def error(self) -> ExpressionError:
        return ExpressionError(self._sentence())


DECISIONS: Final = "_decisions"
"""In a scope, what was decided about steps, by id: `steps.<id>.decision` is found here. No expression can name it.

It is no part of `steps.<id>`, or whoever passes on the whole output of a step would pass it on too.
"""
_STEPS, _DECISION = "steps", "decision"


Result: TypeAlias = "Value | Missing"
Evaluator: TypeAlias = Callable[[Budget], Value]
"""Evaluates one node; raises `ExpressionError`."""
Lookup: TypeAlias = Callable[[Budget], Result]
"""Evaluates one node that may be missing."""


def reference(path: Path) -> Lookup:
    """A reference whose keys are all known when it is compiled; `path[0]` is the name."""
    look = _plain(path)
    return _decision(path, look) if path[0] == _STEPS and path[2:3] == (_DECISION,) else look


def _decision(path: Path, plain: Lookup) -> Lookup:
    """What was decided about a step, unless the step itself gave something of this name."""
    step, keys = path[1], path[3:]

    def look(budget: Budget) -> Result:
        found, known = plain(budget), budget.scope.get(DECISIONS)
        if not isinstance(found, Missing) or not isinstance(known, dict) or step not in known:
            return found
        if not isinstance(_plain(path[:3])(budget), Missing):
            return found
        here: Result = known[str(step)]
        for index, key in enumerate(keys, start=3):
            here = item(here, key, label=show(path[:index]))
        return here

    return look


def _plain(path: Path) -> Lookup:
    root, keys = str(path[0]), path[1:]

    def look(budget: Budget) -> Result:
        scope = budget.scope
        if root not in scope:
            return Missing(lambda: _unknown(root, scope))
        here = scope[root]
        for key in keys:
            if isinstance(here, dict) and key in here:
                here = here[key]
                continue
            there = item(here, key, label="")
            if isinstance(there, Missing):
                return _explain(scope[root], path)
            here = there
        return here

    return look


def item(here: Result, key: Value, *, label: str) -> Result:
    """One lookup whose key was computed. What is missing has no items, and stays missing for the first reason."""
    if isinstance(here, Missing):
        return here
    if isinstance(here, dict) and isinstance(key, str) and key in here:
        return here[key]
    if isinstance(here, list) and isinstance(key, int) and not isinstance(key, bool) and -len(here) <= key < len(here):
        return here[key]
    return Missing(lambda: _nothing_there(here, key, label=label))


def _explain(here: Value, path: Path) -> Missing:
    """Walks again, now with the way that was taken: only a lookup that failed pays for its sentence."""
    found: Result = here
    for index, key in enumerate(path[1:], start=1):
        found = item(found, key, label=show(path[:index]))
    assert isinstance(found, Missing)
    return found


def show(path: Path) -> str:
    return value_text.shorten(json_values.show_path(path))


def _unknown(root: str, scope: Scope) -> str:
    known = f"there are {value_text.listing(scope)}" if scope else "there is nothing"
    return f"`{value_text.shorten(root)}` is not known here; {known}.{value_text.suggestion(root, scope)}"


def _nothing_there(here: Value, key: Value, *, label: str) -> str:
    if value_text.kind(key) not in ("text", "number"):
        return f"{label} was asked for an item, but the key is {value_text.phrase(key)}; use text or a whole number."
    name = value_text.shorten(value_text.as_text(key))
    if isinstance(here, dict):
        has = f"it has {value_text.listing(here)}" if here else "it is an empty mapping"
        return f"{label} has no `{name}`; {has}.{value_text.suggestion(name, here)}"
    if isinstance(here, list):
        return f"{label} has no `{name}`; it is a list of {len(here)}, and the first item is 0."
    return f"{label} has no `{name}`; it is {value_text.phrase(here)}."
