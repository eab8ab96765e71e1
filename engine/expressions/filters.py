"""The filters and tests that expressions may use.

Each filter declares the kind of value that it takes. `operators.compile_filter` checks the value before it calls `run`.
"""

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
    """A filter: the function behind it, and the values and arguments that it takes."""

    run: Callable[..., Result]
    """Called as `run(budget, value, *arguments)`."""
    takes: str
    """The kind of value that it takes, a key of `VALUE_CHECKS`."""
    arguments: tuple[str, ...] = ()
    """The kinds of its arguments, keys of `VALUE_CHECKS`."""
    optional: int = 0
    """How many of the last arguments may be left out."""
    keyword: str = ""
    """The name by which the first argument may also be given."""
    check: Callable[..., None] | None = None
    """Checks the literal arguments, so that a mistake is reported when the file is registered."""


VALUE_CHECKS: Final[dict[str, Callable[[Value], bool]]] = {
    "any value": lambda _: True,
    "text": lambda value: isinstance(value, str),
    "a number": lambda value: isinstance(value, int | Decimal) and not isinstance(value, bool),
    "a whole number": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "a list": lambda value: isinstance(value, list),
    "a mapping": lambda value: isinstance(value, dict),
    "text, a list or a mapping": lambda value: isinstance(value, str | list | dict),
}
"""Each kind of value that a filter may take, in the words of its error message, with the check for it."""


def _change_text(change: Callable[[str], str]) -> Callable[[Budget, str], str]:
    def run(budget: Budget, text: str) -> str:
        budget.charge_write(len(text))
        changed = change(text)  # A change of case makes a text at most three times as long.
        budget.charge_write(len(changed))
        return changed

    return run


def _title(budget: Budget, text: str) -> str:
    budget.spend(len(text) // 16)  # Each word is an object of its own until the words are joined.
    return _change_text(_title_case)(budget, text)


def _title_case(text: str) -> str:
    return "".join([part[:1].upper() + part[1:].lower() for part in _WORD_BREAK.split(text)])


TEXT_CHANGES: Final[dict[str, Callable[[str], str]]] = {
    "upper": str.upper,
    "lower": str.lower,
    "capitalize": str.capitalize,
    "title": _title_case,
    "trim": str.strip,
}
"""Filters that bring a text into one form. Applied to a text that has this form, they return it unchanged."""


def _trim(budget: Budget, text: str) -> str:
    budget.charge_read(len(text))
    return text.strip()


def _replace(budget: Budget, text: str, old: str, new: str) -> str:
    if not old:
        raise ExpressionError('`replace` needs a text to look for, not ""; write what should be replaced')
    budget.charge_read(len(text))
    budget.charge_write(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def _truncate(budget: Budget, text: str, length: int) -> str:
    if length < 1:
        raise ExpressionError(f"`truncate` needs a length of at least 1, not {length}")
    if len(text) <= length:
        return text
    budget.charge_write(length)
    return text[: length - 1] + ELLIPSIS


def _date(budget: Budget, text: str, pattern: str, zone: str | None = None) -> str:
    budget.charge_write((len(pattern) + 1) * dates.MAX_DIRECTIVE_LENGTH)
    return dates.format_date(text, pattern, zone)


def _length(_: Budget, value: str | List | Mapping) -> int:
    return len(value)


def _first(_: Budget, items: List) -> Result:
    return items[0] if items else _missing_in_empty("first")


def _last(_: Budget, items: List) -> Result:
    return items[-1] if items else _missing_in_empty("last")


def _missing_in_empty(name: str) -> Missing:
    return Missing(lambda: f"`{name}` was given an empty list; add `| default(…)` for that case")


def _join(budget: Budget, items: List, separator: str = "") -> str:
    budget.spend(len(items))
    total = len(separator) * max(len(items) - 1, 0)
    parts: list[str] = []
    for index, item in enumerate(items):
        parts.append(value_text.write_text(budget, item, label=f"item {index} of the list"))
        total += len(parts[-1])
        if total > MAX_TEXT:
            break
    budget.charge_write(total)
    return separator.join(parts)


def _sort(budget: Budget, items: List) -> List:
    return sorted(items, key=comparisons.build_sort_key("sort", budget, items, letters=True))


def _min(budget: Budget, items: List) -> Result:
    return min(items, key=comparisons.build_sort_key("min", budget, items)) if items else _missing_in_empty("min")


def _max(budget: Budget, items: List) -> Result:
    return max(items, key=comparisons.build_sort_key("max", budget, items)) if items else _missing_in_empty("max")


def _sum(budget: Budget, items: List) -> Number:
    budget.spend(len(items))
    for index, item in enumerate(items):
        if value_text.kind_of(item) != "number":
            kind = value_text.describe_kind(item)
            raise ExpressionError(f"`sum` adds numbers, but item {index} of the list is {kind}")
    terms: Any = items
    zero: Number = 0
    return reduce(numbers.add, terms, zero)


def _unique(budget: Budget, items: List) -> List:
    budget.spend(len(items))
    budget.charge_read(MAX_SIZE - measure(items))
    firsts: dict[Hashable, Value] = {}
    for item in items:
        firsts.setdefault(value_text.equality_key(item), item)
    return list(firsts.values())


def _reverse(budget: Budget, items: List) -> List:
    budget.spend(len(items))
    return items[::-1]


def _map(budget: Budget, items: List, attribute: str) -> List:
    keys = attribute.split(".")
    budget.spend(len(items) * len(keys))
    values: List = []
    for index, item in enumerate(items):
        value = item
        for key in keys:
            if not isinstance(value, dict) or key not in value:
                raise ExpressionError(_explain_missing_attribute(index, value, key=key))
            value = value[key]
        values.append(value)
    return values


def _explain_missing_attribute(index: int, value: Value, *, key: str) -> str:
    if isinstance(value, dict):
        content = f"it has {value_text.list_names(value)}"
    else:
        content = f"it is {value_text.describe_kind(value)}"
    hint = "; `map` looks keys up, it applies no filter" if key in FILTERS else ""
    return f"`map` found no `{value_text.shorten(key)}` in item {index} of the list: {content}{hint}"


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
    "upper": Filter(_change_text(str.upper), "text"),
    "lower": Filter(_change_text(str.lower), "text"),
    "capitalize": Filter(_change_text(str.capitalize), "text"),
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
    "int": Filter(
        lambda budget, value: numbers.to_integer(value, is_gate_condition=budget.is_gate_condition), "any value"
    ),
    "number": Filter(
        lambda budget, value: numbers.to_number(value, is_gate_condition=budget.is_gate_condition), "any value"
    ),
    "string": Filter(value_text.write_text, "any value"),
    "json": Filter(value_text.write_json, "any value"),
}
"""Every filter except `default`: it accepts a missing value, so `compiler` treats it apart."""

TESTS: Final[dict[str, Callable[[Value], bool]]] = {
    "none": lambda value: value is None,
    "number": VALUE_CHECKS["a number"],
    "string": VALUE_CHECKS["text"],
    "mapping": VALUE_CHECKS["a mapping"],
    "sequence": VALUE_CHECKS["a list"],
    "boolean": lambda value: isinstance(value, bool),
    "true": lambda value: comparisons.is_boolean(value, True),
    "false": lambda value: comparisons.is_boolean(value, False),
}
"""Every test except `defined` and `undefined`, which accept a missing value."""
