"""`<`, `==` and `in` over values, and the order of lists. What compares only by accident raises instead.

A condition that guards something is wrong in silence where it compares "1000" with "200" as letters, or the number 200
with the text "200". Each of these is an error here, so that a gate opens and says why.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from engine.errors import ExpressionError
from engine.expressions import dates, value_text
from engine.expressions.limits import Budget
from engine.json_values import Value

Check = Callable[[Budget, Value, Value], bool]

ORDER: Final[dict[str, tuple[str, Callable[[Any, Any], bool]]]] = {
    "lt": ("<", operator.lt),
    "lteq": ("<=", operator.le),
    "gt": (">", operator.gt),
    "gteq": (">=", operator.ge),
}
COMPARES: Final = "compares two numbers, or two dates or times"

_LONGEST: Final = 80
"""Characters of a text that may be a number; a longer one is none."""
_NUMBER_LIKE: Final = re.compile(r"[^\w\s]{0,2}\s?(?:[A-Z]{3}\s)?[0-9][0-9.,'_ ]*(?:[^\w\s]|[A-Za-z]{1,4})?", re.ASCII)
_ADDRESS: Final = re.compile(r"[^\s@]{1,64}@[^\s@]{1,190}")
_NO_WORDS: Final = frozenset({"no", "false", "off", "0"})


def looks_like_number(text: str) -> bool:
    """Whether a person reads a number or an amount here: `90%`, `1,000`, `12.50 EUR`, and `5kg` too."""
    if len(text) > _LONGEST or dates.instant(text) is not None:
        return False
    return _NUMBER_LIKE.fullmatch(text.strip()) is not None


def check(name: str, *, one: str, other: str) -> Check:
    """The comparison that Jinja calls `name`; `one` and `other` are what errors call its sides."""
    match name:
        case "eq":
            return lambda budget, left, right: _equal(budget, "==", left, right, one=one, other=other)
        case "ne":
            return lambda budget, left, right: not _equal(budget, "!=", left, right, one=one, other=other)
        case "in":
            return lambda budget, left, right: _contains(budget, right, left, one=one, other=other)
        case "notin":
            return lambda budget, left, right: not _contains(budget, right, left, one=one, other=other)
        case _:
            return _ordering(name, one=one, other=other)


# -- order --------------------------------------------------------------------------------------------------


def _ordering(name: str, *, one: str, other: str) -> Check:
    symbol, holds = ORDER[name]

    def compare(_: Budget, left: Value, right: Value) -> bool:
        if value_text.kind(left) == "number" and value_text.kind(right) == "number":
            return holds(left, right)
        moments = _moments(left, right)
        if moments is not None:
            return holds(*moments)
        raise ExpressionError(
            f"`{symbol}` {COMPARES}, but {one} is {value_text.phrase(left)} and {other} is {value_text.phrase(right)}"
            f"{_order_hint(left, right)}"
        )

    return compare


def _moments(left: Value, right: Value) -> tuple[Any, Any] | None:
    if not isinstance(left, str) or not isinstance(right, str):
        return None
    one, another = dates.instant(left), dates.instant(right)
    return None if one is None or another is None else dates.order(one, another)


def _order_hint(left: Value, right: Value) -> str:
    """What `| number` would make right, or why it would not."""
    if value_text.is_money(left) or value_text.is_money(right):
        return "; add `| number` to the money"
    kinds = {value_text.kind(left), value_text.kind(right)}
    if kinds == {"number", "text"}:
        return "; add `| number` to the text"
    if kinds != {"text"}:
        return ""
    if dates.instant(str(left)) is not None and dates.instant(str(right)) is not None:
        return "; give both times an offset, such as Z or +01:00"
    return "; texts have no order, so add `| number` to both if they are numbers"


def ordered(name: str, budget: Budget, items: Sequence[Value], *, letters: bool = False) -> Callable[[Any], Any]:
    """The key by which the filter `name` orders these items.

    `letters`: texts may be ordered by their letters, unless they look like numbers.
    """
    budget.spend(len(items))
    kinds = {value_text.kind(item) for item in items}
    if kinds <= {"number"}:
        return lambda item: item
    if kinds == {"text"}:
        instants = [dates.instant(str(item)) for item in items]
        found = [each for each in instants if each is not None]
        if len(found) == len(items):
            return _by_time(name, found)
        if letters and not any(looks_like_number(str(item)) for item in items):
            return lambda item: item
    raise ExpressionError(_disordered(name, kinds, letters=letters))


def _by_time(name: str, instants: Sequence[dates.Instant]) -> Callable[[Any], Any]:
    first = instants[0]
    if any(dates.order(first, each) is None for each in instants):
        raise ExpressionError(f"`{name}` needs times that all have an offset, such as Z or +01:00")
    aware = any(each.at.tzinfo is not None for each in instants)

    def key(item: Any) -> Any:
        instant = dates.instant(item)
        assert instant is not None
        return dates.in_utc(instant) if aware else instant.at

    return key


def _disordered(name: str, kinds: set[value_text.Kind], *, letters: bool) -> str:
    if kinds == {"text"}:
        why = "these look like numbers" if letters else "texts have no order"
        return f"`{name}` needs numbers or dates, but this is a list of texts, and {why}; make numbers of them first"
    wanted = "a list of numbers, of dates or of texts" if letters else "a list of numbers or of dates"
    return f"`{name}` needs {wanted}; use `| map(attribute=…)` first"


# -- equality -----------------------------------------------------------------------------------------------


def _equal(budget: Budget, symbol: str, left: Value, right: Value, *, one: str, other: str) -> bool:
    if value_text.same(budget, left, right):
        return True
    if _differ_by_kind(left, right):
        raise ExpressionError(
            f"`{symbol}` compares values of one kind, but {one} is {value_text.phrase(left)} and {other} is "
            f"{value_text.phrase(right)}{_kind_hint(left, right)}"
        )
    if twins := _twins(left, right):
        raise ExpressionError(f"`{symbol}` compares letter by letter, but {one} and {other} are {twins}")
    if _reads_alike(budget, left, right):
        raise ExpressionError(f"`{symbol}` compares letter by letter, but {one} and {other} {_ALIKE}")
    return False


_ALIKE: Final = "have the same parts, written in two ways; compare the parts, numbers with `| number`"


def _reads_alike(budget: Budget, left: Value, right: Value) -> bool:
    """Whether a person reads the same in two lists or mappings: {"amount": 200} is {"amount": "200.00"}."""
    if isinstance(left, list) and isinstance(right, list):
        pairs = [*zip(left, right, strict=True)] if len(left) == len(right) else []
    elif isinstance(left, dict) and isinstance(right, dict):
        pairs = [(item, right[key]) for key, item in left.items()] if left.keys() == right.keys() else []
    else:
        return False
    budget.spend(len(pairs))
    return bool(pairs) and all(_part_alike(budget, one, other) for one, other in pairs)


def _part_alike(budget: Budget, one: Value, other: Value) -> bool:
    if isinstance(one, list | dict):
        return value_text.same(budget, one, other) or _reads_alike(budget, one, other)
    if isinstance(other, list | dict):
        return False
    if value_text.same(budget, one, other) or _twins(one, other) is not None:
        return True
    numbers = [value_text.plain_number(each) if isinstance(each, str) else each for each in (one, other)]
    return {value_text.kind(one), value_text.kind(other)} == {"number", "text"} and numbers[0] == numbers[1]


def _differ_by_kind(left: Value, right: Value) -> bool:
    """Whether one can never equal the other, although neither stands for nothing."""
    if value_text.kind(left) == value_text.kind(right):
        return False
    return not (_is_nothing(left, right) or _is_nothing(right, left))


def is_truth(value: Value, wanted: bool) -> bool:
    """`is true` and `is false`. Raises `ExpressionError` for "yes", 1 and all else that is neither nor nothing."""
    if _differ_by_kind(value, True):
        word = "true" if wanted else "false"
        raise ExpressionError(
            f"`is {word}` needs true or false, but this is {value_text.phrase(value)}; compare it with `==`"
        )
    return value is wanted


def _is_nothing(value: Value, other: Value) -> bool:
    """Whether `value` says that there is nothing: `default(false)` and `default("")` are written for that."""
    if value is None or value == "":
        return True
    if value is not False:
        return False
    return not (isinstance(other, str) and other.strip().lower() in _NO_WORDS) and other != 0


def _kind_hint(left: Value, right: Value) -> str:
    kinds = {value_text.kind(left), value_text.kind(right)}
    if value_text.is_money(left) or value_text.is_money(right):
        return "; add `| number` to the money" if "number" in kinds else ""
    if kinds == {"number", "text"}:
        return "; write the number without quotes, or add `| number` to the text"
    return "; write true or false without quotes" if kinds == {"boolean", "text"} else ""


def _twins(left: Value, right: Value) -> str | None:
    """What two different texts are that mean the same: 200 and 200.00; not 7 and 007, which name different things."""
    if not isinstance(left, str) or not isinstance(right, str):
        return None
    number = value_text.plain_number(left)
    if number is not None and number == value_text.plain_number(right):
        return "one number, written in two ways; add `| number` to both"
    if left.lower() == right.lower() and _ADDRESS.fullmatch(left):
        return "one email address, written in two ways; add `| lower` to both"
    one, other = dates.instant(left), dates.instant(right)
    if one is None or other is None or one.is_day is not other.is_day:
        return None
    moments = dates.order(one, other)
    return "one time, written in two ways; write both with Z" if moments and moments[0] == moments[1] else None


def _contains(budget: Budget, whole: Value, part: Value, *, one: str, other: str) -> bool:
    if isinstance(whole, list):
        return _has_item(budget, whole, part, one=one, other=other)
    if isinstance(whole, dict):
        if isinstance(part, str) or _is_nothing(part, whole):
            return isinstance(part, str) and part in whole
        raise ExpressionError(
            f"`in` looks for a key in {other}, but {one} is {value_text.phrase(part)}; add `| string`"
        )
    if isinstance(whole, str) and isinstance(part, str):
        budget.read(len(whole) + len(part))
        return part in whole
    if isinstance(whole, str):
        raise ExpressionError(f"`in` looks for text in {other}, not for {value_text.phrase(part)}; add `| string`")
    raise ExpressionError(f"`in` looks into a list, a mapping or text, but {other} is {value_text.phrase(whole)}")


def _has_item(budget: Budget, whole: list[Value], part: Value, *, one: str, other: str) -> bool:
    budget.spend(len(whole))
    if any(value_text.same(budget, item, part) for item in whole):
        return True
    if whole and all(_differ_by_kind(item, part) for item in whole):
        raise ExpressionError(
            f"`in` looks for {value_text.phrase(part)} ({one}) in a list that has only other kinds of values, such as "
            f"{value_text.phrase(whole[0])}{_kind_hint(whole[0], part)}"
        )
    if twins := next(filter(None, (_twins(item, part) for item in whole)), None):
        raise ExpressionError(f"`in` compares letter by letter, but {one} and an item of {other} are {twins}")
    if any(_reads_alike(budget, item, part) for item in whole):
        raise ExpressionError(f"`in` compares letter by letter, but {one} and an item of {other} {_ALIKE}")
    return False
