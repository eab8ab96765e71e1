"""The `date` filter: ISO text in, a few strftime directives out, in English whatever the locale of the machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from engine.errors import ExpressionError
from engine.expressions import values

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DIRECTIVE: Final = re.compile(r"%(.?)", re.DOTALL)
_LONGEST_ISO: Final = 40

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
