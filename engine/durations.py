"""Durations as people write them in a workflow file: `90s`, `15m`, `4h`, `2d`, `1w`, `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from engine.errors import InvalidValue

LONGEST: Final = timedelta(days=3650)
"""The longest duration, ten years of 365 days: sums of times stay within the range of a datetime."""

_NAMES: Final = {"w": "week", "d": "day", "h": "hour", "m": "minute", "s": "second"}
_SECONDS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
# The largest unit comes first and each unit once, so that a text has one meaning: `15m2h` is probably a typing error.
# Twelve digits are enough for ten years of seconds. Without a limit, int() would read megabytes of digits.
_WRITTEN: Final = re.compile("".join(f"(?:(?P<{unit}>[0-9]{{1,12}}){unit})?" for unit in _SECONDS))

_WORDED: Final = re.compile(
    r"\s*([0-9]{1,12})\s*(weeks?|days?|hours?|minutes?|mins?|seconds?|secs?)\b(?:\s*(?:,|and)(?=\s))?\s*", re.IGNORECASE
)
"""A number with its unit as a word, and what stands before the next one."""


def parse(text: str) -> timedelta:
    """Return the duration that `text` names.

    Raises `InvalidValue` (a sentence) for anything else, for zero, and for more than `LONGEST`.
    """
    match = _WRITTEN.fullmatch(text.strip())
    if not text.strip() or match is None:
        raise InvalidValue(f"{text[:40]!r} is not a duration; write it like 90s, 15m, 4h, 2d, 1w or 1h30m")
    seconds = sum(int(count) * _SECONDS[unit] for unit, count in match.groupdict(default="0").items())
    if seconds == 0:
        raise InvalidValue(f"the duration {text[:40]!r} is zero; it has to be at least 1s")
    if seconds > LONGEST.total_seconds():
        raise InvalidValue(f"the duration {text[:40]!r} is longer than ten years")
    return timedelta(seconds=seconds)


def from_words(text: str) -> str:
    """Return a text with the units of `parse` where it has words for them: `2 days` is `2d`. Other texts stay."""
    found = [*_WORDED.finditer(text)]
    is_whole = "".join(part[0] for part in found) == text and bool(found)
    return "".join(f"{part[1]}{part[2][0].lower()}" for part in found) if is_whole else text


def show(delta: timedelta) -> str:
    """Return the shortest text that `parse` reads as `delta`, rounded to whole seconds; `0s` for zero.

    Weeks are used only for whole weeks: `10d` is clearer than `1w3d`. A negative delta gets a leading minus.
    """
    text = "".join(f"{count}{unit}" for count, unit in _parts(delta))
    return f"{'-' if text and delta < timedelta() else ''}{text or '0s'}"


def in_words(delta: timedelta) -> str:
    """Return a positive duration in words: `1 hour and 30 minutes`."""
    parts = _parts(delta) or [(0, "s")]
    *most, last = [f"{count} {_NAMES[unit]}{'' if count == 1 else 's'}" for count, unit in parts]
    return f"{', '.join(most)} and {last}" if most else last


def _parts(delta: timedelta) -> list[tuple[int, str]]:
    """Return the number of each unit, the largest first; nothing for zero."""
    seconds = round(abs(delta).total_seconds())
    if seconds % _SECONDS["w"] == 0:
        return [(seconds // _SECONDS["w"], "w")] if seconds else []
    parts = list[tuple[int, str]]()
    for unit in "dhms":
        count, seconds = divmod(seconds, _SECONDS[unit])
        if count:
            parts.append((count, unit))
    return parts
