"""Operators and filters that can only fail, told before anything is evaluated from what is known of their operands.

What is not surely wrong passes: nothing is known of a value unless its kind can be no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from jinja2 import nodes

from engine.data import Path
from engine.expressions import lookup, operators, reading, syntax, values
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
_EXAMPLE: Final = 'Write it like "{{ inputs.amount | number > 100 }}".'
_BOOLEAN: Final = (nodes.Compare, nodes.Not, nodes.And, nodes.Or, nodes.Test)


class _Read(NamedTuple):
    """A text: its expressions, their operators and filters, and the references whose kind it asks for itself."""

    expressions: tuple[nodes.Expr, ...]
    operations: tuple[nodes.Expr, ...]
    tested: frozenset[Path]


def find(source: str, sort_of: SortOf) -> list[Clash]:
    """What can only fail in `source`, which is a text that compiles."""
    read = _read(source)
    judge = _Judge(read, sort_of)
    return [clash for node in read.operations for clash in judge.look(node)]


def find_in_condition(source: str, sort_of: SortOf) -> Clash | None:
    """Why `source`, which is one whole expression, can be neither true nor false. None: it may be."""
    read = _read(source)
    return _Judge(read, sort_of).condition(read.expressions[0])


@lru_cache(maxsize=64)
def _read(source: str) -> _Read:
    """Not done again for the same text."""
    expressions = tuple(part for part in reading.read(source) if not isinstance(part, str))
    operations = tuple(node for one in expressions for node in _every(one) if isinstance(node, _OPERATIONS))
    return _Read(expressions, operations, frozenset(path for one in expressions for path in _tested(one)))


def _every(expression: nodes.Expr) -> Iterator[nodes.Expr]:
    yield expression
    yield from expression.find_all(nodes.Expr)


def _tested(expression: nodes.Expr) -> Iterator[Path]:
    """Such as that in `inputs.a is number and inputs.a > 3`."""
    for node in _every(expression):
        if isinstance(node, nodes.Test) and (path := syntax.static_path(node.node)):
            yield path


class _Judge:
    def __init__(self, read: _Read, sort_of: SortOf) -> None:
        self._tested, self._declared = read.tested, sort_of

    def _sort_of(self, path: Path) -> Sort | None:
        return None if path in self._tested else self._declared(path)

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

    def condition(self, node: nodes.Expr, place: str = "A condition") -> Clash | None:
        """Why `node` can be neither true nor false, where `place` needs that of it."""
        if "boolean" not in self._kinds(node):
            return Clash(f"{place} needs true or false, but {self._are(node)}.", self._compared(node))
        for operator, operand in _needed(node):
            clash = self.condition(operand, f"`{operator}`")
            if clash is not None:
                return clash
        return None

    # -- in words -------------------------------------------------------------------------------------------

    def _compared(self, node: nodes.Expr) -> str:
        """What to write instead of what is no condition."""
        sort, text = self.sort(node), _plain(node)
        assert sort is not None
        kinds = tuple(sort.kinds - {"null"})
        if len(kinds) != 1 or isinstance(node, nodes.CondExpr) or syntax.literal(node) is not syntax.DYNAMIC:
            return _EXAMPLE
        (kind,) = kinds
        if kind == "mapping" and sort.is_amount:
            return f"Compare its number, such as `{text} | number > 0`." if text else _EXAMPLE
        said = operators.comparison_of(kind)
        said = said.replace("`", f"`{text} ", 1) if text else said
        return f"{said[:1].upper()}{said[1:]}."

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
        if isinstance(node, nodes.CondExpr) and node.expr2 is not None:
            return _either(self.sort(node.expr1), self.sort(node.expr2))
        if isinstance(node, nodes.Add):
            return _one_of([kind for kind in _ADDED if kind in self._kinds(node.left) & self._kinds(node.right)])
        return _made(node)

    def _default(self, node: nodes.Filter) -> Sort | None:
        assert node.node is not None
        sort = self.sort(node.node)
        if sort is None or "null" not in sort.kinds:
            # Where it is there in any case, the default is never taken.
            return sort
        kinds = sort.kinds - {"null"}
        other = self.sort(node.args[0])
        return _either(sort._replace(kinds=kinds), other) if kinds else other


def _just(kind: Kind) -> Sort:
    return Sort(frozenset({kind}), values.PHRASES[kind])


def _one_of(kinds: Sequence[Kind]) -> Sort | None:
    """Any of these; None where there is none, which is told as a clash."""
    if not kinds:
        return None
    *most, last = [values.PHRASES[kind] for kind in kinds]
    return Sort(frozenset(kinds), f"{', '.join(most)} or {last}" if most else last)


def _either(one: Sort | None, other: Sort | None) -> Sort | None:
    if one is None or other is None:
        return None
    phrase = one.phrase if one.phrase == other.phrase else f"{one.phrase} or {other.phrase}"
    return Sort(one.kinds | other.kinds, phrase, is_amount=one.is_amount and other.is_amount)


def _needed(node: nodes.Expr) -> Iterator[tuple[str, nodes.Expr]]:
    """What this evaluates in any case and takes as true or false only, each with the word for what does so."""
    if isinstance(node, nodes.Not):
        yield "not", node.node
    elif isinstance(node, nodes.And | nodes.Or):
        yield "and" if isinstance(node, nodes.And) else "or", node.left
    elif isinstance(node, nodes.CondExpr):
        yield "if", node.test


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
    return _just("number") if type(node) in _ARITHMETIC or isinstance(node, nodes.Neg | nodes.Pos) else None


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
