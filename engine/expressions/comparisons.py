"""The operators `<`, `==` and `in` over values, and the order of the items of a list.

A comparison that would give a misleading answer raises an error instead. Comparing "1000" with "200" letter by letter,
or the number 200 with the text "200", would silently skip a gate. The error opens the gate and names the reason.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from engine.errors import ExpressionError
from engine.expressions import dates, money, numbers, value_text
from engine.expressions.limits import Budget
from engine.expressions.money import Sides
from engine.expressions.value_text import describe_kind
from engine.json_values import Value

Comparison: TypeAlias = Callable[[Budget, Value, Value], bool]

ORDER_OPERATORS: Final[dict[str, tuple[str, Callable[[Any, Any], bool]]]] = {
    "lt": ("<", operator.lt),
    "lteq": ("<=", operator.le),
    "gt": (">", operator.gt),
    "gteq": (">=", operator.ge),
}
ORDER_RULE: Final = "compares two numbers or amounts of money, or two dates or times"

_MAX_NUMBER_LENGTH: Final = 80
"""Maximum length of a text that can look like a number, in characters."""
_NUMBER_LIKE: Final = re.compile(r"[^\w\s]{0,2}\s?(?:[A-Z]{3}\s)?[0-9][0-9.,'_ ]*(?:[^\w\s]|[A-Za-z]{1,4})?", re.ASCII)
_ADDRESS: Final = re.compile(r"[^\s@]{1,64}@[^\s@]{1,190}")
_FALSE_WORDS: Final = frozenset({"no", "false", "off", "0"})


def looks_like_number(text: str) -> bool:
    """Return whether a person would read the text as a number or an amount: `90%`, `1,000`, `12.50 EUR`, `5kg`."""
    if len(text) > _MAX_NUMBER_LENGTH or dates.parse_instant(text) is not None:
        return False
    return _NUMBER_LIKE.fullmatch(text.strip()) is not None


def build_comparison(name: str, sides: Sides) -> Comparison:
    """Return the comparison that has this name in Jinja's tree."""
    match name:
        case "eq":
            return lambda budget, left, right: _check_equal(budget, "==", left, right, sides)
        case "ne":
            return lambda budget, left, right: not _check_equal(budget, "!=", left, right, sides)
        case "in":
            return lambda budget, left, right: _check_contains(budget, right, left, sides)
        case "notin":
            return lambda budget, left, right: not _check_contains(budget, right, left, sides)
        case _:
            return _build_order_comparison(name, sides)


# -- order --------------------------------------------------------------------------------------------------


def _build_order_comparison(name: str, sides: Sides) -> Comparison:
    symbol, holds = ORDER_OPERATORS[name]

    def compare(_: Budget, left: Value, right: Value) -> bool:
        if value_text.kind_of(left) == "number" and value_text.kind_of(right) == "number":
            return holds(left, right)
        amounts = _read_amounts(symbol, left, right, sides)
        if amounts is not None:
            return holds(*amounts)
        moments = _comparable_moments(left, right)
        if moments is not None:
            return holds(*moments)
        raise ExpressionError(
            f"`{symbol}` {ORDER_RULE}, but {sides.left} is {describe_kind(left)} and {sides.right} is "
            f"{describe_kind(right)}{_order_hint(left, right)}"
        )

    return compare


def _read_amounts(symbol: str, left: Value, right: Value, sides: Sides) -> tuple[Any, Any] | None:
    if money.clashes(left, right, sides):
        raise ExpressionError(money.explain_clash(symbol, left, right, sides))
    return money.read_amounts(left, right)


def _have_equal_amounts(left: Value, right: Value) -> bool:
    amounts = money.read_amounts(left, right)
    return amounts is not None and bool(amounts[0] == amounts[1])


def _comparable_moments(left: Value, right: Value) -> tuple[Any, Any] | None:
    if not isinstance(left, str) or not isinstance(right, str):
        return None
    first, second = dates.parse_instant(left), dates.parse_instant(right)
    return None if first is None or second is None else dates.comparable_pair(first, second)


def _order_hint(left: Value, right: Value) -> str:
    """Return how to make two values comparable, as the end of an error message."""
    kinds = {value_text.kind_of(left), value_text.kind_of(right)}
    if kinds == {"number", "text"}:
        return "; add `| number` to the text"
    if kinds != {"text"}:
        return ""
    if dates.parse_instant(str(left)) is not None and dates.parse_instant(str(right)) is not None:
        return "; give both times an offset, such as Z or +01:00"
    return "; texts have no order, so add `| number` to both if they are numbers"


