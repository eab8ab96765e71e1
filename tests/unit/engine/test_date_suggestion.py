"""Phrases that our own grammar does not understand: a date is offered, and typing the offer means exactly that date."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine import absence_phrases, date_suggestion
from engine.absence_phrases import EXAMPLES, Span, Unclear

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 12, 4, 10, 15, 37, tzinfo=BERLIN)
"""A Friday."""
COMMAND = "/signoff away"


def read(phrase: str, now: datetime = NOW, zone: tzinfo | None = BERLIN, options: str = "") -> Span | Unclear:
    return date_suggestion.read(phrase, now=now.astimezone(UTC), zone=zone, command=COMMAND, options=options)


def offered(phrase: str, now: datetime = NOW, zone: tzinfo | None = BERLIN) -> tuple[str, str] | None:
    """Return the date as it is asked, and the phrase to type."""
    asked = read(phrase, now, zone)
    assert isinstance(asked, Unclear)
    head, found, rest = asked.question.partition("Did you mean ")
    if not found:
        assert asked.question.endswith(EXAMPLES)
        return None
    assert head == f"Signoff did not understand “{phrase.strip()}”. "
    date, _, command = rest.partition("? Then type: ")
    assert command.startswith(f"{COMMAND} ")
    return date, command.removeprefix(f"{COMMAND} ")


@pytest.mark.parametrize(
    ("phrase", "date", "known_phrase"),
    [
        ("until 9am tomorrow", "Saturday, December 5, 9:00 AM", "until dec 5 at 9:00"),
        ("till Noon on Monday!", "Monday, December 7, 12:00 PM", "until dec 7 at 12:00"),
        ("until monday morning", "Monday, December 7, 9:00 AM", "until dec 7 at 9:00"),
        ("until the 15th", "Tuesday, December 15, 12:00 AM", "until dec 15"),
        ("until 17:00", "Friday, December 4, 5:00 PM", "until dec 4 at 17:00"),
        ("until tonight", "Friday, December 4, 8:00 PM", "until dec 4 at 20:00"),
        ("until sept 5", "Sunday, September 5, 2027, 12:00 AM", "until sep 5 2027"),
        ("for 3 months", "Thursday, March 4, 2027, 10:15 AM", "until mar 4 2027 at 10:15"),
        ("until in a fortnight", "Friday, December 18, 10:15 AM", "until dec 18 at 10:15"),
        # A date of another time zone is asked in that of the person.
        ("until 2026-12-09T09:00Z", "Wednesday, December 9, 10:00 AM", "until dec 9 at 10:00"),
        # The clocks go forward, and skip this time.
        ("until 2:30 am march 28 2027", "Sunday, March 28, 2027, 3:30 AM", "until mar 28 2027 at 3:30"),
        ("from monday until 9am friday", "Friday, December 11, 9:00 AM", "from monday until dec 11 at 9:00"),
    ],
)
def test_it_offers_a_date(phrase: str, date: str, known_phrase: str) -> None:
    assert offered(phrase) == (date, known_phrase)


def test_a_person_whose_zone_is_not_known_is_asked_in_utc() -> None:
    assert offered("until 9am tomorrow", zone=UTC) == ("Saturday, December 5, 9:00 AM UTC", "until dec 5 at 9:00")


def test_in_a_zone_that_the_library_does_not_know_nothing_is_offered() -> None:
    assert offered("until 9am tomorrow", zone=timezone(timedelta(hours=1), "Our office")) is None


def test_a_date_after_the_end_of_the_calendar_is_not_offered() -> None:
    assert offered("until 11:30 pm dec 31 9999", zone=ZoneInfo("America/New_York")) is None


def test_in_a_terminal_the_zone_is_that_of_the_machine() -> None:
    tomorrow = NOW.astimezone() + timedelta(days=1)
    offer = offered("until 9am tomorrow", zone=None)
    assert offer is not None
    assert offer[0] == f"{tomorrow:%A}, {tomorrow:%B} {tomorrow.day}, 9:00 AM"


def test_the_options_of_a_command_follow_the_phrase() -> None:
    asked = read("until 9am tomorrow", options=" --delegate kim@example.com")
    assert isinstance(asked, Unclear)
    assert asked.question.endswith(f"{COMMAND} until dec 5 at 9:00 --delegate kim@example.com")


@pytest.mark.parametrize(
    "phrase",
    [
        "",
        "friday",
        "until",
        "for",
        "until the moon",
        "until tomorrow-ish",
        # Numbers alone mean nothing, and some dates are two.
        "until 9",
        "until 1764000000",
        "until 11-12-2026 at 9:00",
        # The day is not said.
        "until december",
        "until next week",
        "until next month",
        # A part of it would be dropped.
        "until in an hour at 9",
        "until in a month at 9",
        "from next week until 9am friday",
        # It is over, or too far away, or not on our calendar.
        "until yesterday",
        "until 9am jan 5 2029",
        "until in two years",
        "until in 9999 years",
        "until 9am jan 1 0001",
        "until 9am dec 31 9999",
        # Characters that cannot be seen, other scripts, and too much.
        "until \u202edec 11 9am",
        "until 9am\u200b tomorrow",
        "until 9am\x00tomorrow",
        "until ٩am tomorrow",
        "until 9am " + "tomorrow " * 600,
        "until " + "9" * 5_000,
        "until " + ":" * 5_000,
        "until " + ":" * 70,
        "until " + "(" * 70 + "am",
    ],
)
def test_it_offers_nothing(phrase: str) -> None:
    assert offered(phrase) is None


@pytest.mark.parametrize(
    "phrase", ["until in half an hour", "until in two days at 9", "until end of day", "until march 9", "for 2 days"]
)
def test_what_our_grammar_understands_is_never_guessed(phrase: str) -> None:
    understood = absence_phrases.read(phrase, now=NOW, zone=BERLIN)
    assert isinstance(understood, Span)
    assert read(phrase) == understood


@pytest.mark.parametrize("phrase", ["until friday", "until 03/04", "until tomorrow at 5", "until 2026-12-01"])
def test_what_our_grammar_asks_stays_its_question(phrase: str) -> None:
    asked = absence_phrases.read(phrase, now=NOW, zone=BERLIN)
    assert isinstance(asked, Unclear)
    assert not asked.is_unknown
    assert read(phrase) == asked


def test_the_library_is_loaded_only_when_a_phrase_needs_it() -> None:
    code = (
        "import sys; from datetime import UTC, datetime; from engine import date_suggestion as d\n"
        "d.read('until tomorrow', now=datetime(2026, 12, 4, tzinfo=UTC), zone=UTC, command='')\n"
        "sys.exit('dateparser' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


WORDS = (
    *("until", "from", "for", "in", "at", "on", "the", "9am", "17:00", "5", "noon", "midnight", "tomorrow", "friday"),
    *("next", "month", "months", "week", "3", "15th", "dec", "february", "29", "2027", "sept", "morning", "ago", "utc"),
    *("2027-03-28", "2:30", "end", "of", "day", "half", "an", "hour", "\u202e", "99", "12.11."),
)
ZONES = ("Europe/Berlin", "Asia/Kolkata", "America/New_York", "Pacific/Apia", "UTC")


@example(["9am", "tomorrow"], 0, "Europe/Berlin")
@example(["2:30", "2027-03-28"], 100, "Europe/Berlin")
@example(["in", "3", "months"], 300, "Pacific/Apia")
@given(st.lists(st.sampled_from(WORDS), max_size=6), st.integers(0, 800), st.sampled_from(ZONES))
def test_typing_the_offer_means_exactly_the_date_that_was_asked(words: list[str], days: int, name: str) -> None:
    now, zone = NOW + timedelta(days=days, minutes=days * 7), ZoneInfo(name)
    phrase = " ".join(["until", *words])
    asked = read(phrase, now, zone)
    if isinstance(asked, Span) or "Then type: " not in asked.question:
        return
    offer = offered(phrase, now, zone)
    assert offer is not None
    understood = absence_phrases.read(offer[1], now=now, zone=zone)
    assert isinstance(understood, Span)
    assert now < understood.ends_at <= now + absence_phrases.LONGEST
    local = understood.ends_at.astimezone(zone)
    year = f", {local.year}" if local.year != now.astimezone(zone).year else ""
    assert offer[0] == f"{local:%A}, {local:%B} {local.day}{year}, {local.hour % 12 or 12}:{local:%M %p}"


@given(st.text(max_size=200))
def test_any_text_is_read_or_asked_back(text: str) -> None:
    assert isinstance(read(f"until {text}"), Span | Unclear)
