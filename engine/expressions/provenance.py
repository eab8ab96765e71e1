"""Which parts of an expression's value the file itself writes, and which come from data.

Only what the file writes may have a meaning beyond its value: data that says "owner" is not the word `owner` of a gate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from jinja2 import nodes

from engine.expressions import lookup, parser, syntax
from engine.expressions.compiler import Translator
from engine.expressions.limits import Budget, Scope
from engine.expressions.lookup import Evaluator
from engine.expressions.static_types import SortOf, StaticType, TypeInference
from engine.expressions.template import Template
from engine.json_values import Value


class Item(NamedTuple):
    """One value, or one item of a value that is a list."""

    value: Value
    is_written: bool
    """It stands in the file as it is; conditions may have chosen it."""


class ValueSource(NamedTuple):
    """Where an item can come from. `literal`: as the file writes it, None for data, of which `sort` is known."""

    literal: str | None
    name: str
    sort: StaticType | None


_Trace: TypeAlias = Callable[[Budget], list[Item]]
_SEPARATORS: Final = frozenset(",; \t\n")


def render_items(template: Template, scope: Scope) -> list[Item]:
    """The value of `template`, item by item. Raises `ExpressionError`."""
    if template.is_literal:
        return [Item(template.source, is_written=True)]
    if not template.is_whole:
        return [Item(template.render(scope), is_written=False)]
    # Whom a condition chooses depends on it as much as whether anybody is asked.
    budget = Budget(scope, is_guard=True)
    budget.spend(template.nodes)
    return _trace(template.source)(budget)


def sources_of(template: Template, sort_of: SortOf) -> list[ValueSource]:
    """Where the items of a whole expression can come from."""
    sorter = TypeInference(frozenset(), sort_of)
    return [_source(node, sorter) for node in _ends(_expression(template.source))]


def joins_texts(template: Template) -> bool:
    """Whether the value is one text that several others are joined to with commas, semicolons or spaces."""
    if not template.is_whole:
        return any(_SEPARATORS & set(part) for part in parser.read(template.source) if isinstance(part, str))
    return any(_joins(node) for node in _ends(_expression(template.source)))


@lru_cache(maxsize=256)
def _trace(source: str) -> _Trace:
    return _traced(_expression(source), Translator())


def _expression(source: str) -> nodes.Expr:
    return next(part for part in parser.read(source) if not isinstance(part, str))


def _traced(node: nodes.Expr, translator: Translator) -> _Trace:
    if isinstance(node, nodes.CondExpr) and node.expr2 is not None:
        condition = translator.operand(nodes.CondExpr(node.test, nodes.Const(True), nodes.Const(False))).evaluate
        one, other = _traced(node.expr1, translator), _traced(node.expr2, translator)
        return lambda budget: one(budget) if condition(budget) else other(budget)
    if isinstance(node, nodes.Filter) and node.name == "default" and node.node is not None:
        there = _is_there(node.node, translator)
        one, other = _traced(node.node, translator), _traced(node.args[0], translator)
        return lambda budget: one(budget) if there(budget) else other(budget)
    if isinstance(node, nodes.List):
        traces = [_traced(item, translator) for item in node.items]
        return lambda budget: [item for trace in traces for item in trace(budget)]
    if _adds_lists(node):
        assert isinstance(node, nodes.Add)
        one, other = _traced(node.left, translator), _traced(node.right, translator)
        return lambda budget: [*one(budget), *other(budget)]
    return _valued(translator.operand(node).evaluate, is_written=syntax.literal(node) is not syntax.DYNAMIC)


def _valued(evaluate: Evaluator, *, is_written: bool) -> _Trace:
    def trace(budget: Budget) -> list[Item]:
        value = evaluate(budget)
        return [Item(item, is_written) for item in (value if isinstance(value, list) else [value])]

    return trace


def _is_there(node: nodes.Expr, translator: Translator) -> Callable[[Budget], bool]:
    defined = translator.operand(nodes.Test(node, "defined", [], [], None, None)).evaluate
    value = translator.operand(node).evaluate
    return lambda budget: defined(budget) is True and value(budget) is not None


def _adds_lists(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Add) and any(isinstance(one, nodes.List) for one in (node.left, node.right))


def _ends(node: nodes.Expr) -> Iterator[nodes.Expr]:
    """The nodes that give the items, as `_traced` takes the expression apart."""
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
        yield from _ends(part)


def _source(node: nodes.Expr, sorter: TypeInference) -> ValueSource:
    literal = syntax.literal(node)
    path = syntax.static_path(node)
    name = f"`{lookup.show(path)}`" if path else "the value"
    return ValueSource(literal if isinstance(literal, str) else None, name, sorter.sort(node))


def _joins(node: nodes.Expr) -> bool:
    if isinstance(node, nodes.Concat):
        return any(_separates(part) for part in node.nodes)
    if isinstance(node, nodes.Add):
        return any(_separates(part) or _joins(part) for part in (node.left, node.right))
    return isinstance(node, nodes.Filter) and node.name == "join" and any(_separates(each) for each in node.args)


def _separates(node: nodes.Expr) -> bool:
    literal = syntax.literal(node)
    return isinstance(literal, str) and bool(_SEPARATORS & set(literal))
