"""Static types: what is known about a value before the run, such as its kinds, its possible texts, or being a date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Final, TypeAlias

from jinja2 import nodes

from engine.expressions import dates, filters, syntax, value_text
from engine.expressions.value_text import Kind
from engine.json_values import Path, Value

ALL_KINDS: Final[frozenset[Kind]] = frozenset({"null", "boolean", "number", "text", "list", "mapping"})
ARITHMETIC_SYMBOLS: Final[dict[type[nodes.Expr], str]] = {
    nodes.Add: "+",
    nodes.Sub: "-",
    nodes.Mul: "*",
    nodes.Div: "/",
    nodes.FloorDiv: "//",
    nodes.Mod: "%",
}
ADDABLE_KINDS: Final[tuple[Kind, ...]] = ("number", "text", "list")

_BOOLEAN_NODES: Final = (nodes.Compare, nodes.Not, nodes.And, nodes.Or, nodes.Test)
_RESULT_KINDS: Final[dict[str, Kind]] = {
    **dict.fromkeys(("replace", "truncate", "join", "json"), "text"),
    **dict.fromkeys(("length", "sum", "round", "abs", "int", "number"), "number"),
    **dict.fromkeys(("map", "keys", "values"), "list"),
}
_LIST_FILTERS: Final = frozenset({"sort", "unique", "reverse"})
_ITEM_FILTERS: Final = frozenset({"first", "last", "min", "max"})
_MAX_TEXTS: Final = 200
"""Maximum number of possible texts that a static type keeps."""


@dataclass(frozen=True, slots=True)
class StaticType:
    """The static type of a value, and the words for it in a sentence."""

    kinds: frozenset[Kind]
    """The kinds that the value can have."""
    phrase: str
    """The words for the type in a sentence: `the value is …`."""
    converts_to_number: bool = False
    """Whether the filter `number` can convert the value."""
    is_number_text: bool = False
    """Whether the value is a number written as text, such as the amount of money. Comparing it by letters is wrong."""
    is_date: bool | None = None
    """Whether the text is a date or time in ISO 8601, or None if it may be one."""
    texts: tuple[str, ...] | None = None
    """All texts that the value can be, or None if they are not known."""
    mismatch: Callable[[Value], str | None] | None = None
    """Returns the reason why the value can never equal another value, such as "is one of: …", or None if it can."""
    item: StaticType | None = None
    """The type of each item of a list."""
    is_money: bool = False
    """Whether the value is money where it is a mapping."""
    currency: str | None = None
    """The only currency that the money has, or None if it may have several."""

    @property
    def fixes_currency(self) -> bool:
        """Whether the value, or each item of the list, has one currency where it is money."""
        return self.currency is not None or (self.item is not None and self.item.currency is not None)


TypeLookup: TypeAlias = Callable[[Path], StaticType | None]
"""Returns the type of a reference, or None if nothing is known about it."""


def unknown_type(_: Path) -> None:
    """Look up the type of a reference of which nothing is known."""


class TypeInference:
    """Infers the type of a node from the types of its references.

    `tested`: the references whose kind the expression itself tests. Their types are not used.
    """

    def __init__(self, tested: frozenset[Path], type_of: TypeLookup) -> None:
        self._tested, self._type_of = tested, type_of

    def kinds(self, node: nodes.Expr) -> frozenset[Kind]:
        """Return the kinds that the value of a node can have."""
        type_ = self.infer(node)
        return type_.kinds if type_ else ALL_KINDS

    def infer(self, node: nodes.Expr) -> StaticType | None:
        """Return the type of a node's value, or None if it may be any value."""
        literal = syntax.literal_value(node)
        if literal is not syntax.DYNAMIC:
            return _type_of_literal(literal)
        if isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem):
            path = syntax.static_path(node)
            return self._type_of(path) if path and path not in self._tested else None
        if isinstance(node, nodes.Filter) and node.node is not None:
            return self._infer_filter(node, node.node)
        if isinstance(node, nodes.CondExpr) and node.expr2 is not None:
            return union_type(self.infer(node.expr1), self.infer(node.expr2))
        if isinstance(node, nodes.Add):
            return _type_of_kinds(
                [kind for kind in ADDABLE_KINDS if kind in self.kinds(node.left) & self.kinds(node.right)]
            )
        if isinstance(node, nodes.Dict):
            return _type_of_mapping(node)
        if isinstance(node, nodes.List):
            return replace(type_of_kind("list"), item=self._infer_items(node))
        return _type_of_operator(node)

    def _infer_items(self, node: nodes.List) -> StaticType | None:
        types = [self.infer(item) for item in node.items]
        return reduce(union_type, types) if types else None

    def _infer_filter(self, node: nodes.Filter, subject: nodes.Expr) -> StaticType | None:
        if node.name == "default":
            return self._infer_default(node, subject)
        if node.name in filters.TEXT_CHANGES:
            return _type_of_changed_text(node.name, self.infer(subject))
        if node.name == "string":
            return _type_of_string(self.infer(subject))
        if node.name == "date":
            return _type_of_date(node)
        type_ = self.infer(subject)
        if node.name in _ITEM_FILTERS:
            return type_.item if type_ else None
        if node.name in _LIST_FILTERS:
            return replace(type_of_kind("list"), item=type_.item if type_ else None)
        return type_of_kind(_RESULT_KINDS[node.name]) if node.name in _RESULT_KINDS else None

    def _infer_default(self, node: nodes.Filter, subject: nodes.Expr) -> StaticType | None:
        type_ = self.infer(subject)
        if type_ is None or "null" not in type_.kinds:
            # A value that is always present never takes the default.
            return type_
        kinds = type_.kinds - {"null"}
        default = self.infer(node.args[0]) if node.args else None
        return union_type(replace(type_, kinds=kinds), default) if kinds else default


