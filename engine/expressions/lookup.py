"""References such as `a.b["c"][0]`: lookups in mappings and lists. A failed lookup gives a `Missing` with a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from engine import json_values
from engine.errors import ExpressionError
from engine.expressions import value_text
from engine.expressions.limits import Budget, Scope
from engine.json_values import Path, Value


class Missing:
    """The result of a lookup that found nothing. `default` and `is defined` accept it; all others raise `error()`."""

    __slots__ = ("_sentence",)

    def __init__(self, sentence: Callable[[], str]) -> None:
        self._sentence = sentence

    def error(self) -> ExpressionError:
        """Return the error with the reason. The sentence is written only when it is needed."""
        return ExpressionError(self._sentence())


DECISIONS: Final = "_decisions"
"""The key of a scope that holds the decisions about steps, by step id. No expression can name it.

`steps.<id>.decision` is read from here. The decision is no part of `steps.<id>`, because a step that passes on the
whole output of another step would then pass on the decision too.
"""
APPROVED: Final = "_approved"
"""The key of a scope that holds what steps were called with, by step id, for `steps.<id>.approved`."""
_STEPS: Final = "steps"
_BESIDE_OUTPUT: Final = {"decision": DECISIONS, "approved": APPROVED}
"""The names after `steps.<id>` that are no output, each with the key of the scope from which it is read."""

Result: TypeAlias = "Value | Missing"
Evaluator: TypeAlias = Callable[[Budget], Value]
"""Evaluates one node; raises `ExpressionError`."""
Lookup: TypeAlias = Callable[[Budget], Result]
"""Evaluates one node that may be missing."""


def compile_reference(path: Path) -> Lookup:
    """Compile a reference whose keys are all known. `path[0]` is a name of the scope."""
    resolve = _compile_scope_reference(path)
    beside = _BESIDE_OUTPUT.get(str(path[2])) if path[0] == _STEPS and len(path) > 2 else None
    return resolve if beside is None else _compile_reference_beside(path, resolve, beside)


def _compile_reference_beside(path: Path, resolve_output: Lookup, source: str) -> Lookup:
    """Compile a reference to what a step has beside its output, in the key `source` of the scope.

    An output of the step with this name comes first.
    """
    step, keys = path[1], path[3:]
    resolve_named_output = _compile_scope_reference(path[:3])

    def resolve(budget: Budget) -> Result:
        output, by_step = resolve_output(budget), budget.scope.get(source)
        if not isinstance(output, Missing) or not isinstance(by_step, dict) or step not in by_step:
            return output
        if not isinstance(resolve_named_output(budget), Missing):
            return output
        value: Result = by_step[str(step)]
        for index, key in enumerate(keys, start=3):
            value = look_up_item(value, key, label=show_path(path[:index]))
        return value

    return resolve


def _compile_scope_reference(path: Path) -> Lookup:
    root, keys = str(path[0]), path[1:]

    def resolve(budget: Budget) -> Result:
        scope = budget.scope
        if root not in scope:
            return Missing(lambda: _explain_unknown_name(root, scope))
        value = scope[root]
        for key in keys:
            if isinstance(value, dict) and key in value:
                value = value[key]
                continue
            item = look_up_item(value, key, label="")
            if isinstance(item, Missing):
                return _explain_missing(scope[root], path)
            value = item
        return value

    return resolve


def look_up_item(container: Result, key: Value, *, label: str) -> Result:
    """Return the item at `key`. A missing container is returned as it is, with its own reason.

    `label` is the name of the container in error messages.
    """
    if isinstance(container, Missing):
        return container
    if isinstance(container, dict) and isinstance(key, str) and key in container:
        return container[key]
    if (
        isinstance(container, list)
        and isinstance(key, int)
        and not isinstance(key, bool)
        and -len(container) <= key < len(container)
    ):
        return container[key]
    return Missing(lambda: _explain_missing_item(container, key, label=label))


def _explain_missing(root: Value, path: Path) -> Missing:
    """Repeat a failed lookup with labels. Only a lookup that failed pays for writing them."""
    value: Result = root
    for index, key in enumerate(path[1:], start=1):
        value = look_up_item(value, key, label=show_path(path[:index]))
    assert isinstance(value, Missing)
    return value


def show_path(path: Path) -> str:
    """Return the path of a reference as it is written in an expression, shortened for a message."""
    return value_text.shorten(json_values.show_path(path))


def _explain_unknown_name(root: str, scope: Scope) -> str:
    names = f"there are {value_text.list_names(scope)}" if scope else "there is nothing"
    return f"`{value_text.shorten(root)}` is not known here; {names}.{value_text.suggest(root, scope)}"


def _explain_missing_item(container: Value, key: Value, *, label: str) -> str:
    if value_text.kind_of(key) not in ("text", "number"):
        kind = value_text.describe_kind(key)
        return f"{label} was asked for an item, but the key is {kind}; use text or a whole number."
    name = value_text.shorten(value_text.format_value(key))
    if isinstance(container, dict):
        content = f"it has {value_text.list_names(container)}" if container else "it is an empty mapping"
        return f"{label} has no `{name}`; {content}.{value_text.suggest(name, container)}"
    if isinstance(container, list):
        return f"{label} has no `{name}`; it is a list of {len(container)}, and the first item is 0."
    return f"{label} has no `{name}`; it is {value_text.describe_kind(container)}."
