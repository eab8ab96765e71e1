"""Operators and filters that can only fail, told before anything is evaluated from what is known of their operands.

What is not surely wrong passes: nothing is known of a value unless its kind can be no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from jinja2 import nodes

from engine.data import Path
from engine.expressions import lookup, reading, syntax, values
from engine.expressions.filters import FILTERS
from engine.expressions.values import Kind


class Sort(NamedTuple):
    """What is known of a value: the kinds that it can have, and the words for it in a sentence.

    `is_amount`: whether `| number` makes a number of it.
    """

    kinds: frozenset[Kind]
    phrase: str
    is_amount: bool = False


class Clash(NamedTuple):
    """One sentence on what cannot be, and one on what to write; the second may be empty."""

    message: str
    hint: str


SortOf: TypeAlias = Callable[[Path], Sort | None]
"""What is known of a reference; None: nothing."""

_ALL: Final[frozenset[Kind]] = frozenset({"null", "boolean", "number", "text", "list", "mapping"})
_TAKES: Final[dict[str, frozenset[Kind]]] = {
    "any value": _ALL,
    "text": frozenset({"text"}),
    "a number": frozenset({"number"}),
    "a whole number": frozenset({"number"}),
    "a list": frozenset({"list"}),
    "a mapping": frozenset({"mapping"}),
    "text, a list or a mapping": frozenset({"text", "list", "mapping"}),
}
_GIVES: Final[dict[str, Kind]] = {
    **dict.fromkeys(("upper", "lower", "capitalize", "title", "trim", "replace", "truncate", "date"), "text"),
    **dict.fromkeys(("join", "string", "json"), "text"),
    **dict.fromkeys(("length", "sum", "round", "abs", "int", "number"), "number"),
    **dict.fromkeys(("sort", "unique", "reverse", "map", "keys", "values"), "list"),
}
"""Not among them: filters that give an item of a list, which may be anything."""

_ARITHMETIC: Final[dict[type[nodes.Expr], str]] = {
    nodes.Add: "+",
    nodes.Sub: "-",
    nodes.Mul: "*",
    nodes.Div: "/",
    nodes.FloorDiv: "//",
    nodes.Mod: "%",
}
_ORDER: Final = {"lt": "<", "lteq": "<=", "gt": ">", "gteq": ">="}
_EQUALITY: Final = {"eq": "==", "ne": "!="}
_ORDERED: Final[tuple[Kind, ...]] = ("number", "text")
_ADDED: Final[tuple[Kind, ...]] = ("number", "text", "list")
_OPERATIONS: Final = (nodes.Compare, nodes.BinExpr, nodes.Neg, nodes.Pos, nodes.Filter)
_BOOLEAN: Final = (nodes.Compare, nodes.Not, nodes.And, nodes.Or, nodes.Test)


def find(source: str, sort_of: SortOf) -> list[Clash]:
    """What can only fail in `source`, which is a text that compiles."""
    judged, tested = _judged(source)
    judge = _Judge(lambda path: None if path in tested else sort_of(path))
    return [clash for node in judged for clash in judge.look(node)]


@lru_cache(maxsize=64)
def _judged(source: str) -> tuple[tuple[nodes.Expr, ...], frozenset[Path]]:
    """The operators and filters of a text, which are not read again for the same text; and the references it tests."""
    expressions = [part for part in reading.read(source) if not isinstance(part, str)]
    judged = tuple(node for one in expressions for node in _every(one) if isinstance(node, _OPERATIONS))
    return judged, frozenset(path for one in expressions for path in _tested(one))


def _every(expression: nodes.Expr) -> Iterator[nodes.Expr]:
    yield expression
    yield from expression.find_all(nodes.Expr)


def _tested(expression: nodes.Expr) -> Iterator[Path]:
    """References whose kind the text asks for itself, as in `inputs.a is number and inputs.a > 3`."""
    for node in _every(expression):
        if isinstance(node, nodes.Test) and (path := syntax.static_path(node.node)):
            yield path


class _Judge:
    def __init__(self, sort_of: SortOf) -> None:
        self._sort_of = sort_of

    # -- what clashes ---------------------------------------------------------------------------------------

    def look(self, node: nodes.Expr) -> Iterator[Clash]:
        """What can only fail at this node; those inside of it are looked at by themselves."""
        if isinstance(node, nodes.Compare):
            left = node.expr
            for part in node.ops:
                yield from self._comparison(left, part.op, part.expr)
                left = part.expr
        elif isinstance(node, nodes.BinExpr) and type(node) in _ARITHMETIC:
            yield from self._arithmetic(node, _ARITHMETIC[type(node)])
        elif isinstance(node, nodes.Neg | nodes.Pos):
            yield from self._needs_number(node.node, "-" if isinstance(node, nodes.Neg) else "+", ())
        elif isinstance(node, nodes.Filter) and node.node is not None and node.name in FILTERS:
            yield from self._filter(node.name, node.node)

    def _comparison(self, left: nodes.Expr, name: str, right: nodes.Expr) -> Iterator[Clash]:
        one, other = self._kinds(left), self._kinds(right)
        if name in _ORDER:
            if not any(kind in one and kind in other for kind in _ORDERED):
                message = f"`{_ORDER[name]}` compares two numbers or two texts, but {self._are(left, right)}."
                yield Clash(message, self._amounts(left, _ORDER[name], right))
        elif name in _EQUALITY:
            # Whoever asks for nothing may mean what cannot come yet; that is no slip.
            if not one & other and "null" not in one | other:
                never = "never" if name == "eq" else "always"
                message = f"`{_EQUALITY[name]}` is {never} true here: {self._are(left, right)}."
                yield Clash(message, self._amounts(left, _EQUALITY[name], right))
        elif not other & {"list", "mapping"} and not ("text" in other and "text" in one):
            yield Clash(f"`in` looks into a list, a mapping or for text in text, but {self._are(left, right)}.", "")

    def _arithmetic(self, node: nodes.BinExpr, symbol: str) -> Iterator[Clash]:
        if symbol != "+":
            for operand in (node.left, node.right):
                yield from self._needs_number(operand, symbol, (node.left, node.right))
        elif not any(kind in self._kinds(node.left) and kind in self._kinds(node.right) for kind in _ADDED):
            message = f"`+` adds two numbers, two texts or two lists, but {self._are(node.left, node.right)}."
            yield Clash(message, self._amounts(node.left, symbol, node.right))

    def _needs_number(self, operand: nodes.Expr, symbol: str, both: tuple[nodes.Expr, ...]) -> Iterator[Clash]:
        if "number" not in self._kinds(operand):
            hint = self._amounts(both[0], symbol, both[1]) if both else self._amounts(operand)
            yield Clash(f"`{symbol}` needs numbers, but {self._are(operand)}.", hint)

    def _filter(self, name: str, subject: nodes.Expr) -> Iterator[Clash]:
        takes = FILTERS[name].takes
        if not self._kinds(subject) & _TAKES[takes]:
            hint = self._amounts(subject) if "number" in _TAKES[takes] else ""
            yield Clash(f"`{name}` works on {takes}, but {self._are(subject)}.", hint)

    # -- in words -------------------------------------------------------------------------------------------

    def _are(self, *operands: nodes.Expr) -> str:
        told = [(node, sort) for node in operands if (sort := self.sort(node))]
        return " and ".join(f"{_name(node)} is {sort.phrase}" for node, sort in told)

    def _amounts(self, left: nodes.Expr, symbol: str = "", right: nodes.Expr | None = None) -> str:
        """How to write it with the numbers of what only stands for a number."""
        sides = [left] if right is None else [left, right]
        sorts = [self.sort(side) for side in sides]
        others = [sort for sort in sorts if sort and not sort.is_amount and "number" not in sort.kinds]
        amounts = [sort for sort in sorts if sort and sort.is_amount]
        if others or not amounts:
            return ""
        written = [_written(side, sort) for side, sort in zip(sides, sorts, strict=True)]
        if None in written:
            written = [text for text, sort in zip(written, sorts, strict=True) if text and sort and sort.is_amount]
        return f"Write `{f' {symbol} '.join(filter(None, written))}`." if any(written) else ""

    # -- what is known --------------------------------------------------------------------------------------

    def _kinds(self, node: nodes.Expr) -> frozenset[Kind]:
        sort = self.sort(node)
        return sort.kinds if sort else _ALL

    def sort(self, node: nodes.Expr) -> Sort | None:
        """What is known of the value of `node`; None: it may be anything."""
        if isinstance(node, nodes.Const):
            return _just(values.kind(syntax.constant(node)))
        if isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem):
            path = syntax.static_path(node)
            return self._sort_of(path) if path else None
        if isinstance(node, nodes.Filter) and node.node is not None:
            return self._default(node) if node.name == "default" else _given(node.name)
        return _made(node)

    def _default(self, node: nodes.Filter) -> Sort | None:
        assert node.node is not None
        sort = self.sort(node.node)
        # Where it is there in any case, the default is never taken.
        return sort if sort and "null" not in sort.kinds else None


def _just(kind: Kind) -> Sort:
    return Sort(frozenset({kind}), values.PHRASES[kind])


def _given(name: str) -> Sort | None:
    return _just(_GIVES[name]) if name in _GIVES else None


def _made(node: nodes.Expr) -> Sort | None:
    """What an operator makes, whatever it is given."""
    if isinstance(node, nodes.Concat):
        return _just("text")
    if isinstance(node, nodes.List):
        return _just("list")
    if isinstance(node, nodes.Dict):
        return _just("mapping")
    if isinstance(node, _BOOLEAN):
        return _just("boolean")
    number = type(node) in _ARITHMETIC and not isinstance(node, nodes.Add)
    return _just("number") if number or isinstance(node, nodes.Neg | nodes.Pos) else None


def _name(node: nodes.Expr) -> str:
    text = _plain(node)
    return f"`{text}`" if text else "the value"


def _written(node: nodes.Expr, sort: Sort | None) -> str | None:
    text = _plain(node)
    return f"{text} | number" if text and sort and sort.is_amount else text


def _plain(node: nodes.Expr) -> str | None:
    """A reference or a number as it is written; None for whatever takes more to write."""
    value = syntax.literal(node)
    if isinstance(value, str):
        return values.shorten(f'"{value}"')
    if value is None or isinstance(value, int | Decimal):
        return "none" if value is None else values.shorten(values.as_text(value))
    path = syntax.static_path(node)
    return lookup.show(path) if path else None
