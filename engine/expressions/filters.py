"""The filters and tests that expressions may use. Each filter says what it takes; `translate` checks that before."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Any, Final, TypeAlias

from engine.errors import ExpressionError
from engine.expressions import comparisons, dates, numbers, value_text
from engine.expressions.limits import MAX_SIZE, MAX_TEXT, Budget, measure
from engine.expressions.lookup import Missing, Result
from engine.expressions.numbers import Number
from engine.json_values import Value

List: TypeAlias = list[Value]
Mapping: TypeAlias = dict[str, Value]

_WORD_BREAK: Final = re.compile(r"([-\s({\[<]+)")
ELLIPSIS: Final = "…"


@dataclass(frozen=True, slots=True)
class Filter:
    """`run(budget, value, *arguments)`. `takes` and `arguments`: kinds as in `FITS`; the last ones may be optional.

    `keyword`: the name by which the first argument may be given too. `check`: looks at the arguments that are
    literal, so that a mistake shows when the file is registered.
    """

    run: Callable[..., Result]
    takes: str
    arguments: tuple[str, ...] = ()
    optional: int = 0
    keyword: str = ""
    check: Callable[..., None] | None = None


FITS: Final[dict[str, Callable[[Value], bool]]] = {
    "any value": lambda _: True,
    "text": lambda value: isinstance(value, str),
    "a number": lambda value: isinstance(value, int | Decimal) and not isinstance(value, bool),
    "a whole number": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "a list": lambda value: isinstance(value, list),
    "a mapping": lambda value: isinstance(value, dict),
    "text, a list or a mapping": lambda value: isinstance(value, str | list | dict),
}
"""What a filter may ask for, in the words of its error, and whether a value is that."""


def _cased(change: Callable[[str], str]) -> Callable[[Budget, str], str]:
    def run(budget: Budget, text: str) -> str:
        budget.write(len(text))
        changed = change(text)  # case changes make a text three times as long at most
        budget.write(len(changed))
        return changed

    return run


def _title(budget: Budget, text: str) -> str:
    budget.spend(len(text) // 16)  # its words are objects of their own until they are joined
    return _cased(_title_case)(budget, text)


def _title_case(text: str) -> str:
    return "".join([part[:1].upper() + part[1:].lower() for part in _WORD_BREAK.split(text)])


CASES: Final[dict[str, Callable[[str], str]]] = {
    "upper": str.upper,
    "lower": str.lower,
    "capitalize": str.capitalize,
    "title": _title_case,
    "trim": str.strip,
}
"""Filters that change a text to one form: to what has that form already, they do nothing."""


def _trim(budget: Budget, text: str) -> str:
    budget.read(len(text))
    return text.strip()


def _replace(budget: Budget, text: str, old: str, new: str) -> str:
    if not old:
        raise ExpressionError('`replace` needs a text to look for, not ""; write what should be replaced')
    budget.read(len(text))
    budget.write(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def _truncate(budget: Budget, text: str, length: int) -> str:
    if length < 1:
        raise ExpressionError(f"`truncate` needs a length of at least 1, not {length}")
    if len(text) <= length:
        return text
    budget.write(length)
    return text[: length - 1] + ELLIPSIS


def _date(budget: Budget, text: str, pattern: str, zone: str | None = None) -> str:
    budget.write((len(pattern) + 1) * dates.WIDEST)
    return dates.format_date(text, pattern, zone)


def _length(_: Budget, value: str | List | Mapping) -> int:
    return len(value)


def _first(_: Budget, items: List) -> Result:
    return items[0] if items else _empty("first")


def _last(_: Budget, items: List) -> Result:
    return items[-1] if items else _empty("last")


def _empty(name: str) -> Missing:
    return Missing(lambda: f"`{name}` was given an empty list; add `| default(…)` for that case")


def _join(budget: Budget, items: List, separator: str = "") -> str:
    budget.spend(len(items))
    total = len(separator) * max(len(items) - 1, 0)
    parts: list[str] = []
    for index, item in enumerate(items):
        parts.append(value_text.write(budget, item, label=f"item {index} of the list"))
        total += len(parts[-1])
        if total > MAX_TEXT:
            break
    budget.write(total)
    return separator.join(parts)


def _sort(budget: Budget, items: List) -> List:
    return sorted(items, key=comparisons.ordered("sort", budget, items, letters=True))


def _min(budget: Budget, items: List) -> Result:
    return min(items, key=comparisons.ordered("min", budget, items)) if items else _empty("min")


def _max(budget: Budget, items: List) -> Result:
    return max(items, key=comparisons.ordered("max", budget, items)) if items else _empty("max")


def _sum(budget: Budget, items: List) -> Number:
    budget.spend(len(items))
    for index, item in enumerate(items):
        if value_text.kind(item) != "number":
            raise ExpressionError(f"`sum` adds numbers, but item {index} of the list is {value_text.phrase(item)}")
    terms: Any = items
    nothing: Number = 0
    return reduce(numbers.add, terms, nothing)


def _unique(budget: Budget, items: List) -> List:
    budget.spend(len(items))
    budget.read(MAX_SIZE - measure(items))
    firsts: dict[Hashable, Value] = {}
    for item in items:
        firsts.setdefault(value_text.identity(item), item)
    return list(firsts.values())


def _reverse(budget: Budget, items: List) -> List:
    budget.spend(len(items))
    return items[::-1]


def _map(budget: Budget, items: List, attribute: str) -> List:
    keys = attribute.split(".")
    budget.spend(len(items) * len(keys))
    found: List = []
    for index, item in enumerate(items):
        here = item
        for key in keys:
            if not isinstance(here, dict) or key not in here:
                raise ExpressionError(_no_attribute(index, here, key=key))
            here = here[key]
        found.append(here)
    return found


def _no_attribute(index: int, here: Value, *, key: str) -> str:
    what = f"it has {value_text.listing(here)}" if isinstance(here, dict) else f"it is {value_text.phrase(here)}"
    hint = "; `map` looks keys up, it applies no filter" if key in FILTERS else ""
    return f"`map` found no `{value_text.shorten(key)}` in item {index} of the list: {what}{hint}"


def _check_attribute(attribute: object) -> None:
    if isinstance(attribute, str) and any(not key or key.startswith("_") for key in attribute.split(".")):
        raise ExpressionError('`map` needs the key to look up in each item, such as `map(attribute="name")`')


def _keys(budget: Budget, mapping: Mapping) -> List:
    budget.spend(len(mapping))
    return list(mapping)


def _values(budget: Budget, mapping: Mapping) -> List:
    budget.spend(len(mapping))
    return list(mapping.values())


def _check_date(pattern: object, zone: object = None) -> None:
    if isinstance(pattern, str):
        dates.check_format(pattern)
    if isinstance(zone, str):
        dates.check_zone(zone)


FILTERS: Final[dict[str, Filter]] = {
    "upper": Filter(_cased(str.upper), "text"),
    "lower": Filter(_cased(str.lower), "text"),
    "capitalize": Filter(_cased(str.capitalize), "text"),
    "title": Filter(_title, "text"),
    "trim": Filter(_trim, "text"),
    "replace": Filter(_replace, "text", ("text", "text")),
    "truncate": Filter(_truncate, "text", ("a whole number",)),
    "date": Filter(_date, "text", ("text", "text"), optional=1, check=_check_date),
    "length": Filter(_length, "text, a list or a mapping"),
    "first": Filter(_first, "a list"),
    "last": Filter(_last, "a list"),
    "join": Filter(_join, "a list", ("text",), optional=1),
    "sort": Filter(_sort, "a list"),
    "unique": Filter(_unique, "a list"),
    "reverse": Filter(_reverse, "a list"),
    "sum": Filter(_sum, "a list"),
    "min": Filter(_min, "a list"),
    "max": Filter(_max, "a list"),
    "map": Filter(_map, "a list", ("text",), keyword="attribute", check=_check_attribute),
    "keys": Filter(_keys, "a mapping"),
    "values": Filter(_values, "a mapping"),
    "round": Filter(lambda _, value, places=0: numbers.round_to(value, places), "a number", ("a whole number",), 1),
    "abs": Filter(lambda _, value: numbers.absolute(value), "a number"),
    "int": Filter(lambda budget, value: numbers.whole(value, is_guard=budget.is_guard), "any value"),
    "number": Filter(lambda budget, value: numbers.read(value, is_guard=budget.is_guard), "any value"),
    "string": Filter(value_text.write, "any value"),
    "json": Filter(value_text.write_json, "any value"),
}
"""Every filter but `default`, which takes what is missing and is therefore a node of its own in `translate`."""

TESTS: Final[dict[str, Callable[[Value], bool]]] = {
    "none": lambda value: value is None,
    "number": FITS["a number"],
    "string": FITS["text"],
    "mapping": FITS["a mapping"],
    "sequence": FITS["a list"],
    "boolean": lambda value: isinstance(value, bool),
    "true": lambda value: comparisons.is_truth(value, True),
    "false": lambda value: comparisons.is_truth(value, False),
}
"""Every test but `defined` and `undefined`."""
