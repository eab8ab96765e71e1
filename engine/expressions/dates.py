"""The `date` filter: ISO text in, a few strftime directives out, in English whatever the locale of the machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from engine.errors import ExpressionError
from engine.expressions import values

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DIRECTIVE: Final = re.compile(r"%(.?)", re.DOTALL)
_LONGEST_ISO: Final = 40
_ISO: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?P<time>[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d\d:?\d\d)?)?", re.ASCII
)

DIRECTIVES: Final[dict[str, Callable[[datetime], str]]] = {
    "Y": lambda at: f"{at.year:04d}",
    "y": lambda at: f"{at.year % 100:02d}",
    "m": lambda at: f"{at.month:02d}",
    "B": lambda at: _MONTHS[at.month - 1],
    "b": lambda at: _MONTHS[at.month - 1][:3],
    "d": lambda at: f"{at.day:02d}",
    "e": lambda at: str(at.day),
    "j": lambda at: f"{at.timetuple().tm_yday:03d}",
    "A": lambda at: _DAYS[at.weekday()],
    "a": lambda at: _DAYS[at.weekday()][:3],
    "H": lambda at: f"{at.hour:02d}",
    "I": lambda at: f"{at.hour % 12 or 12:02d}",
    "p": lambda at: "AM" if at.hour < 12 else "PM",
    "M": lambda at: f"{at.minute:02d}",
    "S": lambda at: f"{at.second:02d}",
    "z": lambda at: f"{at:%z}",
    "%": lambda _: "%",
}
"""Directive to text. `e` is the day without a leading zero; `z` is like +0200, or empty for a time without a zone."""
WIDEST: Final = 10
"""Characters that one directive may give."""


def check_format(pattern: str) -> None:
    """Raises `ExpressionError` for a directive that is not known."""
    for name in _DIRECTIVE.findall(pattern):
        if name not in DIRECTIVES:
            known = " ".join(f"%{directive}" for directive in DIRECTIVES)
            raise ExpressionError(f"`date` does not know `%{values.shorten(name)}`; use {known}")


def format_date(text: str, pattern: str) -> str:
    """`text`: an ISO 8601 date or datetime. Raises `ExpressionError` for any other text."""
    check_format(pattern)
    try:
        at = datetime.fromisoformat(text.strip() if len(text) <= _LONGEST_ISO else "")
    except ValueError:
        raise ExpressionError(
            f'"{values.shorten(text)}" is not a date; `date` reads 2025-01-31 or 2025-01-31T09:30:00+01:00'
        ) from None
    return _DIRECTIVE.sub(lambda found: DIRECTIVES[found[1]](at), pattern)


_MEANT: Final = (
    *(("YYYY", "%Y"), ("yyyy", "%Y"), ("YY", "%y"), ("yy", "%y"), ("MMMM", "%B"), ("MMM", "%b")),
    *(("DD", "%d"), ("dd", "%d"), ("HH", "%H"), ("hh", "%I"), ("SS", "%S"), ("ss", "%S")),
)
_SAMPLE: Final = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def without_directives(pattern: str) -> tuple[str, str] | None:
    """What is wrong with a pattern that prints the same for every date, and what was probably meant."""
    if "%" in pattern:
        return None
    meant = _meant(pattern)
    hint = f"Write `date({values.shorten(repr(meant))})`." if "%" in meant else "Write it like `date('%d.%m.%Y')`."
    return f"`date` prints this for every date: `{values.shorten(pattern)}`.", hint


def _meant(pattern: str) -> str:
    for letters, directive in _MEANT:
        pattern = pattern.replace(letters, directive)
    # Months and minutes are written with the same letters; minutes stand behind the colon of the hours.
    date, colon, minutes = pattern.partition(":")
    return re.sub("MM|mm", "%m", date) + colon + re.sub("MM|mm", "%M", minutes)


def writes_iso(pattern: str) -> bool | None:
    """Whether what this pattern gives is a date or time in ISO 8601; None: it is not known."""
    try:
        return instant(format_date(_SAMPLE.isoformat(), pattern)) is not None
    except ExpressionError:
        return None


class Instant(NamedTuple):
    """A date or time as it is compared. A date is its midnight, in UTC where it is compared with a moment."""

    at: datetime
    is_day: bool


def instant(text: str) -> Instant | None:
    """The date or time that an ISO 8601 text is; None for any other text, also for a number such as 20250131."""
    found = _ISO.fullmatch(text) if len(text) <= _LONGEST_ISO else None
    if found is None:
        return None
    try:
        return Instant(datetime.fromisoformat(text.upper()), not found["time"])
    except ValueError:
        return None


def in_utc(instant: Instant) -> datetime:
    return instant.at if instant.at.tzinfo is not None else instant.at.replace(tzinfo=UTC)


def order(one: Instant, other: Instant) -> tuple[datetime, datetime] | None:
    """Two values of Python that compare as the two do; None where only one of them says its offset."""
    if (one.at.tzinfo is None) == (other.at.tzinfo is None):
        return one.at, other.at
    unaware = one if one.at.tzinfo is None else other
    return (in_utc(one), in_utc(other)) if unaware.is_day else None