def build_sort_key(name: str, budget: Budget, items: Sequence[Value], *, letters: bool = False) -> Callable[[Any], Any]:
    """Return the key by which the filter `name` orders the items. Raises `ExpressionError` if they have no order.

    `letters`: texts may be ordered by their letters, unless they look like numbers.
    """
    budget.spend(len(items))
    kinds = {value_text.kind_of(item) for item in items}
    if kinds <= {"number"}:
        return lambda item: item
    if money.has_single_currency(name, items):
        return numbers.to_number
    if kinds == {"text"}:
        instants = [dates.parse_instant(str(item)) for item in items]
        known_instants = [instant for instant in instants if instant is not None]
        if len(known_instants) == len(items):
            return _build_time_key(name, known_instants)
        if letters and not any(looks_like_number(str(item)) for item in items):
            return lambda item: item
    raise ExpressionError(_explain_no_order(name, kinds, letters=letters))


def _build_time_key(name: str, instants: Sequence[dates.Instant]) -> Callable[[Any], Any]:
    first = instants[0]
    if any(dates.comparable_pair(first, instant) is None for instant in instants):
        raise ExpressionError(f"`{name}` needs times that all have an offset, such as Z or +01:00")
    have_offset = any(instant.at.tzinfo is not None for instant in instants)

    def key(item: Any) -> Any:
        instant = dates.parse_instant(item)
        assert instant is not None
        return dates.to_utc(instant) if have_offset else instant.at

    return key


def _explain_no_order(name: str, kinds: set[value_text.Kind], *, letters: bool) -> str:
    if kinds == {"text"}:
        reason = "these look like numbers" if letters else "texts have no order"
        return f"`{name}` needs numbers or dates, but this is a list of texts, and {reason}; make numbers of them first"
    requirement = "a list of numbers, of dates or of texts" if letters else "a list of numbers or of dates"
    return f"`{name}` needs {requirement}; use `| map(attribute=…)` first"


# -- equality -----------------------------------------------------------------------------------------------


def _check_equal(budget: Budget, symbol: str, left: Value, right: Value, sides: Sides) -> bool:
    if value_text.are_equal(budget, left, right):
        return True
    amounts = _read_amounts(symbol, left, right, sides)
    if amounts is not None:
        return bool(amounts[0] == amounts[1])
    if _differ_in_kind(left, right):
        raise ExpressionError(
            f"`{symbol}` compares values of one kind, but {sides.left} is {describe_kind(left)} and {sides.right} is "
            f"{describe_kind(right)}{_kind_hint(left, right)}"
        )
    if meaning := _describe_same_meaning(left, right):
        raise ExpressionError(f"`{symbol}` compares letter by letter, but {sides.left} and {sides.right} are {meaning}")
    if _read_alike(budget, left, right):
        raise ExpressionError(f"`{symbol}` compares letter by letter, but {sides.left} and {sides.right} {_SAME_PARTS}")
    return False


_SAME_PARTS: Final = "have the same parts, written in two ways; compare the parts, numbers with `| number`"


def _read_alike(budget: Budget, left: Value, right: Value) -> bool:
    """Return whether two lists or mappings read the same to a person: {"amount": 200} and {"amount": "200.00"}."""
    if isinstance(left, list) and isinstance(right, list):
        pairs = [*zip(left, right, strict=True)] if len(left) == len(right) else []
    elif isinstance(left, dict) and isinstance(right, dict):
        pairs = [(item, right[key]) for key, item in left.items()] if left.keys() == right.keys() else []
    else:
        return False
    budget.spend(len(pairs))
    return bool(pairs) and all(_parts_read_alike(budget, left, right) for left, right in pairs)


def _parts_read_alike(budget: Budget, left: Value, right: Value) -> bool:
    if isinstance(left, list | dict):
        return value_text.are_equal(budget, left, right) or _read_alike(budget, left, right)
    if isinstance(right, list | dict):
        return False
    if value_text.are_equal(budget, left, right) or _describe_same_meaning(left, right) is not None:
        return True
    numbers = [value_text.plain_number(value) if isinstance(value, str) else value for value in (left, right)]
    return {value_text.kind_of(left), value_text.kind_of(right)} == {"number", "text"} and numbers[0] == numbers[1]


