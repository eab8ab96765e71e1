"""What can be told from a node of Jinja's tree without evaluating it; and the sentences for what is refused."""

from __future__ import annotations

from typing import Final

from jinja2 import nodes

from engine import json_values
from engine.errors import ExpressionError, InvalidValue
from engine.expressions import lookup, value_text
from engine.expressions.filters import FILTERS, Filter
from engine.json_values import Path, Value

DYNAMIC: Final = object()
"""`literal` of a node whose value is only known when it is evaluated."""
RESERVED: Final = "secret"
STANDS_ALONE: Final = (
    "a secret can only stand alone, as {{ secret.NAME }}: it takes no filter, operator or comparison, "
    "because its value is not known before the step runs"
)

_REFUSED: Final[dict[type[nodes.Expr], str]] = {
    nodes.Pow: "`**` is not available here; multiply with `*`",
    nodes.Slice: "slices such as `[1:3]` are not available here; use `| first`, `| last` or `| truncate(…)`",
    nodes.Tuple: "a list is written with square brackets, as in `[a, b]`; one pair of braces holds one expression",
}


def refusal(node: nodes.Expr) -> str:
    """Why `node` has no translation."""
    if not isinstance(node, nodes.Call):
        return _REFUSED[type(node)]
    called = node.node
    name = called.attr if isinstance(called, nodes.Getattr) else called.name if isinstance(called, nodes.Name) else "…"
    if name in FILTERS and isinstance(called, nodes.Getattr):
        return f"`.{name}(…)` is not available here; write it as a filter: `… | {name}`"
    return (
        f"`{value_text.shorten(name)}(…)` is not available here: expressions call nothing; use filters such as `length`"
    )


def constant(node: nodes.Const) -> Value:
    """The value of a literal. Raises `ExpressionError` for a number with too many digits."""
    try:
        return json_values.clean(node.value)
    except InvalidValue as error:
        raise ExpressionError(f"{error}; use a smaller number") from None


def literal(node: nodes.Expr) -> object:
    """The value of a literal text, number, boolean or none, also a negative number; else `DYNAMIC`."""
    if isinstance(node, nodes.Const):
        return constant(node)
    if isinstance(node, nodes.Neg) and isinstance(node.node, nodes.Const) and type(node.node.value) is int:
        return -node.node.value
    return DYNAMIC


def is_never_number(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.List | nodes.Dict | nodes.Concat) or isinstance(literal(node), str)


def static_path(node: nodes.Expr) -> Path | None:
    """The path of a reference whose keys are all literal, from its name on; None for any other node."""
    keys: list[str | int] = []
    while not isinstance(node, nodes.Name):
        if isinstance(node, nodes.Getattr):
            keys.append(attribute(node))
        elif isinstance(node, nodes.Getitem):
            key = literal(node.arg)
            if key is DYNAMIC:
                return None
            keys.append(_checked(key))
        else:
            return None
        node = node.node
    if node.name.startswith("_"):
        raise ExpressionError(
            f"`{value_text.shorten(node.name)}` is not available here; no name begins with an underscore"
        )
    return node.name, *reversed(keys)


def attribute(node: nodes.Getattr) -> str:
    if node.attr.startswith("_"):
        key = value_text.shorten(node.attr)
        hint = "" if key.startswith("__") else f'; write ["{key}"] if that is a key of the data'
        raise ExpressionError(f"`.{key}` is not available here: no name begins with an underscore{hint}")
    return node.attr


def _checked(key: object) -> str | int:
    if isinstance(key, str) and key.startswith("__"):
        raise ExpressionError(
            f'["{value_text.shorten(key)}"] is not available here; no key begins with two underscores'
        )
    if isinstance(key, bool) or not isinstance(key, str | int):
        raise ExpressionError("in the square brackets of a lookup stands a text or a whole number")
    return key


def describe(node: nodes.Expr) -> str:
    """What errors call the value of `node`."""
    path = static_path(node)
    return "the value" if path is None else lookup.show(path)


def secret_name(node: nodes.Expr) -> str | None:
    """NAME, if `node` is `secret.NAME`. Raises `ExpressionError` for the rest that begins with `secret`."""
    path = static_path(node)
    if path is None or path[0] != RESERVED:
        return None
    if len(path) != 2 or not isinstance(path[1], str):
        raise ExpressionError(STANDS_ALONE)
    return path[1]


def arguments(node: nodes.Filter, known: Filter) -> list[nodes.Expr]:
    """The arguments that `node` passes, in order. Raises `ExpressionError` unless they are those of `known`."""
    if node.dyn_args or node.dyn_kwargs:
        raise ExpressionError(f"`{node.name}` takes its arguments one by one; `*` and `**` are not available here")
    for keyword in node.kwargs:
        if keyword.key != known.keyword:
            raise ExpressionError(
                f"`{node.name}` has no argument that is called `{value_text.shorten(str(keyword.key))}`"
            )
    given = [*node.args, *(keyword.value for keyword in node.kwargs)]
    most = len(known.arguments)
    if not most - known.optional <= len(given) <= most:
        takes = f"up to {most}" if known.optional else most or "no"
        noun = "argument" if most == 1 else "arguments"
        raise ExpressionError(f"`{node.name}` takes {takes} {noun}, not {len(given)}")
    return given
