"""Digests and quiet hours: when the next one comes and until when a request is held, on all kinds of days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain import AT_ONCE, Digest, Preferences
from engine.requests import quiet_times

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
ZONES = st.sampled_from(["UTC", BERLIN, NEW_YORK, LORD_HOWE, "Asia/Kathmandu", "Pacific/Apia", "America/Sao_Paulo"])
MINUTES = st.integers(0, 1439)
MOMENTS = st.integers(1_260_000_000, 2_050_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
"""Moments of the years 2009 to 2034."""


def local(text: str, zone: str = BERLIN, *, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def quiet(begins: str, ends: str, *, weekends: bool = False) -> Preferences:
    minutes = [int(text[:2]) * 60 + int(text[3:]) for text in (begins, ends)]
    return Preferences(quiet_from=minutes[0], quiet_until=minutes[1], quiet_weekends=weekends)


@st.composite
def chosen(draw: st.DrawFn) -> Preferences:
    quiet_hours = draw(st.none() | st.lists(MINUTES, min_size=2, max_size=2, unique=True))
    return Preferences(
        digest=draw(st.sampled_from(Digest)),
        at=draw(MINUTES),
        quiet_from=quiet_hours[0] if quiet_hours else None,
        quiet_until=quiet_hours[1] if quiet_hours else None,
        quiet_weekends=draw(st.booleans()),
    )


@pytest.mark.parametrize(
    ("now", "at", "comes"),
    [
        ("2026-12-01 08:59", 540, "2026-12-01 09:00"),
        ("2026-12-01 09:00", 540, "2026-12-02 09:00"),  # the one of today has come
        ("2028-02-28 10:00", 540, "2028-02-29 09:00"),  # a leap day
        ("2028-02-29 10:00", 540, "2028-03-01 09:00"),
        ("2026-12-31 23:59", 0, "2027-01-01 00:00"),
        ("2027-03-27 10:00", 540, "2027-03-28 09:00"),  # 22 hours later
        ("2026-10-24 10:00", 540, "2026-10-25 09:00"),  # 24 hours later
        ("2027-03-28 00:00", 150, "2027-03-28 03:30"),  # 02:30 does not exist
        ("2026-10-25 00:00", 150, "2026-10-25 02:30"),  # 02:30 comes twice
    ],
)
def test_the_digest_comes_every_day_at_its_time(now: str, at: int, comes: str) -> None:
    preferences = Preferences(digest=Digest.DAILY, at=at)
    assert quiet_times.next_digest(preferences, local(now), ZoneInfo(BERLIN)) == local(comes)


def test_a_time_that_comes_twice_has_one_digest() -> None:
    preferences = Preferences(digest=Digest.DAILY, at=150)
    between = local("2026-10-25 02:45")
    assert quiet_times.next_digest(preferences, between, ZoneInfo(BERLIN)) == local("2026-10-26 02:30")


@pytest.mark.parametrize(
    ("preferences", "at", "ends"),
    [
        (quiet("22:00", "07:00"), "2026-12-01 21:59", "2026-12-01 21:59"),
        (quiet("22:00", "07:00"), "2026-12-01 22:00", "2026-12-02 07:00"),
        (quiet("22:00", "07:00"), "2026-12-02 06:59", "2026-12-02 07:00"),
        (quiet("22:00", "07:00"), "2026-12-02 07:00", "2026-12-02 07:00"),
        (quiet("12:00", "13:00"), "2026-12-01 12:30", "2026-12-01 13:00"),
        (quiet("22:00", "07:00"), "2028-02-28 23:00", "2028-02-29 07:00"),  # into a leap day
        (quiet("22:00", "07:00"), "2028-02-29 23:00", "2028-03-01 07:00"),
        (quiet("18:00", "08:00", weekends=True), "2026-12-04 18:00", "2026-12-07 08:00"),
        (quiet("18:00", "08:00", weekends=True), "2026-12-05 12:00", "2026-12-07 08:00"),
        (quiet("12:00", "13:00", weekends=True), "2026-12-06 12:30", "2026-12-07 00:00"),
        (Preferences(quiet_weekends=True), "2026-12-05 00:00", "2026-12-07 00:00"),
        (Preferences(quiet_weekends=True), "2026-12-04 23:59", "2026-12-04 23:59"),
        (quiet("22:00", "02:30"), "2027-03-27 23:00", "2027-03-28 03:30"),  # 02:30 does not exist
        (quiet("02:30", "03:00"), "2027-03-28 01:59", "2027-03-28 01:59"),  # nor does the quiet time
        (AT_ONCE, "2026-12-05 03:00", "2026-12-05 03:00"),
    ],
)
def test_quiet_hours_end_in_the_zone_of_the_person(preferences: Preferences, at: str, ends: str) -> None:
    assert quiet_times.quiet_end(preferences, local(at), ZoneInfo(BERLIN)) == local(ends)


def test_quiet_hours_end_at_the_second_of_two_times() -> None:
    end = quiet_times.quiet_end(quiet("22:00", "02:30"), local("2026-10-24 23:00"), ZoneInfo(BERLIN))
    assert end == local("2026-10-25 02:30", fold=1)


def test_what_cannot_wait_for_the_digest_may_wait_for_the_end_of_quiet_hours() -> None:
    preferences = Preferences(digest=Digest.DAILY, at=18 * 60, quiet_from=22 * 60, quiet_until=7 * 60)
    now, morning, evening = local("2026-12-01 23:00"), local("2026-12-02 07:00"), local("2026-12-02 18:00")
    hold = quiet_times.held_until
    berlin = ZoneInfo(BERLIN)
    assert hold(preferences, now, berlin) == evening
    assert hold(preferences, now, berlin, ends_at=now + timedelta(hours=38)) == evening
    assert hold(preferences, now, berlin, ends_at=now + timedelta(hours=37)) == morning
    assert hold(preferences, now, berlin, ends_at=now + timedelta(hours=16)) == morning
    assert hold(preferences, now, berlin, ends_at=now + timedelta(hours=15)) is None


def test_a_message_is_later_only_if_enough_time_is_left() -> None:
    night, berlin = quiet("22:00", "07:00"), ZoneInfo(BERLIN)
    at, morning = local("2026-12-01 23:00"), local("2026-12-02 07:00")
    assert quiet_times.later(night, at, berlin) == morning
    assert quiet_times.later(night, at, berlin, ends_at=at + timedelta(hours=16)) == morning
    assert quiet_times.later(night, at, berlin, ends_at=at + timedelta(hours=15)) == at
    assert quiet_times.later(None, at, berlin) == at


def test_the_first_known_zone_counts() -> None:
    assert quiet_times.place_of(None, "Nowhere/Else", BERLIN) == ZoneInfo(BERLIN)
    assert quiet_times.place_of(None, "") is UTC


@given(chosen(), MOMENTS, ZONES)
def test_a_digest_comes_within_two_days_and_at_its_time(preferences: Preferences, now: datetime, zone: str) -> None:
    place = ZoneInfo(zone)
    comes = quiet_times.next_digest(preferences, now, place)
    # A day that a place left out, as Samoa did, and a change of the clocks.
    assert now < comes <= now + timedelta(hours=50)
    there = comes.astimezone(place)
    shown = there.hour * 60 + there.minute
    assert (shown - preferences.at) % 1440 in (0, 30, 60), "later only where the time does not exist"


@given(chosen(), MOMENTS, ZONES)
def test_quiet_hours_end_and_what_follows_is_not_quiet(preferences: Preferences, at: datetime, zone: str) -> None:
    place = ZoneInfo(zone)
    end = quiet_times.quiet_end(preferences, at, place)
    assert at <= end <= at + timedelta(days=5)
    assert quiet_times.quiet_end(preferences, end, place) == end
    if not preferences.has_quiet_hours and not preferences.quiet_weekends:
        assert end == at


@given(chosen(), MOMENTS, ZONES, st.none() | st.integers(0, 60 * 24 * 60))
def test_a_person_is_told_while_half_of_the_time_is_left(
    preferences: Preferences, now: datetime, zone: str, minutes: int | None
) -> None:
    ends_at = None if minutes is None else now + timedelta(minutes=minutes)
    until = quiet_times.held_until(preferences, now, ZoneInfo(zone), ends_at=ends_at)
    if until is None:
        return
    assert preferences.holds
    assert now < until <= now + timedelta(days=7)
    assert ends_at is None or until - now <= ends_at - until
    assert quiet_times.quiet_end(preferences, until, ZoneInfo(zone)) == until
