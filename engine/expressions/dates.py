"""The `date` filter: ISO text in, a few strftime directives out, in English whatever the locale of the machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.errors import ExpressionError
from engine.expressions import value_text

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DIRECTIVE: Final = re.compile(r"%(.?)", re.DOTALL)
_LONGEST_ISO: Final = 40
_LONGEST_ZONE: Final = 64
_CLOCK: Final = re.compile(r"%[HI][^%\w]+%M|%I[^%\w]*%p")
"""Hours with minutes. Hours alone, or digits with nothing between them, are for programs."""
_NAMED_ZONE: Final = re.compile(r"%[zZ]|\b(?:UTC|GMT)\b|%[SM]Z")
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
    "Z": lambda at: at.tzname() or "",
    "%": lambda _: "%",
}
"""Directive to text. `e` is the day without a leading zero; `z` is like +0200 and `Z` like CET, or empty for a time
without a zone."""
WIDEST: Final = 20
"""Characters that one directive may give."""


def check_format(pattern: str) -> None:
    """Raises `ExpressionError` for a directive that is not known."""
    for name in _DIRECTIVE.findall(pattern):
        if name not in DIRECTIVES:
            known = " ".join(f"%{directive}" for directive in DIRECTIVES)
            raise ExpressionError(f"`date` does not know `%{value_text.shorten(name)}`; use {known}")


def check_zone(name: str) -> ZoneInfo:
    """The time zone of this name. Raises `ExpressionError`."""
    try:
        return ZoneInfo(name if len(name) <= _LONGEST_ZONE else "")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ExpressionError(
            f"there is no time zone `{value_text.shorten(name)}`; write it like Europe/Berlin"
        ) from None


def format_date(text: str, pattern: str, zone: str | None = None) -> str:
    """`text`: an ISO 8601 date or datetime. Raises `ExpressionError` for any other text.

    `zone`: where the time is told. Without it a time of day that has an offset is followed by that offset.
    """
    check_format(pattern)
    try:
        at = datetime.fromisoformat(text.strip() if len(text) <= _LONGEST_ISO else "")
    except ValueError:
        raise ExpressionError(
            f'"{value_text.shorten(text)}" is not a date; `date` reads 2025-01-31 or 2025-01-31T09:30:00+01:00'
        ) from None
    if zone is not None:
        at = _told_in(at, check_zone(zone), text)
    elif at.tzinfo is not None:
        pattern += _unnamed_zone(at, pattern)
    return _DIRECTIVE.sub(lambda found: DIRECTIVES[found[1]](at), pattern)


def _told_in(at: datetime, zone: ZoneInfo, text: str) -> datetime:
    """The same moment in another zone. A day has none, and stays that day."""
    if at.tzinfo is None:
        if (found := instant(text.strip())) and found.is_day:
            return at
        raise ExpressionError(
            f'"{value_text.shorten(text)}" has no offset, so no time zone can be found for it; end it with Z or +01:00'
        )
    try:
        return at.astimezone(zone)
    except (OverflowError, ValueError):
        raise ExpressionError(f'"{value_text.shorten(text)}" is too far away to be told in another time zone') from None


def _unnamed_zone(at: datetime, pattern: str) -> str:
    """What a pattern lacks that tells people the time of day, but not where it is that time."""
    if not _CLOCK.search(pattern) or _NAMED_ZONE.search(pattern):
        return ""
    if "T%H" in pattern:
        return "%z" if at.utcoffset() else "Z"
    return " %Z"


_MEANT: Final = (
    *(("YYYY", "%Y"), ("yyyy", "%Y"), ("YY", "%y"), ("yy", "%y"), ("MMMM", "%B"), ("MMM", "%b")),
    *(("DD", "%d"), ("dd", "%d"), ("HH", "%H"), ("hh", "%I"), ("SS", "%S"), ("ss", "%S")),
)
_LETTERS: Final = re.compile(rf"(?<![A-Za-z])T?({'|'.join(letters for letters, _ in _MEANT)}|MM|mm)(?![A-Za-z])")
"""Letters that mean a part of a date in other languages, standing alone."""
_SAMPLE: Final = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
_DAYS_OF_MONTH: Final = tuple(datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 32))
_HOURS: Final = tuple(datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in range(24))
_SAMPLES: Final[dict[str, tuple[datetime, ...]]] = {
    **dict.fromkeys(("%A", "%a", "%d", "%e"), _DAYS_OF_MONTH),
    **dict.fromkeys(("%H", "%I", "%p"), _HOURS),
    **dict.fromkeys(("%B", "%b", "%m"), tuple(datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 13))),
}
"""Times that between them give every text of a directive."""


def without_directives(pattern: str) -> tuple[str, str] | None:
    """What is wrong with a pattern that prints letters instead of a date, or of a part of it, and what was meant."""
    letters = _LETTERS.search(_DIRECTIVE.sub(" ", pattern))
    varies = set(_DIRECTIVE.findall(pattern)) - {"%"}
    if varies and not letters:
        return None
    meant = _meant(pattern)
    hint = (
        f"Write `date({value_text.shorten(repr(meant))})`." if meant != pattern else "Write it like `date('%d.%m.%Y')`."
    )
    if varies and letters:
        return f"`date` prints these letters as they are: `{letters[0]}`.", hint
    return f"`date` prints this for every date: `{value_text.shorten(pattern)}`.", hint


def _meant(pattern: str) -> str:
    for letters, directive in _MEANT:
        pattern = pattern.replace(letters, directive)
    # Months and minutes are written with the same letters; minutes stand behind the colon of the hours.
    date, colon, minutes = pattern.partition(":")
    return re.sub("MM|mm", "%m", date) + colon + re.sub("MM|mm", "%M", minutes)


def all_texts(pattern: str) -> tuple[str, ...] | None:
    """All texts that a pattern of one directive gives, where they are few; None: it gives many, or is not known."""
    samples = _SAMPLES.get(pattern)
    return None if samples is None else tuple(dict.fromkeys(DIRECTIVES[pattern[1]](at) for at in samples))


def writes_iso(pattern: str) -> bool:
    """Whether what this pattern gives is a date or time in ISO 8601. Raises `ExpressionError` for an unknown one."""
    return instant(format_date(_SAMPLE.isoformat(), pattern)) is not None


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
