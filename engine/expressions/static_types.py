"""What is known of a value before there is one: its kinds, the texts that it can be, whether it is a date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

from jinja2 import nodes

from engine.expressions import dates, filters, syntax, value_text
from engine.expressions.value_text import Kind
from engine.json_values import Path, Value

ALL: Final[frozenset[Kind]] = frozenset({"null", "boolean", "number", "text", "list", "mapping"})
ARITHMETIC: Final[dict[type[nodes.Expr], str]] = {
    nodes.Add: "+",
    nodes.Sub: "-",
    nodes.Mul: "*",
    nodes.Div: "/",
    nodes.FloorDiv: "//",
    nodes.Mod: "%",
}
ADDED: Final[tuple[Kind, ...]] = ("number", "text", "list")

_BOOLEAN: Final = (nodes.Compare, nodes.Not, nodes.And, nodes.Or, nodes.Test)
_GIVES: Final[dict[str, Kind]] = {
    **dict.fromkeys(("replace", "truncate", "join", "json"), "text"),
    **dict.fromkeys(("length", "sum", "round", "abs", "int", "number"), "number"),
    **dict.fromkeys(("map", "keys", "values"), "list"),
}
_KEEPS_LIST: Final = frozenset({"sort", "unique", "reverse"})
_GIVES_ITEM: Final = frozenset({"first", "last", "min", "max"})
_MAX_TEXTS: Final = 200


class StaticType(NamedTuple):
    """What is known of a value, and the words for it in a sentence."""

    kinds: frozenset[Kind]
    phrase: str
    is_amount: bool = False
    """`| number` makes a number of it."""
    is_digits: bool = False
    """Its text is a number, such as the amount of money: letters say nothing about it."""
    is_date: bool | None = None
    """Whether its text is a date or time in ISO 8601; None: it may be."""
    texts: tuple[str, ...] | None = None
    """All texts that it can be."""
    never: Callable[[Value], str | None] | None = None
    """Why it can never be this value, as a predicate: "is not one of: …". None: it can."""
    item: StaticType | None = None
    """What is known of each item of a list."""


SortOf: TypeAlias = Callable[[Path], StaticType | None]
"""What is known of a reference; None: nothing."""


class TypeInference:
    """Derives what is known of a node from what is known of references. `tested`: those whose kind is asked for."""

    def __init__(self, tested: frozenset[Path], sort_of: SortOf) -> None:
        self._tested, self._declared = tested, sort_of

    def kinds(self, node: nodes.Expr) -> frozenset[Kind]:
        sort = self.sort(node)
        return sort.kinds if sort else ALL

    def sort(self, node: nodes.Expr) -> StaticType | None:
        """What is known of the value of `node`; None: it may be anything."""
        literal = syntax.literal(node)
        if literal is not syntax.DYNAMIC:
            return _of_literal(literal)
        if isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem):
            path = syntax.static_path(node)
            return self._declared(path) if path and path not in self._tested else None
        if isinstance(node, nodes.Filter) and node.node is not None:
            return self._filtered(node, node.node)
        if isinstance(node, nodes.CondExpr) and node.expr2 is not None:
            return either(self.sort(node.expr1), self.sort(node.expr2))
        if isinstance(node, nodes.Add):
            return _one_of([kind for kind in ADDED if kind in self.kinds(node.left) & self.kinds(node.right)])
        if isinstance(node, nodes.List):
            return just("list")._replace(item=self._items(node))
        return _made(node)

    def _items(self, node: nodes.List) -> StaticType | None:
        found = [self.sort(item) for item in node.items]
        together = found[0] if found else None
        for sort in found[1:]:
            together = either(together, sort)
        return together

    def _filtered(self, node: nodes.Filter, subject: nodes.Expr) -> StaticType | None:
        if node.name == "default":
            return self._default(node, subject)
        if node.name in filters.CASES:
            return _cased(node.name, self.sort(subject))
        if node.name == "string":
            return _as_text(self.sort(subject))
        if node.name == "date":
            return _dated(node)
        sort = self.sort(subject)
        if node.name in _GIVES_ITEM:
            return sort.item if sort else None
        if node.name in _KEEPS_LIST:
            return just("list")._replace(item=sort.item if sort else None)
        return just(_GIVES[node.name]) if node.name in _GIVES else None

    def _default(self, node: nodes.Filter, subject: nodes.Expr) -> StaticType | None:
        sort = self.sort(subject)
        if sort is None or "null" not in sort.kinds:
            # Where it is there in any case, the default is never taken.
            return sort
        kinds = sort.kinds - {"null"}
        other = self.sort(node.args[0]) if node.args else None
        return either(sort._replace(kinds=kinds), other) if kinds else other


def just(kind: Kind) -> StaticType:
    return StaticType(frozenset({kind}), value_text.PHRASES[kind])


def either(one: StaticType | None, other: StaticType | None) -> StaticType | None:
    """What is known of a value that is one of two."""
    if one is None or other is None:
        return None
    phrase = one.phrase if one.phrase == other.phrase else f"{one.phrase} or {other.phrase}"
    texts = None if one.texts is None or other.texts is None else tuple(dict.fromkeys(one.texts + other.texts))
    return StaticType(
        one.kinds | other.kinds,
        phrase,
        is_amount=one.is_amount and other.is_amount,
        is_digits=one.is_digits and other.is_digits,
        is_date=one.is_date if one.is_date is other.is_date else None,
        texts=texts if texts is not None and len(texts) <= _MAX_TEXTS else None,
        never=_both_never(one, other),
        item=either(one.item, other.item),
    )


def _both_never(one: StaticType, other: StaticType) -> Callable[[Value], str | None] | None:
    first, second = one.never, other.never
    if first is None or second is None:
        return None
    return lambda value: second(value) and first(value)


def of_texts(texts: Sequence[str], phrase: str) -> StaticType:
    """A text that is one of these."""
    are_dates = {dates.instant(text) is not None for text in texts}
    return StaticType(
        frozenset({"text"}),
        phrase,
        is_amount=True,
        is_date=are_dates.pop() if len(are_dates) == 1 else None,
        texts=tuple(texts),
    )


def only(texts: Sequence[str]) -> Callable[[Value], str | None]:
    """Why a text that is one of these is never another value."""
    return lambda value: None if value in texts else f"is one of: {value_text.listing(texts)}"


def _of_literal(value: object) -> StaticType:
    sort = just(value_text.kind(value))  # type: ignore[arg-type]
    if not isinstance(value, str):
        return sort
    never = "is another text"
    return of_texts((value,), sort.phrase)._replace(
        is_amount=False, never=lambda other: never if isinstance(other, str) and other != value else None
    )


def _cased(name: str, sort: StaticType | None) -> StaticType:
    """The texts of a filter such as `upper` have one form, which what is compared with them may lack."""
    change = filters.CASES[name]
    texts = sort.texts if sort is not None else None
    changed = None if texts is None else tuple(dict.fromkeys(change(text) for text in texts))

    def never(value: Value) -> str | None:
        if not isinstance(value, str):
            return None
        if change(value) != value:
            return f"is changed by `{name}`, so it would be {value_text.shorten(change(value))}"
        return None if changed is None or value in changed else f"is one of: {value_text.listing(changed)}"

    return just("text")._replace(
        is_date=sort.is_date if sort is not None and sort.kinds <= {"text", "null"} else None,
        texts=changed,
        never=never,
    )


def _as_text(sort: StaticType | None) -> StaticType:
    if sort is None:
        return just("text")
    if sort.kinds <= {"text"}:
        return sort
    number = sort.kinds <= {"number", "null"}
    digits = number or (sort.is_amount and "mapping" in sort.kinds)
    return just("text")._replace(is_date=None if "text" in sort.kinds else False, is_amount=number, is_digits=digits)


def _dated(node: nodes.Filter) -> StaticType:
    pattern = syntax.literal(node.args[0]) if node.args else None
    if not isinstance(pattern, str):
        return just("text")
    texts = dates.all_texts(pattern)
    if texts is None:
        return just("text")._replace(is_date=dates.writes_iso(pattern))
    return of_texts(texts, "text")._replace(never=only(texts), is_amount=False)


def _one_of(kinds: Sequence[Kind]) -> StaticType | None:
    """Any of these; None where there is none, which is told as a clash."""
    if not kinds:
        return None
    *most, last = [value_text.PHRASES[kind] for kind in kinds]
    return StaticType(frozenset(kinds), f"{', '.join(most)} or {last}" if most else last)


def _made(node: nodes.Expr) -> StaticType | None:
    """What an operator makes, whatever it is given."""
    if isinstance(node, nodes.Concat):
        return just("text")
    if isinstance(node, nodes.Dict):
        return just("mapping")
    if isinstance(node, _BOOLEAN):
        return just("boolean")
    return just("number") if type(node) in ARITHMETIC or isinstance(node, nodes.Neg | nodes.Pos) else None
