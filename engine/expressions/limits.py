"""What one evaluation may cost, and how it is counted."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, TypeAlias

from engine.errors import ExpressionError
from engine.json_values import MAX_DEPTH, Value

Scope: TypeAlias = Mapping[str, Value]

MAX_SOURCE: Final = 20_000
"""Characters of a text that has an expression in it; text without one is never parsed and has no limit here."""
MAX_NESTING: Final = 60
"""How deeply operators, filters, brackets and lookups may nest in one expression."""
MAX_NODES: Final = 2_000
"""Names, literals, operators and filters of one text: bounds what a compiled template keeps in memory."""
MAX_STEPS: Final = 50_000
"""Steps of one render: one for each node, each item that a filter or `in` looks at, each `CHARACTERS_PER_STEP`."""
CHARACTERS_PER_STEP: Final = 500
"""Characters that may be read or written for one step, so that 25 million are the most that one render touches."""
MAX_TEXT: Final = 2_000_000
"""Characters of a text that an expression builds."""
MAX_SIZE: Final = 10_000_000
"""Size of a value that an expression builds or that is written as JSON: its characters, and `ITEM_SIZE` an item."""
ITEM_SIZE: Final = 40
"""About what one item costs in time, compared to reading a character."""


class Budget:
    """The scope of one render and the steps that are left to it. Every method raises `ExpressionError` beyond."""

    __slots__ = ("is_guard", "left", "scope")

    def __init__(self, scope: Scope, *, is_guard: bool = False) -> None:
        self.scope = scope
        self.is_guard = is_guard
        """Whether the answer decides if people are asked: then what may mean two things is an error."""
        self.left = MAX_STEPS

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise ExpressionError(
                f"this takes more than {MAX_STEPS} steps; let an earlier step reduce the data, or use fewer filters"
            )

    def read(self, characters: int) -> None:
        self.spend(characters // CHARACTERS_PER_STEP)

    def write(self, characters: int) -> None:
        """Call it before a text of so many characters is built."""
        if characters > MAX_TEXT:
            raise ExpressionError(f"this would give a text of more than {MAX_TEXT} characters; use less data")
        self.spend(characters // CHARACTERS_PER_STEP)


def measure(value: Value, *, room: int = MAX_SIZE, depth: int = 0) -> int:
    """What is left of `room` after `value`; stops as soon as nothing is.

    Raises `ExpressionError` for a value that is too large, or nested deeper than `MAX_DEPTH` levels.
    """
    if depth > MAX_DEPTH:
        raise ExpressionError(f"this gives data nested deeper than {MAX_DEPTH} levels; use fewer lists in lists")
    room -= ITEM_SIZE
    if isinstance(value, str):
        room -= len(value)
    elif isinstance(value, Decimal):
        room -= len(str(value))
    elif isinstance(value, int):
        room -= value.bit_length() // 3
    elif isinstance(value, list):
        for item in value:
            room = measure(item, room=room, depth=depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            room = measure(item, room=room - len(key), depth=depth + 1)
    if room < 0:
        raise ExpressionError(f"this gives more than {MAX_SIZE} characters of data; use less of it")
    return room
