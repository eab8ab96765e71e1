"""Where the value of an expression comes from, if the expression does no more than name it."""

from __future__ import annotations

from typing import Final, NamedTuple

from jinja2 import nodes

from engine.data import Path
from engine.expressions import reading, syntax
from engine.expressions.template import Template

_MOST_NODES: Final = 8
"""Names and filters of an expression that only names a value; larger ones are not read again to find out."""


class Origin(NamedTuple):
    """`as_number`: the value is made a number of by `| number`."""

    path: Path
    as_number: bool


def origin(template: Template) -> Origin | None:
    """Return what the whole of `template` names, also under `default` and `number`; None if it computes something."""
    if not template.is_whole or template.nodes > _MOST_NODES or template.secrets:
        return None
    if template.nodes == 1:
        # One node with a reference is that reference.
        return next((Origin(path, as_number=False) for path in template.references), None)
    node: nodes.Expr | None = next(part for part in reading.read(template.source) if not isinstance(part, str))
    as_number = False
    while isinstance(node, nodes.Filter) and node.name in ("default", "number"):
        as_number = as_number or node.name == "number"
        node = node.node
    path = None if node is None else syntax.static_path(node)
    return None if path is None else Origin(path, as_number)
