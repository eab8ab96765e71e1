"""Operators and filters that can only fail, or say the same for every value, told before anything is evaluated.

They are told from what is known of their operands. What is not surely wrong passes, with one exception: `<` and `>`
between texts pass only where one of them is surely a date, because texts that are numbers have another order.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from jinja2 import nodes

from engine.expressions import comparisons, dates, filters, lookup, operators, parser, syntax, value_text
from engine.expressions.static_types import ADDED, ARITHMETIC, SortOf, StaticType, TypeInference
from engine.expressions.value_text import Kind
from engine.json_values import Path, Value


class Clash(NamedTuple):
    """One sentence on what cannot be, and one on what to write; the second may be empty.

    `is_silent`: evaluating it raises nothing, it gives the same answer whatever the values are.
    """

    message: str
    hint: str
    is_silent: bool = False


_TAKES: Final[dict[str, frozenset[Kind]]] = {
    "any value": frozenset({"null", "boolean", "number", "text", "list", "mapping"}),
    "text": frozenset({"text"}),
    "a number": frozenset({"number"}),
    "a whole number": frozenset({"number"}),
    "a list": frozenset({"list"}),
    "a mapping": frozenset({"mapping"}),
    "text, a list or a mapping": frozenset({"text", "list", "mapping"}),
}
_EQUALITY: Final = {"eq": "==", "ne": "!="}
_OPERATIONS: Final = (nodes.Compare, nodes.BinExpr, nodes.Neg, nodes.Pos, nodes.Filter, nodes.Test)
_EXAMPLE: Final = 'Write it like "{{ inputs.amount | number > 100 }}".'
_NO_ORDER: Final = (
    "Texts have no order: add `| number` to both, or declare the field as a number, an amount of money or a date."
)
_OF_KIND: Final = frozenset({"number", "string", "mapping", "sequence", "boolean"})
"""Tests that ask for the kind of a value."""
_MEASURES: Final = frozenset({"min", "max"})


class _Operand(NamedTuple):
    """A text: its expressions, their operators and filters, and the references whose kind it asks for itself."""

    expressions: tuple[nodes.Expr, ...]
    operations: tuple[nodes.Expr, ...]
    tested: frozenset[Path]


def find(source: str, sort_of: SortOf) -> list[Clash]:
    """What can only fail in `source`, which is a text that compiles."""
    read = _read(source)
    judge = _Judge(TypeInference(read.tested, sort_of))
    return [clash for node in read.operations for clash in judge.look(node)]


def find_in_condition(source: str, sort_of: SortOf) -> Clash | None:
    """Why `source`, which is one whole expression, can be neither true nor false. None: it may be."""
    read = _read(source)
    return _Judge(TypeInference(read.tested, sort_of)).condition(read.expressions[0])


def reads_text_as_number(source: str, sort_of: SortOf) -> bool:
    """Whether `| number` or `| int` is put on what people write as text, so that 1.234 may mean two things."""
    read = _read(source)
    sorter = TypeInference(read.tested, sort_of)
    subjects = [one.node for one in read.operations if isinstance(one, nodes.Filter) and one.name in ("number", "int")]
    sorts = [sorter.sort(subject) for subject in subjects if subject is not None]
    return any(sort is not None and "text" in sort.kinds and not sort.is_digits for sort in sorts)


def sort_of_value(source: str, sort_of: SortOf) -> StaticType | None:
    """What is known of the value of `source`, which is one whole expression."""
    read = _read(source)
    return TypeInference(read.tested, sort_of).sort(read.expressions[0])


@lru_cache(maxsize=64)
def _read(source: str) -> _Operand:
    """Not done again for the same text."""
    expressions = tuple(part for part in parser.read(source) if not isinstance(part, str))
    operations = tuple(node for one in expressions for node in _every(one) if isinstance(node, _OPERATIONS))
    return _Operand(expressions, operations, frozenset(path for one in expressions for path in _tested(one)))


def _every(expression: nodes.Expr) -> Iterator[nodes.Expr]:
    yield expression
    yield from expression.find_all(nodes.Expr)


def _tested(expression: nodes.Expr) -> Iterator[Path]:
    """Such as that in `inputs.a is number and inputs.a > 3`."""
    for node in _every(expression):
        if isinstance(node, nodes.Test) and node.name in _OF_KIND and (path := syntax.static_path(node.node)):
            yield path


class _Judge:
    def __init__(self, sorter: TypeInference) -> None:
        self._kinds, self._sort = sorter.kinds, sorter.sort

    # -- what clashes ---------------------------------------------------------------------------------------

    def look(self, node: nodes.Expr) -> Iterator[Clash]:
        """What can only fail at this node; those inside of it are looked at by themselves."""
        if isinstance(node, nodes.Compare):
            left = node.expr
            for part in node.ops:
                yield from self._comparison(left, part.op, part.expr)
                left = part.expr
        elif isinstance(node, nodes.BinExpr) and type(node) in ARITHMETIC:
            yield from self._arithmetic(node, ARITHMETIC[type(node)])
        elif isinstance(node, nodes.Neg | nodes.Pos):
            yield from self._needs_number(node.node, "-" if isinstance(node, nodes.Neg) else "+", ())
        elif isinstance(node, nodes.Test) and node.name in ("true", "false"):
            if self._kinds(node.node) - {"null"} and "boolean" not in self._kinds(node.node):
                yield Clash(f"`is {node.name}` is never true here: {self._are(node.node)}.", self._compared(node.node))
        elif isinstance(node, nodes.Filter) and node.node is not None and node.name in filters.FILTERS:
            yield from self._filter(node, node.node)

    def _comparison(self, left: nodes.Expr, name: str, right: nodes.Expr) -> Iterator[Clash]:
        if name in comparisons.ORDER:
            yield from self._order(left, comparisons.ORDER[name][0], right)
        elif name in _EQUALITY:
            yield from self._equality(left, name, right)
        else:
            yield from self._membership(left, right)

    def _order(self, left: nodes.Expr, symbol: str, right: nodes.Expr) -> Iterator[Clash]:
        one, other = self._kinds(left), self._kinds(right)
        if "number" in one and "number" in other:
            return
        if "text" in one and "text" in other and _may_be_dates(self._sort(left), self._sort(right)):
            return
        message = f"`{symbol}` {comparisons.COMPARES}, but {self._are(left, right)}."
        hint = self._amounts(left, symbol, right)
        yield Clash(message, hint or (_NO_ORDER if "text" in one and "text" in other else ""))

    def _equality(self, left: nodes.Expr, name: str, right: nodes.Expr) -> Iterator[Clash]:
        symbol, always = _EQUALITY[name], "never" if name == "eq" else "always"
        one, other = self._kinds(left), self._kinds(right)
        # Whoever asks for nothing may mean what cannot come yet; that is no slip.
        if not one & other and one - {"null"} and other - {"null"}:
            message = f"`{symbol}` is {always} true here: {self._are(left, right)}."
            yield Clash(message, self._amounts(left, symbol, right))
        elif self._is_digits(left, right):
            message = f"`{symbol}` compares letter by letter, so 200 is not 200.00, but {self._are(left, right)}."
            yield Clash(message, self._amounts(left, symbol, right) or "Compare numbers: add `| number` to both.")
        elif why := self._never(left, right):
            yield Clash(f"`{symbol}` is {always} true here: {_ended(why)}", "", is_silent=True)

    def _membership(self, part: nodes.Expr, whole: nodes.Expr) -> Iterator[Clash]:
        one, other = self._kinds(part), self._kinds(whole)
        if not other & {"list", "mapping"} and not ("text" in other and "text" in one):
            yield Clash(f"`in` looks into a list, a mapping or for text in text, but {self._are(part, whole)}.", "")
        elif isinstance(whole, nodes.List):
            yield from self._listed(part, whole)
        elif other <= {"text", "null"} and self._is_digits(part, whole):
            message = f"`in` looks for letters in a text, but {self._are(part, whole)}."
            yield Clash(message, "Compare numbers: add `| number`, and use `==`, `<` or `>`.")
        elif why := self._never_inside(part, whole):
            yield Clash(f"`in` never finds this here: {_ended(why)}", "", is_silent=True)

    def _listed(self, part: nodes.Expr, whole: nodes.List) -> Iterator[Clash]:
        """An item of a list in the file that is never found in it."""
        for item in whole.items:
            one, other = self._kinds(part), self._kinds(item)
            if not one & other and one - {"null"} and other - {"null"}:
                yield Clash(f"`in` never finds {_name(item)} here: {self._are(part, item)}.", "")
            elif self._is_digits(part, item):
                message = f"`in` compares letter by letter, so 200 is not 200.00, but {self._are(part, item)}."
                yield Clash(message, "Compare numbers: add `| number`, and write the numbers without quotes.")
            elif why := self._never(part, item):
                yield Clash(f"`in` never finds {_name(item)} here: {_ended(why)}", "", is_silent=True)

    def _never_inside(self, part: nodes.Expr, whole: nodes.Expr) -> str:
        """Why `part` is never among the items of `whole`, or never a part of its text. Empty: it may be."""
        one, other = self._sort(part), self._sort(whole)
        if other is not None and other.item is not None:
            texts = one.texts if one is not None and other.item.never is not None else None
            whys = [other.item.never(text) for text in texts or ()] if other.item.never else []
            return f"an item of {_name(whole)} {whys[0]}" if whys and all(whys) else ""
        if one is None or other is None or one.texts is None or other.texts is None:
            return ""
        if any(text in long for text in one.texts for long in other.texts):
            return ""
        return f"{_name(whole)} is {_quoted(other.texts)}"

    def _is_digits(self, left: nodes.Expr, right: nodes.Expr) -> bool:
        """Whether a text that is a number is compared with a text."""
        sorts = self._sort(left), self._sort(right)
        if not all(sort is None or "text" in sort.kinds for sort in sorts):
            return False
        return any(sort is not None and sort.is_digits for sort in sorts)

    def _never(self, left: nodes.Expr, right: nodes.Expr) -> str:
        """Why the two are never equal, although they are of one kind. Empty: they may be."""
        for node, other in ((left, right), (right, left)):
            sort, against = self._sort(node), self._sort(other)
            if sort is None or sort.never is None or syntax.literal(node) is not syntax.DYNAMIC:
                continue
            whys = [sort.never(value) for value in _all_values(other, against)]
            if whys and all(whys):
                return f"{_name(node)} {whys[0]}"
        return ""

    def _arithmetic(self, node: nodes.BinExpr, symbol: str) -> Iterator[Clash]:
        if symbol != "+":
            for operand in (node.left, node.right):
                yield from self._needs_number(operand, symbol, (node.left, node.right))
        elif not any(kind in self._kinds(node.left) and kind in self._kinds(node.right) for kind in ADDED):
            message = f"`+` adds two numbers, two texts or two lists, but {self._are(node.left, node.right)}."
            yield Clash(message, self._amounts(node.left, symbol, node.right))

    def _needs_number(self, operand: nodes.Expr, symbol: str, both: tuple[nodes.Expr, ...]) -> Iterator[Clash]:
        if "number" not in self._kinds(operand):
            hint = self._amounts(both[0], symbol, both[1]) if both else self._amounts(operand)
            yield Clash(f"`{symbol}` needs numbers, but {self._are(operand)}.", hint)

    def _filter(self, node: nodes.Filter, subject: nodes.Expr) -> Iterator[Clash]:
        takes = filters.FILTERS[node.name].takes
        if not self._kinds(subject) & _TAKES[takes]:
            hint = self._amounts(subject) if "number" in _TAKES[takes] else ""
            yield Clash(f"`{node.name}` works on {takes}, but {self._are(subject)}.", hint)
        elif node.name == "date" and node.args:
            pattern = syntax.literal(node.args[0])
            if isinstance(pattern, str) and (why := dates.without_directives(pattern)):
                yield Clash(*why)
        elif node.name in _MEASURES or node.name == "sort":
            yield from self._ordering_filter(node.name, subject)

    def _ordering_filter(self, name: str, subject: nodes.Expr) -> Iterator[Clash]:
        sort = self._sort(subject)
        item = sort.item if sort else None
        if item is None or not item.kinds <= {"text", "null"}:
            return
        if name == "sort":
            items = [self._sort(each) for each in subject.items] if isinstance(subject, nodes.List) else [item]
            if not item.is_date and any(map(_looks_like_number, items)):
                message = "`sort` orders texts by their letters, but the texts of this list look like numbers."
                yield Clash(message, "Make a list of numbers: add `| number` to each.")
        elif not item.is_date:
            yield Clash(f"`{name}` compares numbers or dates, but this is a list of texts.", _NO_ORDER)

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
        sort, text = self._sort(node), _plain(node)
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
        told = [(node, sort) for node in operands if (sort := self._sort(node))]
        return " and ".join(f"{_name(node)} is {sort.phrase}" for node, sort in told)

    def _amounts(self, left: nodes.Expr, symbol: str = "", right: nodes.Expr | None = None) -> str:
        """How to write it with the numbers of what only stands for a number."""
        sides = [left] if right is None else [left, right]
        sorts = [self._sort(side) for side in sides]
        if any(_is_no_amount(side, sort) for side, sort in zip(sides, sorts, strict=True)):
            return ""
        if not any(sort is not None and sort.is_amount for sort in sorts):
            return ""
        written = [_written(side, sort) for side, sort in zip(sides, sorts, strict=True)]
        if None in written:
            written = [text for text, sort in zip(written, sorts, strict=True) if text and sort and sort.is_amount]
        return f"Write `{f' {symbol} '.join(filter(None, written))}`." if any(written) else ""


def _may_be_dates(one: StaticType | None, other: StaticType | None) -> bool:
    """Whether two texts can be compared: not if one of them is no date, or both may as well be numbers."""
    known = [sort.is_date for sort in (one, other) if sort is not None]
    return False not in known and (True in known or not known)


def _all_values(node: nodes.Expr, sort: StaticType | None) -> tuple[Value, ...]:
    """All values that a node can have, as far as they are few; empty: they are not known."""
    literal = _written_value(node)
    if literal is not syntax.DYNAMIC:
        return () if literal is None else (literal,)  # type: ignore[return-value]
    return sort.texts if sort is not None and sort.texts is not None and sort.kinds == {"text"} else ()


def _written_value(node: nodes.Expr) -> object:
    """The value of a literal, also of a list or mapping of literals; else `DYNAMIC`."""
    if isinstance(node, nodes.List):
        items = [_written_value(item) for item in node.items]
        return syntax.DYNAMIC if syntax.DYNAMIC in items else items
    if isinstance(node, nodes.Dict):
        pairs = [(syntax.literal(pair.key), _written_value(pair.value)) for pair in node.items]
        return syntax.DYNAMIC if any(syntax.DYNAMIC in pair for pair in pairs) else dict(pairs)
    return syntax.literal(node)


def _looks_like_number(sort: StaticType | None) -> bool:
    return sort is not None and (sort.is_digits or any(map(comparisons.looks_like_number, sort.texts or ())))


def _needed(node: nodes.Expr) -> Iterator[tuple[str, nodes.Expr]]:
    """What this evaluates in any case and takes as true or false only, each with the word for what does so."""
    if isinstance(node, nodes.Not):
        yield "not", node.node
    elif isinstance(node, nodes.And | nodes.Or):
        yield "and" if isinstance(node, nodes.And) else "or", node.left
    elif isinstance(node, nodes.CondExpr):
        yield "if", node.test


def _is_no_amount(node: nodes.Expr, sort: StaticType | None) -> bool:
    """Whether no number can be written in the place of this."""
    if sort is None or sort.is_amount or "number" in sort.kinds:
        return False
    return _number_in(node) is None


def _number_in(node: nodes.Expr) -> Decimal | None:
    """The number that a literal text is."""
    literal = syntax.literal(node)
    return value_text.plain_number(literal) if isinstance(literal, str) else None


def _name(node: nodes.Expr) -> str:
    text = _plain(node)
    return f"`{text}`" if text else "the value"


def _ended(text: str) -> str:
    return text if text.endswith("?") else f"{text}."


def _quoted(texts: tuple[str, ...]) -> str:
    return " or ".join(f'"{value_text.shorten(text)}"' for text in texts[:5])


def _written(node: nodes.Expr, sort: StaticType | None) -> str | None:
    if _number_in(node) is not None:
        return value_text.shorten(str(syntax.literal(node)))
    text = _plain(node)
    return f"{text} | number" if text and sort and sort.is_amount else text


def _plain(node: nodes.Expr) -> str | None:
    """A reference or a number as it is written; None for whatever takes more to write."""
    value = syntax.literal(node)
    if isinstance(value, str):
        return value_text.shorten(f'"{value}"')
    if value is None or isinstance(value, int | Decimal):
        return "none" if value is None else value_text.shorten(value_text.as_text(value))
    path = syntax.static_path(node)
    return lookup.show(path) if path else None
