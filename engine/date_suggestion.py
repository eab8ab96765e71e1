"""Offers a date for a phrase about an absence that our own grammar does not understand.

What a library reads is a guess, so it is never taken: the person is asked whether they meant it, and gets the phrase
to type, which our grammar understands as exactly that moment.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Final

from msgspec import structs

from engine import absence_phrases
from engine.absence_phrases import EXAMPLES, LONGEST, Span, Unclear

_LONGEST_TEXT: Final = 80
"""Maximum length of what the library is given, in characters."""
_ORDERS: Final = ("MDY", "DMY")
"""How Americans and others read "11-12-2026". A date counts only if it is the same for both."""
_WHOLE_DAYS: Final = frozenset({"day", "part_of_day", "time"})
"""What the library says a text names. For "december" it takes today's day, and for "next week" today's weekday."""


def read(phrase: str, *, now: datetime, zone: tzinfo | None, command: str, options: str = "") -> Span | Unclear:
    """Return the time that a phrase means, or what to ask the person: with a date to choose, if there is one.

    `zone`: None: that of this machine. `command`, `options`: what stands before and after a phrase that is typed.
    """
    understood = absence_phrases.read(phrase, now=now, zone=zone)
    if isinstance(understood, Span) or not understood.is_unknown:
        return understood
    offer = _offer(phrase, now, zone)
    if offer is None:
        return understood
    moment, known_phrase = offer
    # No full stop at the end: it would be copied with the command.
    question = f"Did you mean {_written(moment, now, zone)}? Then type: {command} {known_phrase}{options}"
    return structs.replace(understood, question=understood.question.removesuffix(EXAMPLES) + question)


def _offer(phrase: str, now: datetime, zone: tzinfo | None) -> tuple[datetime, str] | None:
    """Return a moment, and the phrase that our grammar understands as this moment."""
    beginning, text = _parts(absence_phrases.split(phrase))
    moment = _moment(text, now, zone)
    if moment is None or moment - now > LONGEST:
        return None
    known_phrase = " ".join([*beginning, "until", _typed(moment.astimezone(zone), now.astimezone(zone))])
    understood = absence_phrases.read(known_phrase, now=now, zone=zone)
    is_exact = isinstance(understood, Span) and understood.ends_at == moment
    return (moment, known_phrase) if is_exact else None


def _parts(words: list[str]) -> tuple[list[str], str]:
    """Return the words of the beginning, such as "from friday", and the text of the end."""
    at = max((at for at, word in enumerate(words) if word in absence_phrases.UNTIL), default=None)
    if at is not None:
        return words[:at], " ".join(words[at + 1 :])
    return [], " ".join(["in", *words[1:]] if words[:1] == ["for"] else [])


def _moment(text: str, now: datetime, zone: tzinfo | None) -> datetime | None:
    """Return the moment that the library reads, if it reads it for sure."""
    if not _is_readable(text):
        return None
    try:
        readings = {_guess(text, order, now.astimezone(zone), zone) for order in _ORDERS}
        reading = readings.pop() if len(readings) == 1 else None
        return reading.replace(tzinfo=zone).astimezone(UTC) if reading is not None else None
    except Exception:  # noqa: BLE001 what the library cannot digest is not understood
        return None


def _guess(text: str, order: str, now: datetime, zone: tzinfo | None) -> datetime | None:
    """Return the local time that the library reads, without a time zone."""
    from dateparser import DateDataParser  # heavy, and few phrases need it

    settings = {
        "DATE_ORDER": order,
        "PREFER_DATES_FROM": "future",
        "RELATIVE_BASE": now.replace(second=0, microsecond=0, tzinfo=None),
        "RETURN_AS_TIMEZONE_AWARE": False,
        "TIMEZONE": "local" if zone is None else str(zone),
    }
    data = DateDataParser(languages=["en"], settings=settings).get_date_data(text)
    moment: datetime | None = data.date_obj
    return moment if data.period in _WHOLE_DAYS or text.startswith("in ") else None


def _is_readable(text: str) -> bool:
    """Return whether the library may read it: it takes "9" as September, and drops the time of "in a month at 9"."""
    is_plain = len(text) <= _LONGEST_TEXT and text.isascii() and text.isprintable()
    is_number = not any(character.isalpha() or character == ":" for character in text)
    return is_plain and not is_number and not (text.startswith("in ") and " at " in text)


def _typed(local: datetime, now: datetime) -> str:
    """Return a local time as our grammar reads it."""
    day = f"{local:%b} {local.day}".lower() + (f" {local.year}" if local.year != now.year else "")
    return day if (local.hour, local.minute) == (0, 0) else f"{day} at {local.hour}:{local.minute:02}"


def _written(moment: datetime, now: datetime, zone: tzinfo | None) -> str:
    local = moment.astimezone(zone)
    year = f", {local.year}" if local.year != now.astimezone(zone).year else ""
    hour, half = local.hour % 12 or 12, "AM" if local.hour < 12 else "PM"
    text = f"{local:%A}, {local:%B} {local.day}{year}, {hour}:{local.minute:02} {half}"
    return f"{text} UTC" if zone is UTC else text
