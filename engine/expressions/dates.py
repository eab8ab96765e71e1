"""Dates and times: ISO 8601 texts, their order, and the `date` filter.

The filter takes a few strftime directives and always writes English, whatever the locale of the machine is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from engine import timestamps
from engine.errors import ExpressionError
from engine.expressions import value_text

_DAY_NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTH_NAMES: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DIRECTIVE: Final = re.compile(r"%(.?)", re.DOTALL)
_MAX_ISO_LENGTH: Final = 40
_MAX_ZONE_LENGTH: Final = 64
_CLOCK_TIME: Final = re.compile(r"%[HI][^%\w]+%M|%I[^%\w]*%p")
"""Matches a time of day that people read: hours with minutes. Programs read hours alone, or digits without marks."""
_ZONE_IN_PATTERN: Final = re.compile(r"%[zZ]|\b(?:UTC|GMT)\b|%[SM]Z")
_ISO: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?P<time>[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d\d:?\d\d)?)?", re.ASCII
)

DIRECTIVES: Final[dict[str, Callable[[datetime], str]]] = {
    "Y": lambda at: f"{at.year:04d}",
    "y": lambda at: f"{at.year % 100:02d}",
    "m": lambda at: f"{at.month:02d}",
    "B": lambda at: _MONTH_NAMES[at.month - 1],
    "b": lambda at: _MONTH_NAMES[at.month - 1][:3],
    "d": lambda at: f"{at.day:02d}",
    "e": lambda at: str(at.day),
    "j": lambda at: f"{at.timetuple().tm_yday:03d}",
    "A": lambda at: _DAY_NAMES[at.weekday()],
    "a": lambda at: _DAY_NAMES[at.weekday()][:3],
    "H": lambda at: f"{at.hour:02d}",
    "I": lambda at: f"{at.hour % 12 or 12:02d}",
    "p": lambda at: "AM" if at.hour < 12 else "PM",
    "M": lambda at: f"{at.minute:02d}",
    "S": lambda at: f"{at.second:02d}",
    "z": lambda at: f"{at:%z}",
    "Z": lambda at: at.tzname() or "",
    "%": lambda _: "%",
}
"""Each directive with the function that writes it. `e` is the day without a leading zero; `z` is like +0200 and `Z`
like CET, and both are empty for a time without a zone."""
MAX_DIRECTIVE_LENGTH: Final = 20
"""Maximum length of the text of one directive, in characters."""


def check_format(pattern: str) -> None:
    """Raise `ExpressionError` if the pattern has an unknown directive."""
    for name in _DIRECTIVE.findall(pattern):
        if name not in DIRECTIVES:
            directives = " ".join(f"%{directive}" for directive in DIRECTIVES)
            raise ExpressionError(f"`date` does not know `%{value_text.shorten(name)}`; use {directives}")


def check_zone(name: str) -> ZoneInfo:
    """Return the time zone with this name. Raises `ExpressionError` if there is none."""
    zone = timestamps.find_zone(name if len(name) <= _MAX_ZONE_LENGTH else "")
    if zone is None:
        raise ExpressionError(f"there is no time zone `{value_text.shorten(name)}`; write it like Europe/Berlin")
    return zone


def format_date(text: str, pattern: str, zone: str | None = None) -> str:
    """Return the ISO 8601 date or time in `text`, written by `pattern`. Raises `ExpressionError` for any other text.

    `zone`: the time zone to convert to. Without it, a time of day that has an offset is followed by that offset.
    """
    check_format(pattern)
    try:
        at = datetime.fromisoformat(text.strip() if len(text) <= _MAX_ISO_LENGTH else "")
    except ValueError:
        raise ExpressionError(
            f'"{value_text.shorten(text)}" is not a date; `date` reads 2025-01-31 or 2025-01-31T09:30:00+01:00'
        ) from None
    if zone is not None:
        at = _convert_to_zone(at, check_zone(zone), text)
    elif at.tzinfo is not None:
        pattern += _missing_zone(at, pattern)
    return _DIRECTIVE.sub(lambda match: DIRECTIVES[match[1]](at), pattern)


def _convert_to_zone(at: datetime, zone: ZoneInfo, text: str) -> datetime:
    """Return the same moment in another zone. A date has no zone and stays as it is."""
    if at.tzinfo is None:
        if (parsed := parse_instant(text.strip())) and parsed.is_day:
            return at
        raise ExpressionError(
            f'"{value_text.shorten(text)}" has no offset, so no time zone can be found for it; end it with Z or +01:00'
        )
    try:
        return at.astimezone(zone)
    except (OverflowError, ValueError):
        raise ExpressionError(f'"{value_text.shorten(text)}" is too far away to be told in another time zone') from None


def _missing_zone(at: datetime, pattern: str) -> str:
    """Return the directive to append to a pattern that writes a time of day without its zone, or an empty text."""
    if not _CLOCK_TIME.search(pattern) or _ZONE_IN_PATTERN.search(pattern):
        return ""
    if "T%H" in pattern:
        return "%z" if at.utcoffset() else "Z"
    return " %Z"


_FOREIGN_LETTERS: Final = (
    *(("YYYY", "%Y"), ("yyyy", "%Y"), ("YY", "%y"), ("yy", "%y"), ("MMMM", "%B"), ("MMM", "%b")),
    *(("DD", "%d"), ("dd", "%d"), ("HH", "%H"), ("hh", "%I"), ("SS", "%S"), ("ss", "%S")),
)
"""Letters that mean a part of a date in the patterns of other languages, each with the directive for it."""
_STANDALONE_LETTERS: Final = re.compile(
    rf"(?<![A-Za-z])T?({'|'.join(letters for letters, _ in _FOREIGN_LETTERS)}|MM|mm)(?![A-Za-z])"
)
"""Matches such letters where they are a word of their own."""
_SAMPLE: Final = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
_DAYS_OF_MONTH: Final = tuple(datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 32))
_HOURS: Final = tuple(datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in range(24))
_SAMPLES: Final[dict[str, tuple[datetime, ...]]] = {
    **dict.fromkeys(("%A", "%a", "%d", "%e"), _DAYS_OF_MONTH),
    **dict.fromkeys(("%H", "%I", "%p"), _HOURS),
    **dict.fromkeys(("%B", "%b", "%m"), tuple(datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 13))),
}
"""Times that together produce every possible text of a directive."""


def explain_printed_letters(pattern: str) -> tuple[str, str] | None:
    """Return a message and a hint for a pattern that prints letters in the place of a date or a part of it.

    Returns None if the pattern is right.
    """
    letters = _STANDALONE_LETTERS.search(_DIRECTIVE.sub(" ", pattern))
    varies = set(_DIRECTIVE.findall(pattern)) - {"%"}
    if varies and not letters:
        return None
    corrected = _replace_letters(pattern)
    example = f"`date({value_text.shorten(repr(corrected))})`"
    hint = f"Write {example}." if corrected != pattern else "Write it like `date('%d.%m.%Y')`."
    if varies and letters:
        return f"`date` prints these letters as they are: `{letters[0]}`.", hint
    return f"`date` prints this for every date: `{value_text.shorten(pattern)}`.", hint


def _replace_letters(pattern: str) -> str:
    for letters, directive in _FOREIGN_LETTERS:
        pattern = pattern.replace(letters, directive)
    # Months and minutes are written with the same letters. Minutes follow the colon after the hours.
    date, colon, minutes = pattern.partition(":")
    return re.sub("MM|mm", "%m", date) + colon + re.sub("MM|mm", "%M", minutes)


def possible_texts(pattern: str) -> tuple[str, ...] | None:
    """Return all texts that a pattern of one directive can give, or None if they are many or not known."""
    samples = _SAMPLES.get(pattern)
    return None if samples is None else tuple(dict.fromkeys(DIRECTIVES[pattern[1]](at) for at in samples))


def writes_iso(pattern: str) -> bool:
    """Return whether the pattern writes ISO 8601 dates or times. Raises `ExpressionError` for an unknown directive."""
    return parse_instant(format_date(_SAMPLE.isoformat(), pattern)) is not None


@dataclass(frozen=True, slots=True)
class Instant:
    """A date or time to compare. A date is represented by its midnight, in UTC if it is compared with a moment."""

    at: datetime
    is_day: bool


def parse_instant(text: str) -> Instant | None:
    """Return the date or time of an ISO 8601 text, or None for any other text, also for a number such as 20250131."""
    match = _ISO.fullmatch(text) if len(text) <= _MAX_ISO_LENGTH else None
    if match is None:
        return None
    try:
        return Instant(datetime.fromisoformat(text.upper()), not match["time"])
    except ValueError:
        return None


def to_utc(instant: Instant) -> datetime:
    """Return the datetime of an instant. One without an offset is taken as UTC."""
    return instant.at if instant.at.tzinfo is not None else instant.at.replace(tzinfo=UTC)


def comparable_pair(first: Instant, second: Instant) -> tuple[datetime, datetime] | None:
    """Return two datetimes with the order of the two instants, or None if they have no order.

    They have none if only one of them has an offset, unless the other is a date.
    """
    if (first.at.tzinfo is None) == (second.at.tzinfo is None):
        return first.at, second.at
    without_offset = first if first.at.tzinfo is None else second
    return (to_utc(first), to_utc(second)) if without_offset.is_day else None
