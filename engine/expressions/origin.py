"""Where the value of an expression comes from, if the expression does no more than name it."""

from __future__ import annotations

from typing import Final, NamedTuple

from jinja2 import nodes

from engine.expressions import parser, syntax
from engine.expressions.template import Template
from engine.json_values import Path

_MOST_NODES: Final = 8
"""Names and filters of an expression that only names a value; larger ones are not read again to find out."""


class ValueOrigin(NamedTuple):
    """`as_number`: the value is made a number of by `| number`; `as_whole`: a whole one, by `| int`."""

    path: Path
    as_number: bool = False
    as_whole: bool = False


def origin(template: Template) -> ValueOrigin | None:
    """Return what all of `template` names, also under `default`, `number` and `int`; None if it computes something."""
    if not template.is_whole or template.nodes > _MOST_NODES or template.secrets:
        return None
    if template.nodes == 1:
        # One node with a reference is that reference.
        return next((ValueOrigin(path) for path in template.references), None)
    node: nodes.Expr | None = next(part for part in parser.read(template.source) if not isinstance(part, str))
    names: set[str] = set()
    while isinstance(node, nodes.Filter) and node.name in ("default", "number", "int"):
        names.add(node.name)
        node = node.node
    path = None if node is None else syntax.static_path(node)
    return None if path is None else ValueOrigin(path, bool(names & {"number", "int"}), "int" in names)
