"""Phrases of type clashes: the operands of an operation with their types, and advice for its author."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from jinja2 import nodes

from engine.expressions import lookup, operators, syntax, value_text
from engine.expressions.static_types import StaticType, TypeInference

_EXAMPLE: Final = 'Write it like "{{ inputs.amount | number > 100 }}".'


class ClashPhrases:
    """Writes phrases about the nodes of one text, with their inferred types."""

    def __init__(self, inference: TypeInference) -> None:
        self._infer = inference.infer

    def suggest_condition(self, node: nodes.Expr) -> str:
        """Return the advice for a value that is used as a condition and is none."""
        type_, text = self._infer(node), _write_plain(node)
        assert type_ is not None
        kinds = tuple(type_.kinds - {"null"})
        if len(kinds) != 1 or isinstance(node, nodes.CondExpr) or syntax.literal_value(node) is not syntax.DYNAMIC:
            return _EXAMPLE
        (kind,) = kinds
        if kind == "mapping" and type_.converts_to_number:
            number = text if type_.currency else f"{text} | number"
            return f"Compare its number, such as `{number} > 0`." if text else _EXAMPLE
        advice = operators.suggest_comparison(kind)
        advice = advice.replace("`", f"`{text} ", 1) if text else advice
        return f"{advice[:1].upper()}{advice[1:]}."

    def suggest_currency(self, left: nodes.Expr, symbol: str, right: nodes.Expr) -> str:
        """Return the advice for money that can have any currency and is compared with a number."""
        advice = self.suggest_numbers(left) if symbol == "in" else self.suggest_numbers(left, symbol, right)
        otherwise = f" If the currency does not matter, {advice[:1].lower()}{advice[1:]}" if advice else ""
        return f"Give the field a `currency`, as in `{{type: money, currency: EUR}}`.{otherwise}"

    def describe_types(self, *operands: nodes.Expr) -> str:
        """Return the operands with their types, as far as they are known: `a` is text and `b` is a number."""
        typed = [(node, type_) for node in operands if (type_ := self._infer(node))]
        return " and ".join(f"{describe_node(node)} is {type_.phrase}" for node, type_ in typed)

    def suggest_numbers(self, left: nodes.Expr, symbol: str = "", right: nodes.Expr | None = None) -> str:
        """Return the advice to convert operands such as money with `number`, or an empty text if that does not help."""
        sides = [left] if right is None else [left, right]
        types = [self._infer(side) for side in sides]
        if any(_cannot_be_number(side, type_) for side, type_ in zip(sides, types, strict=True)):
            return ""
        if not any(type_ is not None and type_.converts_to_number for type_ in types):
            return ""
        numbers = [_write_as_number(side, type_) for side, type_ in zip(sides, types, strict=True)]
        if None in numbers:
            numbers = [
                text for text, type_ in zip(numbers, types, strict=True) if text and type_ and type_.converts_to_number
            ]
        return f"Write `{f' {symbol} '.join(filter(None, numbers))}`." if any(numbers) else ""


def describe_node(node: nodes.Expr) -> str:
    """Return the name of the node's value for a message, in code marks, or `the value`."""
    text = _write_plain(node)
    return f"`{text}`" if text else "the value"


def end_sentence(text: str) -> str:
    """Return the text with a full stop, unless it ends with a question."""
    return text if text.endswith("?") else f"{text}."


def quote_texts(texts: tuple[str, ...]) -> str:
    """Return the first texts in quotes, joined by `or`."""
    return " or ".join(f'"{value_text.shorten(text)}"' for text in texts[:5])


def _cannot_be_number(node: nodes.Expr, type_: StaticType | None) -> bool:
    """Return whether the node can neither be a number nor be converted to one."""
    if type_ is None or type_.converts_to_number or "number" in type_.kinds:
        return False
    return _literal_number(node) is None


def _literal_number(node: nodes.Expr) -> Decimal | None:
    """Return the number in a literal text, or None if it is no number."""
    literal = syntax.literal_value(node)
    return value_text.plain_number(literal) if isinstance(literal, str) else None


def _write_as_number(node: nodes.Expr, type_: StaticType | None) -> str | None:
    """Return the expression for the number of a node's value, or None if it takes more than a reference."""
    if _literal_number(node) is not None:
        return value_text.shorten(str(syntax.literal_value(node)))
    text = _write_plain(node)
    return f"{text} | number" if text and type_ and type_.converts_to_number else text


def _write_plain(node: nodes.Expr) -> str | None:
    """Return a reference or a literal as it is written in an expression, or None for any other node."""
    value = syntax.literal_value(node)
    if isinstance(value, str):
        return value_text.shorten(f'"{value}"')
    if value is None or isinstance(value, int | Decimal):
        return "none" if value is None else value_text.shorten(value_text.format_value(value))
    path = syntax.static_path(node)
    return lookup.show_path(path) if path else None
