"""Operators, conditions and filters as closures over compiled operands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, TypeAlias

from engine.errors import ExpressionError
from engine.expressions import comparisons, numbers, value_text
from engine.expressions.filters import VALUE_CHECKS, Filter
from engine.expressions.limits import MAX_TEXT, Budget
from engine.expressions.lookup import Evaluator, Lookup, Result
from engine.expressions.money import Sides
from engine.json_values import Value

Condition: TypeAlias = Callable[[Budget], bool]


@dataclass(frozen=True, slots=True)
class Operand:
    """A compiled operand."""

    evaluate: Evaluator
    label: str
    """Its name in error messages: `inputs.amount` or `the value`."""
    fixes_currency: bool = False
    """Whether it has the currency that its field fixes, where it is money or a list of money."""


_ARITHMETIC: Final[dict[str, Callable[[Any, Any], numbers.Number]]] = {
    "+": numbers.add,
    "-": numbers.subtract,
    "*": numbers.multiply,
    "/": numbers.divide,
    "//": numbers.floor_divide,
    "%": numbers.modulo,
}
_HINTS: Final[dict[tuple[str, value_text.Kind], str]] = {
    ("text", "number"): "; add `| string`",
    ("text", "boolean"): "; add `| string`",
    ("text", "list"): "; add `| join(…)` or `| json`",
    ("text", "mapping"): "; pick one of its keys, or add `| json`",
    ("a number", "text"): "; add `| number`",
    ("a number", "mapping"): "; pick one of its keys",
}
_EMPTY_HINT: Final = "; add `| default(…)`"


def _suggest_conversion(wanted: str, value: Value) -> str:
    if wanted == "a number" and value_text.is_money(value):
        return "; add `| number`"
    return _EMPTY_HINT if value is None else _HINTS.get((wanted, value_text.kind_of(value)), "")


# -- numbers and text ---------------------------------------------------------------------------------------


def compile_arithmetic(symbol: str, left: Operand, right: Operand) -> Evaluator:
    """Compile an arithmetic operator between two numbers."""
    calculate = _ARITHMETIC[symbol]

    def evaluate(budget: Budget) -> Value:
        left_value, right_value = left.evaluate(budget), right.evaluate(budget)
        for value, label in ((left_value, left.label), (right_value, right.label)):
            if value_text.kind_of(value) != "number":
                raise ExpressionError(_explain_not_a_number(symbol, value, label=label))
        return calculate(left_value, right_value)

    return evaluate


def _explain_not_a_number(symbol: str, value: Value, *, label: str) -> str:
    hint = _suggest_conversion("a number", value)
    return f"`{symbol}` needs numbers, but {label} is {value_text.describe_kind(value)}{hint}"


def compile_sign(symbol: str, operand: Operand) -> Evaluator:
    """Compile `+` or `-` in front of a number."""
    negate: Callable[[Any], numbers.Number] = numbers.negate

    def evaluate(budget: Budget) -> Value:
        value = operand.evaluate(budget)
        if value_text.kind_of(value) != "number":
            raise ExpressionError(_explain_not_a_number(symbol, value, label=operand.label))
        return negate(value) if symbol == "-" else value

    return evaluate


def compile_addition(left: Operand, right: Operand) -> Evaluator:
    """Compile `+`, which adds two numbers, two texts or two lists."""
    add_numbers = _ARITHMETIC["+"]

    def evaluate(budget: Budget) -> Value:
        left_value, right_value = left.evaluate(budget), right.evaluate(budget)
        match value_text.kind_of(left_value), value_text.kind_of(right_value):
            case "number", "number":
                return add_numbers(left_value, right_value)
            case "text", "text":
                return concatenate(budget, [str(left_value), str(right_value)])
            case "list", "list":
                return _append(budget, left_value, right_value)
        raise ExpressionError(
            f"`+` adds two numbers, two texts or two lists, but {left.label} is "
            f"{value_text.describe_kind(left_value)} and {right.label} is {value_text.describe_kind(right_value)}; "
            "add `| number`, or use `~` to join them as text"
        )

    return evaluate


def _append(budget: Budget, left: Any, right: Any) -> list[Value]:
    budget.spend(len(left) + len(right))
    return [*left, *right]


def concatenate(budget: Budget, parts: Sequence[str | Operand], *, is_shown: bool = False) -> str:
    """Return one text made of literal texts and operands, in order. `is_shown`: money is written as people read it."""
    write = value_text.write_shown if is_shown else value_text.write_text
    texts: list[str] = []
    total = 0
    for part in parts:
        text = part if isinstance(part, str) else write(budget, part.evaluate(budget), label=part.label)
        texts.append(text)
        total += len(text)
        if total > MAX_TEXT:
            break
    budget.charge_write(total)
    return "".join(texts)


# -- conditions ---------------------------------------------------------------------------------------------


def compile_condition(operand: Operand, *, operator: str) -> Condition:
    """Compile an operand that must be true or false. No other value counts as true: a gate may depend on it."""
    evaluate_operand, label = operand.evaluate, operand.label

    def evaluate(budget: Budget) -> bool:
        value = evaluate_operand(budget)
        if isinstance(value, bool):
            return value
        raise ExpressionError(
            f"`{operator}` needs true or false, but {label} is {value_text.describe_kind(value)}; "
            f"{suggest_comparison(value_text.kind_of(value))}"
        )

    return evaluate


def suggest_comparison(kind: value_text.Kind) -> str:
    """Return the advice for a value of this kind that stands where true or false is needed."""
    match kind:
        case "text":
            return 'compare it with a text, such as `== "yes"`'
        case "number":
            return "compare it with a number, such as `> 0`"
        case "null":
            return "ask `is none`, or add `| default(false)`"
        case _:
            return "compare its size, such as `| length > 0`"


def compile_comparison(first: Operand, rest: Sequence[tuple[str, Operand]]) -> Condition:
    """Compile `a < b < c`. Each operand is evaluated once, from the left, until a comparison is false."""
    operands = [first, *(operand for _, operand in rest)]
    steps = [
        (comparisons.build_comparison(name, _build_sides(left, right)), right.evaluate)
        for (name, _), (left, right) in zip(rest, pairwise(operands), strict=True)
    ]

    def evaluate(budget: Budget) -> bool:
        left = first.evaluate(budget)
        for holds, evaluate_right in steps:
            right = evaluate_right(budget)
            if not holds(budget, left, right):
                return False
            left = right
        return True

    return evaluate


def _build_sides(left: Operand, right: Operand) -> Sides:
    return Sides(left.label, right.label, left_fixed=left.fixes_currency, right_fixed=right.fixes_currency)


# -- filters ------------------------------------------------------------------------------------------------


def compile_filter(name: str, filter_: Filter, *, subject: Operand, arguments: Sequence[Operand]) -> Lookup:
    """Compile a filter, which checks the kinds of its value and arguments before it runs."""
    run, takes, is_accepted = filter_.run, filter_.takes, VALUE_CHECKS[filter_.takes]
    expected = list(zip(filter_.arguments, arguments, strict=False))

    def evaluate(budget: Budget) -> Result:
        value = subject.evaluate(budget)
        if not is_accepted(value):
            kind, hint = value_text.describe_kind(value), _suggest_conversion(takes, value)
            raise ExpressionError(f"`{name}` works on {takes}, but {subject.label} is {kind}{hint}")
        return run(budget, value, *[_evaluate_argument(budget, name, kind, operand) for kind, operand in expected])

    return evaluate


def _evaluate_argument(budget: Budget, name: str, expected_kind: str, argument: Operand) -> Value:
    value = argument.evaluate(budget)
    if not VALUE_CHECKS[expected_kind](value):
        kind = value_text.describe_kind(value)
        raise ExpressionError(f"an argument of `{name}` is {kind}, but it has to be {expected_kind}")
    return value