def type_of_kind(kind: Kind) -> StaticType:
    """Return the type of a value of which only the kind is known."""
    return StaticType(frozenset({kind}), value_text.PHRASES[kind])


def union_type(left: StaticType | None, right: StaticType | None) -> StaticType | None:
    """Return the type of a value that has one of two types."""
    if left is None or right is None:
        return None
    phrase = left.phrase if left.phrase == right.phrase else f"{left.phrase} or {right.phrase}"
    texts = None if left.texts is None or right.texts is None else tuple(dict.fromkeys(left.texts + right.texts))
    return StaticType(
        left.kinds | right.kinds,
        phrase,
        converts_to_number=left.converts_to_number and right.converts_to_number,
        is_number_text=left.is_number_text and right.is_number_text,
        is_date=left.is_date if left.is_date is right.is_date else None,
        texts=texts if texts is not None and len(texts) <= _MAX_TEXTS else None,
        mismatch=_combine_mismatches(left, right),
        item=union_type(left.item, right.item),
        is_money=left.is_money or right.is_money,
        currency=_common_currency(left, right),
    )


def _common_currency(left: StaticType, right: StaticType) -> str | None:
    currencies = {type_.currency for type_ in (left, right) if type_.is_money}
    return currencies.pop() if len(currencies) == 1 else None


def _combine_mismatches(left: StaticType, right: StaticType) -> Callable[[Value], str | None] | None:
    left_mismatch, right_mismatch = left.mismatch, right.mismatch
    if left_mismatch is None or right_mismatch is None:
        return None
    return lambda value: right_mismatch(value) and left_mismatch(value)


def type_of_money(currency: str | None) -> StaticType:
    """Return the type of money, with its currency if it can have only one."""
    phrase = f"money in {currency} (a mapping)" if currency else "money (a mapping)"
    return StaticType(frozenset({"mapping"}), phrase, converts_to_number=True, is_money=True, currency=currency)


