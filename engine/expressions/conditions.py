"""The structure of a condition, for those who say it in words: what it compares, and how the comparisons are joined.

It holds the same as the expression wherever that is true or false. An expression with anything else in it has no such
structure. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Final, TypeAlias

from jinja2 import nodes

from engine.expressions import parser, syntax
from engine.expressions.template import Template
from engine.json_values import Path, Value


class Relation(StrEnum):
    """How two values compare. The words are those of the syntax tree."""

    IS = "eq"
    IS_NOT = "ne"
    ABOVE = "gt"
    AT_LEAST = "gteq"
    BELOW = "lt"
    AT_MOST = "lteq"
    IN = "in"
    NOT_IN = "notin"


_OPPOSITE: Final = {
    Relation.IS: Relation.IS_NOT,
    Relation.ABOVE: Relation.AT_MOST,
    Relation.BELOW: Relation.AT_LEAST,
    Relation.IN: Relation.NOT_IN,
}
_OPPOSITES: Final = {**_OPPOSITE, **{opposite: relation for relation, opposite in _OPPOSITE.items()}}
_FROM_THE_OTHER_SIDE: Final = {
    Relation.IS: Relation.IS,
    Relation.IS_NOT: Relation.IS_NOT,
    Relation.ABOVE: Relation.BELOW,
    Relation.BELOW: Relation.ABOVE,
    Relation.AT_LEAST: Relation.AT_MOST,
    Relation.AT_MOST: Relation.AT_LEAST,
}


@dataclass(frozen=True, slots=True)
class ReadValue:
    """A value that is read. `is_number`: the filter `number` reads it. `default`: what counts if it is empty."""

    path: Path
    is_number: bool = False
    default: Value = None


@dataclass(frozen=True, slots=True)
class Literals:
    """A list of texts and numbers that the file writes."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, a number, true, false or none that the file writes."""

    value: Value


Operand: TypeAlias = ReadValue | Literal | Literals


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison. What is alone, as in `inputs.vip`, is compared with true."""

    left: Operand
    relation: Relation
    right: Operand


@dataclass(frozen=True, slots=True)
class Junction:
    """Conditions of which all must hold, or one."""

    needs_all: bool
    parts: tuple[Condition, ...]


Condition: TypeAlias = Comparison | Junction


def read_condition(template: Template) -> Condition | None:
    """Return the structure of a condition, or None if it has more in it than comparisons, `and`, `or` and `not`."""
    if not template.is_whole or template.secrets:
        return None
    (expression,) = (part for part in parser.parse(template.source) if not isinstance(part, str))
    return _read(expression)


def _read(node: nodes.Expr) -> Condition | None:
    if isinstance(node, nodes.Not):
        inner = _read(node.node)
        return None if inner is None else _negated(inner)
    if isinstance(node, nodes.And | nodes.Or):
        parts = (_read(node.left), _read(node.right))
        return _joined(parts, needs_all=isinstance(node, nodes.And))
    if isinstance(node, nodes.Compare):
        sides = [node.expr, *(part.expr for part in node.ops)]
        pairs = zip(pairwise(sides), node.ops, strict=True)
        return _joined([_compare(left, Relation(part.op), right) for (left, right), part in pairs], needs_all=True)
    if isinstance(node, nodes.Test):
        subject = _reference(node.node)
        return Comparison(subject, Relation.IS, Literal(None)) if subject and node.name == "none" else None
    alone = _reference(node)
    return None if alone is None else Comparison(alone, Relation.IS, Literal(True))


def _joined(parts: list[Condition | None] | tuple[Condition | None, ...], *, needs_all: bool) -> Condition | None:
    """Return the parts as one condition. Parts that are joined in the same way become its own."""
    flat = list[Condition]()
    for part in parts:
        if part is None:
            return None
        flat += part.parts if isinstance(part, Junction) and part.needs_all is needs_all else [part]
    return flat[0] if len(flat) == 1 else Junction(needs_all, tuple(flat))


def _negated(condition: Condition) -> Condition:
    if isinstance(condition, Junction):
        return Junction(not condition.needs_all, tuple(map(_negated, condition.parts)))
    if condition.relation is Relation.IS and isinstance(condition.right, Literal) and condition.right.value is True:
        return replace(condition, right=Literal(False))
    if condition.relation is Relation.IS and isinstance(condition.right, Literal) and condition.right.value is False:
        return replace(condition, right=Literal(True))
    return replace(condition, relation=_OPPOSITES[condition.relation])


def _compare(left: nodes.Expr, relation: Relation, right: nodes.Expr) -> Comparison | None:
    first, second = _operand(left), _operand(right)
    if first is None or second is None:
        return None
    if not isinstance(first, ReadValue) and isinstance(second, ReadValue) and relation in _FROM_THE_OTHER_SIDE:
        first, relation, second = second, _FROM_THE_OTHER_SIDE[relation], first
    return Comparison(first, relation, second)


def _operand(node: nodes.Expr) -> Operand | None:
    value = _literal(node)
    if value is not syntax.DYNAMIC:
        return Literal(value)  # type: ignore[arg-type]
    if isinstance(node, nodes.List):
        values = tuple(map(_literal, node.items))
        return None if syntax.DYNAMIC in values else Literals(values)  # type: ignore[arg-type]
    return _reference(node)


def _literal(node: nodes.Expr) -> object:
    return syntax.literal_value(node)


def _reference(node: nodes.Expr) -> ReadValue | None:
    if isinstance(node, nodes.Filter) and node.node is not None and not (node.kwargs or node.dyn_args):
        inner = _reference(node.node)
        if inner is None or inner.is_number:
            return None
        if node.name == "number" and not node.args:
            return replace(inner, is_number=True)
        if node.name == "default" and len(node.args) == 1 and inner.default is None:
            default = _literal(node.args[0])
            return None if default in (syntax.DYNAMIC, None) else replace(inner, default=default)  # type: ignore[arg-type]
        return None
    path = syntax.static_path(node)
    return None if path is None else ReadValue(path)
