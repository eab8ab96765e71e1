"""The duration texts of workflow files."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import durations
from engine.errors import InvalidValue


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("4h", 14_400),
        ("2d", 172_800),
        ("1w", 604_800),
        ("1h30m", 5_400),
        ("1w2d3h4m5s", 788_645),
        (" 2s ", 2),
        ("3650d", 315_360_000),
    ],
)
def test_a_duration_is_read(text: str, seconds: int) -> None:
    assert durations.parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "  ", "5", "1.5h", "-1h", "+1h", "1 h", "30m1h", "1h1h", "1H", "1y", "h", "1h ago", "٣h", "1" * 10_000 + "s"],
)
def test_another_text_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidValue, match="is not a duration; write it like 90s") as caught:
        durations.parse(text)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("text", ["0s", "0w0h"])
def test_zero_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="zero"):
        durations.parse(text)


@pytest.mark.parametrize("text", ["3650d1s", "522w", "999999999999w"])
def test_more_than_ten_years_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="longer than ten years"):
        durations.parse(text)


@pytest.mark.parametrize(
    ("delta", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(milliseconds=400), "0s"),
        (timedelta(milliseconds=1600), "2s"),
        (timedelta(minutes=90), "1h30m"),
        (timedelta(days=14), "2w"),
        (timedelta(days=10), "10d"),
        (timedelta(days=1, seconds=1), "1d1s"),
        (timedelta(hours=-2), "-2h"),
    ],
)
def test_a_duration_is_shown_shortly(delta: timedelta, text: str) -> None:
    assert durations.show(delta) == text


@given(st.integers(min_value=1, max_value=int(durations.LONGEST.total_seconds())))
def test_a_shown_duration_reads_back_unchanged(seconds: int) -> None:
    assert durations.parse(durations.show(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2 days", "2d"),
        ("1 Hour and 30 minutes", "1h30m"),
        ("1 week, 2 days", "1w2d"),
        ("90 secs", "90s"),
        ("2d", "2d"),
        ("soon", "soon"),
        ("2 days or so", "2 days or so"),
        ("5 months", "5 months"),
        ("", ""),
    ],
)
def test_units_may_be_words(text: str, written: str) -> None:
    assert durations.from_words(text) == written


@given(st.timedeltas(min_value=timedelta(seconds=1), max_value=durations.LONGEST))
def test_what_is_said_in_words_is_read_in_words(delta: timedelta) -> None:
    whole = timedelta(seconds=round(delta.total_seconds()))
    assert durations.parse(durations.from_words(durations.in_words(whole))) == whole