def type_of_texts(texts: Sequence[str], phrase: str) -> StaticType:
    """Return the type of a text that is one of `texts`."""
    are_dates = {dates.parse_instant(text) is not None for text in texts}
    return StaticType(
        frozenset({"text"}),
        phrase,
        converts_to_number=True,
        is_date=are_dates.pop() if len(are_dates) == 1 else None,
        texts=tuple(texts),
    )


def mismatch_with_texts(texts: Sequence[str]) -> Callable[[Value], str | None]:
    """Return the `mismatch` of a text that is one of `texts`."""
    return lambda value: None if value in texts else f"can only be: {value_text.list_names(texts)}"


def _type_of_literal(value: object) -> StaticType:
    type_ = type_of_kind(value_text.kind_of(value))  # type: ignore[arg-type]
    if not isinstance(value, str):
        return type_

    def mismatch(other: Value) -> str | None:
        return "is another text" if isinstance(other, str) and other != value else None

    return replace(type_of_texts((value,), type_.phrase), converts_to_number=False, mismatch=mismatch)


def _type_of_changed_text(name: str, type_: StaticType | None) -> StaticType:
    """Return the type of a text after a filter such as `upper`. It never equals a text that lacks the filter's form."""
    change = filters.TEXT_CHANGES[name]
    texts = type_.texts if type_ is not None else None
    changed = None if texts is None else tuple(dict.fromkeys(change(text) for text in texts))

    def mismatch(value: Value) -> str | None:
        if not isinstance(value, str):
            return None
        if change(value) != value:
            return f"is changed by `{name}`, so it would be {value_text.shorten(change(value))}"
        return None if changed is None or value in changed else f"can only be: {value_text.list_names(changed)}"

    return replace(
        type_of_kind("text"),
        is_date=type_.is_date if type_ is not None and type_.kinds <= {"text", "null"} else None,
        texts=changed,
        mismatch=mismatch,
    )


def _type_of_string(type_: StaticType | None) -> StaticType:
    if type_ is None:
        return type_of_kind("text")
    if type_.kinds <= {"text"}:
        return type_
    is_number = type_.kinds <= {"number", "null"}
    is_number_text = is_number or (type_.converts_to_number and "mapping" in type_.kinds)
    return replace(
        type_of_kind("text"),
        is_date=None if "text" in type_.kinds else False,
        converts_to_number=is_number,
        is_number_text=is_number_text,
    )


def _type_of_date(node: nodes.Filter) -> StaticType:
    pattern = syntax.literal_value(node.args[0]) if node.args else None
    if not isinstance(pattern, str):
        return type_of_kind("text")
    texts = dates.possible_texts(pattern)
    if texts is None:
        return replace(type_of_kind("text"), is_date=dates.writes_iso(pattern))
    return replace(type_of_texts(texts, "text"), mismatch=mismatch_with_texts(texts), converts_to_number=False)


def _type_of_kinds(kinds: Sequence[Kind]) -> StaticType | None:
    """Return the type of a value of one of these kinds. No kinds give None: `type_checks` reports that as a clash."""
    if not kinds:
        return None
    *others, last = [value_text.PHRASES[kind] for kind in kinds]
    return StaticType(frozenset(kinds), f"{', '.join(others)} or {last}" if others else last)


def _type_of_mapping(node: nodes.Dict) -> StaticType:
    entries = {syntax.literal_value(pair.key): syntax.literal_value(pair.value) for pair in node.items}
    if entries.keys() != value_text.MONEY_KEYS:
        return type_of_kind("mapping")
    currency = entries["currency"]
    return type_of_money(currency if isinstance(currency, str) else None)


def _type_of_operator(node: nodes.Expr) -> StaticType | None:
    """Return the type of an operator's result, if it does not depend on the operands."""
    if isinstance(node, nodes.Concat):
        return type_of_kind("text")
    if isinstance(node, _BOOLEAN_NODES):
        return type_of_kind("boolean")
    if type(node) in ARITHMETIC_SYMBOLS or isinstance(node, nodes.Neg | nodes.Pos):
        return type_of_kind("number")
    return None
