"""Provenance: the parts of an expression's value that the file itself writes, and the parts that come from data.

Only a text that the file writes may be a keyword: data that says "owner" is not the keyword `owner` of a gate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias, cast

from jinja2 import nodes

from engine.expressions import lookup, parser, syntax
from engine.expressions.compiler import ExpressionCompiler
from engine.expressions.limits import Budget, Scope
from engine.expressions.lookup import Evaluator
from engine.expressions.static_types import StaticType, TypeInference, TypeLookup
from engine.expressions.template import Template
from engine.json_values import Value


@dataclass(frozen=True, slots=True)
class Item:
    """One value, or one item of a value that is a list."""

    value: Value
    is_written: bool
    """Whether the file writes this value literally. A condition may have selected it."""


@dataclass(frozen=True, slots=True)
class ValueSource:
    """A source that an item can come from."""

    literal: str | None
    """The text that the file writes, or None for data."""
    name: str
    """The name of the value in error messages."""
    static_type: StaticType | None


_Trace: TypeAlias = Callable[[Budget], list[Item]]
_SEPARATORS: Final = frozenset(",; \t\n")


def render_items(template: Template, scope: Scope) -> list[Item]:
    """Return the items of the template's value. Raises `ExpressionError` if it cannot be evaluated."""
    if template.is_literal:
        return [Item(template.source, is_written=True)]
    if not template.is_whole:
        return [Item(template.render(scope), is_written=False)]
    # A condition in here decides who is asked, so it is as strict as the condition of a gate.
    budget = Budget(scope, is_gate_condition=True)
    budget.spend(template.nodes)
    return _compile_trace(template.source, template.type_of)(budget)


def find_value_sources(template: Template, type_of: TypeLookup) -> list[ValueSource]:
    """Return the sources that the items of a whole expression can come from."""
    inference = TypeInference(frozenset(), type_of)
    return [_describe_source(node, inference) for node in _iter_result_nodes(_parse_expression(template.source))]


def find_literal_values(template: Template) -> list[Value] | None:
    """Return the values that a whole expression chooses from, or None if one of them is not written in the file."""
    if not template.is_whole:
        return None
    values = [_whole_literal(node) for node in _iter_choices(_parse_expression(template.source))]
    return None if syntax.DYNAMIC in values else cast("list[Value]", values)


def _iter_choices(node: nodes.Expr) -> Iterator[nodes.Expr]:
    """Yield the results of a condition, or the node itself."""
    if isinstance(node, nodes.CondExpr) and node.expr2 is not None:
        yield from _iter_choices(node.expr1)
        yield from _iter_choices(node.expr2)
    else:
        yield node


def _whole_literal(node: nodes.Expr) -> object:
    """Return the value of a literal, a list or a mapping of literals; for any other node, return `DYNAMIC`."""
    if isinstance(node, nodes.List):
        items = [_whole_literal(item) for item in node.items]
        return syntax.DYNAMIC if syntax.DYNAMIC in items else items
    if isinstance(node, nodes.Dict):
        pairs = [(syntax.literal_value(pair.key), _whole_literal(pair.value)) for pair in node.items]
        return syntax.DYNAMIC if any(syntax.DYNAMIC in pair for pair in pairs) else dict(pairs)
    return syntax.literal_value(node)


def joins_texts(template: Template) -> bool:
    """Return whether the value is one text that joins several texts with commas, semicolons or white space."""
    if not template.is_whole:
        return any(_SEPARATORS & set(part) for part in parser.parse(template.source) if isinstance(part, str))
    return any(_joins_texts(node) for node in _iter_result_nodes(_parse_expression(template.source)))


@lru_cache(maxsize=256)
def _compile_trace(source: str, type_of: TypeLookup) -> _Trace:
    return _build_trace(_parse_expression(source), ExpressionCompiler(type_of))


def _parse_expression(source: str) -> nodes.Expr:
    return next(part for part in parser.parse(source) if not isinstance(part, str))


def _build_trace(node: nodes.Expr, compiler: ExpressionCompiler) -> _Trace:
    if isinstance(node, nodes.CondExpr) and node.expr2 is not None:
        condition = compiler.compile_operand(nodes.CondExpr(node.test, nodes.Const(True), nodes.Const(False))).evaluate
        then, otherwise = _build_trace(node.expr1, compiler), _build_trace(node.expr2, compiler)
        return lambda budget: then(budget) if condition(budget) else otherwise(budget)
    if isinstance(node, nodes.Filter) and node.name == "default" and node.node is not None:
        is_present = _build_presence_check(node.node, compiler)
        subject, default = _build_trace(node.node, compiler), _build_trace(node.args[0], compiler)
        return lambda budget: subject(budget) if is_present(budget) else default(budget)
    if isinstance(node, nodes.List):
        traces = [_build_trace(item, compiler) for item in node.items]
        return lambda budget: [item for trace in traces for item in trace(budget)]
    if _adds_lists(node):
        assert isinstance(node, nodes.Add)
        left, right = _build_trace(node.left, compiler), _build_trace(node.right, compiler)
        return lambda budget: [*left(budget), *right(budget)]
    is_written = syntax.literal_value(node) is not syntax.DYNAMIC
    return _trace_value(compiler.compile_operand(node).evaluate, is_written=is_written)


def _trace_value(evaluate: Evaluator, *, is_written: bool) -> _Trace:
    def trace(budget: Budget) -> list[Item]:
        value = evaluate(budget)
        return [Item(item, is_written) for item in (value if isinstance(value, list) else [value])]

    return trace


def _build_presence_check(node: nodes.Expr, compiler: ExpressionCompiler) -> Callable[[Budget], bool]:
    defined = compiler.compile_operand(nodes.Test(node, "defined", [], [], None, None)).evaluate
    value = compiler.compile_operand(node).evaluate
    return lambda budget: defined(budget) is True and value(budget) is not None


def _adds_lists(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Add) and any(isinstance(operand, nodes.List) for operand in (node.left, node.right))


def _iter_result_nodes(node: nodes.Expr) -> Iterator[nodes.Expr]:
    """Yield the nodes that give the items. It takes an expression apart in the same way as `_build_trace`."""
    parts: list[nodes.Expr] | None = None
    if isinstance(node, nodes.CondExpr) and node.expr2 is not None:
        parts = [node.expr1, node.expr2]
    elif isinstance(node, nodes.Filter) and node.name == "default" and node.node is not None:
        parts = [node.node, *node.args[:1]]
    elif isinstance(node, nodes.List):
        parts = list(node.items)
    elif isinstance(node, nodes.Add) and _adds_lists(node):
        parts = [node.left, node.right]
    if parts is None:
        yield node
    for part in parts or ():
        yield from _iter_result_nodes(part)


def _describe_source(node: nodes.Expr, inference: TypeInference) -> ValueSource:
    literal = syntax.literal_value(node)
    path = syntax.static_path(node)
    name = f"`{lookup.show_path(path)}`" if path else "the value"
    return ValueSource(literal if isinstance(literal, str) else None, name, inference.infer(node))


def _joins_texts(node: nodes.Expr) -> bool:
    if isinstance(node, nodes.Concat):
        return any(_has_separator(part) for part in node.nodes)
    if isinstance(node, nodes.Add):
        return any(_has_separator(part) or _joins_texts(part) for part in (node.left, node.right))
    return isinstance(node, nodes.Filter) and node.name == "join" and any(map(_has_separator, node.args))


def _has_separator(node: nodes.Expr) -> bool:
    literal = syntax.literal_value(node)
    return isinstance(literal, str) and bool(_SEPARATORS & set(literal))