def _differ_in_kind(left: Value, right: Value) -> bool:
    """Return whether the values can never be equal because of their kinds, and neither of them means "nothing"."""
    if value_text.kind_of(left) == value_text.kind_of(right):
        return False
    return not (_means_nothing(left, right) or _means_nothing(right, left))


def is_boolean(value: Value, wanted: bool) -> bool:
    """Return whether `value` is the boolean `wanted`, for the tests `is true` and `is false`.

    Raises `ExpressionError` for any value that is neither a boolean nor empty, such as "yes" or 1.
    """
    if _differ_in_kind(value, True):
        word = "true" if wanted else "false"
        raise ExpressionError(
            f"`is {word}` needs true or false, but this is {describe_kind(value)}; compare it with `==`"
        )
    return value is wanted


def _means_nothing(value: Value, other: Value) -> bool:
    """Return whether `value` means "nothing" beside `other`, as `default(false)` and `default("")` do."""
    if value is None or value == "":
        return True
    if value is not False:
        return False
    return not (isinstance(other, str) and other.strip().lower() in _FALSE_WORDS) and other != 0


def _kind_hint(left: Value, right: Value) -> str:
    kinds = {value_text.kind_of(left), value_text.kind_of(right)}
    if kinds == {"number", "text"}:
        return "; write the number without quotes, or add `| number` to the text"
    return "; write true or false without quotes" if kinds == {"boolean", "text"} else ""


def _describe_same_meaning(left: Value, right: Value) -> str | None:
    """Return what two different texts with one meaning are, such as 200 and 200.00, or None if their meanings differ.

    7 and 007 differ: such texts are often identifiers.
    """
    if not isinstance(left, str) or not isinstance(right, str):
        return None
    number = value_text.plain_number(left)
    if number is not None and number == value_text.plain_number(right):
        return "one number, written in two ways; add `| number` to both"
    if left.lower() == right.lower() and _ADDRESS.fullmatch(left):
        return "one email address, written in two ways; add `| lower` to both"
    first, second = dates.parse_instant(left), dates.parse_instant(right)
    if first is None or second is None or first.is_day is not second.is_day:
        return None
    moments = dates.comparable_pair(first, second)
    return "one time, written in two ways; write both with Z" if moments and moments[0] == moments[1] else None


def _check_contains(budget: Budget, whole: Value, part: Value, sides: Sides) -> bool:
    if isinstance(whole, list):
        return _check_has_item(budget, whole, part, sides)
    if isinstance(whole, dict):
        if isinstance(part, str) or _means_nothing(part, whole):
            return isinstance(part, str) and part in whole
        raise ExpressionError(
            f"`in` looks for a key in {sides.right}, but {sides.left} is {describe_kind(part)}; add `| string`"
        )
    if isinstance(whole, str) and isinstance(part, str):
        budget.charge_read(len(whole) + len(part))
        return part in whole
    if isinstance(whole, str):
        raise ExpressionError(f"`in` looks for text in {sides.right}, not for {describe_kind(part)}; add `| string`")
    raise ExpressionError(f"`in` looks into a list, a mapping or text, but {sides.right} is {describe_kind(whole)}")


def _check_has_item(budget: Budget, whole: list[Value], part: Value, sides: Sides) -> bool:
    budget.spend(len(whole))
    if any(value_text.are_equal(budget, item, part) for item in whole):
        return True
    comparable = [item for item in whole if not money.clashes(part, item, sides)]
    if whole and not comparable:
        raise ExpressionError(money.explain_clash("in", part, whole[0], sides))
    if any(_have_equal_amounts(part, item) for item in comparable):
        return True
    if whole and all(_differ_in_kind(item, part) and money.read_amounts(item, part) is None for item in whole):
        raise ExpressionError(
            f"`in` looks for {describe_kind(part)} ({sides.left}) in a list that has only other kinds of values, "
            f"such as {describe_kind(whole[0])}{_kind_hint(whole[0], part)}"
        )
    if meaning := next(filter(None, (_describe_same_meaning(item, part) for item in whole)), None):
        raise ExpressionError(
            f"`in` compares letter by letter, but {sides.left} and an item of {sides.right} are {meaning}"
        )
    if any(_read_alike(budget, item, part) for item in whole):
        raise ExpressionError(
            f"`in` compares letter by letter, but {sides.left} and an item of {sides.right} {_SAME_PARTS}"
        )
    return False
