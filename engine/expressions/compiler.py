"""Compiler from Jinja's syntax tree to Python closures over `engine.json_values` values.

A node type without an entry in `_COMPILERS` is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from jinja2 import nodes

from engine.errors import ExpressionError
from engine.expressions import lookup, operators, syntax, value_text
from engine.expressions.filters import FILTERS, TESTS
from engine.expressions.limits import MAX_NESTING, MAX_NODES, Budget
from engine.expressions.lookup import Evaluator, Lookup, Missing, Result
from engine.expressions.operators import Operand
from engine.expressions.parser import TOO_DEEP
from engine.expressions.static_types import TypeInference, TypeLookup, unknown_type
from engine.json_values import Path, Value


class ExpressionCompiler:
    """Compiles the expressions of one text and collects the references of the whole text."""

    def __init__(self, type_of: TypeLookup = unknown_type) -> None:
        """`type_of`: the types of the references, which tell whether money compares with a number."""
        self._inference = TypeInference(frozenset(), type_of)
        self.required: set[Path] = set()
        """References that must exist."""
        self.optional: set[Path] = set()
        """References under `default` or `is defined`, which may be missing."""
        self.nodes = 0
        """Number of nodes compiled so far."""
        self.may_grow = False
        """Whether a value may be larger than the data that it is made from."""
        self._depth = 0

    def compile_operand(self, node: nodes.Expr) -> Operand:
        """Compile `node` to a value that must be present: a missing value raises when it is evaluated."""
        return Operand(_require_present(self._compile(node)), syntax.describe(node))

    def _compile(self, node: nodes.Expr) -> Lookup:
        compile_node = _COMPILERS.get(type(node))
        if compile_node is None:
            raise ExpressionError(syntax.explain_refusal(node))
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise ExpressionError(f"this text has more than {MAX_NODES} names and operators; split it")
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise ExpressionError(TOO_DEEP)
        resolve = compile_node(self, node)
        self._depth -= 1
        return resolve

    # -- literals -------------------------------------------------------------------------------------------

    def compile_constant(self, node: nodes.Const) -> Lookup:
        value = syntax.constant_value(node)
        return lambda _: value

    def compile_literal_list(self, node: nodes.List) -> Lookup:
        self.may_grow = True
        items = [self.compile_operand(item).evaluate for item in node.items]
        return lambda budget: [item(budget) for item in items]

    def compile_literal_mapping(self, node: nodes.Dict) -> Lookup:
        self.may_grow = True
        items: dict[str, Evaluator] = {}
        for pair in node.items:
            key = syntax.literal_value(pair.key)
            if not isinstance(key, str):
                raise ExpressionError('the keys of a mapping are texts in quotes, as in {"name": inputs.name}')
            if key in items:
                raise ExpressionError(f"the key `{value_text.shorten(key)}` stands twice in one mapping; remove one")
            items[key] = self.compile_operand(pair.value).evaluate
        return lambda budget: {key: item(budget) for key, item in items.items()}

    # -- references -----------------------------------------------------------------------------------------

    def compile_reference(self, node: nodes.Name | nodes.Getattr | nodes.Getitem) -> Lookup:
        path = syntax.static_path(node)
        if path is not None:
            resolve = self._compile_path(path)
            self.required.add(path)
            return resolve
        assert not isinstance(node, nodes.Name)
        base, label = self._compile(node.node), syntax.describe(node.node)
        if isinstance(node, nodes.Getattr):
            attribute = syntax.attribute_name(node)
            return lambda budget: lookup.look_up_item(base(budget), attribute, label=label)
        key = self.compile_operand(node.arg).evaluate
        return lambda budget: lookup.look_up_item(base(budget), key(budget), label=label)

    def _compile_path(self, path: Path) -> Lookup:
        if path[0] == syntax.RESERVED_ROOT:
            raise ExpressionError(syntax.STANDS_ALONE)
        if self._depth + len(path) - 1 > MAX_NESTING:
            raise ExpressionError(TOO_DEEP)
        return lookup.compile_reference(path)

    def _compile_optional(self, node: nodes.Expr) -> Lookup:
        """Compile `node` to a value that may be missing."""
        path = syntax.static_path(node)
        if path is None:
            return self._compile(node)
        self.optional.add(path)
        return self._compile_path(path)

    # -- operators ------------------------------------------------------------------------------------------

    def compile_arithmetic(self, node: nodes.BinExpr) -> Lookup:
        left, right = self.compile_operand(node.left), self.compile_operand(node.right)
        if isinstance(node, nodes.Add):
            self.may_grow = True
            return operators.compile_addition(left, right)
        symbol = _SYMBOLS[type(node)]
        if syntax.is_never_number(node.left) or syntax.is_never_number(node.right):
            raise ExpressionError(f"`{symbol}` works on numbers only; use `~` to join texts")
        return operators.compile_arithmetic(symbol, left, right)

    def compile_sign(self, node: nodes.Neg | nodes.Pos) -> Lookup:
        return operators.compile_sign("-" if isinstance(node, nodes.Neg) else "+", self.compile_operand(node.node))

    def compile_concatenation(self, node: nodes.Concat) -> Lookup:
        parts = [self.compile_operand(part) for part in node.nodes]
        return lambda budget: operators.concatenate(budget, parts)

    def compile_comparison(self, node: nodes.Compare) -> Lookup:
        first = self._compile_side(node.expr)
        return operators.compile_comparison(first, [(part.op, self._compile_side(part.expr)) for part in node.ops])

    def _compile_side(self, node: nodes.Expr) -> Operand:
        """Compile a side of a comparison."""
        type_ = self._inference.infer(node)
        return replace(self.compile_operand(node), fixes_currency=type_ is not None and type_.fixes_currency)

    def _compile_condition(self, node: nodes.Expr, *, operator: str) -> operators.Condition:
        return operators.compile_condition(self.compile_operand(node), operator=operator)

    def compile_negation(self, node: nodes.Not) -> Lookup:
        holds = self._compile_condition(node.node, operator="not")
        return lambda budget: not holds(budget)

    def compile_conjunction(self, node: nodes.And) -> Lookup:
        left, right = (
            self._compile_condition(node.left, operator="and"),
            self._compile_condition(node.right, operator="and"),
        )
        return lambda budget: left(budget) and right(budget)

    def compile_disjunction(self, node: nodes.Or) -> Lookup:
        left, right = (
            self._compile_condition(node.left, operator="or"),
            self._compile_condition(node.right, operator="or"),
        )
        return lambda budget: left(budget) or right(budget)

    def compile_choice(self, node: nodes.CondExpr) -> Lookup:
        if node.expr2 is None:
            raise ExpressionError("`if` in an expression needs an `else`, as in `a if condition else b`")
        holds = self._compile_condition(node.test, operator="if")
        then, otherwise = self._compile(node.expr1), self._compile(node.expr2)
        return lambda budget: then(budget) if holds(budget) else otherwise(budget)

    # -- filters and tests ----------------------------------------------------------------------------------

    def compile_filter(self, node: nodes.Filter) -> Lookup:
        assert node.node is not None  # only `{% filter %}` has none
        if node.name == "default":
            return self._compile_default(node, node.node)
        filter_ = FILTERS.get(node.name)
        if filter_ is None:
            names = [*FILTERS, "default"]
            suggestion = value_text.suggest(node.name, names) or f" There are {', '.join(sorted(names))}."
            raise ExpressionError(f"there is no filter `{value_text.shorten(node.name)}`.{suggestion}")
        arguments = syntax.filter_arguments(node, filter_)
        if filter_.check is not None:
            filter_.check(*map(syntax.literal_value, arguments))
        operands = [self.compile_operand(argument) for argument in arguments]
        return operators.compile_filter(node.name, filter_, subject=self.compile_operand(node.node), arguments=operands)

    def _compile_default(self, node: nodes.Filter, subject: nodes.Expr) -> Lookup:
        if len(node.args) != 1 or node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise ExpressionError('`default` takes one argument, as in `| default("none given")`')
        resolve, default = self._compile_optional(subject), self._compile(node.args[0])

        def evaluate(budget: Budget) -> Result:
            value = resolve(budget)
            return default(budget) if value is None or isinstance(value, Missing) else value

        return evaluate

    def compile_test(self, node: nodes.Test) -> Lookup:
        if node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise ExpressionError(
                f"the test `is {value_text.shorten(node.name)}` takes nothing after it; use == or `in`"
            )
        if node.name in ("defined", "undefined"):
            resolve, wanted = self._compile_optional(node.node), node.name == "undefined"
            return lambda budget: isinstance(resolve(budget), Missing) is wanted
        holds = TESTS.get(node.name)
        if holds is None:
            names = [*TESTS, "defined", "undefined"]
            suggestion = value_text.suggest(node.name, names) or f" There are {', '.join(sorted(names))}."
            raise ExpressionError(f"there is no test `is {value_text.shorten(node.name)}`.{suggestion}")
        subject = self.compile_operand(node.node).evaluate
        return lambda budget: holds(subject(budget))


def _require_present(resolve: Lookup) -> Evaluator:
    def evaluate(budget: Budget) -> Value:
        value = resolve(budget)
        if isinstance(value, Missing):
            raise value.error()
        return value

    return evaluate


_SYMBOLS: Final[dict[type[nodes.BinExpr], str]] = {
    nodes.Sub: "-",
    nodes.Mul: "*",
    nodes.Div: "/",
    nodes.FloorDiv: "//",
    nodes.Mod: "%",
}
_COMPILERS: Final[dict[type[nodes.Expr], Callable[[ExpressionCompiler, Any], Lookup]]] = {
    nodes.Const: ExpressionCompiler.compile_constant,
    nodes.List: ExpressionCompiler.compile_literal_list,
    nodes.Dict: ExpressionCompiler.compile_literal_mapping,
    nodes.Name: ExpressionCompiler.compile_reference,
    nodes.Getattr: ExpressionCompiler.compile_reference,
    nodes.Getitem: ExpressionCompiler.compile_reference,
    nodes.Add: ExpressionCompiler.compile_arithmetic,
    **dict.fromkeys(_SYMBOLS, ExpressionCompiler.compile_arithmetic),
    nodes.Neg: ExpressionCompiler.compile_sign,
    nodes.Pos: ExpressionCompiler.compile_sign,
    nodes.Concat: ExpressionCompiler.compile_concatenation,
    nodes.Compare: ExpressionCompiler.compile_comparison,
    nodes.Not: ExpressionCompiler.compile_negation,
    nodes.And: ExpressionCompiler.compile_conjunction,
    nodes.Or: ExpressionCompiler.compile_disjunction,
    nodes.CondExpr: ExpressionCompiler.compile_choice,
    nodes.Filter: ExpressionCompiler.compile_filter,
    nodes.Test: ExpressionCompiler.compile_test,
}
