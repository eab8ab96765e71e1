"""Syntax nodes of Jinja's tree: their literal values and paths, and the error messages for refused nodes."""

from __future__ import annotations

from typing import Final

from jinja2 import nodes

from engine import json_values
from engine.errors import ExpressionError, InvalidValue
from engine.expressions import lookup, value_text
from engine.expressions.filters import FILTERS, Filter
from engine.json_values import Path, Value

DYNAMIC: Final = object()
"""Result of `literal_value` for a node whose value is known only when it is evaluated."""
RESERVED_ROOT: Final = "secret"
STANDS_ALONE: Final = (
    "a secret can only stand alone, as {{ secret.NAME }}: it takes no filter, operator or comparison, "
    "because its value is not known before the step runs"
)

_REFUSED: Final[dict[type[nodes.Expr], str]] = {
    nodes.Pow: "`**` is not available here; multiply with `*`",
    nodes.Slice: "slices such as `[1:3]` are not available here; use `| first`, `| last` or `| truncate(…)`",
    nodes.Tuple: "a list is written with square brackets, as in `[a, b]`; one pair of braces holds one expression",
}


def explain_refusal(node: nodes.Expr) -> str:
    """Return the error message for a node that no expression may have."""
    if not isinstance(node, nodes.Call):
        return _REFUSED[type(node)]
    called = node.node
    name = called.attr if isinstance(called, nodes.Getattr) else called.name if isinstance(called, nodes.Name) else "…"
    if name in FILTERS and isinstance(called, nodes.Getattr):
        return f"`.{name}(…)` is not available here; write it as a filter: `… | {name}`"
    return (
        f"`{value_text.shorten(name)}(…)` is not available here: expressions call nothing; use filters such as `length`"
    )


def constant_value(node: nodes.Const) -> Value:
    """Return the value of a constant. Raises `ExpressionError` for a number with too many digits."""
    try:
        return json_values.clean(node.value)
    except InvalidValue as error:
        raise ExpressionError(f"{error}; use a smaller number") from None


def literal_value(node: nodes.Expr) -> object:
    """Return the value of a literal text, number, boolean or none. For any other node, return `DYNAMIC`."""
    if isinstance(node, nodes.Const):
        return constant_value(node)
    if isinstance(node, nodes.Neg) and isinstance(node.node, nodes.Const) and type(node.node.value) is int:
        return -node.node.value
    return DYNAMIC


def is_never_number(node: nodes.Expr) -> bool:
    """Return whether the value of the node can never be a number."""
    return isinstance(node, nodes.List | nodes.Dict | nodes.Concat) or isinstance(literal_value(node), str)


def static_path(node: nodes.Expr) -> Path | None:
    """Return the path of a reference whose keys are all literal, beginning with its name, or None for another node."""
    keys: list[str | int] = []
    while not isinstance(node, nodes.Name):
        if isinstance(node, nodes.Getattr):
            keys.append(attribute_name(node))
        elif isinstance(node, nodes.Getitem):
            key = literal_value(node.arg)
            if key is DYNAMIC:
                return None
            keys.append(_check_key(key))
        else:
            return None
        node = node.node
    if node.name.startswith("_"):
        raise ExpressionError(
            f"`{value_text.shorten(node.name)}` is not available here; no name begins with an underscore"
        )
    return node.name, *reversed(keys)


def attribute_name(node: nodes.Getattr) -> str:
    """Return the name after the dot. Raises `ExpressionError` if it begins with an underscore."""
    if node.attr.startswith("_"):
        key = value_text.shorten(node.attr)
        hint = "" if key.startswith("__") else f'; write ["{key}"] if that is a key of the data'
        raise ExpressionError(f"`.{key}` is not available here: no name begins with an underscore{hint}")
    return node.attr


def _check_key(key: object) -> str | int:
    if isinstance(key, str) and key.startswith("__"):
        raise ExpressionError(
            f'["{value_text.shorten(key)}"] is not available here; no key begins with two underscores'
        )
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise ExpressionError("in the square brackets of a lookup stands a text or a whole number")
    return key


def describe(node: nodes.Expr) -> str:
    """Return the name of the node's value for error messages."""
    path = static_path(node)
    return "the value" if path is None else lookup.show_path(path)


def secret_name(node: nodes.Expr) -> str | None:
    """Return NAME if `node` is `secret.NAME`, else None. Raises `ExpressionError` for another use of `secret`."""
    path = static_path(node)
    if path is None or path[0] != RESERVED_ROOT:
        return None
    if len(path) != 2 or not isinstance(path[1], str):
        raise ExpressionError(STANDS_ALONE)
    return path[1]


def filter_arguments(node: nodes.Filter, filter_: Filter) -> list[nodes.Expr]:
    """Return the arguments of a filter in the expression. Raises `ExpressionError` if the filter does not take them."""
    if node.dyn_args or node.dyn_kwargs:
        raise ExpressionError(f"`{node.name}` takes its arguments one by one; `*` and `**` are not available here")
    for keyword in node.kwargs:
        if keyword.key != filter_.keyword:
            raise ExpressionError(
                f"`{node.name}` has no argument that is called `{value_text.shorten(str(keyword.key))}`"
            )
    arguments = [*node.args, *(keyword.value for keyword in node.kwargs)]
    most = len(filter_.arguments)
    if not most - filter_.optional <= len(arguments) <= most:
        takes = f"up to {most}" if filter_.optional else most or "no"
        noun = "argument" if most == 1 else "arguments"
        raise ExpressionError(f"`{node.name}` takes {takes} {noun}, not {len(arguments)}")
    return arguments
