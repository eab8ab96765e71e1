"""Closures for operators, conditions and filters over operands that are translated already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from engine.errors import ExpressionError
from engine.expressions import comparisons, numbers, value_text
from engine.expressions.filters import FITS, Filter
from engine.expressions.limits import MAX_TEXT, Budget
from engine.expressions.lookup import Evaluator, Lookup, Result
from engine.json_values import Value

Condition: TypeAlias = Callable[[Budget], bool]


class Operand(NamedTuple):
    """`label`: what errors call it, `inputs.amount` or `the value`."""

    evaluate: Evaluator
    label: str


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


def _hint(wanted: str, value: Value) -> str:
    if wanted == "a number" and value_text.is_money(value):
        return "; add `| number`"
    return _EMPTY_HINT if value is None else _HINTS.get((wanted, value_text.kind(value)), "")


# -- numbers and text ---------------------------------------------------------------------------------------


def arithmetic(symbol: str, left: Operand, right: Operand) -> Evaluator:
    calculate = _ARITHMETIC[symbol]

    def evaluate(budget: Budget) -> Value:
        one, other = left.evaluate(budget), right.evaluate(budget)
        for value, label in ((one, left.label), (other, right.label)):
            if value_text.kind(value) != "number":
                raise ExpressionError(_not_a_number(symbol, value, label=label))
        return calculate(one, other)

    return evaluate


def _not_a_number(symbol: str, value: Value, *, label: str) -> str:
    return f"`{symbol}` needs numbers, but {label} is {value_text.phrase(value)}{_hint('a number', value)}"


def sign(symbol: str, operand: Operand) -> Evaluator:
    negate: Callable[[Any], numbers.Number] = numbers.negate

    def evaluate(budget: Budget) -> Value:
        value = operand.evaluate(budget)
        if value_text.kind(value) != "number":
            raise ExpressionError(_not_a_number(symbol, value, label=operand.label))
        return negate(value) if symbol == "-" else value

    return evaluate


def addition(left: Operand, right: Operand) -> Evaluator:
    """`+`: of two numbers, two texts or two lists."""

    def evaluate(budget: Budget) -> Value:
        one, other = left.evaluate(budget), right.evaluate(budget)
        match value_text.kind(one), value_text.kind(other):
            case "number", "number":
                return calculate(one, other)
            case "text", "text":
                return glue(budget, [str(one), str(other)])
            case "list", "list":
                return _append(budget, one, other)
        raise ExpressionError(
            f"`+` adds two numbers, two texts or two lists, but {left.label} is {value_text.phrase(one)} "
            f"and {right.label} is {value_text.phrase(other)}; add `| number`, or use `~` to join them as text"
        )

    calculate = _ARITHMETIC["+"]
    return evaluate


def _append(budget: Budget, one: Any, other: Any) -> list[Value]:
    budget.spend(len(one) + len(other))
    return [*one, *other]


def glue(budget: Budget, parts: Sequence[str | Operand]) -> str:
    """One text of literal texts and operands, in order."""
    texts: list[str] = []
    total = 0
    for part in parts:
        text = part if isinstance(part, str) else value_text.write(budget, part.evaluate(budget), label=part.label)
        texts.append(text)
        total += len(text)
        if total > MAX_TEXT:
            break
    budget.write(total)
    return "".join(texts)


# -- conditions ---------------------------------------------------------------------------------------------


def condition(operand: Operand, *, place: str) -> Condition:
    """`operand` where only true or false makes sense: a gate may not depend on what happens to count as true."""
    evaluate_operand, label = operand

    def evaluate(budget: Budget) -> bool:
        value = evaluate_operand(budget)
        if isinstance(value, bool):
            return value
        raise ExpressionError(
            f"`{place}` needs true or false, but {label} is {value_text.phrase(value)}; "
            f"{comparison_of(value_text.kind(value))}"
        )

    return evaluate


def comparison_of(kind: value_text.Kind) -> str:
    """What to write in the place of a value of this kind where only true or false makes sense."""
    match kind:
        case "text":
            return 'compare it with a text, such as `== "yes"`'
        case "number":
            return "compare it with a number, such as `> 0`"
        case "null":
            return "ask `is none`, or add `| default(false)`"
        case _:
            return "compare its size, such as `| length > 0`"


def comparison(first: Operand, rest: Sequence[tuple[str, Operand]]) -> Condition:
    """`a < b < c`: every operand is evaluated once, from the left, until a comparison is false."""
    labels = [first.label, *(operand.label for _, operand in rest)]
    steps = [
        (comparisons.check(name, one=labels[index], other=labels[index + 1]), operand.evaluate)
        for index, (name, operand) in enumerate(rest)
    ]

    def evaluate(budget: Budget) -> bool:
        left = first.evaluate(budget)
        for check, right_operand in steps:
            right = right_operand(budget)
            if not check(budget, left, right):
                return False
            left = right
        return True

    return evaluate


# -- filters ------------------------------------------------------------------------------------------------


def apply(name: str, filter_: Filter, *, subject: Operand, arguments: Sequence[Operand]) -> Lookup:
    run, takes, fits = filter_.run, filter_.takes, FITS[filter_.takes]
    expected = list(zip(filter_.arguments, arguments, strict=False))

    def evaluate(budget: Budget) -> Result:
        value = subject.evaluate(budget)
        if not fits(value):
            hint = _hint(takes, value)
            raise ExpressionError(f"`{name}` works on {takes}, but {subject.label} is {value_text.phrase(value)}{hint}")
        return run(budget, value, *[_argument(budget, name, wanted, given) for wanted, given in expected])

    return evaluate


def _argument(budget: Budget, name: str, wanted: str, given: Operand) -> Value:
    value = given.evaluate(budget)
    if not FITS[wanted](value):
        raise ExpressionError(f"an argument of `{name}` is {value_text.phrase(value)}, but it has to be {wanted}")
    return value
