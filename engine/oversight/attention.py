"""How long people look at what they decide: figures for themselves, for owners, and when a card says one thing more.

Pure. A decision that was made together with others has no time of its own, and counts for what it did only.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from engine.fields import FieldType
from engine.json_values import Value

RECENT: Final = 20
"""Number of decisions that a person's figures are about, and of approvals in a row after which a card says more."""
HURRIED: Final = 4.0
"""Median below which a row of approvals is hurried, in seconds."""
QUICK: Final = 5.0
"""Time below which a decision counts as quick, in seconds."""
FEWEST_PEOPLE: Final = 5
"""Fewest people before an owner sees figures of them, all together, and without the owner."""
FEWEST_DECISIONS: Final = 3
"""Fewest decisions by which a person counts in the figures of an owner."""


class TimedDecision(Struct, frozen=True, kw_only=True):
    """One decision: how long its person had it before them. `seconds` None: it was decided together with others.

    `is_exact`: their first view is known; otherwise they looked at most so long. `in_a_row`: the approvals without a
    change in a row, with this one.
    """

    person: str
    seconds: float | None
    is_exact: bool
    is_approval: bool
    is_changed: bool
    in_a_row: int


class Figures(Struct, frozen=True, kw_only=True):
    """Figures of one person's last decisions. `timed`: how many have a time of their own.

    `middle`: the median of those, in seconds, or None; at most that if not `is_exact`.
    """

    decisions: int
    timed: int
    middle: float | None
    is_exact: bool
    quick: int
    changed: int
    in_a_row: int


class SharedFigures(Struct, frozen=True, kw_only=True):
    """Figures of several people together. Each person counts the same, however much they decided.

    `middle`: the median of their medians, in seconds; `quick` and `changed`: the mean of their shares.
    """

    people: int
    decisions: int
    middle: float | None
    quick: float
    changed: float


class ShownValue(Struct, frozen=True, kw_only=True):
    """A value that a card shows. `name`: the end of its path."""

    label: str
    name: str
    type: FieldType
    value: Value


def seconds(
    decided_at: datetime, *, viewed_at: datetime | None, asked_at: datetime, previous_at: datetime | None
) -> float:
    """Return how long a person looked: exactly if their first view is known, and otherwise at most.

    `asked_at`: when they were told. Without a view, they cannot have looked before that, nor while they decided the one
    before, `previous_at`.
    """
    since = viewed_at or max(filter(None, (asked_at, previous_at)))
    return max(0.0, (decided_at - since).total_seconds())


def figures(looks: Sequence[TimedDecision]) -> Figures:
    """Return the figures of one person's last decisions, the newest first."""
    recent = looks[:RECENT]
    timed = [look for look in recent if look.seconds is not None]
    return Figures(
        decisions=len(recent),
        timed=len(timed),
        middle=_median(timed),
        is_exact=all(look.is_exact for look in timed),
        quick=sum(_is_quick(look) for look in timed),
        changed=sum(look.is_changed for look in recent),
        in_a_row=recent[0].in_a_row if recent else 0,
    )


def _median(timed: Iterable[TimedDecision]) -> float | None:
    times = [look.seconds for look in timed if look.seconds is not None]
    return statistics.median(times) if times else None


def _is_quick(look: TimedDecision) -> bool:
    return look.seconds is not None and look.seconds < QUICK


def in_a_row(before: int, *, is_approval: bool, is_changed: bool) -> int:
    """Return the approvals without a change in a row, with one more decision. `before`: without it."""
    return before + 1 if is_approval and not is_changed else 0


def is_due(in_a_row: int) -> bool:
    """Return whether a row of approvals is one of 20, 40, 60 and so on, after which the next card may say more."""
    return in_a_row > 0 and in_a_row % RECENT == 0


def is_hurried(figures: Figures) -> bool:
    """Return whether the next card says more: after 20 approvals in a row, each of which took very little time."""
    is_quick = figures.middle is not None and figures.middle < HURRIED
    return is_due(figures.in_a_row) and is_quick and figures.timed == figures.decisions == RECENT


def shared_figures(looks: Iterable[TimedDecision], *, without: str) -> SharedFigures | None:
    """Return the figures of several people, or None if they are too few to be told apart from none of them.

    `without`: the id of the person who reads them, who could otherwise take their own part away.
    """
    by_person: dict[str, list[TimedDecision]] = {}
    for look in looks:
        by_person.setdefault(look.person, []).append(look)
    by_person.pop(without, None)
    counted = [theirs for theirs in by_person.values() if len(theirs) >= FEWEST_DECISIONS]
    if len(counted) < FEWEST_PEOPLE:
        return None
    medians = [middle for theirs in counted if (middle := _median(theirs)) is not None]
    return SharedFigures(
        people=len(counted),
        decisions=sum(map(len, counted)),
        middle=statistics.median(medians) if len(medians) >= FEWEST_PEOPLE else None,
        quick=_mean_share(counted, [sum(map(_is_quick, theirs)) for theirs in counted]),
        changed=_mean_share(counted, [sum(look.is_changed for look in theirs) for theirs in counted]),
    )


def _mean_share(counted: Sequence[Sequence[TimedDecision]], parts: Sequence[int]) -> float:
    return statistics.fmean(part / len(theirs) for theirs, part in zip(counted, parts, strict=True))


# -- the value that matters most ----------------------------------------------------------------------------

_RECIPIENTS: Final = frozenset(
    {"bcc", "beneficiary", "cc", "channel", "iban", "account", "payee", "recipient", "recipients", "to"}
)
_NUMBERS: Final = frozenset({FieldType.NUMBER, FieldType.INTEGER})
_RANKS: Final[Mapping[FieldType, int]] = {
    FieldType.MONEY: 0,
    FieldType.EMAIL: 1,
    FieldType.URL: 1,
    FieldType.PERSON: 2,
    FieldType.NUMBER: 3,
    FieldType.INTEGER: 3,
}


def riskiest(values: Sequence[ShownValue]) -> ShownValue | None:
    """Return the value by which a wrong approval does the most harm, as its type declares, or None of none.

    Money first, then addresses, recipients and numbers; of several, the largest, or else the first.
    """
    return min(values, key=_risk, default=None)


def _risk(shown: ShownValue) -> tuple[int, float]:
    is_recipient = shown.type not in _RANKS and shown.name.lower() in _RECIPIENTS
    return 2 if is_recipient else _RANKS.get(shown.type, 4), -_size(shown)


def _size(shown: ShownValue) -> float:
    value = shown.value.get("amount") if isinstance(shown.value, dict) else shown.value
    if isinstance(value, bool | None) or shown.type not in (*_NUMBERS, FieldType.MONEY):
        return 0.0
    try:
        return abs(float(value))  # type: ignore[arg-type]  # text of a number, or refused below
    except (TypeError, ValueError, OverflowError):
        return 0.0
