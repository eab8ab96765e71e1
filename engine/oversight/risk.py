"""The risk of what a gate asks about: from declared parts to a level, by the table of a workflow file. Pure.

What cannot be told counts as the highest level. The risk that a program names itself can raise the level, and never
lowers it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Final

from msgspec import Struct

from engine import currencies, json_values
from engine.json_values import Value

REVERSIBLE: Final = "reversible"
IMPACT: Final = "impact"
CONFIDENCE: Final = "confidence"
PARTS: Final = (REVERSIBLE, IMPACT, CONFIDENCE)
"""The parts from which a level follows, in the order in which people read them."""
LONGEST: Final = 80
"""Longest text of a value, in characters."""
_AMOUNT: Final = re.compile(r"(-?[0-9]{1,30}(?:\.[0-9]{1,18})?)(?: ([A-Z]{3}))?", re.ASCII)
_OVER: Final = re.compile(r"over (.+)")
_UNDER: Final = re.compile(r"under ([0-9]{1,3}(?:\.[0-9]{1,6})?)( ?%)?", re.ASCII)
_SHARE: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,18})?)( ?%)?", re.ASCII)


class RiskLevel(StrEnum):
    """A level of risk, the lowest first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Return the place of the level, from 0."""
        return _RANKS[self]


LEVELS: Final = tuple(RiskLevel)
_RANKS: Final = {level: rank for rank, level in enumerate(LEVELS)}
CONFIDENCES: Final = LEVELS[:3]
"""The words for a confidence."""


class CannotTell(Exception):
    """A part cannot be told. The text is the end of a sentence."""


class RiskBound(Struct, frozen=True):
    """A condition about one part, as the file writes it: `over 500 EUR`, `under 80%`, a word, or `false`."""

    part: str
    text: str


class RiskRow(Struct, frozen=True):
    """A row of the table: the level holds where all of its bounds do."""

    level: RiskLevel
    bounds: tuple[RiskBound, ...]


class RiskPart(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A part of an assessment. `text`: its value. `counts`: the bound that led to the level. `unclear`: why it could
    not be told."""

    name: str
    text: str = ""
    counts: str = ""
    unclear: str = ""


class Assessment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The level, with all that led to it. `claimed`: the level that the program names itself."""

    level: RiskLevel
    parts: tuple[RiskPart, ...] = ()
    claimed: RiskLevel | None = None

    @property
    def unclear(self) -> tuple[RiskPart, ...]:
        """Return the parts that could not be told."""
        return tuple(part for part in self.parts if part.unclear)

    @property
    def is_claimed(self) -> bool:
        """Return whether only the program's own word led to the level."""
        return self.claimed is self.level and not any(part.counts or part.unclear for part in self.parts)


class _Limit(Struct, frozen=True):
    """A bound, read. One of them is set: a number with its currency, or a word."""

    number: Decimal | None = None
    currency: str | None = None
    word: RiskLevel | None = None


# -- the table ----------------------------------------------------------------------------------------------


def find_problem(bound: RiskBound) -> str:
    """Return what is wrong with a bound in the file, or an empty text."""
    return "" if _read_bound(bound) is not None else _HOW[bound.part]


_HOW: Final = {
    REVERSIBLE: "Only `reversible: false` raises the level.",
    IMPACT: "Write `over 500`, `over 500 EUR`, or low, medium, high or critical.",
    CONFIDENCE: "Write `under 0.8`, `under 80%`, or low, medium or high.",
}


def with_currency(bound: RiskBound, currency: str) -> RiskBound:
    """Return a bound about an amount with the currency that the field fixes."""
    limit = _read_bound(bound)
    is_bare = bound.part == IMPACT and limit is not None and limit.number is not None and limit.currency is None
    return RiskBound(bound.part, f"{bound.text} {currency}") if is_bare else bound


def currency_of(bound: RiskBound) -> str | None:
    """Return the currency that a bound names."""
    limit = _read_bound(bound)
    return None if limit is None else limit.currency


def is_amount(bound: RiskBound) -> bool:
    """Return whether a bound is about a number."""
    limit = _read_bound(bound)
    return limit is not None and limit.number is not None


def covers(wider: RiskRow, row: RiskRow) -> bool:
    """Return whether `wider` holds wherever `row` does."""
    return all(any(_implies(mine, bound) for mine in row.bounds) for bound in wider.bounds)


def _implies(narrow: RiskBound, wide: RiskBound) -> bool:
    """Return whether what fulfils `narrow` fulfils `wide`, too."""
    if narrow.part != wide.part:
        return False
    one, other = _read_bound(narrow), _read_bound(wide)
    if one is None or other is None or one.currency != other.currency:
        return False
    if one.number is not None and other.number is not None:
        return one.number >= other.number if wide.part == IMPACT else one.number <= other.number
    if one.word is not None and other.word is not None:
        higher = one.word.rank - other.word.rank
        return higher >= 0 if wide.part == IMPACT else higher <= 0
    return narrow.part == REVERSIBLE


@lru_cache(1024)
def _read_bound(bound: RiskBound) -> _Limit | None:
    text = bound.text
    if bound.part == REVERSIBLE:
        return _Limit() if text == "false" else None
    words = LEVELS if bound.part == IMPACT else CONFIDENCES
    if text in words:
        return _Limit(word=RiskLevel(text))
    if bound.part == IMPACT:
        over = _OVER.fullmatch(text)
        amount = _AMOUNT.fullmatch(over[1]) if over else None
        if amount is None or (amount[2] and amount[2] not in currencies.usual_decimals()):
            return None
        return _Limit(number=Decimal(amount[1]), currency=amount[2])
    under = _UNDER.fullmatch(text)
    share = _share(under[1], under[2]) if under else None
    return None if share is None else _Limit(number=share)


