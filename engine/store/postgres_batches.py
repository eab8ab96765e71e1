"""Statements that run once for many rows of parameters: one round trip to PostgreSQL for the units of a group.

A group's units are at the same statement at the same time, each with parameters of its own. `Batch` writes that
statement over arrays of parameters (`unnest`), and tells which result belongs to which unit. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum, auto
from functools import lru_cache
from typing import Any, Final

_PARAMETER: Final = re.compile(r"\$(\d+)(?:::([A-Z]+(?: WITH TIME ZONE)?))?")
_EQUAL: Final = re.compile(r"\w+\.(\w+) = \$(\d+)::[A-Z ]+")
_CHANGED: Final = re.compile(r"(?: SET |, )(\w+)=")
_INSERT: Final = re.compile(r"(INSERT INTO \w+ \([^()]*\)) VALUES \((.*?)\)( ON CONFLICT .*)?", re.DOTALL)

Values = Sequence[Any]


class Kind(Enum):
    """What a batch returns for each row of parameters."""

    ROWS = auto()
    """Rows, each with the number of its row of parameters before it."""
    COUNTS = auto()
    """The number of its row of parameters, once for each row that was changed."""
    NOTHING = auto()
    """Nothing: every row of parameters was inserted."""
    UPSERT = auto()
    """Nothing: every row of parameters was inserted, or replaced what was there. No two may have the same key."""


class Batch:
    """A statement over arrays. Parameters are in the order of the statement that it was made of."""

    __slots__ = ("condition", "kind", "text")

    def __init__(self, text: str, kind: Kind, condition: frozenset[int] = frozenset()) -> None:
        self.text, self.kind = text, kind
        self.condition = condition
        """The positions of the parameters of an update that tell its rows: other values of them mean other rows."""

    def key(self, values: Values) -> tuple[Any, ...]:
        """Return what tells the rows of an update: it changes a row only once, so that equal keys run apart."""
        return tuple(values[at] for at in sorted(self.condition))

    @staticmethod
    def arrays(rows: Sequence[Values]) -> Iterator[list[Any]]:
        """Return one array for each parameter."""
        return map(list, zip(*rows, strict=True))


@lru_cache(1024)
def batch_of(text: str) -> Batch | None:
    """Return the statement over arrays, or None for one that has to run for each row of parameters alone."""
    types = _types(text)
    if types is None:
        return None
    if text.startswith("SELECT"):
        return _select(text, types)
    if text.startswith("UPDATE"):
        return _update(text, types)
    return _insert(text, types)


def _types(text: str) -> list[str] | None:
    """Return the type of each parameter, or None if there are none or one is without a type."""
    types: dict[int, str | None] = {}
    for match in _PARAMETER.finditer(text):
        types[int(match[1])] = match[2] or types.get(int(match[1]))
    in_order = [types.get(number) for number in range(1, len(types) + 1)]
    return [kind for kind in in_order if kind is not None] if types and all(in_order) else None


def _source(types: Sequence[str]) -> str:
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(types, 1))
    names = ", ".join(f"p{number}" for number in range(1, len(types) + 1))
    return f"unnest({arrays}) WITH ORDINALITY AS batch({names}, number)"


def _over(text: str) -> str:
    return _PARAMETER.sub(r"batch.p\1", text)


def _select(text: str, types: Sequence[str]) -> Batch:
    # OFFSET 0 keeps the planner from joining in another order, so that each unit's rows stay in theirs.
    return Batch(
        f"SELECT batch.number, result.* FROM {_source(types)} CROSS JOIN LATERAL ({_over(text)} OFFSET 0) AS result",
        Kind.ROWS,
    )


def _update(text: str, types: Sequence[str]) -> Batch | None:
    if text.count(" WHERE ") != 1 or "SELECT" in text or " FROM " in text:
        return None
    head, _, condition = text.partition(" WHERE ")
    condition, returning, columns = condition.partition(" RETURNING ")
    numbers = frozenset(_equal(condition, changed=set(_CHANGED.findall(head))))
    if not numbers:
        return None  # two rows of parameters might mean the same row
    result = f"batch.number, {columns}" if returning else "batch.number"
    return Batch(
        f"{_over(head)} FROM {_source(types)} WHERE {_over(condition)} RETURNING {result}",
        Kind.ROWS if returning else Kind.COUNTS,
        numbers,
    )


def _equal(condition: str, *, changed: set[str]) -> Iterator[int]:
    """Yield the positions of parameters that a column which is not changed has to equal, whatever else holds."""
    depth = 0
    for part in condition.split(" AND "):
        match = _EQUAL.fullmatch(part.strip())
        if match is not None and depth == 0 and match[1] not in changed:
            yield int(match[2]) - 1
        depth += part.count("(") - part.count(")")


def _insert(text: str, types: Sequence[str]) -> Batch | None:
    match = _INSERT.fullmatch(text)
    if match is None or "DO NOTHING" in text:  # RETURNING, DELETE, or a row that may stay as it is
        return None
    text = f"{match[1]} SELECT {_over(match[2])} FROM {_source(types)} ORDER BY batch.number"
    return Batch(f"{text}{match[3] or ''}", Kind.UPSERT if match[3] else Kind.NOTHING)


def sorted_out(rows: Iterable[Iterable[Any]], count: int) -> list[list[tuple[Any, ...]]]:
    """Return the rows of each row of parameters, without the number before them."""
    results: list[list[tuple[Any, ...]]] = [[] for _ in range(count)]
    for row in rows:
        number, *rest = row
        results[number - 1].append(tuple(rest))
    return results
