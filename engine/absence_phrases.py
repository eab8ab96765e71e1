"""Reads the phrases by which people say how long they are away, such as "until friday" or "for two days". Pure.

A phrase counts only if all of its words are understood. What has two meanings, such as "03/04", is asked back. General
libraries guess instead: they read "in half an hour" as an hour, and "end of day" as December 31. So what a library
reads is only offered (date_suggestion).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from msgspec import Struct

_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS: Final = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_COUNTED: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBERS: Final = {word: number for number, word in enumerate(_COUNTED, 1)} | {"a": 1, "an": 1}
_UNITS: Final = {"minute": "minutes", "min": "minutes", "hour": "hours", "day": "days", "week": "weeks"}
_CLOCK: Final = re.compile(r"(\d{1,2})(?:[:.](\d\d))?(am|pm)?")
_ISO: Final = re.compile(r"\d{4}-\d\d-\d\d")
_SLASHED: Final = re.compile(r"\d{1,4}[/.]\d{1,2}(?:[/.]\d{0,4})?")
_ORDINAL: Final = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?")
LONGEST: Final = timedelta(days=366)
"""How long a person can be away at most."""
UNTIL: Final = ("until", "till", "til")
EXAMPLES: Final = "For example: until friday, until march 6 at 14:00, for two days."


class Span(Struct, frozen=True, kw_only=True):
    """The time that was understood, in UTC. `starts_at`: None: from now on."""

    starts_at: datetime | None
    ends_at: datetime


class Unclear(Struct, frozen=True):
    """The phrase was not understood for sure. `question`: what the person is asked; `is_unknown`: it has no meaning."""

    question: str
    is_unknown: bool = False

    @property
    def for_form(self) -> str:
        """The question without examples of phrases, for a form in which people choose days."""
        return self.question.removesuffix(EXAMPLES).rstrip()


class _NotUnderstood(Exception):
    def __init__(self, question: str = "") -> None:
        super().__init__(question)
        self.question = question


class _When(Struct, frozen=True):
    """A day with or without a time of day, or an exact moment."""

    day: date
    clock: time | None = None
    exact: datetime | None = None
    to_its_end: bool = False


def read(phrase: str, *, now: datetime, zone: tzinfo | None) -> Span | Unclear:
    """Return the time that a phrase means to a person in this time zone, or what to ask them.

    `zone`: None: that of this machine.
    """
    words = _Words(split(phrase), now, zone)
    try:
        span = _span(words)
    except _NotUnderstood as caught:
        if caught.question:
            return Unclear(caught.question)
        return Unclear(f"Signoff did not understand “{phrase.strip()}”. {EXAMPLES}", is_unknown=True)
    return _checked(span, now)


def split(phrase: str) -> list[str]:
    """Return the words of a phrase in small letters, without the punctuation around them."""
    return [word for word in (part.strip(",;!?") for part in phrase.lower().split()) if word]


def _checked(span: Span, now: datetime) -> Span | Unclear:
    starts_at = span.starts_at if span.starts_at is not None and span.starts_at > now else None
    if span.ends_at <= now:
        return Unclear(f"That is over already. {EXAMPLES}")
    if span.ends_at <= (starts_at or now):
        return Unclear(f"The end is before the beginning. {EXAMPLES}")
    if span.ends_at - now > LONGEST:
        return Unclear(f"You can be away for a year at most. {EXAMPLES}")
    return Span(starts_at=starts_at, ends_at=span.ends_at)


def _span(words: _Words) -> Span:
    starts_at = words.begin(words.when()) if words.take("from") else None
    if words.take("for"):
        ends_at = words.duration(from_=starts_at)
    elif words.take_one(*UNTIL) or (starts_at is not None and words.take("to")):
        ends_at = words.end(words.when())
    else:
        raise _NotUnderstood
    words.finish()
    return Span(starts_at=starts_at, ends_at=ends_at)


class _Words:
    """The words of a phrase, read from the left."""

    def __init__(self, words: Sequence[str], now: datetime, zone: tzinfo | None) -> None:
        self._words, self._now, self._zone, self._at = words, now.astimezone(zone), zone, 0

    def take(self, *expected: str) -> bool:
        """Take these words if they come next."""
        found = tuple(self._words[self._at : self._at + len(expected)]) == expected
        self._at += len(expected) if found else 0
        return found

    def take_one(self, *expected: str) -> bool:
        """Take one of these words if it comes next."""
        return any(self.take(word) for word in expected)

    def _next(self) -> str:
        if self._at == len(self._words):
            raise _NotUnderstood
        self._at += 1
        return self._words[self._at - 1]

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._words[at] if at < len(self._words) else ""

    def finish(self) -> None:
        if self._at != len(self._words):
            raise _NotUnderstood

    # -- moments --

    def begin(self, when: _When) -> datetime:
        """Return the moment as a beginning: of a day, its first."""
        return when.exact or self._utc(when.day, when.clock or time())

    def end(self, when: _When) -> datetime:
        """Return the moment as an end: of a day, its first, on which the person is back; or its last."""
        if when.exact is not None:
            return when.exact
        day = when.day + timedelta(days=1) if when.to_its_end and when.clock is None else when.day
        return self._utc(day, when.clock or time())

    def when(self) -> _When:
        if self.take("in"):
            return self._relative()
        day, to_its_end = self._day()
        clock = self._clock() if self._peek() else None
        return _When(day, clock, to_its_end=to_its_end)

    def _relative(self) -> _When:
        """Return what follows "in": a duration, and a time of day if the duration is whole days."""
        start = self._at
        moment = self.duration()
        days = all(self._words[at].rstrip("s") not in ("minute", "min", "hour") for at in range(start, self._at))
        if not self._peek() or self._peek() in UNTIL:
            return _When(self._now.date(), exact=moment)
        if not days or self._peek() != "at":
            raise _NotUnderstood
        return _When(moment.astimezone(self._zone).date(), self._clock())

    def duration(self, from_: datetime | None = None) -> datetime:
        """Return the moment after a duration. Days are days of the calendar, hours are hours of the clock."""
        start = (from_ or self._now).astimezone(self._zone)
        days, exact = self._part()
        while self.take("and"):
            more_days, more = self._part()
            days, exact = days + more_days, exact + more
        return self._utc((start + timedelta(days=days)).date(), start.timetz().replace(tzinfo=None)) + exact

    def _part(self) -> tuple[int, timedelta]:
        """Return one part of a duration as whole days and an exact rest."""
        if self.take("half", "an", "hour"):
            return 0, timedelta(minutes=30)
        number = self._number()
        unit = _UNITS.get(self._next().removesuffix("s"))
        if unit is None:
            raise _NotUnderstood
        if unit in ("days", "weeks"):
            return number * (7 if unit == "weeks" else 1), timedelta()
        return 0, timedelta(**{unit: number})

    def _number(self) -> int:
        word = self._next()
        number = _NUMBERS.get(word, int(word) if word.isascii() and word.isdecimal() and len(word) < 4 else 0)
        if number == 0:
            raise _NotUnderstood
        return number

    # -- days --

    def _day(self) -> tuple[date, bool]:
        """Return the day, and whether an absence until then lasts to its end."""
        today = self._now.date()
        if self.take("today") or self.take("end", "of", "day") or self.take("end", "of", "the", "day"):
            return today, True
        if self.take("tomorrow"):
            return today + timedelta(days=1), False
        if self.take("day", "after", "tomorrow") or self.take("the", "day", "after", "tomorrow"):
            return today + timedelta(days=2), False
        if self.take("end", "of", "month") or self.take("end", "of", "the", "month"):
            first_of_next = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
            return first_of_next - timedelta(days=1), True
        return self._weekday(today) or self._date(today)

    def _weekday(self, today: date) -> tuple[date, bool] | None:
        is_next = self._peek() == "next"
        named = self._peek(1 if is_next else 0)
        number = next((at for at, day in enumerate(_DAYS) if named in (day, day[:3])), None)
        if number is None:
            return None
        self._at += 2 if is_next else 1
        first = today + timedelta(days=(number - today.weekday()) % 7)
        if first == today and not is_next:
            later = _later(today)
            what = f"It is {_words_of(today)} today. Do you mean today, or {_words_of(later)}?"
            raise _NotUnderstood(f"{what} Write “today” or “{_typed(later)}”.")
        if first != today and is_next:
            later = _later(first)
            what = f"Do you mean {_words_of(first)}, or {_words_of(later)}?"
            raise _NotUnderstood(f"{what} Write “{_typed(first)}” or “{_typed(later)}”.")
        return (_later(first) if is_next else first), False

    def _date(self, today: date) -> tuple[date, bool]:
        word = self._next()
        if _ISO.fullmatch(word):
            return _checked_date(*map(int, word.split("-"))), False
        if _SLASHED.fullmatch(word):
            raise _NotUnderstood(f"“{word}” can be two dates. Write the name of the month, or the date as 2026-03-04.")
        month, number = _month(word), _ORDINAL.fullmatch(word)
        following = self._next()
        if month is not None:
            number = _ORDINAL.fullmatch(following)
        elif number is not None:
            month = _month(following)
        if month is None or number is None:
            raise _NotUnderstood
        return self._year(today, month, int(number[1])), False

    def _year(self, today: date, month: int, day: int) -> date:
        """Return the next day with this month and day, or that of the year that follows."""
        if self._peek().isdecimal() and len(self._peek()) == 4:
            return _checked_date(int(self._next()), month, day)
        this_year = _checked_date(today.year, month, day) if (month, day) != (2, 29) else None
        if this_year is not None and this_year >= today:
            return this_year
        return _checked_date(today.year + 1, month, day)

    # -- times of day --

    def _clock(self) -> time | None:
        if self._peek() == "to":
            return None
        if self._peek() in (*UNTIL, "for"):
            return None
        self.take("at")
        if self.take("noon"):
            return time(12)
        match = _CLOCK.fullmatch(self._next())
        if match is None:
            raise _NotUnderstood
        half = match[3] or ("am" if self.take("am") else "pm" if self.take("pm") else "")
        return _time_of(int(match[1]), int(match[2] or 0), half, has_minutes=match[2] is not None)

    def _utc(self, day: date, clock: time) -> datetime:
        try:
            return datetime.combine(day, clock, tzinfo=self._zone).astimezone(UTC)
        except OverflowError:
            raise _NotUnderstood from None


def _time_of(hour: int, minute: int, half: str, *, has_minutes: bool) -> time:
    if minute > 59 or hour > 23 or (half and not 1 <= hour <= 12):
        raise _NotUnderstood
    if half:
        return time(hour % 12 + (12 if half == "pm" else 0), minute)
    if 1 <= hour <= 6 and not has_minutes:
        raise _NotUnderstood(f"Do you mean {hour} AM or {hour} PM?")
    return time(hour, minute)


def _month(word: str) -> int | None:
    return next((at for at, name in enumerate(_MONTHS, 1) if word in (name, name[:3])), None)


def _checked_date(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise _NotUnderstood from None


def _later(day: date) -> date:
    return day + timedelta(days=7)


def _words_of(day: date) -> str:
    return f"{day:%A}, {day:%B} {day.day}"


def _typed(day: date) -> str:
    return f"{day:%B} {day.day}".lower()
