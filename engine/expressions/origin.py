"""The origin of an expression's value, if the expression only names a value and computes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from jinja2 import nodes

from engine.expressions import parser, syntax
from engine.expressions.template import Template
from engine.json_values import Path

_MAX_NODES: Final = 8
"""Maximum number of names and filters of an expression that is parsed again. A larger one computes something."""


@dataclass(frozen=True, slots=True)
class ValueOrigin:
    """The value that an expression names."""

    path: Path
    as_number: bool = False
    """The expression converts the value with `| number` or `| int`."""
    as_whole: bool = False
    """The expression converts the value with `| int`."""


def find_origin(template: Template) -> ValueOrigin | None:
    """Return the value that the template names, or None if it computes something.

    The filters `default`, `number` and `int` do not count as a computation.
    """
    if not template.is_whole or template.nodes > _MAX_NODES or template.secrets:
        return None
    if template.nodes == 1:
        # A template of one node that has a reference is that reference.
        return next((ValueOrigin(path) for path in template.references), None)
    node: nodes.Expr | None = next(part for part in parser.parse(template.source) if not isinstance(part, str))
    names: set[str] = set()
    while isinstance(node, nodes.Filter) and node.name in ("default", "number", "int"):
        names.add(node.name)
        node = node.node
    path = None if node is None else syntax.static_path(node)
    return None if path is None else ValueOrigin(path, bool(names & {"number", "int"}), "int" in names)
