"""Limits of one evaluation: the constants, and the budget that counts against them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, TypeAlias

from engine.errors import ExpressionError
from engine.json_values import MAX_DEPTH, Value

Scope: TypeAlias = Mapping[str, Value]

MAX_SOURCE: Final = 20_000
"""Maximum length of a text with an expression, in characters. A text without one is never parsed and has no limit."""
MAX_NESTING: Final = 60
"""Maximum nesting of operators, filters, brackets and lookups in one expression, in levels."""
MAX_NODES: Final = 2_000
"""Maximum number of names, literals, operators and filters in one text. It limits the memory of a template."""
MAX_STEPS: Final = 50_000
"""Maximum cost of one render, in steps. Each node costs a step, and so does each item that a filter or `in` visits
and every `CHARACTERS_PER_STEP` characters."""
CHARACTERS_PER_STEP: Final = 500
"""Characters that may be read or written for one step: one render touches at most 25 million."""
MAX_TEXT: Final = 2_000_000
"""Maximum length of a text that an expression builds, in characters."""
MAX_SIZE: Final = 10_000_000
"""Maximum size of a value that an expression builds or writes as JSON: its characters, plus `ITEM_SIZE` per item."""
ITEM_SIZE: Final = 40
"""Size of one item, in characters: visiting an item takes about as long as reading so many characters."""


class Budget:
    """The scope of one render and its remaining steps. Every method raises `ExpressionError` if none remain."""

    __slots__ = ("is_gate_condition", "is_shown", "remaining", "scope")

    def __init__(self, scope: Scope, *, is_gate_condition: bool = False, is_shown: bool = False) -> None:
        self.scope = scope
        self.is_gate_condition = is_gate_condition
        """Whether the result decides if people are asked, or which ones. Then an ambiguous number is an error."""
        self.is_shown = is_shown
        """Whether people only read the result. Then money in a text has at least the decimals of its currency."""
        self.remaining = MAX_STEPS

    def spend(self, steps: int) -> None:
        """Charge a number of steps."""
        self.remaining -= steps
        if self.remaining < 0:
            raise ExpressionError(
                f"this takes more than {MAX_STEPS} steps; let an earlier step reduce the data, or use fewer filters"
            )

    def charge_read(self, characters: int) -> None:
        """Charge for reading a text of this length."""
        self.spend(characters // CHARACTERS_PER_STEP)

    def charge_write(self, characters: int) -> None:
        """Charge for building a text of this length. Call it before the text is built."""
        if characters > MAX_TEXT:
            raise ExpressionError(f"this would give a text of more than {MAX_TEXT} characters; use less data")
        self.spend(characters // CHARACTERS_PER_STEP)


def measure(value: Value, *, remaining: int = MAX_SIZE, depth: int = 0) -> int:
    """Return the part of `remaining` that is left after the size of `value`.

    Raises `ExpressionError` as soon as nothing is left, or for a value that is nested deeper than `MAX_DEPTH` levels.
    """
    if depth > MAX_DEPTH:
        raise ExpressionError(f"this gives data nested deeper than {MAX_DEPTH} levels; use fewer lists in lists")
    remaining -= ITEM_SIZE
    if isinstance(value, str):
        remaining -= len(value)
    elif isinstance(value, Decimal):
        remaining -= len(str(value))
    elif isinstance(value, int):
        remaining -= value.bit_length() // 3
    elif isinstance(value, list):
        for item in value:
            remaining = measure(item, remaining=remaining, depth=depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            remaining = measure(item, remaining=remaining - len(key), depth=depth + 1)
    if remaining < 0:
        raise ExpressionError(f"this gives more than {MAX_SIZE} characters of data; use less of it")
    return remaining
