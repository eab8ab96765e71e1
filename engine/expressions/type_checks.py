"""Type checks: find operators and filters that can only fail, or that give the same result for every value.

They are found before the run, from the static types of the operands. An operation that is not certainly wrong passes.
The one exception is `<` and `>` between texts: it passes only if one of them is certainly a date, because texts that
are numbers have another order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from jinja2 import nodes

from engine.expressions import comparisons, dates, filters, parser, syntax
from engine.expressions.clash_phrases import ClashPhrases, describe_node, end_sentence, quote_texts
from engine.expressions.static_types import ADDABLE_KINDS, ARITHMETIC_SYMBOLS, StaticType, TypeInference, TypeLookup
from engine.expressions.value_text import Kind
from engine.json_values import Path, Value


@dataclass(frozen=True, slots=True)
class TypeClash:
    """An operation that is wrong for every value."""

    message: str
    """A sentence about the problem."""
    hint: str
    """A sentence about the correction, or an empty text."""
    is_silent: bool = False
    """Whether evaluating the operation raises no error, but always gives the same result."""


_ACCEPTED_KINDS: Final[dict[str, frozenset[Kind]]] = {
    "any value": frozenset({"null", "boolean", "number", "text", "list", "mapping"}),
    "text": frozenset({"text"}),
    "a number": frozenset({"number"}),
    "a whole number": frozenset({"number"}),
    "a list": frozenset({"list"}),
    "a mapping": frozenset({"mapping"}),
    "text, a list or a mapping": frozenset({"text", "list", "mapping"}),
}
_EQUALITY: Final = {"eq": "==", "ne": "!="}
_CHECKED_NODES: Final = (nodes.Compare, nodes.BinExpr, nodes.Neg, nodes.Pos, nodes.Filter, nodes.Test)
_NO_ORDER: Final = (
    "Texts have no order: add `| number` to both, or declare the field as a number, an amount of money or a date."
)
_KIND_TESTS: Final = frozenset({"number", "string", "mapping", "sequence", "boolean"})
"""Tests for the kind of a value."""
_EXTREME_FILTERS: Final = frozenset({"min", "max"})


@dataclass(frozen=True, slots=True)
class _ParsedText:
    """A text with its expressions."""

    expressions: tuple[nodes.Expr, ...]
    operations: tuple[nodes.Expr, ...]
    """The operators and filters in the expressions."""
    tested: frozenset[Path]
    """The references whose kind the text itself tests."""


def find_clashes(source: str, type_of: TypeLookup) -> list[TypeClash]:
    """Return the type clashes in `source`, a text that compiles."""
    parsed = _parse(source)
    checker = _TypeChecker(TypeInference(parsed.tested, type_of))
    return [clash for node in parsed.operations for clash in checker.check(node)]


def find_condition_clash(source: str, type_of: TypeLookup) -> TypeClash | None:
    """Return the reason why `source`, one whole expression, can be neither true nor false, or None if it can be."""
    parsed = _parse(source)
    return _TypeChecker(TypeInference(parsed.tested, type_of)).check_condition(parsed.expressions[0])


def reads_text_as_number(source: str, type_of: TypeLookup) -> bool:
    """Return whether `number` or `int` converts a text that people write, in which 1.234 is ambiguous."""
    parsed = _parse(source)
    inference = TypeInference(parsed.tested, type_of)
    conversions = [
        node for node in parsed.operations if isinstance(node, nodes.Filter) and node.name in ("number", "int")
    ]
    types = [inference.infer(node.node) for node in conversions if node.node is not None]
    return any(type_ is not None and "text" in type_.kinds and not type_.is_number_text for type_ in types)


def type_of_value(source: str, type_of: TypeLookup) -> StaticType | None:
    """Return the type of `source`, one whole expression, or None if nothing is known about it."""
    parsed = _parse(source)
    return TypeInference(parsed.tested, type_of).infer(parsed.expressions[0])


@lru_cache(maxsize=64)
def _parse(source: str) -> _ParsedText:
    """Parse a text. The result is cached: the checks ask for the same text several times."""
    expressions = tuple(part for part in parser.parse(source) if not isinstance(part, str))
    all_nodes = [node for expression in expressions for node in _iter_nodes(expression)]
    operations = tuple(node for node in all_nodes if isinstance(node, _CHECKED_NODES))
    return _ParsedText(expressions, operations, frozenset(_iter_tested_paths(all_nodes)))


def _iter_nodes(expression: nodes.Expr) -> Iterator[nodes.Expr]:
    yield expression
    yield from expression.find_all(nodes.Expr)


def _iter_tested_paths(all_nodes: Iterable[nodes.Expr]) -> Iterator[Path]:
    """Yield the references whose kind is tested, such as `inputs.a` in `inputs.a is number and inputs.a > 3`."""
    for node in all_nodes:
        if isinstance(node, nodes.Test) and node.name in _KIND_TESTS and (path := syntax.static_path(node.node)):
            yield path


class _TypeChecker:
    """Checks the nodes of one text."""

    def __init__(self, inference: TypeInference) -> None:
        self._kinds, self._infer = inference.kinds, inference.infer
        phrases = ClashPhrases(inference)
        self._describe_types = phrases.describe_types
        self._suggest_numbers = phrases.suggest_numbers
        self._suggest_condition = phrases.suggest_condition
        self._suggest_currency = phrases.suggest_currency

    # -- checks ---------------------------------------------------------------------------------------------

    def check(self, node: nodes.Expr) -> Iterator[TypeClash]:
        """Yield the clashes of this node. The nodes inside it are checked by calls of their own."""
        if isinstance(node, nodes.Compare):
            left = node.expr
            for part in node.ops:
                yield from self._check_comparison(left, part.op, part.expr)
                left = part.expr
        elif isinstance(node, nodes.BinExpr) and type(node) in ARITHMETIC_SYMBOLS:
            yield from self._check_arithmetic(node, ARITHMETIC_SYMBOLS[type(node)])
        elif isinstance(node, nodes.Neg | nodes.Pos):
            yield from self._check_number(node.node, "-" if isinstance(node, nodes.Neg) else "+", ())
        elif isinstance(node, nodes.Test) and node.name in ("true", "false"):
            yield from self._check_boolean_test(node)
        elif isinstance(node, nodes.Filter) and node.node is not None and node.name in filters.FILTERS:
            yield from self._check_filter(node, node.node)

    def _check_boolean_test(self, node: nodes.Test) -> Iterator[TypeClash]:
        kinds = self._kinds(node.node)
        if kinds - {"null"} and "boolean" not in kinds:
            message = f"`is {node.name}` is never true here: {self._describe_types(node.node)}."
            yield TypeClash(message, self._suggest_condition(node.node))

    def _check_comparison(self, left: nodes.Expr, name: str, right: nodes.Expr) -> Iterator[TypeClash]:
        if name in comparisons.ORDER_OPERATORS:
            yield from self._check_order(left, comparisons.ORDER_OPERATORS[name][0], right)
        elif name in _EQUALITY:
            yield from self._check_equality(left, name, right)
        else:
            yield from self._check_membership(left, right)

    def _check_order(self, left: nodes.Expr, symbol: str, right: nodes.Expr) -> Iterator[TypeClash]:
        left_kinds, right_kinds = self._kinds(left), self._kinds(right)
        if "number" in left_kinds and "number" in right_kinds:
            return
        if (clash := self._find_money_clash(left, symbol, right)) or self._compares_amounts(left, right):
            yield from [clash] if clash else []
            return
        if "text" in left_kinds and "text" in right_kinds and _may_be_dates(self._infer(left), self._infer(right)):
            return
        message = f"`{symbol}` {comparisons.ORDER_RULE}, but {self._describe_types(left, right)}."
        hint = self._suggest_numbers(left, symbol, right)
        yield TypeClash(message, hint or (_NO_ORDER if "text" in left_kinds and "text" in right_kinds else ""))

    def _check_equality(self, left: nodes.Expr, name: str, right: nodes.Expr) -> Iterator[TypeClash]:
        symbol, always = _EQUALITY[name], "never" if name == "eq" else "always"
        left_kinds, right_kinds = self._kinds(left), self._kinds(right)
        if (clash := self._find_money_clash(left, symbol, right)) or self._compares_amounts(left, right):
            yield from [clash] if clash else []
            return
        # A comparison with none is no mistake: the value may become optional later.
        if not left_kinds & right_kinds and left_kinds - {"null"} and right_kinds - {"null"}:
            message = f"`{symbol}` is {always} true here: {self._describe_types(left, right)}."
            yield TypeClash(message, self._suggest_numbers(left, symbol, right))
        elif self._compares_number_text(left, right):
            message = (
                f"`{symbol}` compares letter by letter, so 200 is not 200.00, but {self._describe_types(left, right)}."
            )
            yield TypeClash(
                message,
                self._suggest_numbers(left, symbol, right) or "Compare numbers: add `| number` to both.",
            )
        elif reason := self._explain_mismatch(left, right):
            yield TypeClash(f"`{symbol}` is {always} true here: {end_sentence(reason)}", "", is_silent=True)

    def _compares_amounts(self, left: nodes.Expr, right: nodes.Expr) -> bool:
        """Return whether amounts can be compared: money with money, or with a number where a field fixes its currency.

        Money of two currencies never compares.
        """
        types = self._infer(left), self._infer(right)
        if all(type_ is not None and type_.is_money for type_ in types):
            return len({type_.currency for type_ in types if type_ and type_.currency}) < 2
        for type_, other in (types, types[::-1]):
            if type_ is not None and type_.currency is not None and "number" in (other.kinds if other else ("number",)):
                return True
        return False

    def _find_money_clash(self, left: nodes.Expr, symbol: str, right: nodes.Expr) -> TypeClash | None:
        """Return the clash of money with money of another currency, or with a number if it can have any currency."""
        types = [self._infer(left), self._infer(right)]
        known = [type_ for type_ in types if type_ is not None and type_.kinds <= {"mapping", "null", "number"}]
        if len(known) < 2 or not any(type_.is_money for type_ in known) or self._compares_amounts(left, right):
            return None
        if all(type_.is_money and "number" not in type_.kinds for type_ in known):
            message = f"`{symbol}` never compares across currencies, but {self._describe_types(left, right)}."
            return TypeClash(message, "Compare money of one currency.")
        if all(type_.is_money or "number" in type_.kinds for type_ in known):
            message = f"`{symbol}` compares money with a number only where the field fixes its currency, but"
            hint = self._suggest_currency(left, symbol, right)
            return TypeClash(f"{message} {self._describe_types(left, right)}.", hint)
        return None

    def _check_membership(self, part: nodes.Expr, whole: nodes.Expr) -> Iterator[TypeClash]:
        part_kinds, whole_kinds = self._kinds(part), self._kinds(whole)
        if not whole_kinds & {"list", "mapping"} and not ("text" in whole_kinds and "text" in part_kinds):
            yield TypeClash(
                f"`in` looks into a list, a mapping or for text in text, but {self._describe_types(part, whole)}.",
                "",
            )
        elif isinstance(whole, nodes.List):
            yield from self._check_list_membership(part, whole)
        elif whole_kinds <= {"text", "null"} and self._compares_number_text(part, whole):
            message = f"`in` looks for letters in a text, but {self._describe_types(part, whole)}."
            yield TypeClash(message, "Compare numbers: add `| number`, and use `==`, `<` or `>`.")
        elif reason := self._explain_not_inside(part, whole):
            yield TypeClash(f"`in` never finds this here: {end_sentence(reason)}", "", is_silent=True)

    def _check_list_membership(self, part: nodes.Expr, whole: nodes.List) -> Iterator[TypeClash]:
        """Yield a clash for each item of a literal list that `part` can never equal."""
        for item in whole.items:
            part_kinds, item_kinds = self._kinds(part), self._kinds(item)
            if (clash := self._find_money_clash(part, "in", item)) or self._compares_amounts(part, item):
                yield from [clash] if clash else []
                continue
            if not part_kinds & item_kinds and part_kinds - {"null"} and item_kinds - {"null"}:
                yield TypeClash(f"`in` never finds {describe_node(item)} here: {self._describe_types(part, item)}.", "")
            elif self._compares_number_text(part, item):
                message = (
                    f"`in` compares letter by letter, so 200 is not 200.00, but {self._describe_types(part, item)}."
                )
                yield TypeClash(message, "Compare numbers: add `| number`, and write the numbers without quotes.")
            elif reason := self._explain_mismatch(part, item):
                yield TypeClash(
                    f"`in` never finds {describe_node(item)} here: {end_sentence(reason)}", "", is_silent=True
                )

    def _explain_not_inside(self, part: nodes.Expr, whole: nodes.Expr) -> str:
        """Return the reason why `part` can never be an item or a part of `whole`, or an empty text if it can be."""
        part_type, whole_type = self._infer(part), self._infer(whole)
        if whole_type is not None and whole_type.item is not None:
            texts = part_type.texts if part_type is not None and whole_type.item.mismatch is not None else None
            reasons = [whole_type.item.mismatch(text) for text in texts or ()] if whole_type.item.mismatch else []
            return f"an item of {describe_node(whole)} {reasons[0]}" if reasons and all(reasons) else ""
        if part_type is None or whole_type is None or part_type.texts is None or whole_type.texts is None:
            return ""
        if any(text in long for text in part_type.texts for long in whole_type.texts):
            return ""
        return f"{describe_node(whole)} is {quote_texts(whole_type.texts)}"

    def _compares_number_text(self, left: nodes.Expr, right: nodes.Expr) -> bool:
        """Return whether a number that is written as text is compared with a text."""
        types = self._infer(left), self._infer(right)
        if not all(type_ is None or "text" in type_.kinds for type_ in types):
            return False
        return any(type_ is not None and type_.is_number_text for type_ in types)

    def _explain_mismatch(self, left: nodes.Expr, right: nodes.Expr) -> str:
        """Return the reason why two values of one kind can never be equal, or an empty text if they can be."""
        for node, other in ((left, right), (right, left)):
            type_, other_type = self._infer(node), self._infer(other)
            if type_ is None or type_.mismatch is None or syntax.literal_value(node) is not syntax.DYNAMIC:
                continue
            reasons = [type_.mismatch(value) for value in _possible_values(other, other_type)]
            if reasons and all(reasons):
                return f"{describe_node(node)} {reasons[0]}"
        return ""

    def _check_arithmetic(self, node: nodes.BinExpr, symbol: str) -> Iterator[TypeClash]:
        if symbol != "+":
            for operand in (node.left, node.right):
                yield from self._check_number(operand, symbol, (node.left, node.right))
        elif not any(kind in self._kinds(node.left) and kind in self._kinds(node.right) for kind in ADDABLE_KINDS):
            message = (
                f"`+` adds two numbers, two texts or two lists, but {self._describe_types(node.left, node.right)}."
            )
            yield TypeClash(message, self._suggest_numbers(node.left, symbol, node.right))

    def _check_number(self, operand: nodes.Expr, symbol: str, both: tuple[nodes.Expr, ...]) -> Iterator[TypeClash]:
        if "number" not in self._kinds(operand):
            hint = self._suggest_numbers(both[0], symbol, both[1]) if both else self._suggest_numbers(operand)
            yield TypeClash(f"`{symbol}` needs numbers, but {self._describe_types(operand)}.", hint)

    def _check_filter(self, node: nodes.Filter, subject: nodes.Expr) -> Iterator[TypeClash]:
        takes = filters.FILTERS[node.name].takes
        if not self._kinds(subject) & _ACCEPTED_KINDS[takes]:
            hint = self._suggest_numbers(subject) if "number" in _ACCEPTED_KINDS[takes] else ""
            yield TypeClash(f"`{node.name}` works on {takes}, but {self._describe_types(subject)}.", hint)
        elif node.name == "date" and node.args:
            pattern = syntax.literal_value(node.args[0])
            if isinstance(pattern, str) and (explanation := dates.explain_printed_letters(pattern)):
                yield TypeClash(*explanation)
        elif node.name in _EXTREME_FILTERS or node.name == "sort":
            yield from self._check_ordering_filter(node.name, subject)

    def _check_ordering_filter(self, name: str, subject: nodes.Expr) -> Iterator[TypeClash]:
        type_ = self._infer(subject)
        item = type_.item if type_ else None
        if item is None or not item.kinds <= {"text", "null"}:
            return
        if name == "sort":
            types = [self._infer(node) for node in subject.items] if isinstance(subject, nodes.List) else [item]
            if not item.is_date and any(map(_looks_like_number, types)):
                message = "`sort` orders texts by their letters, but the texts of this list look like numbers."
                yield TypeClash(message, "Make a list of numbers: add `| number` to each.")
        elif not item.is_date:
            yield TypeClash(f"`{name}` compares numbers or dates, but this is a list of texts.", _NO_ORDER)

    def check_condition(self, node: nodes.Expr, subject: str = "A condition") -> TypeClash | None:
        """Return the clash of a node that can be neither true nor false, although `place` needs a boolean."""
        if "boolean" not in self._kinds(node):
            return TypeClash(
                f"{subject} needs true or false, but {self._describe_types(node)}.",
                self._suggest_condition(node),
            )
        for operator, operand in _iter_condition_operands(node):
            clash = self.check_condition(operand, f"`{operator}`")
            if clash is not None:
                return clash
        return None


def _may_be_dates(left: StaticType | None, right: StaticType | None) -> bool:
    """Return whether two texts may be compared as dates.

    Neither is certainly no date, and one is certainly a date, or nothing is known about either of them.
    """
    dates = [type_.is_date for type_ in (left, right) if type_ is not None]
    return False not in dates and (True in dates or not dates)


def _possible_values(node: nodes.Expr, type_: StaticType | None) -> tuple[Value, ...]:
    """Return all values that a node can have, or an empty tuple if they are not known."""
    literal = _literal_value(node)
    if literal is not syntax.DYNAMIC:
        return () if literal is None else (literal,)  # type: ignore[return-value]
    return type_.texts if type_ is not None and type_.texts is not None and type_.kinds == {"text"} else ()


def _literal_value(node: nodes.Expr) -> object:
    """Return the value of a literal, or of a list or mapping of literals. For any other node, return `DYNAMIC`."""
    if isinstance(node, nodes.List):
        items = [_literal_value(item) for item in node.items]
        return syntax.DYNAMIC if syntax.DYNAMIC in items else items
    if isinstance(node, nodes.Dict):
        pairs = [(syntax.literal_value(pair.key), _literal_value(pair.value)) for pair in node.items]
        return syntax.DYNAMIC if any(syntax.DYNAMIC in pair for pair in pairs) else dict(pairs)
    return syntax.literal_value(node)


def _looks_like_number(type_: StaticType | None) -> bool:
    return type_ is not None and (type_.is_number_text or any(map(comparisons.looks_like_number, type_.texts or ())))


def _iter_condition_operands(node: nodes.Expr) -> Iterator[tuple[str, nodes.Expr]]:
    """Yield the operands that are always evaluated and must be true or false, each with the word of its operator."""
    if isinstance(node, nodes.Not):
        yield "not", node.node
    elif isinstance(node, nodes.And | nodes.Or):
        yield "and" if isinstance(node, nodes.And) else "or", node.left
    elif isinstance(node, nodes.CondExpr):
        yield "if", node.test
