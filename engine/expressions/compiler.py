"""From Jinja's tree to closures over `engine.json_values` values, once; what has no entry in `_NODES` is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from jinja2 import nodes

from engine.errors import ExpressionError
from engine.expressions import lookup, operators, syntax, value_text
from engine.expressions.filters import FILTERS, TESTS
from engine.expressions.limits import MAX_NESTING, MAX_NODES, Budget
from engine.expressions.lookup import Evaluator, Lookup, Missing, Result
from engine.expressions.operators import Operand
from engine.expressions.parser import TOO_DEEP
from engine.json_values import Path, Value


class Translator:
    """Translates the expressions of one text, and gathers what the whole text refers to."""

    def __init__(self) -> None:
        self.strict: set[Path] = set()
        """References that must exist."""
        self.lenient: set[Path] = set()
        """References under `default` or `is defined`."""
        self.nodes = 0
        self.builds = False
        """Whether a value may be larger than the data it comes from."""
        self._depth = 0

    def operand(self, node: nodes.Expr) -> Operand:
        """`node` as a value that is there; what is missing raises when it is evaluated."""
        return Operand(_present(self._node(node)), syntax.describe(node))

    def _node(self, node: nodes.Expr) -> Lookup:
        translate = _NODES.get(type(node))
        if translate is None:
            raise ExpressionError(syntax.refusal(node))
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise ExpressionError(f"this text has more than {MAX_NODES} names and operators; split it")
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise ExpressionError(TOO_DEEP)
        look = translate(self, node)
        self._depth -= 1
        return look

    # -- literals -------------------------------------------------------------------------------------------

    def constant(self, node: nodes.Const) -> Lookup:
        value = syntax.constant(node)
        return lambda _: value

    def literal_list(self, node: nodes.List) -> Lookup:
        self.builds = True
        items = [self.operand(item).evaluate for item in node.items]
        return lambda budget: [item(budget) for item in items]

    def literal_mapping(self, node: nodes.Dict) -> Lookup:
        self.builds = True
        items: dict[str, Evaluator] = {}
        for pair in node.items:
            key = syntax.literal(pair.key)
            if not isinstance(key, str):
                raise ExpressionError('the keys of a mapping are texts in quotes, as in {"name": inputs.name}')
            if key in items:
                raise ExpressionError(f"the key `{value_text.shorten(key)}` stands twice in one mapping; remove one")
            items[key] = self.operand(pair.value).evaluate
        return lambda budget: {key: item(budget) for key, item in items.items()}

    # -- references -----------------------------------------------------------------------------------------

    def reference(self, node: nodes.Name | nodes.Getattr | nodes.Getitem) -> Lookup:
        path = syntax.static_path(node)
        if path is not None:
            look = self._look(path)
            self.strict.add(path)
            return look
        assert not isinstance(node, nodes.Name)
        base, label = self._node(node.node), syntax.describe(node.node)
        if isinstance(node, nodes.Getattr):
            attribute = syntax.attribute(node)
            return lambda budget: lookup.item(base(budget), attribute, label=label)
        key = self.operand(node.arg).evaluate
        return lambda budget: lookup.item(base(budget), key(budget), label=label)

    def _look(self, path: Path) -> Lookup:
        if path[0] == syntax.RESERVED:
            raise ExpressionError(syntax.STANDS_ALONE)
        if self._depth + len(path) - 1 > MAX_NESTING:
            raise ExpressionError(TOO_DEEP)
        return lookup.reference(path)

    def _guarded(self, node: nodes.Expr) -> Lookup:
        """`node` in a place that takes what is missing."""
        path = syntax.static_path(node)
        if path is None:
            return self._node(node)
        self.lenient.add(path)
        return self._look(path)

    # -- operators ------------------------------------------------------------------------------------------

    def arithmetic(self, node: nodes.BinExpr) -> Lookup:
        left, right = self.operand(node.left), self.operand(node.right)
        if isinstance(node, nodes.Add):
            self.builds = True
            return operators.addition(left, right)
        symbol = _SYMBOLS[type(node)]
        if syntax.is_never_number(node.left) or syntax.is_never_number(node.right):
            raise ExpressionError(f"`{symbol}` works on numbers only; use `~` to join texts")
        return operators.arithmetic(symbol, left, right)

    def sign(self, node: nodes.Neg | nodes.Pos) -> Lookup:
        return operators.sign("-" if isinstance(node, nodes.Neg) else "+", self.operand(node.node))

    def concatenation(self, node: nodes.Concat) -> Lookup:
        parts = [self.operand(part) for part in node.nodes]
        return lambda budget: operators.glue(budget, parts)

    def comparison(self, node: nodes.Compare) -> Lookup:
        first = self.operand(node.expr)
        return operators.comparison(first, [(part.op, self.operand(part.expr)) for part in node.ops])

    def _condition(self, node: nodes.Expr, *, place: str) -> operators.Condition:
        return operators.condition(self.operand(node), place=place)

    def negation(self, node: nodes.Not) -> Lookup:
        holds = self._condition(node.node, place="not")
        return lambda budget: not holds(budget)

    def conjunction(self, node: nodes.And) -> Lookup:
        left, right = self._condition(node.left, place="and"), self._condition(node.right, place="and")
        return lambda budget: left(budget) and right(budget)

    def disjunction(self, node: nodes.Or) -> Lookup:
        left, right = self._condition(node.left, place="or"), self._condition(node.right, place="or")
        return lambda budget: left(budget) or right(budget)

    def choice(self, node: nodes.CondExpr) -> Lookup:
        if node.expr2 is None:
            raise ExpressionError("`if` in an expression needs an `else`, as in `a if condition else b`")
        holds = self._condition(node.test, place="if")
        one, other = self._node(node.expr1), self._node(node.expr2)
        return lambda budget: one(budget) if holds(budget) else other(budget)

    # -- filters and tests ----------------------------------------------------------------------------------

    def apply_filter(self, node: nodes.Filter) -> Lookup:
        assert node.node is not None  # only `{% filter %}` has none
        if node.name == "default":
            return self._default(node, node.node)
        known = FILTERS.get(node.name)
        if known is None:
            near = value_text.suggestion(node.name, [*FILTERS, "default"])
            raise ExpressionError(f"there is no filter `{value_text.shorten(node.name)}`.{near}")
        arguments = syntax.arguments(node, known)
        if known.check is not None:
            known.check(*map(syntax.literal, arguments))
        operands = [self.operand(argument) for argument in arguments]
        return operators.apply(node.name, known, subject=self.operand(node.node), arguments=operands)

    def _default(self, node: nodes.Filter, subject: nodes.Expr) -> Lookup:
        if len(node.args) != 1 or node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise ExpressionError('`default` takes one argument, as in `| default("none given")`')
        look, other = self._guarded(subject), self._node(node.args[0])

        def evaluate(budget: Budget) -> Result:
            value = look(budget)
            return other(budget) if value is None or isinstance(value, Missing) else value

        return evaluate

    def apply_test(self, node: nodes.Test) -> Lookup:
        if node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise ExpressionError(
                f"the test `is {value_text.shorten(node.name)}` takes nothing after it; use == or `in`"
            )
        if node.name in ("defined", "undefined"):
            look, wanted = self._guarded(node.node), node.name == "undefined"
            return lambda budget: isinstance(look(budget), Missing) is wanted
        holds = TESTS.get(node.name)
        if holds is None:
            near = value_text.suggestion(node.name, [*TESTS, "defined", "undefined"])
            raise ExpressionError(f"there is no test `is {value_text.shorten(node.name)}`.{near}")
        subject = self.operand(node.node).evaluate
        return lambda budget: holds(subject(budget))


def _present(look: Lookup) -> Evaluator:
    def evaluate(budget: Budget) -> Value:
        value = look(budget)
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
_NODES: Final[dict[type[nodes.Expr], Callable[[Translator, Any], Lookup]]] = {
    nodes.Const: Translator.constant,
    nodes.List: Translator.literal_list,
    nodes.Dict: Translator.literal_mapping,
    nodes.Name: Translator.reference,
    nodes.Getattr: Translator.reference,
    nodes.Getitem: Translator.reference,
    nodes.Add: Translator.arithmetic,
    **dict.fromkeys(_SYMBOLS, Translator.arithmetic),
    nodes.Neg: Translator.sign,
    nodes.Pos: Translator.sign,
    nodes.Concat: Translator.concatenation,
    nodes.Compare: Translator.comparison,
    nodes.Not: Translator.negation,
    nodes.And: Translator.conjunction,
    nodes.Or: Translator.disjunction,
    nodes.CondExpr: Translator.choice,
    nodes.Filter: Translator.apply_filter,
    nodes.Test: Translator.apply_test,
}