# -- the assessment -----------------------------------------------------------------------------------------


def assess(
    rows: Sequence[RiskRow], values: Mapping[str, Value | CannotTell], claimed: RiskLevel | None = None
) -> Assessment:
    """Return the level of these values. `claimed`: the level that the program names itself."""
    read = {name: _read(name, values[name], rows) for name in PARTS if name in values}
    matched = [row for row in rows if all(_holds(bound, read.get(bound.part)) for bound in row.bounds)]
    is_unclear = any(isinstance(value, CannotTell) for value in read.values())
    by_table = max((row.level for row in matched), key=_RANKS.__getitem__, default=RiskLevel.LOW)
    level = RiskLevel.CRITICAL if is_unclear else by_table
    if claimed is not None and claimed.rank > level.rank:
        level = claimed
    counts = {bound.part: bound.text for row in matched if row.level is level for bound in row.bounds}
    parts = tuple(_part(name, value, values[name], counts.get(name, "")) for name, value in read.items())
    return Assessment(level=level, parts=parts, claimed=claimed)


def _part(name: str, read: _Limit | CannotTell, value: Value | CannotTell, counts: str) -> RiskPart:
    if isinstance(read, CannotTell):
        return RiskPart(name=name, unclear=str(read))
    assert not isinstance(value, CannotTell)
    return RiskPart(name=name, text=_shown(value), counts=counts)


def _read(name: str, value: Value | CannotTell, rows: Sequence[RiskRow]) -> _Limit | CannotTell:
    """Return a value in a form that can be compared with all bounds, or why it cannot."""
    try:
        if isinstance(value, CannotTell):
            return value
        read = _READERS[name](value)
        for bound in (bound for row in rows for bound in row.bounds if bound.part == name):
            _check_comparable(read, bound)
    except CannotTell as unclear:
        return unclear
    return read


def _check_comparable(value: _Limit, bound: RiskBound) -> None:
    limit = _read_bound(bound)
    assert limit is not None
    if (value.number is None) != (limit.number is None):
        raise CannotTell(f"it is {_described(value)}, and the table says “{bound.text}”")
    if value.currency != limit.currency:
        raise CannotTell(f"it is {_described(value)}, and the table counts {limit.currency or 'numbers'}")


def _described(value: _Limit) -> str:
    if value.number is None:
        return f"“{value.word}”"
    return f"in {value.currency}" if value.currency else "a number"


def _holds(bound: RiskBound, value: _Limit | CannotTell | None) -> bool:
    limit = _read_bound(bound)
    if limit is None or value is None or isinstance(value, CannotTell):
        return False
    if bound.part == REVERSIBLE:
        return value.word is RiskLevel.HIGH
    if limit.number is not None and value.number is not None:
        # What is paid back counts like what is paid.
        return abs(value.number) > limit.number if bound.part == IMPACT else value.number < limit.number
    if limit.word is None or value.word is None:
        return False
    return value.word.rank >= limit.word.rank if bound.part == IMPACT else value.word.rank <= limit.word.rank


def _read_reversible(value: Value) -> _Limit:
    if not isinstance(value, bool):
        raise CannotTell(f"{_shown(value)} is not true or false")
    return _Limit(word=RiskLevel.LOW if value else RiskLevel.HIGH)


def _read_impact(value: Value) -> _Limit:
    if isinstance(value, str) and value in LEVELS:
        return _Limit(word=RiskLevel(value))
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return _Limit(number=Decimal(value))
    money = read_money(value)
    if money is None:
        raise CannotTell(f"{_shown(value)} is not a number, an amount of money, or low, medium, high or critical")
    return _Limit(number=money[0], currency=money[1])


def _read_confidence(value: Value) -> _Limit:
    share = None
    if isinstance(value, str):
        if value in CONFIDENCES:
            return _Limit(word=RiskLevel(value))
        match = _SHARE.fullmatch(value)
        share = _share(match[1], match[2]) if match else None
    elif isinstance(value, int | Decimal) and not isinstance(value, bool) and 0 <= value <= 1:
        share = Decimal(value)
    if share is None:
        raise CannotTell(f"{_shown(value)} is not a number from 0 to 1, or low, medium or high")
    return _Limit(number=share)


def _share(number: str, percent: str | None) -> Decimal | None:
    share = Decimal(number) / 100 if percent else Decimal(number)
    return share if share <= 1 else None


def read_money(value: Value) -> tuple[Decimal, str] | None:
    """Return the amount and the currency of money, or of a text such as `12.50 EUR`, or None."""
    match value:
        case {"amount": str(amount), "currency": str(currency), **rest} if not rest:
            text = f"{amount} {currency}"
        case str():
            text = value
        case _:
            return None
    read = _AMOUNT.fullmatch(text)
    if read is None or not read[2] or read[2] not in currencies.usual_decimals():
        return None
    return Decimal(read[1]), read[2]


def _shown(value: Value) -> str:
    """Return a value as a short text in one line."""
    money = read_money(value)
    if money is not None:
        return currencies.show(format(money[0], "f"), money[1])
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json_values.dumps(value)
    text = " ".join(json_values.clean_text(text).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


_READERS: Final = {REVERSIBLE: _read_reversible, IMPACT: _read_impact, CONFIDENCE: _read_confidence}
